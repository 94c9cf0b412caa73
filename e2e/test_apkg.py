# SPDX-License-Identifier: AGPL-3.0-or-later
"""`djankiserv import apkg`: packages of several clients are merged into an account. The newest client merges the same package into the
same collection by itself, and both must come to the same."""

import json
import re
import sqlite3
import urllib.error
import urllib.parse
import urllib.request
import zipfile

import pytest
import zstandard

from compare import canonical, differences
from flows import download_first, settle, sync, upload_first
from paths import NEWEST

pytestmark = pytest.mark.ours("import is a command of djankiserv")

EXPORTERS = [("2.1.49", True), ("2.1.66", False), ("2.1.66", True), (NEWEST, False), (NEWEST, True)]
# What a client's dialog remembers of the last import.
REMEMBERED = {"mergeNotetypes", "withScheduling", "withDeckConfigs", "updateNotes", "updateNotetypes"}


def full_source(new_device, version):
    """A collection with everything that a package can hold."""
    device = new_device(version, login=False)
    if version == "2.1.49":
        device.use_v3()
    device.generate(notes=150, reviews=600, media=3)
    device.write_media("a.mp3", "the sound that many notes have")
    device.write_media("bild ü.jpg", "picture of the source")
    device.write_media("same.jpg", "the same everywhere")
    device.write_media("_static.css", "static of the source")
    device.write_media("_new.css", "static, new")
    device.write_media("unused.jpg", "no note has it")
    device.add_note(['<img src="bild ü.jpg"> <img src=same.jpg>', "[sound:a.mp3] <img src='missing.jpg'>"], deck="Shared::Deck")
    device.add_note(["{{c1::eins}} {{c3::drei}} <img src=\"bild ü.jpg\">", "extra"], notetype="Cloze", deck="Shared::Deck", tags=["marked", "own::tag"])
    device.edit_template("Vocabulary (generated)", 0, {"qfmt": "{{Word}}<style>@import url('_static.css'); @import url('_new.css');</style>"})
    device.add_filtered_deck("Filtered", "deck:Ünïcode*", limit=20)
    return device


def own_collection(new_device):
    """What the account has already: some of it by the same names."""
    device = new_device(NEWEST)
    device.add_notes(5)
    device.add_note(["own", "x"], deck="shared::deck")
    device.add_note(["{{c1::own}}", ""], notetype="Cloze", deck="Own")
    device.write_media("bild ü.jpg", "another picture")
    device.write_media("same.jpg", "the same everywhere")
    device.write_media("_static.css", "static of the account")
    upload_first(device)
    device.sync_media()
    return device


def normal(dump):
    """Ids of decks and of notetypes that were made at that moment differ: names say the same."""
    dump = canonical(dump)
    dump["config"] = {k: v for k, v in dump["config"].items() if k not in REMEMBERED}
    decks = {int(id): deck["name"] for id, deck in dump["decks"].items()}
    dump["decks"] = {deck["name"]: deck | {"id": 0, "mod": 0} for deck in dump["decks"].values()}
    notetypes = {int(id): notetype["name"] for id, notetype in dump["notetypes"].items()}
    dump["notetypes"] = {notetype["name"]: notetype | {"id": 0} for notetype in dump["notetypes"].values()}
    for card in dump["cards"]:
        card[2] = decks.get(card[2], card[2])
        card[15] = decks.get(card[15], card[15])
        card[17] = json.loads(card[17] or "{}")
    for note in dump["notes"]:
        note[2] = notetypes[note[2]]
    for name, notetype in dump["notetypes"].items():
        # Renamed a moment ago.
        if name.endswith("+"):
            notetype["mod"] = 0
    # A new notetype becomes the chosen one in the client that made it.
    del dump["config"]["curModel"]
    return dump


def assert_same_merge(device, twin):
    ours, theirs = normal(device.dump()), normal(twin.dump())
    found = differences(ours, theirs)
    assert not found, "the server and the client merged differently:\n" + "\n".join(found[:40])
    assert device.media_files() == twin.media_files()


