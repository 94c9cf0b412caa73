# SPDX-License-Identifier: AGPL-3.0-or-later
"""`djankiserv export apkg`: the newest client makes a package of the same synced collection in the same situation, and both are the same
table by table. Clients of several ages import ours, and find what they find in the client's own, and nothing to repair."""

import base64
import hashlib
import json
import re
import sqlite3
import urllib.error
import urllib.parse
import urllib.request
import zipfile

import pytest
import zstandard

from compare import differences
from flows import download_first, sync, upload_first
from paths import NEWEST, age
from test_apkg import assert_nothing_to_repair, normal, numbers

pytestmark = pytest.mark.ours("export is a command of djankiserv")

LATEX = "latex-" + hashlib.sha1(b"one\ntwo").hexdigest() + ".png"


def full_account(new_device):
    """A device in sync with its account, with everything that a package can hold."""
    device = new_device(NEWEST)
    device.generate(notes=120, reviews=500, media=3)
    for name in (
        "ünïcödé ß 日本🎌.jpg",
        "Case.jpg",
        "case.jpg",
        "a & b.mp3",
        "_static.css",
        "_font.ttf",
        "_sound.mp3",
        "_unused.png",
        "unused.jpg",
        LATEX,
    ):
        device.write_media(name, f"the content of {name}")
    device.write_media("large.bin", size=3_000_000)
    fields = ["<img src='ünïcödé ß 日本🎌.jpg'> <img src=Case.jpg>", "[sound:a &amp; b.mp3] <img src=missing.jpg> [latex]one<br>two[/latex]"]
    device.add_note(fields, deck="Shared::Deck", tags=["marked", "own::tag", "Leech"])
    device.add_note(["{{c1::eins}} {{c3::drei}} <img src=\"large.bin\">", "case.jpg"], notetype="Cloze", deck="shared::other")
    device.add_note(["two", "decks"], notetype="Basic (and reversed card)", deck="Shared::Deck")
    both = device.cards_of(device.find_notes("two")[0])
    device.set_deck(both[1:], "Elsewhere::Below")
    device.edit_template("Vocabulary (generated)", 0, {"qfmt": "{{Word}}<link href='_static.css'>[sound:_sound.mp3]"})
    device.update_notetype("Basic", {"css": "@font-face { src: url(_font.ttf) }"})
    preset = device.add_preset("Of the shared", {"new": {"perDay": 7}, "fsrsWeights": [0.5] * 21})
    shared = device.add_deck("Shared")
    device.set_preset(shared, preset)
    device.update_deck(shared, {"desc": "about <b>it</b>", "newLimit": 3, "reviewLimitToday": {"limit": 5, "today": 2}})
    cards = device.find_cards("deck:Shared")
    device.suspend(cards[:1])
    device.flag(cards[1:2], 3)
    device.set_due(cards[2:3], "3")
    device.add_filtered_deck("Filtered", "deck:Ünïcode*", limit=20)
    device.set_config("own", {"key": 1})
    # What has lost its card or note goes nowhere.
    device.execute("insert into revlog values (1500000000000, 1500000000001, -1, 3, 1, 1, 2500, 1000, 1)")
    upload_first(device)
    device.sync_media()
    assert sync(device) == "nothing"
    return device


# What is asked of us, and of the client.
CHOICES = {
    "all": ([], {}),
    "no scheduling": (["--no-scheduling"], {"with_scheduling": False}),
    "no presets": (["--no-presets"], {"with_presets": False}),
    "cards and notes only": (["--no-scheduling", "--no-presets", "--no-media"], dict(with_scheduling=False, with_presets=False, with_media=False)),
    "a deck": (["--deck", "shared"], {"deck": "Shared"}),
    "a deck, no scheduling": (["--deck", "Shared", "--no-scheduling"], {"deck": "Shared", "with_scheduling": False}),
    "a filtered deck": (["--deck", "Filtered"], {"deck": "Filtered"}),
    "a filtered deck, no scheduling": (["--deck", "Filtered", "--no-scheduling"], {"deck": "Filtered", "with_scheduling": False}),
    "some notes": (["--search", "two or tag:own::*"], {"search": "two or tag:own::*"}),
}


def by_both(server, device, tmp_path, choice, legacy):
    """The package that we make, and the one that the client makes."""
    flags, options = CHOICES[choice]
    options = dict(options)
    ours, theirs = tmp_path / "ours.apkg", tmp_path / "theirs.apkg"
    server.run("export", "apkg", device.account.user, str(ours), *flags, *(["--legacy"] if legacy else []))
    if "search" in options:
        options["notes"] = device.find_notes(options.pop("search"))
    if "deck" in options:
        options["deck"] = device.select("select id from decks where name = ?", [options["deck"]])[0][0]
    device.export_apkg(str(theirs), options.pop("with_scheduling", True), options.pop("with_presets", True), legacy=legacy, **options)
    return ours, theirs


