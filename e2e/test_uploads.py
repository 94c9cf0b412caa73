# SPDX-License-Identifier: AGPL-3.0-or-later
"""Files that are uploaded whole: what is taken, and what must be refused with
the old data untouched."""

import sqlite3

import pytest
import zstandard

from compare import assert_same
from flows import download_first, sync
from paths import NEWEST
from wire import Refused


def stamps(meta):
    return {key: meta[key] for key in ("mod", "scm", "usn", "empty")}


def is_refused(wire, upload):
    """Refusals come as an error text with status 200, which clients show, or
    as 400."""
    try:
        return upload() != "OK"
    except Refused as refused:
        return refused.status in (400, 413)


def file_of(new_device, **kwargs):
    """The bytes of some other collection, as a client would send them."""
    device = new_device(NEWEST, login=False)
    device.add_note(["other", "collection"])
    device.close()
    with open(device.path, "rb") as file:
        data = file.read()
    device.open()
    return data


def test_file_of_another_client_is_taken(filled, wire, new_device):
    data = file_of(new_device)
    assert wire.upload(data) == "OK"
    assert stamps(wire.meta()) != stamps(filled.stamps() | {"empty": False})
    fresh = new_device(NEWEST)
    download_first(fresh)
    assert fresh.counts()["notes"] == 1


def test_write_ahead_log_header(filled, wire, new_device, tmp_path):
    """New clients send files whose header says WAL (bytes 18 and 19 are 2)."""
    data = bytearray(file_of(new_device))
    data[18] = data[19] = 2
    assert wire.upload(bytes(data)) == "OK"
    fresh = new_device(NEWEST)
    download_first(fresh)
    assert fresh.counts()["notes"] == 1


def test_schema_11_file(wire, new_device):
    """The old form, through the new protocol."""
    a = new_device(NEWEST)
    did = a.add_deck("Old::Form ü")
    a.update_deck(did, {"addonKey": -(2**62), "newLimit": 4})
    pid = a.add_preset("p", {"desiredRetention": 0.87, "addon": [1]})
    a.set_preset(did, pid)
    a.add_note(["x", "y"], deck="Old::Form ü", tags=["a::b"])
    a.downgrade_and_close()
    with open(a.path, "rb") as file:
        data = file.read()
    assert sqlite3.connect(a.path).execute("select ver from col").fetchone() == (11,)
    a.open()
    assert wire.upload(data) == "OK"
    b = new_device(NEWEST)
    download_first(b)
    assert b.get_deck(did)["addonKey"] == -(2**62)
    assert_same(a.dump(), b.dump(), ignore=["col"])


def broken_files(good):
    return {
        "text": b"this is not a database",
        "cut in half": good[: len(good) // 2],
        "header only": good[:100],
        "damaged page": good[:4096] + b"\xff" * 4096 + good[8192:],
    }


@pytest.mark.parametrize("kind", ["text", "cut in half", "header only", "damaged page"])
def test_broken_file_is_refused(filled, wire, new_device, kind):
    data = broken_files(file_of(new_device))[kind]
    before = wire.meta()
    assert is_refused(wire, lambda: wire.upload(data))
    assert stamps(wire.meta()) == stamps(before)
    assert sync(filled) == "nothing"


def test_upload_that_is_not_compressed_is_refused(filled, wire, new_device):
    before = wire.meta()
    assert is_refused(wire, lambda: wire.packed("sync/upload", file_of(new_device)).decode())
    assert stamps(wire.meta()) == stamps(before)
    assert sync(filled) == "nothing"


@pytest.mark.ours("the official server takes what decodes to nothing for an empty collection")
@pytest.mark.parametrize("part", [0.1, 0.5, 0.99])
def test_cut_compression_is_refused(filled, wire, new_device, part):
    packed = zstandard.compress(file_of(new_device))
    before = wire.meta()
    assert is_refused(wire, lambda: wire.packed("sync/upload", packed[: int(len(packed) * part)]).decode())
    assert stamps(wire.meta()) == stamps(before)
    assert sync(filled) == "nothing"


def database(path, *statements):
    db = sqlite3.connect(path)
    for statement in statements:
        db.execute(statement)
    db.commit()
    db.close()
    return path.read_bytes()


FOREIGN = {
    "no tables": [],
    "other tables": ["create table x (a)"],
    "col without rows": [
        "create table col (id integer primary key, crt, mod, scm, ver, dty, usn, ls, conf, models, decks, dconf, tags)"
    ],
}


@pytest.mark.ours("the official server takes any database for a new collection, and the user's data is gone")
@pytest.mark.parametrize("statements", FOREIGN.values(), ids=FOREIGN.keys())
def test_database_that_is_no_collection(filled, wire, tmp_path, statements):
    data = database(tmp_path / "foreign.db", "pragma user_version = 1", *statements)
    before = wire.meta()
    assert is_refused(wire, lambda: wire.upload(data))
    assert stamps(wire.meta()) == stamps(before)


@pytest.mark.ours("an empty upload would replace the user's data with nothing")
def test_empty_upload(filled, wire):
    before = wire.meta()
    assert is_refused(wire, lambda: wire.upload(b""))
    assert is_refused(wire, lambda: wire.packed("sync/upload", b"").decode())
    assert stamps(wire.meta()) == stamps(before)
    assert sync(filled) == "nothing"


@pytest.mark.ours("a file from a future client is refused")
def test_unknown_schema_version(filled, wire, new_device, tmp_path):
    path = tmp_path / "future.anki2"
    path.write_bytes(file_of(new_device))
    data = database(path, "update col set ver = 99")
    before = wire.meta()
    assert is_refused(wire, lambda: wire.upload(data))
    assert stamps(wire.meta()) == stamps(before)


def test_download_is_a_sound_database(filled, wire, tmp_path):
    path = tmp_path / "download.anki2"
    path.write_bytes(wire.download())
    db = sqlite3.connect(path)
    # Python's own folding stands in for the clients' collation here.
    db.create_collation("unicase", lambda a, b: (a.casefold() > b.casefold()) - (a.casefold() < b.casefold()))
    assert db.execute("pragma integrity_check").fetchone() == ("ok",)
    ver, mod, scm, usn = db.execute("select ver, mod, scm, usn from col").fetchone()
    assert ver in (11, 18)
    meta = wire.meta()
    assert (mod, scm, usn) == (meta["mod"], meta["scm"], meta["usn"])
    assert db.execute("select count() from notes").fetchone() == (1,)


def test_upload_ends_a_running_session(filled, wire, new_device):
    wire.start(wire.meta()["usn"])
    wire.apply_changes()
    other = wire.another_session()
    assert other.upload(file_of(new_device)) == "OK"
    with pytest.raises(Refused) as refused:
        wire.finish()
    assert refused.value.status == 409