def assert_nothing_to_repair(device):
    before = device.dump()["col"]["scm"]
    text, _ = device.check_database()
    assert device.dump()["col"]["scm"] == before, text
    assert "rebuilt and optimized" in text and text.count("\n") == 0, text


def numbers(said):
    return [int(re.search(pattern, said)[1]) for pattern in (r"(\d+) notes added", r"(\d+) updated", r"(\d+) there already")]


@pytest.mark.parametrize("with_scheduling", [False, True])
@pytest.mark.parametrize("version,legacy", EXPORTERS)
def test_it_merges_as_a_client_does(new_device, server, tmp_path, version, legacy, with_scheduling):
    source = full_source(new_device, version)
    package = tmp_path / "in.apkg"
    source.export_apkg(str(package), with_scheduling, with_presets=with_scheduling, legacy=legacy)
    device = own_collection(new_device)
    twin = new_device(NEWEST)
    download_first(twin)
    twin.sync_media()
    flags = ["--with-scheduling", "--with-presets"] if with_scheduling else []
    arguments = ["import", "apkg", "--user", device.account.user, str(package), *flags]

    said = server.run(*arguments, "--dry-run").stdout
    assert sync(device) == "nothing", "a dry run changes nothing"
    files = device.media_files()
    device.sync_media()
    assert device.media_files() == files
    told = server.run(*arguments).stdout
    assert numbers(said) == numbers(told), (said, told)
    assert twin.import_apkg(str(package), with_scheduling, with_scheduling)[:3] == numbers(told), told
    assert sync(device) == "normal"
    device.sync_media()
    assert_same_merge(device, twin)

    # Once more: nothing happens. A note that was edited since comes, one that was edited here later stays.
    told = server.run(*arguments).stdout
    assert numbers(told)[0] == 0 and numbers(told)[1] == 0, told
    assert sync(device) == "nothing"
    ids = source.find_notes("deck:Shared::Deck")
    source.edit_note(ids[0], ["edited in the source", "y"])
    source.execute("update notes set mod = mod + 100 where id = ?", [ids[0]])
    source.export_apkg(str(package), with_scheduling, with_presets=with_scheduling, legacy=legacy)
    told = server.run(*arguments).stdout
    assert numbers(told)[:2] == [0, 1], told
    twin.import_apkg(str(package), with_scheduling, with_scheduling)
    assert sync(device) == "normal"
    device.sync_media()
    assert_same_merge(device, twin)
    settle(device)
    if version == NEWEST:
        assert_nothing_to_repair(device)
    else:
        # What an older client did not note down, the newest adds.
        assert device.check_database() == twin.check_database()


def test_notetypes_that_differ_become_another(new_device, server, tmp_path):
    device = own_collection(new_device)
    source = new_device(NEWEST)
    download_first(source)
    source.add_field("Basic", "More")
    source.add_note(["three", "fields", "now"])
    package = tmp_path / "in.apkg"
    source.export_apkg(str(package), False)
    twin = new_device(NEWEST)
    download_first(twin)
    twin.sync_media()
    arguments = ["import", "apkg", "--user", device.account.user, str(package)]
    told = server.run(*arguments).stdout
    assert "1 notetypes added" in told and "left alone" in told, told
    # The notes with the old fields are here with another notetype, and stay.
    assert twin.import_apkg(str(package), False)[0] == numbers(told)[0] == 1
    assert sync(device) == "normal"
    device.sync_media()
    assert_same_merge(device, twin)
    # The other notetype is found again.
    source.add_note(["four", "fields", "soon"])
    source.export_apkg(str(package), False)
    told = server.run(*arguments).stdout
    assert "0 notetypes added" in told and numbers(told)[0] == 1, told
    twin.import_apkg(str(package), False)
    assert sync(device) == "normal"
    assert_same_merge(device, twin)