def unzstd(content):
    return zstandard.ZstdDecompressor().stream_reader(content).read()


def contents(package, tmp_path):
    """A package's collection, table by table, and its media."""
    with zipfile.ZipFile(package) as archive:
        assert archive.testzip() is None
        members = {name: archive.read(name) for name in archive.namelist()}
    legacy = "collection.anki21" in members
    media = {}
    if legacy:
        for number, name in json.loads(members["media"]).items():
            media[name] = members[number]
    else:
        for number, (name, size, sha1) in enumerate(media_list(unzstd(members["media"]))):
            content = unzstd(members[str(number)])
            assert (size, sha1) == (len(content), hashlib.sha1(content).digest())
            media[name] = content
    path = tmp_path / "collection.anki2"
    path.write_bytes(members["collection.anki21"] if legacy else unzstd(members["collection.anki21b"]))
    database = sqlite3.connect(path)
    database.create_collation("unicase", lambda a, b: (a.lower() > b.lower()) - (a.lower() < b.lower()))
    names = [name for (name,) in database.execute("select name from sqlite_master where type = 'table' and name not like 'sqlite_%'")]
    tables = {}
    for name in names:
        rows = database.execute(f"select * from {name}").fetchall()
        columns = [column[1] for column in database.execute(f"pragma table_info({name})")]
        tables[name] = sorted((dict(zip(columns, row)) for row in rows), key=repr)
    database.close()
    path.unlink()
    return {"meta": members["meta"], "other": sorted(set(members) & {"collection.anki2"}), "media": media, "tables": tables}


def media_list(content):
    """Entries of a MediaEntries message: name, size, SHA-1."""
    at = 0

    def number():
        nonlocal at
        result = shift = 0
        while True:
            byte = content[at]
            at += 1
            result |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return result

    while at < len(content):
        assert content[at] == 0x0A
        at += 1
        end = number() + at
        entry = {}
        while at < end:
            key = number()
            if key & 7 == 0:
                entry[key >> 3] = number()
            else:
                length = number()
                entry[key >> 3] = content[at : at + length]
                at += length
        yield entry[1].decode(), entry.get(2, 0), entry[3]


def comparable(content):
    """Without what says when the package was made, and what a client leaves behind of the collection that it began with."""
    tables = content["tables"]
    [col] = tables["col"]
    for key in ("mod", "scm"):
        assert col.pop(key) > 1_700_000_000_000
    notetypes = {row["id"] for row in tables.get("notetypes", [])}
    for name, rows in tables.items():
        for row in rows:
            # That of a device that has synced, or of the server.
            row.pop("usn", None)
        if name in ("fields", "templates"):
            tables[name] = [row for row in rows if row["ntid"] in notetypes]
    for name in ("conf", "models", "decks", "dconf"):
        if col[name]:
            col[name] = json.loads(col[name])
    if col["conf"]:
        col["conf"].pop("curModel")
        for kind in ("models", "decks", "dconf"):
            for item in col[kind].values():
                item.pop("usn"), item.pop("req", None)
                for part in item.get("tmpls", []) + item.get("flds", []):
                    part.pop("usn", None), part.pop("mod", None)
    tables["config"] = [row | {"mtime_secs": 0} for row in tables.get("config", []) if row["KEY"] != "curModel"]
    for card in tables["cards"]:
        card["data"] = json.loads(card["data"] or "{}")
    return content


@pytest.mark.parametrize("legacy", [False, True])
def test_it_is_what_a_client_makes(new_device, server, tmp_path, legacy):
    device = full_account(new_device)
    for choice in CHOICES:
        ours, theirs = (comparable(contents(package, tmp_path)) for package in by_both(server, device, tmp_path, choice, legacy))
        assert ours["media"].keys() == theirs["media"].keys(), choice
        found = differences(ours, theirs)
        assert not found, f"{choice}: the server and the client made different packages:\n" + "\n".join(found[:40])
        assert ours["tables"]["notes"], choice
        (tmp_path / "ours.apkg").unlink()


def receivers(new_device, server, version):
    """Makes profiles that a package comes into: empty ones, and copies of one that has some of it by the same names."""
    account = server.new_account()
    first = new_device(version, account=account)
    first.execute("update col set crt = crt - 86400 * 50")
    first.add_notes(5)
    first.add_note(["own", "x"], deck="shared::deck")
    first.add_note(["{{c1::own}}", ""], notetype="Cloze", deck="Own")
    first.write_media("Case.jpg", "another picture")
    first.write_media("_font.ttf", "another font")
    upload_first(first)
    first.sync_media()

    def make(filled):
        device = new_device(version, account=account)
        if filled:
            download_first(device)
            device.sync_media()
        return device

    return make


