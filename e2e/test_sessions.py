# SPDX-License-Identifier: AGPL-3.0-or-later
"""Sync sessions by hand: who may speak when, and what is stored when."""

import hashlib

import pytest

from flows import settle, settle_and_compare, sync
from rows import begin, card_row, complete, counts, note_row
from wire import Refused, post


def test_rows_sent_by_hand_arrive(filled, wire, new_device):
    mod = complete(wire, filled, notes=[note_row(filled)], cards=[card_row()])
    assert wire.meta()["mod"] == mod
    dump = settle_and_compare(new_device, filled)
    assert len(dump["notes"]) == len(dump["cards"]) == 2
    note = dump["notes"][0]
    assert (note[6], note[7]) == ("by hand\x1fback", "by hand")
    assert note[8] == int(hashlib.sha1(b"by hand").hexdigest()[:8], 16)


def test_nothing_is_stored_before_finish(filled, wire, new_device):
    before = wire.meta()
    begin(wire)
    wire.apply_graves(notes=[filled.find_notes("")[0]])
    wire.apply_chunk(notes=[note_row(filled)], cards=[card_row()])
    other = wire.another_session()
    assert {k: other.meta()[k] for k in ("mod", "scm", "usn")} == {k: before[k] for k in ("mod", "scm", "usn")}
    assert sync(filled) == "nothing"
    dump = settle_and_compare(new_device, filled)
    assert len(dump["notes"]) == 1


def test_second_start_takes_over(filled, wire):
    other = wire.another_session()
    begin(wire)
    wire.apply_chunk(notes=[note_row(filled, 1_500_000_000_001)], cards=[card_row(1_500_000_000_001)])
    begin(other)
    for late in (wire.chunk, wire.apply_chunk, wire.apply_graves, wire.apply_changes, wire.finish):
        with pytest.raises(Refused) as refused:
            late()
        assert refused.value.status == 409, late.__name__
    # The one that took over is not disturbed by these attempts.
    other.apply_chunk(notes=[note_row(filled)], cards=[card_row()])
    assert other.sanity_check(counts(filled, 1, 1))["status"] == "ok"
    other.finish()
    settle(filled)
    assert filled.counts()["notes"] == 2


@pytest.mark.parametrize("method", ["chunk", "apply_chunk", "apply_graves", "apply_changes", "finish"])
def test_requests_without_a_session(filled, wire, method):
    with pytest.raises(Refused) as refused:
        getattr(wire, method)()
    assert refused.value.status == 409


def test_abort_ends_the_session(filled, wire):
    begin(wire)
    wire.apply_chunk(notes=[note_row(filled)])
    assert wire.abort() is None
    with pytest.raises(Refused) as refused:
        wire.finish()
    assert refused.value.status == 409
    assert sync(filled) == "nothing"


def test_abort_by_the_user_comes_with_a_new_session(filled, wire):
    begin(wire)
    assert wire.another_session().abort() is None
    with pytest.raises(Refused) as refused:
        wire.finish()
    assert refused.value.status == 409


def test_abort_without_a_session_is_fine(filled, wire):
    assert wire.abort() is None


def test_failed_sanity_check_stores_nothing(filled, wire):
    begin(wire)
    wire.apply_chunk(notes=[note_row(filled)], cards=[card_row()])
    assert wire.sanity_check(counts(filled, 1, 7))["status"] == "bad"
    with pytest.raises(Refused) as refused:
        wire.finish()
    assert refused.value.status in (400, 409)
    assert sync(filled) == "nothing"
    assert filled.counts()["notes"] == 1


def test_every_sync_raises_the_usn_by_one(filled, wire):
    usn = wire.meta()["usn"]
    for step in range(1, 4):
        complete(wire.another_session(), filled)
        assert wire.meta()["usn"] == usn + step


def test_mod_is_never_the_same_twice(filled, wire):
    mods = [complete(wire.another_session(), filled) for _ in range(5)]
    assert mods == sorted(set(mods))


def test_what_one_session_sent_is_offered_to_the_next(filled, wire):
    usn = wire.meta()["usn"]
    complete(wire, filled, notes=[note_row(filled)], cards=[card_row()])
    other = wire.another_session()
    other.start(usn)
    other.apply_changes()
    rows = other.all_chunks()
    assert [row[0] for row in rows["notes"]] == [1_500_000_000_000]
    assert rows["notes"][0][7:9] == ["", ""], "sfld and csum are not sent"
    other.abort()
    later = wire.another_session()
    later.start(usn + 1)
    later.apply_changes()
    assert later.all_chunks() == {"notes": [], "cards": [], "revlog": []}