def test_newer_notetypes_and_filtered_decks_in_the_way(new_device, server, tmp_path):
    device = own_collection(new_device)
    source = new_device(NEWEST)
    download_first(source)
    source.edit_template("Basic", 0, {"qfmt": "{{Front}} changed"})
    source.execute("update notetypes set mtime_secs = mtime_secs + 100 where name = 'Basic'")
    source.add_note(["below", "x"], deck="In the way::below")
    source.add_note(["at", "x"], deck="In the way too")
    package = tmp_path / "in.apkg"
    source.export_apkg(str(package), True, with_presets=True)
    device.add_filtered_deck("In the way", "deck:Own")
    device.add_filtered_deck("In the way too", "deck:Default", limit=1)
    sync(device)
    twin = new_device(NEWEST)
    download_first(twin)
    twin.sync_media()
    told = server.run("import", "apkg", "--user", device.account.user, str(package), "--with-scheduling").stdout
    assert "1 updated" in told.split("notetypes added")[1], told
    twin.import_apkg(str(package), True)
    assert sync(device) == "normal"

    def by_any_stamp(device):
        # The names that decks got have the second in them.
        return json.loads(re.sub(r"(In the way( too)?) 1\d{9}", r"\1 STAMP", json.dumps(normal(device.dump()))))

    found = differences(by_any_stamp(device), by_any_stamp(twin))
    assert not found, "\n".join(found[:40])
    assert_nothing_to_repair(device)


UPDATES = {"if-newer": 0, "always": 1, "never": 2}


@pytest.mark.parametrize("notes", UPDATES)
@pytest.mark.parametrize("notetypes", UPDATES)
def test_what_is_here_is_updated_as_asked(new_device, server, tmp_path, notes, notetypes):
    device = own_collection(new_device)
    source = new_device(NEWEST)
    download_first(source)
    newer, older, same = source.find_notes("note:Basic")[:3]
    for note, text in ((newer, "later"), (older, "earlier"), (same, "at the same time")):
        [[modified]] = source.select("select mod from notes where id = ?", [note])
        source.edit_note(note, [text, "in the package"], tags=["of", "the::package"])
        shift = {newer: 100, older: -100, same: 0}[note]
        source.execute("update notes set mod = ? where id = ?", [modified + shift, note])
    source.add_note(["new", "x"])
    for name, shift in (("Basic", 100), ("Cloze", -100)):
        [[modified]] = source.select("select mtime_secs from notetypes where name = ?", [name])
        source.update_notetype(name, {"css": f".card {{ /* {shift} */ }}"})
        source.execute("update notetypes set mtime_secs = ? where name = ?", [modified + shift, name])
    package = tmp_path / "in.apkg"
    source.export_apkg(str(package), False)
    twin = new_device(NEWEST)
    download_first(twin)
    twin.sync_media()
    flags = [f"--update-notes={notes}", f"--update-notetypes={notetypes}"]
    told = server.run("import", "apkg", "--user", device.account.user, str(package), *flags).stdout
    imported = twin.import_apkg(str(package), False, update_notes=UPDATES[notes], update_notetypes=UPDATES[notetypes])
    assert imported[:3] == numbers(told), told
    assert numbers(told)[:2] == [1, {"if-newer": 1, "always": 2, "never": 0}[notes]]
    assert f"{ {'if-newer': 1, 'always': 2, 'never': 0}[notetypes]} updated" in told.split("notetypes added")[1], told
    assert sync(device) == "normal"
    ours, theirs = normal(device.dump()), normal(twin.dump())
    if notetypes == "always":
        # With the stamp of the package, no device would take it from the server.
        assert ours["notetypes"]["Cloze"].pop("mod") > theirs["notetypes"]["Cloze"].pop("mod")
    found = differences(ours, theirs)
    assert not found, "\n".join(found[:40])
    assert_nothing_to_repair(device)


def merged_by_both(new_device, server, device, package, *flags):
    """Lets the server merge a package, and a client into a copy of the same collection, and compares."""
    twin = new_device(NEWEST)
    download_first(twin)
    twin.sync_media()
    told = server.run("import", "apkg", "--user", device.account.user, str(package), *flags).stdout
    twin.import_apkg(str(package), "--with-scheduling" in flags, "--with-presets" in flags)
    assert sync(device) == "normal"
    device.sync_media()
    assert_same_merge(device, twin)
    return told


