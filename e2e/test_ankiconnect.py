# SPDX-License-Identifier: AGPL-3.0-or-later
"""AnkiConnect, without a desktop: requests as tools for browsers, players and note-taking send them, and the clients that get what they
have written. Bodies, headers and what the tools expect of the answers were read in the tools' own sources."""

import base64
import json

import pytest

from flows import assert_all_same, download_first, settle, sync, upload_first
from paths import NEWEST, VERSIONS
from wire import post

pytestmark = pytest.mark.ours("the official server speaks no AnkiConnect")


class Tool:
    """Something that speaks AnkiConnect."""

    def __init__(self, server, account):
        self.base = server.base
        login = json.dumps({"username": account.user, "password": account.password}).encode()
        answer = post(self.base, "djs/dapi/token", login, {"Content-Type": "application/json"})
        self.key = json.loads(answer[2])["access"]

    def send(self, body, path="ankiconnect", headers=None):
        status, headers, answer = post(self.base, path, json.dumps(body).encode(), headers or {})
        assert status == 200, answer
        return json.loads(answer), headers


class Yomitan(Tool):
    """Speaks version 2, in which results stand alone, also inside of `multi`; an object with an error is an error."""

    def invoke(self, action, **params):
        headers = {"Content-Type": "application/json", "Origin": "chrome-extension://likgccmbimhjbgkjambclfkhldnlhbnn"}
        body = {"action": action, "params": params, "version": 2, "key": self.key}
        answer, got = self.send(body, headers=headers)
        assert got["access-control-allow-origin"] == headers["Origin"]
        if isinstance(answer, dict) and "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def note(self, word, meaning, deck="Mining::日本語", model="Basic", duplicates=True):
        return {
            "fields": {"Front": word, "Back": meaning},
            "tags": ["yomitan"],
            "deckName": deck,
            "modelName": model,
            "options": {
                "allowDuplicate": duplicates,
                "duplicateScope": "collection",
                "duplicateScopeOptions": {"deckName": None, "checkChildren": False, "checkAllModels": False},
            },
        }


class Asbplayer(Tool):
    """Takes an address only, so the key is part of it; sends no `params` where there are none."""

    def act(self, action, params=None):
        body = {"action": action, "version": 6}
        if params:
            body["params"] = params
        answer, _ = self.send(body, path=f"ankiconnect/{self.key}", headers={"Content-Type": "application/json"})
        assert set(answer) == {"result", "error"}
        if answer["error"]:
            raise RuntimeError(answer["error"])
        return answer["result"]


class Mpvacious(Tool):
    """A script of a video player that runs curl; Lua writes empty lists as objects."""

    def execute(self, action, params):
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Authorization": f"Bearer {self.key}"}
        answer, _ = self.send({"action": action, "version": 6, "params": params}, headers=headers)
        return answer["result"], answer["error"]


class Obsidian(Tool):
    """Packs all that it wants into nested `multi`, and wants exactly two properties in each answer."""

    def invoke(self, action, params):
        answer, _ = self.send(
            {"action": action, "version": 6, "params": params},
            path=f"djs/ankiconnect/{self.key}/",
            headers={"Content-Type": "text/plain;charset=UTF-8"},
        )
        return self.parse(answer)

    @staticmethod
    def parse(answer):
        assert sorted(answer) == ["error", "result"]
        if answer["error"]:
            raise RuntimeError(answer["error"])
        return answer["result"]

    @staticmethod
    def request(action, **params):
        return {"action": action, "version": 6, "params": params}


def b64(text):
    return base64.b64encode(text.encode()).decode()


def check(device):
    text, ok = device.check_database()
    assert ok, text
    return text


def first_download(new_device):
    """A device without cards on an account that only tools have written to."""
    device = new_device(NEWEST)
    device.sync()
    device.full_download()
    sync(device)
    return device


def fields_of(device, nid):
    return device.note(nid)["fields"]


