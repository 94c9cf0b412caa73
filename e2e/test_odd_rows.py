# SPDX-License-Identifier: AGPL-3.0-or-later
"""Rows that no current client makes, but that exist."""

import pytest

from flows import settle, sync
from rows import begin, card_row, complete, counts, note_row
from wire import Refused

BAD_NOTES = {
    "unknown notetype": {"mid": 12345},
    "too few fields": {"flds": "only one"},
    "too many fields": {"flds": "a\x1fb\x1fc"},
}


@pytest.mark.parametrize("changes", BAD_NOTES.values(), ids=BAD_NOTES.keys())
def test_bad_note_is_refused_and_nothing_of_it_stored(filled, wire, changes):
    begin(wire)
    with pytest.raises(Refused) as refused:
        wire.apply_chunk(notes=[note_row(filled, 1_500_000_000_009), note_row(filled, **changes)], cards=[card_row()])
    assert refused.value.status == 400
    wire.abort()
    assert sync(filled) == "nothing"
    complete(wire.another_session(), filled)


TOLERATED_CARDS = [
    {"mod": 1_600_000_000.7},
    {"due": 12.9},
    {"due": -5},
    {"ivl": 3.5},
    {"ivl": -3},
    {"odue": 1.5},
    {"data": ""},
    {"data": "no json"},
    {"data": '{"pos":3,"addon":{"x":1}}'},
    {"nid": 42},
    {"did": 42},
    {"due": 2**40},
    {"queue": -3},
    {"flags": 7},
    {"factor": 65535},
]


@pytest.mark.parametrize("changes", TOLERATED_CARDS, ids=str)
def test_tolerated_cards(filled, wire, changes):
    """All of these exist in collections in the wild; refusing one would push
    its owner into a one-way sync."""
    complete(wire, filled, cards=[card_row(**changes)])
    settle(filled)
    assert filled.counts()["cards"] == 2


TOLERATED_REVLOG = [
    [1_500_000_000_000, 1, 1, 3, 1, 0, 2500, 100, 9],
    [1_500_000_000_000, 1, 1, 3, 1, 0, 2500, 100],
    [1_500_000_000_000, 1, 1, 0, 1.9, -2.5, 2500.5, 100.5, 1],
    [1_500_000_000_000, 1, 1, 4, -600, 0, -5, 100, 0],
]


@pytest.mark.parametrize("row", TOLERATED_REVLOG, ids=str)
def test_tolerated_review_logs(filled, wire, row):
    complete(wire, filled, revlog=[row])
    settle(filled)
    assert filled.counts()["revlog"] == 1


def test_review_log_is_never_changed(filled, wire):
    row = [1_500_000_000_000, 1, 1, 3, 1, 0, 2500, 100, 1]
    complete(wire, filled, revlog=[row])
    settle(filled)
    begin(second := wire.another_session())
    second.apply_chunk(revlog=[row[:3] + [1] + row[4:]])
    assert second.sanity_check(counts(filled))["status"] == "ok"
    second.finish()
    settle(filled)
    assert filled.select("select ease from revlog") == [[3]]