@pytest.mark.parametrize("version", ["2.1.49", NEWEST])
@pytest.mark.parametrize("with_scheduling", [False, True])
def test_a_filtered_deck_alone(new_device, server, tmp_path, version, with_scheduling):
    """The decks that its cards come from are perhaps not in the package."""
    source = full_source(new_device, version)
    filtered = source.select("select distinct did from cards where odid != 0")[0][0]
    package = tmp_path / "in.apkg"
    source.export_apkg(str(package), with_scheduling, with_presets=with_scheduling, deck=filtered)
    device = own_collection(new_device)
    flags = ["--with-scheduling", "--with-presets"] if with_scheduling else []
    told = merged_by_both(new_device, server, device, package, *flags)
    assert numbers(told)[0] > 5, told


def test_ids_that_are_taken(new_device, server, tmp_path):
    device = own_collection(new_device)
    source = new_device(NEWEST)
    download_first(source)
    # Other notes with the same ids, as in a copy of a profile.
    source.execute("update notes set guid = guid || 'x' where flds not like '%c1::%'")
    package = tmp_path / "in.apkg"
    source.export_apkg(str(package), False)
    told = merged_by_both(new_device, server, device, package)
    assert numbers(told)[0] == 6, told
    assert_nothing_to_repair(device)


def test_notes_with_the_same_guid(new_device, server, tmp_path):
    """As they come from copied profiles. Both of a new pair are added; those that are here have one place."""
    source = full_source(new_device, NEWEST)
    good, package = tmp_path / "good.apkg", tmp_path / "in.apkg"
    source.export_apkg(str(good), True, with_presets=True, legacy=True)
    device = own_collection(new_device)
    known = device.select("select guid from notes where flds not like '%c1::%' order by id limit 1")[0][0]

    def with_twins(members):
        path = tmp_path / "twins.anki2"
        path.write_bytes(members["collection.anki21"])
        with sqlite3.connect(path) as database:
            kinds = database.execute("select mid from notes group by mid having count() > 3").fetchall()
            ids = [id for (id,) in database.execute("select id from notes where mid = ? order by id", kinds[0])]
            database.execute("update notes set guid = 'twin', mod = mod + id % 3 where id in (?, ?)", ids[:2])
            database.execute("update notes set guid = ?, mod = mod + 999 where id = ?", [known, ids[2]])
        database.close()
        return {"collection.anki21": path.read_bytes()}

    repack(good, package, with_twins)
    merged_by_both(new_device, server, device, package, "--with-scheduling", "--with-presets")
    assert device.select("select count() from notes where guid = 'twin'") == [[2]]


def test_a_package_of_the_first_scheduler(new_device, server, tmp_path):
    source = full_source(new_device, NEWEST)
    good, package = tmp_path / "good.apkg", tmp_path / "in.apkg"
    source.export_apkg(str(good), True, with_presets=True, legacy=True)

    def as_of_old(members):
        path = tmp_path / "old.anki2"
        path.write_bytes(members["collection.anki21"])
        with sqlite3.connect(path) as database:
            config = json.loads(database.execute("select conf from col").fetchone()[0])
            for key in ("schedVer", "sched2021", "creationOffset"):
                config.pop(key, None)
            decks = json.loads(database.execute("select decks from col").fetchone()[0])
            for deck in decks.values():
                if deck["dyn"]:
                    deck["resched"] = True
            database.execute("update col set conf = ?, decks = ?", [json.dumps(config), json.dumps(decks)])
            # Learning a card again was a review card in the queue of learning.
            database.execute("update cards set queue = 1, due = 1700000000, left = 1001 where type = 2 and odid = 0 and id % 7 = 0")
            database.execute("update cards set queue = 3, left = 1001 where type = 2 and odid = 0 and id % 7 = 1")
            database.execute("update cards set queue = 0 where type = 2 and odid != 0 and id % 2 = 0")
        database.close()
        return {"collection.anki21": path.read_bytes()}

    repack(good, package, as_of_old)
    merged_by_both(new_device, server, own_collection(new_device), package, "--with-scheduling", "--with-presets")