@pytest.mark.parametrize("version", VERSIONS)
def test_words_from_a_browser(new_device, server, version):
    device = new_device(version)
    device.add_notes(2)
    upload_first(device)
    clean = check(new_device(version, login=False)).strip()
    tool = Yomitan(server, device.account)
    assert tool.invoke("version") == 6
    reflected = tool.invoke("apiReflect", scopes=["actions"], actions=["addNote", "canAddNotesWithErrorDetail", "nosuch"])
    assert reflected == {"scopes": ["actions"], "actions": ["addNote", "canAddNotesWithErrorDetail"]}
    tool.invoke("createDeck", deck="Mining::日本語")
    assert "Mining::日本語" in tool.invoke("deckNames")
    assert tool.invoke("modelFieldNames", modelName="Basic") == ["Front", "Back"]

    # What is shown while somebody reads: may it be added, and is it there already?
    notes = [tool.note("読む", "to read", duplicates=False), tool.note("", "nothing", duplicates=False), tool.note("note 0", "x", duplicates=False)]
    can = tool.invoke("canAddNotesWithErrorDetail", notes=notes)
    known = device.select("select sfld from notes order by id limit 1")[0][0]
    assert [one["canAdd"] for one in can][:2] == [True, False]
    assert can[1]["error"] == "cannot create note because it is empty"
    twice = tool.invoke("canAddNotesWithErrorDetail", notes=[tool.note(known, "x", duplicates=False)])
    assert twice == [{"canAdd": False, "error": "cannot create note because it is a duplicate"}]
    found = tool.invoke("multi", actions=[{"action": "findNotes", "params": {"query": f'"front:{word}"'}} for word in (known, "読む")])
    assert len(found[0]) == 1 and found[1] == [], "bare results in version 2"

    # The click.
    name = tool.invoke("storeMediaFile", filename="yomitan_audio_よむ_読む_2026-11-25.mp3", data=b64("a sound"))
    note = tool.note("読む", f'to read<br><span style="color:red">&amp; more</span>[sound:{name}]')
    nid = tool.invoke("addNote", note=note)
    again = tool.note("読む", "x", duplicates=False)
    with pytest.raises(RuntimeError, match="^cannot create note because it is a duplicate$"):
        tool.invoke("addNote", note=again)
    cards = tool.invoke("guiBrowse", query=f"nid:{nid}")
    assert len(cards) == 1
    info = tool.invoke("notesInfo", notes=[nid])[0]
    assert info["cards"] == cards and info["fields"]["Front"] == {"value": "読む", "order": 0}
    assert tool.invoke("cardsInfo", cards=cards)[0]["note"] == nid
    with pytest.raises(RuntimeError, match="^unsupported action$"):
        tool.invoke("guiEditNote", note=nid)  # it then browses
    assert tool.invoke("suspend", cards=cards) is True

    # The device, which was never asked for a direction.
    assert sync(device) == "normal"
    assert fields_of(device, nid) == ["読む", note["fields"]["Back"]]
    assert device.note(nid)["tags"] == ["yomitan"]
    assert device.find_cards(f'nid:{nid} "deck:Mining::日本語" is:suspended') == cards
    device.sync_media()
    assert name in device.media_files()
    assert check(device).strip() == clean

    # And back: the tool overwrites what the device has edited meanwhile.
    device.edit_note(nid, fields=["読む", "edited"])
    sync(device)
    tool.invoke("updateNoteFields", note={"id": nid, "fields": {"Back": "overwritten"}, "tags": [], "deckName": "x", "modelName": "y"})
    fresh = new_device(version)
    download_first(fresh)
    settle(device, fresh)
    assert_all_same(device, fresh)
    assert fields_of(device, nid) == ["読む", "overwritten"]
    assert device.note(nid)["tags"] == ["yomitan"]