def without_stamps(device):
    """What is there, whenever it was made."""
    dump = normal(device.dump())
    dump["col"] = {}
    if age(device.version) < age("2.1.50"):
        # These note down when they import.
        for card in dump["cards"]:
            card[4] = 0
        for item in (*dump["presets"].values(), *dump["decks"].values(), *dump["notetypes"].values()):
            item["mod"] = 0
        # And tell notetypes of one name apart by a random number.
        dump = json.loads(re.sub(r'-[0-9a-f]{5}"', '-RANDOM"', json.dumps(dump)))
    for notetype in dump["notetypes"].values():
        if not any(note[2] == notetype["name"] for note in dump["notes"]):
            notetype["mod"] = 0
            for part in notetype["flds"] + notetype["tmpls"]:
                part.pop("id", None)
    return dump


IMPORTERS = [(NEWEST, False), (NEWEST, True), ("25.2.7", False), ("2.1.66", False), ("2.1.66", True), ("2.1.49", True)]


@pytest.mark.parametrize("version,legacy", IMPORTERS)
def test_clients_import_it(new_device, server, tmp_path, version, legacy):
    device = full_account(new_device)
    receiver = receivers(new_device, server, version)
    for choice in ("all", "no scheduling", "a deck", "a filtered deck, no scheduling"):
        packages = by_both(server, device, tmp_path, choice, legacy)
        for filled in (False, True):
            results = []
            for package in packages:
                target = receiver(filled)
                target.import_apkg(str(package), True, True)
                results.append((without_stamps(target), target.media_files()))
                text, ok = target.check_database()
                assert ok, text
                # The first check builds what an import leaves out; what is found then must not have been there.
                assert target.check_database()[0] == clean_check(new_device, version), text
                if version == NEWEST:
                    assert text.count("\n") == 0, text
            (ours, files), (theirs, other_files) = results
            found = differences(ours, theirs)
            assert not found, f"{choice}, {filled}: a client reads two packages differently:\n" + "\n".join(found[:40])
            assert files == other_files
            assert ours["notes"]
        for package in packages:
            package.unlink()


def clean_check(new_device, version):
    """What the check says of a collection in which nothing is wrong."""
    return new_device(version, login=False).check_database()[0]


def test_into_another_account(new_device, server, tmp_path):
    device = full_account(new_device)
    package = tmp_path / "out.apkg"
    server.run("export", "apkg", device.account.user, str(package))
    other = server.new_account()
    told = server.run("import", "apkg", "--user", other.user, str(package), "--with-scheduling", "--with-presets").stdout
    assert numbers(told)[0] == device.counts()["notes"], told
    fresh = new_device(NEWEST, account=other)
    fresh.sync()
    fresh.full_download()
    fresh.sync_media()
    wanted, got = normal(device.dump()), normal(fresh.dump())
    for dump in (wanted, got):
        # What belongs to the collection, not to its notes: all notetypes and decks that no note has, and settings.
        dump["col"] = dump["config"] = {}
        used = {note[2] for note in dump["notes"]}
        dump["notetypes"] = {name: n | {"originalId": 0} for name, n in dump["notetypes"].items() if name in used}
        dump["decks"].pop("Default")
    # A limit for one day, of a day that the other collection has not seen.
    wanted["decks"]["Shared"]["reviewLimitToday"] = None
    # The stock notetypes of both have the same names, and different parts.
    renamed = {note[2]: note[2].rstrip("+") for note in got["notes"]}
    got["notetypes"] = {renamed[name]: n | {"name": renamed[name], "mod": 0} for name, n in got["notetypes"].items()}
    wanted["notetypes"] = {name: n | {"mod": 0} for name, n in wanted["notetypes"].items()}
    for note in got["notes"]:
        note[2] = renamed[note[2]]
    wanted["revlog"] = [review for review in wanted["revlog"] if review[0] != 1500000000000]
    for dump in (wanted, got):
        for note in dump["notes"]:
            # Of tags that differ by case only, the first that comes gives it.
            note[5] = note[5].lower()
        dump["tags"] = sorted({tag for note in dump["notes"] for tag in note[5].split()})
    found = differences(wanted, got)
    assert not found, "\n".join(found[:40])
    unused = {"_unused.png", "unused.jpg"}
    files = device.media_files()
    assert {name for name in files if name not in fresh.media_files()} >= unused
    assert all(files[name] == sha1 for name, sha1 in fresh.media_files().items())
    assert_nothing_to_repair(fresh)