def test_into_an_account_that_no_device_has_synced_with(new_device, server, account, tmp_path):
    source = full_source(new_device, NEWEST)
    package = tmp_path / "in.apkg"
    source.export_apkg(str(package), True, with_presets=True)
    told = server.run("import", "apkg", "--user", account.user, str(package), "--with-scheduling").stdout
    fresh = new_device(NEWEST)
    fresh.sync()
    fresh.full_download()
    fresh.sync_media()
    assert fresh.counts()["notes"] == source.counts()["notes"] == numbers(told)[0]
    assert fresh.counts()["revlog"] == source.counts()["revlog"]
    assert_nothing_to_repair(fresh)


def test_the_first_device_brings_cards_of_its_own(new_device, server, account, tmp_path):
    source = full_source(new_device, NEWEST)
    package = tmp_path / "in.apkg"
    source.export_apkg(str(package), True, with_presets=True)
    server.run("import", "apkg", "--user", account.user, str(package), "--with-scheduling")
    device = new_device(NEWEST)
    # A collection of an earlier day.
    device.execute("update col set crt = crt - 86400 * 50")
    device.add_notes(3)
    twin = new_device(NEWEST)
    twin.execute("update col set crt = crt - 86400 * 50")
    twin.import_apkg(str(package), True)
    assert device.sync()["did"] == "full_upload"
    device.full_upload()
    assert sync(device) == "normal"
    device.sync_media()
    assert device.counts()["revlog"] == source.counts()["revlog"]
    # Due on the same days as if the device had imported the package.
    due = "select c.id, c.due, c.odue, c.type, c.queue from cards c where c.type != 0 order by c.id"
    assert device.select(due) == twin.select(due)
    assert device.select("select count() from cards where odid != 0") == twin.select("select count() from cards where odid != 0") != [[0]]
    assert_nothing_to_repair(device)
    settle(device)


def test_many_notes(new_device, server, account, tmp_path):
    source = new_device(NEWEST, login=False)
    source.generate(notes=20_000, reviews=50_000, media=50)
    package = tmp_path / "in.apkg"
    source.export_apkg(str(package), True, timeout=300)
    told = server.run("import", "apkg", "--user", account.user, str(package), "--with-scheduling", timeout=600).stdout
    assert numbers(told)[0] == 20_000, told
    fresh = new_device(NEWEST)
    fresh.sync()
    fresh.full_download()
    assert fresh.counts()["notes"] == 20_000 and fresh.counts()["revlog"] == 50_000


def repack(package, target, change):
    with zipfile.ZipFile(package) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in (members | change(members)).items():
            if content is not None:
                archive.writestr(member, content)
    return target


def test_hostile_packages_change_nothing(new_device, server, tmp_path):
    source = full_source(new_device, NEWEST)
    good = tmp_path / "good.apkg"
    source.export_apkg(str(good), True, legacy=True)
    device = own_collection(new_device)
    files = device.media_files()

    def listed(name):
        def change(members):
            return {"media": json.dumps(json.loads(members["media"]) | {"999": name}), "999": b"content"}

        return change

    def without(*names):
        return lambda members: {name: None for name in names}

    def media_without_content(members):
        names = json.loads(members["media"])
        return {index: None for index, name in names.items() if name == "a.mp3"}

    zeros = b"\0" * 200_000_000
    broken = {
        "no collection": without("collection.anki21", "collection.anki2"),
        "collection is junk": lambda members: {"collection.anki21": b"junk" * 1000},
        "collection is cut": lambda members: {"collection.anki21": members["collection.anki21"][:5000]},
        "list is junk": lambda members: {"media": b"junk"},
        "content is missing": media_without_content,
        "a way up": listed("../evil.jpg"),
        "a path": listed("a/b.jpg"),
        "only a parent": listed(".."),
        "media bomb": lambda members: listed("_bomb.bin")(members) | {"999": zeros},
        "form of the future": lambda members: {"meta": b"\x08\x09"},
    }
    packages = {name: repack(good, tmp_path / "bad.apkg", change).read_bytes() for name, change in broken.items()}
    current = tmp_path / "current.apkg"
    source.export_apkg(str(current), True)
    bomb = zstandard.ZstdCompressor(level=19).compress(zeros)
    for name, change in {
        "collection bomb": lambda members: {"collection.anki21b": zstandard.ZstdCompressor().compress(bytes(3_000_000_000))},
        "list bomb": lambda members: {"media": bomb},
        "content bomb": lambda members: {"0": bomb},
        "content is other content": lambda members: {str(n): zstandard.ZstdCompressor().compress(b"x") for n in range(30) if str(n) in members},
    }.items():
        packages[name] = repack(current, tmp_path / "bad.apkg", change).read_bytes()
    packages["no zip"] = b"junk" * 1000
    packages["cut off"] = good.read_bytes()[:-3000]
    for name, content in packages.items():
        path = tmp_path / "bad.apkg"
        path.write_bytes(content)
        done = server.run("import", "apkg", "--user", device.account.user, str(path), "--with-scheduling", check=False)
        assert done.returncode == 1 and "error: " in done.stderr and "panicked" not in done.stderr, (name, done)
        assert sync(device) == "nothing", name
        device.sync_media()
        assert device.media_files() == files, name