def test_sentences_from_videos(new_device, server, account):
    """asbplayer, on an account that no device has synced with yet."""
    tool = Asbplayer(server, account)
    granted = tool.act("requestPermission")
    assert granted["permission"] == "granted" and granted["version"] == 6
    assert tool.act("deckNames") == ["Default"]
    model = {
        "modelName": "asbplayer",
        "inOrderFields": ["Sentence", "Definition", "Audio", "Image", "URL"],
        "css": ".card { font-size: 20px }",
        "cardTemplates": [{"Front": "{{Sentence}}{{Audio}}", "Back": "{{FrontSide}}<hr>{{Definition}}{{Image}}"}],
    }
    assert tool.act("createModel", model)["name"] == "asbplayer"
    assert tool.act("modelFieldNames", {"modelName": "asbplayer"}) == model["inOrderFields"]
    tool.act("createDeck", {"deck": "Shows"})
    options = {"allowDuplicate": True, "duplicateScope": "deck", "duplicateScopeOptions": {"deckName": "Shows", "checkChildren": False}}
    note = {
        "deckName": "Shows",
        "modelName": "asbplayer",
        "tags": ["asbplayer", "Show.S01E01"],
        "options": options,
        "audio": {"filename": "asbp_Show_S01E01_1.mp3", "data": b64("audio"), "fields": ["Audio"]},
        "picture": {"filename": "asbp_Show_S01E01_1.jpeg", "data": b64("image"), "fields": ["Image"]},
        "fields": {"Sentence": "Hallo<br>Welt", "Definition": "hello world", "URL": "https://video.example/1"},
    }
    first = tool.act("addNote", {"note": note})
    second = tool.act("addNote", {"note": dict(note, audio={**note["audio"], "data": b64("another take")})})
    assert second > first

    # "Update the last card".
    assert sorted(tool.act("findNotes", {"query": "added:1"}))[-1] == second
    clip = {"filename": "asbp_clip_Ab12Cd34.mp3", "data": b64("clip"), "deleteExisting": False}
    stored = tool.act("storeMediaFile", clip)
    info = tool.act("notesInfo", {"notes": [second]})[0]
    assert info["noteId"] == second
    update = dict(note, id=second, fields={"Sentence": "<b>Hallo</b>", "Audio": f"[sound:{stored}]"})
    del update["audio"], update["picture"]
    tool.act("updateNoteFields", {"note": update})
    tool.act("addTags", {"notes": [second], "tags": "asbplayer updated"})
    # Colouring of subtitles asks for many cards at once.
    cards = tool.act("findCards", {"query": '(edited:1 OR rated:1) (("deck:Shows") ("Sentence:_*"))'})
    assert len(cards) == 2
    assert tool.act("areSuspended", {"cards": cards}) == [False, False]
    assert {one["cardId"] for one in tool.act("cardsModTime", {"cards": cards})} == set(cards)
    assert {one["noteId"] for one in tool.act("notesModTime", {"notes": [first, second]})} == {first, second}
    shown = tool.act("cardsInfo", {"cards": cards})
    assert [one["deckName"] for one in shown] == ["Shows", "Shows"] and "[anki:play:q:0]" in shown[0]["question"]

    device = first_download(new_device)
    device.sync_media()
    media = device.media_files()
    assert fields_of(device, first) == [
        "Hallo<br>Welt", "hello world", "[sound:asbp_Show_S01E01_1.mp3]", '<img src="asbp_Show_S01E01_1.jpeg">', "https://video.example/1",
    ]  # fmt: skip
    back = fields_of(device, second)
    assert back[:2] == ["<b>Hallo</b>", "hello world"] and back[2] == f"[sound:{stored}]"
    assert sorted(device.note(second)["tags"]) == ["Show.S01E01", "asbplayer", "updated"]
    # The second take did not replace the first.
    takes = [name for name in media if name.startswith("asbp_Show_S01E01_1") and name.endswith(".mp3")]
    assert len(takes) == 2 and stored in media
    other = first_download(new_device)
    device.add_notes(1)
    settle(device, other)
    assert_all_same(device, other)
    check(device)