def test_own_rows_are_not_echoed(filled, wire):
    wire.start(wire.meta()["usn"])
    assert wire.apply_changes(tags=["mine"])["tags"] == []
    assert wire.all_chunks()["notes"] == []
    wire.apply_chunk(notes=[note_row(filled)])
    assert wire.chunk().get("notes", []) == []
    wire.abort()


@pytest.mark.parametrize("body", [{"_pad": None}, {}])
def test_both_spellings_of_nothing(filled, wire, body):
    wire.start(wire.meta()["usn"])
    wire.apply_changes()
    assert wire.json("sync/chunk", body)["done"] is True
    assert wire.json("sync/abort", body) is None


@pytest.mark.parametrize("version, status", [(7, 501), (12, 501)])
def test_client_too_old_or_too_new(wire, version, status):
    with pytest.raises(Refused) as refused:
        wire.json("sync/meta", {"v": version, "cv": "anki,x,linux"})
    assert refused.value.status == status


@pytest.mark.parametrize("missing", ["v", "k", "c", "s"])
def test_header_without_a_key(wire, missing):
    with pytest.raises(Refused) as refused:
        wire.json("sync/meta", {"v": 11, "cv": "x"}, **{missing: None})
    assert refused.value.status == 400


def test_plain_http_answers(server, wire):
    assert post(server.base, "health", b"", {}, method="GET")[0] == 200
    assert post(server.base, "sync/meta", b"", {}, method="GET")[0] == 405
    assert post(server.base, "sync/noSuchMethod", b"{}", wire.headers())[0] in (400, 404)
    assert post(server.base, "sync/meta", b"{}", {"content-type": "application/json"})[0] == 400


def test_meta_of_an_account_without_data(wire):
    first = wire.meta()
    assert (first["mod"], first["usn"], first["empty"], first["media_usn"]) == (0, 0, True, 0)
    assert first["cont"] is True and first["msg"] == "" and first["hostNum"] == 0
    assert wire.meta()["scm"] == first["scm"], "the stamp is stored, not made up"


@pytest.mark.ours("a poll of meta leaves a running sync alone")
def test_meta_does_not_disturb_a_running_sync(filled, wire):
    begin(wire)
    wire.apply_chunk(notes=[note_row(filled)], cards=[card_row()])
    wire.another_session().meta()
    assert wire.sanity_check(counts(filled, 1, 1))["status"] == "ok"
    wire.another_session().meta()
    wire.finish()
    settle(filled)
    assert filled.counts()["notes"] == 2


@pytest.mark.ours("finish can be repeated when its answer got lost")
def test_finish_repeated(filled, wire):
    begin(wire)
    wire.apply_chunk(notes=[note_row(filled)], cards=[card_row()])
    assert wire.sanity_check(counts(filled, 1, 1))["status"] == "ok"
    mod = wire.finish()
    assert wire.finish() == mod
    complete(wire.another_session(), filled, notes=[note_row(filled)], cards=[card_row()])
    assert wire.finish() == mod, "even after another session came and went"


@pytest.mark.ours("an abort of a session that was taken over leaves the new one alone")
def test_late_abort_of_the_loser(filled, wire):
    other = wire.another_session()
    begin(wire)
    begin(other)
    wire.abort()
    other.apply_chunk(notes=[note_row(filled)], cards=[card_row()])
    assert other.sanity_check(counts(filled, 1, 1))["status"] == "ok"
    other.finish()


@pytest.mark.ours("usn -1 in a row is replaced, not stored")
def test_pending_usn_in_rows_is_not_stored(filled, wire, new_device):
    complete(wire, filled, notes=[note_row(filled, usn=-1)], cards=[card_row(usn=-1)])
    settle_and_compare(new_device, filled)


@pytest.mark.ours("a client that is ahead of the server is told to sync again")
def test_start_with_a_usn_from_the_future(filled, wire):
    with pytest.raises(Refused) as refused:
        wire.start(wire.meta()["usn"] + 50)
    assert refused.value.status == 409
