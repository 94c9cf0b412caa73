# SPDX-License-Identifier: AGPL-3.0-or-later
"""Answering cards, and everything that changes a card's state."""

import json
import time

import pytest

from flows import settle, settle_and_compare, sync, two_devices
from paths import NEWEST, VERSIONS, age

WITH_CUSTOM_DATA = [v for v in VERSIONS if age(v) >= age("2.1.55")]
WITH_FSRS = [v for v in VERSIONS if age(v) >= age("23.10")]


@pytest.mark.parametrize("version", VERSIONS)
def test_answers_with_the_v3_scheduler(new_device, version):
    a, b = two_devices(new_device, version, notes=6)
    a.use_v3()
    answered = a.answer([1, 2, 3, 4, 4])
    dump = settle_and_compare(new_device, a, b)
    assert len(dump["revlog"]) == 5
    reps = {row[0]: row[11] for row in dump["cards"]}
    assert all(reps[cid] >= 1 for cid in answered)


@pytest.mark.parametrize("version", VERSIONS)
def test_both_devices_study_different_cards(new_device, version):
    a, b = two_devices(new_device, version, notes=2)
    a.use_v3()
    a.add_note(["in its own deck", ""], deck="Other")
    settle(a, b)
    a.answer([3, 3])
    b.answer([4], deck="Other")
    dump = settle_and_compare(new_device, a, b)
    assert len(dump["revlog"]) == 3


@pytest.mark.parametrize("version", VERSIONS)
def test_same_card_studied_on_both_keeps_both_reviews(new_device, version):
    a, b = two_devices(new_device, version, notes=1)
    a.use_v3()
    settle(a, b)
    a.answer([1])
    # The deck counts the time studied today. Of two changes in the same second, each side would take the other's.
    time.sleep(1.1)
    b.answer([4])
    card = b.find_cards("")[0]
    # The later answer wins the card; make it later by more than the clock's second.
    b.execute("update cards set mod = mod + 60 where id = ?", [card])
    dump = settle_and_compare(new_device, a, b)
    assert len(dump["revlog"]) == 2
    assert dump["cards"][0][6] == 2, "the answer 'easy' makes it a review card"


def test_undo_before_the_sync(new_device):
    a, b = two_devices(new_device, NEWEST, notes=2)
    a.answer([4])
    a.undo()
    dump = settle_and_compare(new_device, a, b)
    assert dump["revlog"] == []
    assert [row[6] for row in dump["cards"]] == [0, 0]


def test_undo_after_the_sync_is_not_undoing_on_others(new_device):
    """A sync clears the undo queue, so the next answer starts a new one."""
    a, b = two_devices(new_device, NEWEST, notes=2)
    a.answer([4])
    settle(a, b)
    a.answer([3])
    a.undo()
    dump = settle_and_compare(new_device, a, b)
    assert len(dump["revlog"]) == 1


@pytest.mark.parametrize("version", VERSIONS)
def test_suspend_bury_flag(new_device, version):
    a, b = two_devices(new_device, version, notes=5)
    cids = a.find_cards("")
    a.suspend(cids[:2])
    a.bury([cids[2]])
    a.flag([cids[3]], 3)
    a.flag([cids[4]], 7 if version not in ("2.1.49",) else 4)
    dump = settle_and_compare(new_device, a, b)
    assert [row[7] for row in dump["cards"]] == [-1, -1, -3, 0, 0]
    assert [row[16] & 7 for row in dump["cards"]][3] == 3

    b.unsuspend(cids[:1])
    b.flag([cids[3]], 0)
    dump = settle_and_compare(new_device, a, b)
    assert [row[7] for row in dump["cards"]] == [0, -1, -3, 0, 0]
    assert dump["cards"][3][16] == 0


@pytest.mark.parametrize("version", VERSIONS)
def test_set_due_date_and_forget(new_device, version):
    a, b = two_devices(new_device, version, notes=3)
    cids = a.find_cards("")
    a.set_due(cids[:2], "5-9")
    settle(a, b)
    b.forget_cards(cids[:1])
    dump = settle_and_compare(new_device, a, b)
    assert [row[6] for row in dump["cards"]] == [0, 2, 0]
    # Manual changes leave log entries of their own.
    assert len(dump["revlog"]) == 3


@pytest.mark.parametrize("version", WITH_CUSTOM_DATA)
def test_custom_data(new_device, version):
    a, b = two_devices(new_device, version)
    cid = a.find_cards("")[0]
    a.set_custom_data(cid, '{"seed":1234,"v":"ü"}')
    dump = settle_and_compare(new_device, a, b)
    stored = json.loads(dump["cards"][0][17])
    assert json.loads(stored["cd"]) == {"seed": 1234, "v": "ü"}


@pytest.mark.parametrize("version", WITH_FSRS)
def test_fsrs(new_device, version):
    a, b = two_devices(new_device, version, notes=4)
    a.set_config("fsrs", True)
    a.answer([3, 4, 1, 4])
    settle(a, b)
    b.answer([3])
    dump = settle_and_compare(new_device, a, b)
    with_memory = [row for row in dump["cards"] if "s" in json.loads(row[17])]
    assert len(with_memory) == 4
    for row in with_memory:
        data = json.loads(row[17])
        assert data["s"] > 0 and 1 <= data["d"] <= 10
        assert row[17] == b.select("select data from cards where id = ?", [row[0]])[0][0]


@pytest.mark.parametrize("version", VERSIONS)
def test_filtered_deck(new_device, version):
    a, b = two_devices(new_device, version, notes=4)
    a.use_v3()
    settle(a, b)
    did = a.add_filtered_deck("Cram <b>", "deck:Default", limit=3, order=1)
    dump = settle_and_compare(new_device, a, b)
    # did, due, odue, odid
    moved = [row for row in dump["cards"] if row[2] == did]
    assert len(moved) == 3 and all(row[15] == 1 for row in moved)
    assert dump["decks"][str(did)]["terms"] == [["deck:Default", 3, 1]]

    b.empty_filtered_deck(did)
    dump = settle_and_compare(new_device, a, b)
    assert {row[2] for row in dump["cards"]} == {1}

    a.rebuild_filtered_deck(did)
    a.answer([3], deck="Cram <b>")
    settle(a, b)
    b.remove_decks([did])
    dump = settle_and_compare(new_device, a, b)
    assert str(did) not in dump["decks"]
    assert {row[2] for row in dump["cards"]} == {1}


def test_answers_do_not_need_a_one_way_sync_after_many_syncs(new_device):
    a, b = two_devices(new_device, NEWEST, notes=8)
    for device in (a, b, a, b):
        device.answer([3, 3])
        assert sync(device) == "normal"
    settle_and_compare(new_device, a, b)