def test_a_player_and_its_scripts(new_device, server):
    device = new_device(NEWEST)
    device.add_notes(1)
    upload_first(device)
    tool = Mpvacious(server, device.account)
    assert tool.execute("changeDeck", {"cards": {}, "deck": "Anime"}) == (None, None)
    note = {
        "deckName": "Anime",
        "modelName": "Basic",
        "fields": {"Front": "字幕", "Back": ""},
        "options": {"allowDuplicate": False, "duplicateScope": "deck"},
        "tags": {},
    }
    nid, error = tool.execute("addNote", {"note": note})
    assert error is None
    assert tool.execute("addNote", {"note": note}) == (None, "cannot create note because it is a duplicate")
    assert max(tool.execute("findNotes", {"query": "added:1"})[0]) == nid
    fields = tool.execute("notesInfo", {"notes": [nid]})[0][0]["fields"]
    assert {name: field["value"] for name, field in fields.items()} == note["fields"]
    assert tool.execute("guiBrowse", {"query": "nid:1"}) == ([], None)
    assert tool.execute("storeMediaFile", {"filename": "snap.webp", "data": b64("snap")}) == ("snap.webp", None)
    assert tool.execute("updateNoteFields", {"note": {"id": nid, "fields": {"Back": '<img src="snap.webp">'}}}) == (None, None)
    assert tool.execute("addTags", {"notes": [nid], "tags": "mpvacious"}) == (None, None)
    result, error = tool.execute("guiAddCards", {"note": note})
    assert result is None and "desktop" in error
    sync(device)
    device.sync_media()
    assert fields_of(device, nid) == ["字幕", '<img src="snap.webp">'] and device.note(nid)["tags"] == ["mpvacious"]
    assert device.find_cards(f"nid:{nid} deck:Anime") and "snap.webp" in device.media_files()
    check(device)


def test_a_vault_of_notes(new_device, server):
    """Obsidian_to_Anki: one request that adds, one that changes, moves and tags."""
    device = new_device(NEWEST)
    device.add_notes(1)
    upload_first(device)
    tool = Obsidian(server, device.account)
    request = tool.request
    tool.invoke("createDeck", {"deck": "Vault"})

    def note(text):
        options = {"allowDuplicate": False, "duplicateScope": "deck"}
        return {"deckName": "Vault", "modelName": "Cloze", "fields": {"Text": text, "Back Extra": ""}, "options": options, "tags": ["Obsidian_to_Anki"]}

    added = tool.invoke(
        "multi",
        {
            "actions": [
                request("multi", actions=[request("addNote", note=note(f"a {{{{c1::deletion}}}} {n} and {{{{c2::another}}}}")) for n in range(3)]
                        + [request("addNote", note=note("a {{c1::deletion}} 0 and {{c2::another}}"))]),
                request("multi", actions=[request("storeMediaFile", filename="vault.png", data=b64("png"))]),
                request("getTags"),
            ]
        },
    )  # fmt: skip
    notes = tool.parse(added[0])
    ids = [tool.parse(one) for one in notes[:3]]
    with pytest.raises(RuntimeError, match="duplicate"):
        tool.parse(notes[3])
    assert tool.parse(tool.parse(added[1])[0]) == "vault.png"
    assert "Obsidian_to_Anki" in tool.parse(added[2])
    info = [tool.parse(one) for one in tool.invoke("multi", {"actions": [request("notesInfo", notes=ids)]})][0]
    cards = [card for one in info for card in one["cards"]]
    assert len(cards) == 6
    changed = tool.invoke(
        "multi",
        {
            "actions": [
                request("changeDeck", cards=cards, deck="Vault::Sub"),
                request("updateNoteFields", note={"id": ids[0], "fields": {"Text": "{{c1::a}} {{c3::new card}}"}}),
                request("removeTags", notes=ids, tags="Obsidian_to_Anki"),
                request("addTags", notes=ids, tags="vault::tag other"),
                request("deleteNotes", notes=[ids[2]]),
            ]
        },
    )
    assert [tool.parse(one) for one in changed] == [None] * 5
    sync(device)
    assert len(device.find_cards("deck:Vault::Sub")) == 5, "the third card of the first note is new, the second stays"
    assert sorted(device.note(ids[1])["tags"]) == ["other", "vault::tag"]
    assert device.find_notes(f"nid:{ids[2]}") == []
    check(device)


