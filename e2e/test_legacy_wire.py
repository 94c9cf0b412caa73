# SPDX-License-Identifier: AGPL-3.0-or-later
"""The multipart framing of old clients by hand, with the variations that old
mobile clients are known for."""

import gzip
import io
import json
import sqlite3
import urllib.parse
import zipfile

import pytest

from flows import settle, sync
from wire import Refused, media_zip, post


class OldWire:
    def __init__(self, base, account):
        self.base = base
        self.key = json.loads(self.send("sync/hostKey", {"u": account.user, "p": account.password}))["key"]

    def send(self, path, value=None, *, key="k", packed=True, order=1, session="s{;($!9", **fields):
        """order -1: parts in reverse. value None: no data part at all."""
        parts = [("c", b"1", None)] if packed else []
        if getattr(self, "key", None) and key:
            parts.append((key, self.key.encode(), None))
        if session:
            parts.append(("s", session.encode(), None))
        parts += [(name, text.encode(), None) for name, text in fields.items()]
        if value is not None:
            data = value if isinstance(value, bytes) else json.dumps(value).encode()
            parts.append(("data", gzip.compress(data) if packed else data, "data"))
        boundary = "----e2e-boundary"
        body = b""
        for name, data, filename in parts[::order]:
            extra = f'; filename="{filename}"\r\nContent-Type: application/octet-stream' if filename else ""
            head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{extra}\r\n\r\n'
            body += head.encode() + data + b"\r\n"
        body += f"--{boundary}--\r\n".encode()
        headers = {"content-type": f"multipart/form-data; boundary={boundary}"}
        status, _, answer = post(self.base, path, body, headers)
        if status != 200:
            raise Refused(status, answer)
        return answer

    def json(self, path, value=None, **kwargs):
        return json.loads(self.send(path, value, **kwargs))

    def meta(self):
        return self.json("sync/meta", {"v": 10, "cv": "ankidroid,2.15,android:1:x"})


@pytest.fixture
def old(server, account):
    return OldWire(server.base, account)


def finish(old, counts):
    assert old.json("sync/applyChanges", {"changes": {"models": [], "decks": [[], []], "tags": []}})
    chunk = old.json("sync/chunk", {})
    assert chunk["done"] is True
    assert old.send("sync/applyChunk", {"chunk": {"done": True}}) == b"null"
    # Old clients send the due counts; they are not compared.
    assert old.json("sync/sanityCheck2", {"client": [[2, 0, 5], *counts]})["status"] == "ok"
    return old.json("sync/finish", {})


def server_counts(device, notes, cards):
    other = [device.select(f"select count() from {t}")[0][0] for t in ("notetypes", "decks", "deck_config")]
    return [cards, notes, 0, 0, *other]


def test_answers_are_plain(old, filled):
    meta = old.meta()
    assert meta["mod"] == filled.stamps()["mod"]


def test_order_of_parts_does_not_matter(old, filled):
    assert old.json("sync/meta", {"v": 10, "cv": "x"}, order=-1)["cont"] is True


def test_data_without_compression(old, filled):
    assert old.json("sync/meta", {"v": 10, "cv": "x"}, packed=False)["cont"] is True
    assert old.json("sync/meta", {"v": 10, "cv": "x"}, packed=False, c="0")["cont"] is True


def test_key_of_media_requests_is_taken_too(old, filled):
    assert old.json("sync/meta", {"v": 10, "cv": "x"}, key="sk")["cont"] is True


@pytest.mark.parametrize("value", [None, {}, {"_pad": None}])
def test_download_with_and_without_data(old, filled, tmp_path, value):
    """Some clients leave the data part out. They get schema 11, not in WAL mode."""
    path = tmp_path / "old.anki2"
    path.write_bytes(old.send("sync/download", value))
    db = sqlite3.connect(path)
    assert db.execute("pragma integrity_check").fetchone() == ("ok",)
    ver, conf, models, decks, dconf, tags = db.execute(
        "select ver, conf, models, decks, dconf, tags from col"
    ).fetchone()
    assert ver == 11
    for column in (conf, models, decks, dconf, tags):
        assert isinstance(json.loads(column), dict)
    assert json.loads(conf)["schedVer"] == 2
    assert db.execute("select count() from notes").fetchone() == (1,)
    assert path.read_bytes()[18:20] == b"\x01\x01"


@pytest.mark.parametrize("kind", [int, str])
def test_deletions_within_start(old, filled, kind):
    """Old AnkiDroid sends all deletions there, old AnkiMobile as text."""
    filled.add_notes(2)
    assert sync(filled) == "normal"
    meta = old.meta()
    nid = filled.find_notes("")[0]
    cid = filled.cards_of(nid)[0]
    graves = {"cards": [kind(cid)], "notes": [kind(nid)], "decks": []}
    answer = old.json("sync/start", {"minUsn": meta["usn"], "lnewer": False, "graves": graves})
    assert answer == {"cards": [], "notes": [], "decks": []}
    finish(old, server_counts(filled, 2, 2))
    settle(filled)
    assert filled.counts()["notes"] == 2
    assert filled.find_notes(f"nid:{nid}") == []


def test_start_without_graves(old, filled):
    meta = old.meta()
    old.json("sync/start", {"minUsn": meta["usn"], "lnewer": False, "offset": 0})
    finish(old, server_counts(filled, 1, 1))
    settle(filled)


def test_start_without_a_session_is_refused(old, filled):
    with pytest.raises(Refused) as refused:
        old.send("sync/start", {"minUsn": 1, "lnewer": False}, session="")
    assert refused.value.status == 400


def test_too_old_for_the_scheduler(old, filled):
    """Protocol 8 does not know the scheduler of this collection: a message,
    no error, and no sync."""
    meta = old.json("sync/meta", {"v": 8, "cv": "old"})
    assert meta["cont"] is False and meta["msg"]


def test_media_begin_in_three_ways(old, server):
    query = urllib.parse.urlencode({"k": old.key, "v": "anki,2.1.49 (x),linux"})
    status, _, body = post(server.base, f"msync/begin?{query}", b"", {}, method="GET")
    assert status == 200
    by_get = json.loads(body)
    by_form = json.loads(old.send("msync/begin", None, packed=False, v="ankidroid,2.14"))
    assert by_get["err"] == by_form["err"] == ""
    assert by_get["data"]["usn"] == by_form["data"]["usn"] == 0
    assert by_get["data"]["sk"]


def test_media_deletion_as_empty_text(old, server):
    """AnkiDroid's way of saying null."""
    assert old.json("msync/uploadChanges", media_zip([("a.txt", b"a")]), key="sk", packed=False)["data"] == [1, 1]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("_meta", '[["a.txt", ""]]')
    assert old.json("msync/uploadChanges", buffer.getvalue(), key="sk", packed=False)["data"] == [1, 2]
    changes = old.json("msync/mediaChanges", {"lastUsn": 0}, key="sk", packed=False)
    assert changes == {"data": [["a.txt", 2, ""]], "err": ""}
