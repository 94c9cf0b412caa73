# SPDX-License-Identifier: AGPL-3.0-or-later
"""Changes by /api/v2/ are like those of one more device: they reach all others, at any moment, in any order.

API_SEEDS=0-99 or API_SEEDS=7,12 repeats the random test with these seeds; API_STEPS=60 makes each longer."""

import base64
import json
import os
import random
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest

from flows import download_first, settle, settle_and_compare, sync, upload_first
from paths import NEWEST

SECOND = "25.2.7"
OLD = "2.1.56"

pytestmark = pytest.mark.ours("an API")


class Refused(Exception):
    def __init__(self, status, problem):
        super().__init__(f"{status} {problem}")
        self.status, self.problem = status, problem


class V2:
    def __init__(self, server, account):
        self.base = server.base.rstrip("/") + "/api/v2"
        login = base64.b64encode(f"{account.user}:{account.password}".encode()).decode()
        self.login = f"Basic {login}"

    def __call__(self, method, path, body=None, **headers):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": self.login, "Content-Type": "application/json", **headers}
        request = urllib.request.Request(self.base + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise Refused(error.code, json.loads(error.read() or "{}")) from error
        return json.loads(text) if text else None

    def find(self, query, kind="notes"):
        return self("POST", f"/search/{kind}", {"query": query, "limit": 1000})["items"]

    def note(self, front, back="", deck="Api", notetype="Basic", **more):
        fields = {"Text": front, "Back Extra": back} if notetype == "Cloze" else {"Front": front, "Back": back}
        return self("POST", "/notes", {"deck": deck, "notetype": notetype, "fields": fields, **more})


@pytest.fixture
def api(server, account):
    return V2(server, account)


def check_database(*devices):
    for device in devices:
        text, ok = device.check_database()
        assert ok, f"{device}: {text}"


def ords(device, nid):
    return [ord for (ord,) in device.select(f"select ord from cards where nid = {int(nid)} order by ord")]


@pytest.mark.parametrize("version", [NEWEST, OLD])
def test_added_edited_deleted(api, filled, new_device, version):
    other = new_device(version)
    download_first(other)
    plain = api.note("front", "back", tags=["a", "b::c"])["id"]
    cloze = api.note("{{c1::one}} {{c3::three}}", deck="Api::Cloze", notetype="Cloze")["id"]
    doomed = api.note("doomed")["id"]
    for device in (filled, other):
        assert sync(device) == "normal"
        assert (ords(device, plain), ords(device, cloze), ords(device, doomed)) == ([0], [0, 2], [0])
        assert device.note(plain)["fields"] == ["front", "back"]

    seen = api("GET", f"/notes/{plain}")
    patch = {"fields": {"Back": "edited"}, "add_tags": ["new"], "remove_tags": ["a"]}
    api("PATCH", f"/notes/{plain}", patch, **{"If-Match": seen["version"]})
    api("PATCH", f"/notes/{cloze}", {"fields": {"Text": "{{c2::two}} {{c3::three}}"}})
    api("DELETE", f"/notes/{doomed}")
    api("POST", "/cards/change", {"cards": seen["cards"], "change": {"do": "suspend"}})
    for device in (filled, other):
        assert sync(device) == "normal"
        assert device.note(plain)["fields"] == ["front", "edited"]
        assert sorted(device.note(plain)["tags"]) == ["b::c", "new"]
        assert ords(device, cloze) == [0, 1, 2], "the client too keeps a card that has become empty"
        assert ords(device, doomed) == []
        assert device.select(f"select queue from cards where nid = {plain}") == [[-1]]
    settle_and_compare(new_device, filled, other)
    check_database(filled, other)


@pytest.mark.parametrize("step", ["start", "applyChanges", "chunk", "applyChunk", "sanityCheck2", "finish"])
def test_while_a_client_syncs(api, new_device, proxy, filled, step):
    """The client's request is held for two seconds, and the API is asked meanwhile."""
    device = new_device(NEWEST, login=False)
    device.login(device.account, proxy.base)
    download_first(device)
    mine = device.add_notes(3, prefix="by the device")
    reached = threading.Event()

    def hold(number, path):
        if path == f"sync/{step}" and not reached.is_set():
            reached.set()
            return 2
        return None

    proxy.reset(hold)
    added = []

    def add():
        assert reached.wait(30)
        added.append(api.note("during the sync")["id"])

    thread = threading.Thread(target=add)
    thread.start()
    did = device.sync()["did"]
    thread.join()
    assert did == "normal" and added and reached.is_set(), proxy.seen
    settle(device, filled)
    for one in (device, filled):
        assert {*mine, *added} <= {nid for (nid,) in one.select("select id from notes")}
    settle_and_compare(new_device, device, filled)
    check_database(device, filled)


def test_an_edit_before_and_the_same_note_on_a_device(api, filled, new_device):
    """Whoever changed it last wins, as between devices; nobody is asked for a direction."""
    nid = filled.add_notes(1)[0]
    settle(filled)
    api("PATCH", f"/notes/{nid}", {"fields": {"Back": "by the api"}})
    time.sleep(1.1)
    filled.edit_note(nid, ["by the device", "later"])
    settle(filled)
    assert api("GET", f"/notes/{nid}")["fields"] == {"Front": "by the device", "Back": "later"}
    time.sleep(1.1)
    filled.edit_note(nid, ["earlier", "earlier"])
    time.sleep(1.1)
    api("PATCH", f"/notes/{nid}", {"fields": {"Back": "by the api"}})
    settle(filled)
    assert filled.note(nid)["fields"] == ["by the device", "by the api"]
    settle_and_compare(new_device, filled)


def test_unused_tags_are_what_the_newest_client_takes_for_unused(api, filled, new_device):
    other = new_device(NEWEST)
    download_first(other)
    tags = ["a", "a::b", "a::b::c", "a::d", "x::y", "x", "ab", "Ä", "lone::some::tag"]
    nids = [api.note(f"tagged {tag}", tags=[tag])["id"] for tag in tags]
    for device in (filled, other):
        assert sync(device) == "normal"
    used = {"a::b::c", "ab", "x::y"}
    notes = [{"id": nid, "remove_tags": [tag]} for nid, tag in zip(nids, tags, strict=True) if tag not in used]
    api("POST", "/notes/update", {"notes": notes})
    for device in (filled, other):
        assert sync(device) == "normal"
    api("POST", "/tags/clear-unused")
    other.act("clear_unused_tags", {})
    left = sorted(tag for (tag,) in other.select("select tag from tags"))
    assert {"a", "a::b", "a::b::c", "x", "x::y", "ab"} <= set(left) and not {"a::d", "lone::some::tag"} & set(left), left
    assert sorted(api("GET", "/tags")["items"]) == left


def test_a_token_of_the_command_line(api, server):
    name = base64.b64decode(api.login.split()[1]).decode().split(":")[0]
    token = server.run("user", "token", "add", name, "tool", "--scope", "read,write").stdout.strip()
    api.login = f"Bearer {token}"
    api.note("by a tool")
    [listed] = json.loads(server.run("user", "token", "list", name, "--json").stdout)
    assert listed["last_used"]
    server.run("user", "token", "revoke", name, listed["id"])
    with pytest.raises(Refused, match="401"):
        api("GET", "/notes")


# -- random


def seeds():
    text = os.environ.get("API_SEEDS", "1-2")
    for part in text.split(","):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


# What two devices cannot do at the same time without Anki itself ending with a difference or a gap is left out: the same new name in two
# places (with or without case), two changes of one object in one second, cards for a deck or a note that another has deleted. Each has
# decks of its own for that, and sleeps until the next second when another begins.
# No tag is below another: when unused ones are cleared, 26.9.3 keeps a parent that no note has, 2.1.56 does not.
TAGS = ["t1", "x::y", "日本", "leech", "v::w::z"]
TEXTS = ["plain", "<b>bold</b> &amp; x", "{{c1::one}} and {{c2::two}}", "日本 🎉", "e\u0301", "1e3", "<img src='a b.jpg'>"]


class ByApi:
    """What a program does. Objects are picked among those that there are at that moment."""

    DECKS = ["Api", "Api::B", "api::b::C", "Api::日本"]

    def __init__(self, api, dice):
        self.api, self.dice, self.count = api, dice, 0
        self.forgotten = set()

    def new_name(self, kind):
        self.count += 1
        return f"Api::{kind} {self.count}"

    def own_decks(self, kind):
        return [deck["id"] for deck in self.api("GET", "/decks")["items"] if deck["name"].startswith(f"Api::{kind} ")]

    def some(self, things, most=3):
        return self.dice.sample(things, min(len(things), self.dice.randint(1, most)))

    def notes(self):
        return self.api.find("")

    def cards(self):
        return self.api.find("", "cards")

    def text(self):
        return f"{self.dice.choice(TEXTS)} {self.dice.randrange(1000)}"

    def add(self):
        notetype = self.dice.choice(["Basic", "Cloze", "Basic (and reversed card)"])
        text = self.text() if notetype != "Cloze" else f"{{{{c{self.dice.randint(1, 4)}::{self.text()}}}}}"
        self.api.note(text, self.text(), self.dice.choice(self.DECKS), notetype, tags=self.some(TAGS), duplicates="allow")

    def add_many(self):
        note = {"deck": self.dice.choice(self.DECKS), "notetype": "Basic", "duplicates": "allow"}
        self.api("POST", "/notes/batch", {"notes": [{**note, "fields": {"Front": self.text()}} for _ in range(20)]})

    def edit(self):
        for nid in self.some(self.notes()):
            fields = list(self.api("GET", f"/notes/{nid}")["fields"])
            self.api("PATCH", f"/notes/{nid}", {"fields": {self.dice.choice(fields[1:] or fields): self.text()}})

    def tag(self):
        notes = [{"id": nid, "add_tags": self.some(TAGS), "remove_tags": self.some(TAGS)} for nid in self.some(self.notes(), 6)]
        self.api("POST", "/notes/update", {"notes": notes})

    def delete(self):
        self.api("POST", "/notes/delete", {"ids": self.some(self.notes())})

    def delete_cards(self):
        self.api("POST", "/cards/delete", {"ids": self.some(self.cards(), 2)})

    def change_cards(self):
        change = self.dice.choice(
            [
                {"do": "suspend"},
                {"do": "restore"},
                {"do": "bury"},
                {"do": "flag", "flag": self.dice.randint(0, 7)},
                {"do": "forget", "forget_counts": self.dice.random() < 0.5},
                {"do": "set_due", "from_days": self.dice.randint(0, 3), "to_days": 9},
                {"do": "position", "position": self.dice.randint(0, 99)},
                {"do": "ease", "ease": self.dice.randint(1300, 3000)},
                {"do": "move", "deck": self.dice.choice(self.DECKS)},
            ]
        )
        cards = self.cards()
        if change["do"] == "forget":
            self.forgotten |= set(cards := self.some(cards, 5))
        elif change["do"] == "set_due":
            # A card that was studied, forgotten and given a due date gets a last review time at the check, if a client did it all too.
            cards = [card for card in cards if card not in self.forgotten]
        self.api("POST", "/cards/change", {"cards": self.some(cards, 5), "change": change})

    def add_deck(self):
        self.api("POST", "/decks", {"name": self.new_name(self.dice.choice(["kept", "doomed"]))})

    def change_deck(self):
        deck = self.dice.choice([deck["id"] for deck in self.api("GET", "/decks")["items"]])
        self.api("PATCH", f"/decks/{deck}", {"settings": {"desc": self.text()}})

    def rename_deck(self):
        for deck in self.some(self.own_decks("kept"), 1):
            self.api("PATCH", f"/decks/{deck}", {"name": self.new_name("kept"), "settings": {"desc": self.text()}})

    def fill_and_delete_deck(self):
        for deck in self.some(self.own_decks("doomed"), 1):
            cards = self.some(self.cards(), 4)
            self.api("POST", "/cards/change", {"cards": cards, "change": {"do": "move", "deck_id": deck}})
            self.api("DELETE", f"/decks/{deck}")

    def preset(self):
        preset = self.api("POST", "/presets", {"name": self.new_name("preset")})
        options = {"new": {"perDay": self.dice.randint(1, 50)}}
        self.api("PATCH", f"/presets/{preset['id']}", {"options": options})

    def notetype(self):
        notetype = self.dice.choice(self.api("GET", "/notetypes")["items"])
        self.api("PATCH", f"/notetypes/{notetype['id']}", {"css": f".card {{ top: {self.dice.randrange(100)}px }}"})

    def rename_tag(self):
        if tags := self.api("GET", "/tags")["items"]:
            self.api("POST", "/tags/rename", {"old": self.dice.choice(tags), "new": self.dice.choice(TAGS) + "2"})

    def delete_tag(self):
        if tags := self.api("GET", "/tags")["items"]:
            self.api("DELETE", f"/tags/{urllib.parse.quote(self.dice.choice(tags), safe='')}")

    def config(self):
        self.api("PUT", "/collection/config/myKey", {"n": self.dice.randrange(100)})

    ACTS = [
        *[add] * 4, add_many, *[edit] * 4, *[tag] * 2, delete, delete_cards, *[change_cards] * 4, add_deck, change_deck, rename_deck,
        fill_and_delete_deck, preset, notetype, rename_tag, delete_tag, config,
    ]  # fmt: skip

    def act(self):
        act = self.dice.choice(self.ACTS)
        try:
            act(self)
        except Refused as refused:
            # Names that are taken, a deck that would be below itself: refusals of what cannot be. None of them may be a failure.
            assert refused.status in (404, 409, 422), f"{act.__name__}: {refused}"
            return f"{act.__name__} refused"
        return act.__name__


class ByDevice:
    """What a person does on a device, none of which needs a one-way sync."""

    def __init__(self, device, dice):
        self.device, self.dice, self.count = device, dice, 0
        self.home = f"Device {device.version}"

    def some(self, table, most=3):
        ids = [row[0] for row in self.device.select(f"select id from {table} order by id")]
        return self.dice.sample(ids, min(len(ids), self.dice.randint(1, most)))

    def text(self):
        return f"{self.dice.choice(TEXTS)} {self.dice.randrange(1000)}"

    def deck(self):
        return self.dice.choice([self.home, f"{self.home}::B", f"{self.home}::日本"])

    def add(self):
        notetype = self.dice.choice(["Basic", "Cloze", "Basic (and reversed card)"])
        text = self.text() if notetype != "Cloze" else f"{{{{c{self.dice.randint(1, 4)}::{self.text()}}}}}"
        self.device.add_note([text, self.text()], notetype, self.deck(), self.dice.sample(TAGS, 2))

    def edit(self):
        for nid in self.some("notes"):
            fields = self.device.note(nid)["fields"]
            self.device.edit_note(nid, [*fields[:-1], self.text()])

    def tag(self):
        for nid in self.some("notes"):
            self.device.edit_note(nid, tags=self.dice.sample(TAGS, self.dice.randint(0, 3)))

    def delete(self):
        self.device.delete_notes(self.some("notes", 2))

    def move(self):
        # Before 25.7, changing a card takes its last review time away, which the newest's check of the database adds again.
        cards = "cards" if self.device.version == NEWEST else "cards where id not in (select cid from revlog)"
        self.device.set_deck(self.some(cards), self.deck())

    def rename_deck(self):
        self.count += 1
        did = self.device.add_deck(f"{self.home}::new {self.count}")
        self.device.rename_deck(did, f"{self.home}::renamed {self.count}")

    def study(self):
        # Older versions leave out when a card was last reviewed, which the newest's check of the database adds.
        if self.device.version == NEWEST:
            self.device.act("answer", {"deck": self.dice.randrange(99), "ease": self.dice.randint(1, 4)})

    def change_cards(self):
        if self.device.version != NEWEST:
            return
        name, more = self.dice.choice([("suspend", {}), ("unsuspend", {}), ("flag", {"colour": self.dice.randint(0, 4)})])
        self.device.act(name, {"cards": [self.dice.randrange(99) for _ in range(3)], **more})

    def sync(self):
        sync(self.device)

    ACTS = [add, add, edit, edit, tag, delete, move, rename_deck, study, study, change_cards, sync]

    def act(self):
        act = self.dice.choice(self.ACTS)
        act(self)
        return f"{self.device.version} {act.__name__}"


@pytest.mark.slow_e2e
@pytest.mark.parametrize("seed", list(seeds()))
def test_random(api, new_device, seed):
    dice = random.Random(seed)
    devices = [new_device(version) for version in (NEWEST, SECOND, OLD)]
    # So many that something is left in the end.
    devices[0].add_notes(40)
    upload_first(devices[0])
    for device in devices[1:]:
        download_first(device)
    program, people = ByApi(api, dice), [ByDevice(device, dice) for device in devices]
    done = []
    try:
        for _ in range(int(os.environ.get("API_STEPS", "20"))):
            who = dice.choice([program, program, *people])
            if who is not program and dice.random() < 0.5:
                sync(who.device)
                done.append(f"{who.device} sync")
            done += [who.act() for _ in range(dice.randint(1, 5))]
            time.sleep(1.02 - time.time() % 1)
        settle(*devices)
        # The protocol has no word for a tag that is gone: who had it in the list keeps it there, unused, until they clear such tags, and
        # does not say again that there is such a tag when a note gets it later.
        api("POST", "/tags/clear-unused")
        for device in devices:
            device.act("clear_unused_tags", {})
        settle_and_compare(new_device, *devices)
        check_database(*devices)
    except BaseException:
        print("\n".join(f"{number} {what}" for number, what in enumerate(done)))
        raise