def test_a_device_in_the_middle_of_its_own_changes(new_device, server):
    """Both sides write; nobody is asked for a direction, and nothing is lost."""
    a, b = new_device(NEWEST), new_device("2.1.49")
    a.add_notes(3)
    upload_first(a)
    download_first(b)
    tool = Asbplayer(server, a.account)
    ids = []
    for n in range(5):
        a.add_notes(2, prefix=f"a{n}")
        b.add_notes(2, prefix=f"b{n}")
        note = {"deckName": "Default", "modelName": "Basic", "fields": {"Front": f"api {n}", "Back": "b"}, "tags": [f"round{n}"]}
        ids.append(tool.act("addNote", {"note": note}))
        if n:
            tool.act("updateNoteFields", {"note": {"id": ids[0], "fields": {"Back": f"round {n}"}}})
            tool.act("deleteNotes", {"notes": [ids[n - 1]] if n > 1 else []})
        sync(a)
        sync(b)
    settle(a, b)
    assert_all_same(a, b)
    assert fields_of(a, ids[0]) == ["api 0", "round 4"]
    assert a.counts()["notes"] == 3 + 5 * 4 + 2
    for device in (a, b):
        check(device)

@pytest.mark.parametrize("version", [NEWEST, VERSIONS[-1]])
def test_notetypes_of_notes_and_reviews_of_elsewhere(new_device, server, version):
    """What the add-on does by a normal sync is one here too; the rest has to be asked for."""
    device = new_device(version)
    device.add_notes(2)
    upload_first(device)
    clean = check(new_device(version, login=False)).strip()
    tool = Asbplayer(server, device.account)
    note = {"deckName": "Default", "modelName": "Basic (and reversed card)", "fields": {"Front": "a", "Back": "d"}}
    nid = tool.act("addNote", {"note": note})
    sync(device)
    cards = [cid for (cid,) in device.select(f"select id from cards where nid = {nid} order by ord")]
    assert len(cards) == 2
    fields = {"text": "a {{c1::b}} {{c2::c}} {{c4::e}}", "Back": "gone"}
    tool.act("updateNoteModel", {"note": {"id": nid, "modelName": "Cloze", "fields": fields, "tags": ["t"]}})
    assert sync(device) == "normal"
    rows = device.select(f"select id, ord from cards where nid = {nid} order by ord")
    assert [row[0] for row in rows][:2] == cards and [row[1] for row in rows] == [0, 1, 3]
    assert device.note(nid)["tags"] == ["t"] and device.note(nid)["fields"][0] == fields["text"]
    tool.act("updateNoteModel", {"note": {"id": nid, "modelName": "Basic", "fields": {"Front": "f", "Back": "b"}}})
    tool.act("modelFieldSetDescription", {"modelName": "Basic", "fieldName": "Front", "description": "what is asked"})
    review = [1_700_000_000_000, cards[0], -1, 3, 4, -60, 2500, 6157, 0]
    tool.act("insertReviews", {"reviews": [review]})
    assert sync(device) == "normal"
    assert device.select(f"select id, ord from cards where nid = {nid}") == [[cards[0], 0]]
    assert device.select("select id, cid, ease, ivl, lastIvl, factor, time, type from revlog") == [[*review[:2], *review[3:]]]
    assert check(device).strip() == clean

    model = {"modelName": "Basic (and reversed card)", "templateName": "Card 2", "index": 0}
    with pytest.raises(RuntimeError, match="allowOneWaySync"):
        tool.act("modelTemplateReposition", model)
    sync(device)
    tool.act("modelTemplateReposition", {**model, "allowOneWaySync": True})
    assert device.sync()["did"] not in ("nothing", "normal")
    device.full_download()
    assert sync(device) == "nothing"
    assert check(device).strip() == clean