def test_it_refuses_to_overwrite_and_names_the_file(new_device, server, account, tmp_path):
    device = new_device(NEWEST)
    device.add_note(["x", "y"], deck="A::B c")
    upload_first(device)
    package = tmp_path / "out.apkg"
    arguments = ["export", "apkg", account.user, str(package), "--deck", "a::b C"]
    server.run(*arguments)
    before = package.read_bytes()
    again = server.run(*arguments, check=False)
    assert again.returncode == 1 and "exists already" in again.stderr, again
    assert package.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".anki2" and path.is_file()] == ["out.apkg"]
    for flags, said in (
        (["--deck", "None"], "no deck of that name"),
        (["--search", "nothing-of-it"], "nothing to export"),
        (["--search", "deck:("], ""),
        (["--search", "x", "--deck", "A"], "cannot be used with"),
    ):
        other = tmp_path / "other.apkg"
        done = server.run("export", "apkg", account.user, str(other), *flags, check=False)
        assert done.returncode != 0 and said in done.stderr and "panicked" not in done.stderr, done
        assert not other.exists()
    empty = server.new_account()
    done = server.run("export", "apkg", empty.user, str(other), check=False)
    assert done.returncode == 1 and "nothing to export" in done.stderr, done


class Program:
    """Asks the API for packages."""

    def __init__(self, server, account, scopes="read,write,media"):
        self.server = server
        self.token = server.run("user", "token", "add", account.user, "a program", "--scope", scopes).stdout.strip()

    def __call__(self, **options):
        request = urllib.request.Request(f"{self.server.base}api/v2/collection/export?{urllib.parse.urlencode(options)}")
        request.add_header("Authorization", f"Bearer {self.token}")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.read(), answer.headers["Content-Disposition"]
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)["code"]

    def connect(self, action, **parameters):
        body = json.dumps({"action": action, "version": 6, "key": self.token, "params": parameters}).encode()
        request = urllib.request.Request(f"{self.server.base}ankiconnect", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)


def test_by_the_api(new_device, server, tmp_path):
    device = full_account(new_device)
    ask = Program(server, device.account)
    package = tmp_path / "api.apkg"
    for choice, options in (
        ("a deck, no scheduling", {"deck": "SHARED", "with_scheduling": "false"}),
        ("some notes", {"search": "two or tag:own::*"}),
        ("cards and notes only", {"with_scheduling": "false", "with_presets": "false", "with_media": "false"}),
    ):
        content, disposition = ask(**options)
        assert disposition.startswith('attachment; filename="') and disposition.endswith('.apkg"'), disposition
        package.write_bytes(content)
        ours, theirs = by_both(server, device, tmp_path, choice, False)
        assert comparable(contents(package, tmp_path)) == comparable(contents(ours, tmp_path)), choice
        ours.unlink(), theirs.unlink()
    content, _ = ask(legacy="true")
    package.write_bytes(content)
    assert len(contents(package, tmp_path)["tables"]["notes"]) == device.counts()["notes"]
    assert ask(deck="Nowhere") == (404, "not_found")
    assert ask(search="nothing-of-it") == (422, "invalid")
    assert ask(search="(") == (422, "invalid")
    assert ask(search="two", deck="Shared") == (422, "invalid")
    assert ask(unknown="1") == (422, "invalid")
    for scopes in ("read,write", "media"):
        assert Program(server, device.account, scopes)() == (403, "forbidden")


def test_by_ankiconnect(new_device, server, tmp_path):
    device = full_account(new_device)
    ask = Program(server, device.account)
    package = tmp_path / "connect.apkg"
    for choice, includes in (("a deck", True), ("a deck, no scheduling", False)):
        answer = ask.connect("exportPackage", deck="Shared", includeSched=includes)
        assert answer["error"] is None
        package.write_bytes(base64.b64decode(answer["result"]))
        ours, theirs = by_both(server, device, tmp_path, choice, True)
        connected, wanted = comparable(contents(package, tmp_path)), comparable(contents(ours, tmp_path))
        if not includes:
            # The options of decks go along with the schedule.
            for content in (connected, wanted):
                [col] = content["tables"]["col"]
                col["dconf"] = {}
                col["decks"] = {key: deck | {"conf": 1} for key, deck in col["decks"].items()}
        assert connected == wanted, choice
        ours.unlink(), theirs.unlink()
        # And back, into another account.
        other = Program(server, server.new_account())
        assert other.connect("importPackage", data=answer["result"]) == {"result": True, "error": None}
        assert len(other.connect("findNotes", query="deck:Shared")["result"]) == len(wanted["tables"]["notes"])
    assert ask.connect("exportPackage", deck="Nowhere") == {"result": False, "error": None}
    assert "leave it out" in ask.connect("exportPackage", deck="Shared", path="/tmp/x.apkg")["error"]
    assert "`multi`" in ask.connect("multi", actions=[{"action": "exportPackage", "params": {"deck": "Shared"}}])["result"][0]["error"]
    assert "scope `media`" in Program(server, device.account, "read").connect("exportPackage", deck="Shared")["error"]
    device.sync_media()
    assert sync(device) == "nothing", "an export stores nothing"