class Program:
    """Sends packages to the API."""

    def __init__(self, server, account, scopes="read,write,media"):
        self.server = server
        self.token = server.run("user", "token", "add", account.user, "a program", "--scope", scopes).stdout.strip()

    def __call__(self, content, **options):
        query = urllib.parse.urlencode(options)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/octet-stream"}
        address = f"{self.server.base}api/v2/collection/import?{query}"
        try:
            with urllib.request.urlopen(urllib.request.Request(address, content, headers), timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)["code"]


def test_by_the_api(new_device, server, tmp_path):
    source = full_source(new_device, NEWEST)
    package = tmp_path / "in.apkg"
    source.export_apkg(str(package), True, with_presets=True)
    content = package.read_bytes()
    device = own_collection(new_device)
    twin = new_device(NEWEST)
    download_first(twin)
    twin.sync_media()
    send = Program(server, device.account)
    would = send(content, with_scheduling="true", with_presets="true", dry_run="true")
    assert would["notes_added"] == 152 and would["reviews_added"] == 600, would
    assert sync(device) == "nothing"
    assert send(content, with_scheduling="true", with_presets="true") == would
    assert sync(device) == "normal"
    device.sync_media()
    twin.import_apkg(str(package), True, True)
    assert_same_merge(device, twin)
    again = send(content, with_scheduling="true", with_presets="true")
    assert again == dict.fromkeys(would, 0) | {"notes_unchanged": 152}, again
    assert send(b"junk" * 100) == (422, "invalid")
    assert send(b"") == (422, "invalid")
    assert send(content, unknown="1") == (422, "invalid")
    assert send(content, update_notes="sometimes") == (422, "invalid")
    ids = source.find_notes("deck:Shared::Deck")
    source.edit_note(ids[0], ["edited in the source", "y"])
    source.execute("update notes set mod = mod - 100 where id = ?", [ids[0]])
    source.export_apkg(str(package), True, with_presets=True)
    assert send(package.read_bytes(), update_notes="never")["notes_updated"] == 0
    assert send(package.read_bytes(), update_notes="if_newer")["notes_updated"] == 0
    assert send(package.read_bytes(), update_notes="always", update_notetypes="never")["notes_updated"] == 1
    assert sync(device) == "normal"
    for scopes in ("read,write", "media"):
        assert Program(server, device.account, scopes)(content) == (403, "forbidden")
    assert sync(device) == "nothing"


def test_what_is_refused_is_said(new_device, server, account, tmp_path):
    done = server.run("import", "apkg", "--user", "nobody", str(tmp_path / "x.apkg"), check=False)
    assert done.returncode == 1 and "there is no user" in done.stderr, done
    done = server.run("import", "apkg", "--user", account.user, str(tmp_path / "x.apkg"), check=False)
    assert done.returncode == 1 and "x.apkg" in done.stderr, done
