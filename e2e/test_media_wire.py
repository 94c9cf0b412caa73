# SPDX-License-Identifier: AGPL-3.0-or-later
"""Media requests by hand: counters, limits, and what must be refused."""

import hashlib

import pytest

from wire import Refused, media_zip


def sha1(data):
    return hashlib.sha1(data).hexdigest()


def test_counters(wire):
    wire.media("begin", {"v": "anki,test"})
    assert wire.upload_media([("a.txt", b"a"), ("b.txt", b"b")]) == [2, 2]
    # The same content again, and a deletion of nothing, count as processed
    # but do not move the counter.
    assert wire.upload_media([("a.txt", b"a"), ("none.txt", None)]) == [2, 2]
    assert wire.upload_media([("a.txt", b"A"), ("b.txt", None)]) == [2, 4]
    changes = wire.media("mediaChanges", {"lastUsn": 0})
    assert changes == [["a.txt", 3, sha1(b"A")], ["b.txt", 4, ""]]
    assert wire.media("mediaChanges", {"lastUsn": 3}) == [["b.txt", 4, ""]]
    assert wire.media("mediaChanges", {"lastUsn": 4}) == []
    assert wire.media("mediaSanity", {"local": 1}) == "OK"
    assert wire.media("mediaSanity", {"local": 2}) == "mediaSanity"
    assert wire.meta()["media_usn"] == 4


def test_begin_answers_the_counter_and_a_key(wire):
    answer = wire.media("begin", {"v": "anki,test"})
    assert answer["usn"] == 0
    assert isinstance(answer["sk"], str) and answer["sk"]


def test_changes_are_ordered_by_counter(wire):
    wire.upload_media([(f"{i}.txt", b"x%d" % i) for i in (3, 1, 2)])
    wire.upload_media([("3.txt", b"again")])
    usns = [row[1] for row in wire.media("mediaChanges", {"lastUsn": 0})]
    assert usns == sorted(usns) and len(usns) == 3


def test_changes_come_in_pieces_of_a_thousand(wire):
    for start in range(0, 1025, 25):
        wire.upload_media([(f"{i:05}.txt", b"%d" % i) for i in range(start, start + 25)])
    first = wire.media("mediaChanges", {"lastUsn": 0})
    assert len(first) == 1000
    rest = wire.media("mediaChanges", {"lastUsn": first[-1][1]})
    assert len(rest) == 25
    assert wire.media("mediaChanges", {"lastUsn": rest[-1][1]}) == []


def test_download_stops_at_its_size_and_never_empty(wire):
    for index in range(4):
        wire.upload_media([(f"{index}.bin", bytes([index]) * 1_500_000)])
    names = [f"{index}.bin" for index in range(4)]
    got = {}
    while missing := [name for name in names if name not in got]:
        batch = wire.download_media(missing)
        assert batch, "an empty answer makes clients ask forever"
        got |= batch
    assert {name: data[:1] for name, data in got.items()} == {f"{i}.bin": bytes([i]) for i in range(4)}


def test_download_of_what_is_not_there(wire):
    wire.upload_media([("a.txt", b"a")])
    with pytest.raises(Refused) as refused:
        wire.download_media(["a.txt", "missing.txt"])
    assert refused.value.status == 409


def test_download_of_a_deleted_file(wire):
    wire.upload_media([("a.txt", b"a")])
    wire.upload_media([("a.txt", None)])
    with pytest.raises(Refused) as refused:
        wire.download_media(["a.txt"])
    assert refused.value.status == 409


BAD_BATCHES = {
    "26 files": [(f"{i}.txt", b"x") for i in range(26)],
    "slash": [("ok.txt", b"x"), ("a/b.txt", b"x")],
    "parent": [("ok.txt", b"x"), ("../escape.txt", b"x")],
    "absolute": [("/tmp/escape.txt", b"x")],
    "long name": [("x" * 256, b"x")],
    "not NFC": [("e\u0301.txt", b"x")],
    "empty file": [("empty.txt", b"")],
}


@pytest.mark.parametrize("batch", BAD_BATCHES.values(), ids=BAD_BATCHES.keys())
def test_bad_batch_is_refused_as_a_whole(wire, batch):
    with pytest.raises(Refused) as refused:
        wire.upload_media(batch)
    assert refused.value.status == 400
    assert wire.media("mediaChanges", {"lastUsn": 0}) == []


@pytest.mark.parametrize("name", ["..", "back\\slash.txt"])
@pytest.mark.ours("names that are paths on some system are refused too")
def test_names_that_could_become_paths(wire, name):
    with pytest.raises(Refused) as refused:
        wire.upload_media([(name, b"x")])
    assert refused.value.status == 400


def test_broken_zip_is_refused(wire):
    whole = media_zip([("a.txt", b"a" * 1000)])
    for broken in (b"", b"not a zip", whole[: len(whole) // 2]):
        with pytest.raises(Refused) as refused:
            wire.raw("msync/uploadChanges", broken)
        assert refused.value.status == 400
    assert wire.media("mediaChanges", {"lastUsn": 0}) == []


def test_names_differ_by_case(wire):
    wire.upload_media([("a.txt", b"lower"), ("A.txt", b"upper")])
    assert wire.download_media(["a.txt", "A.txt"]) == {"a.txt": b"lower", "A.txt": b"upper"}
