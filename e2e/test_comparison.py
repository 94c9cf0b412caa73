# SPDX-License-Identifier: AGPL-3.0-or-later
"""The comparison itself: every kind of difference must be noticed, or all the
other tests prove nothing."""

import copy

import pytest

from compare import assert_same, check_usns
from flows import two_devices
from paths import NEWEST

# One small change per table and column that matters, made behind the back of
# the sync on one device only.
CHANGES = {
    "note text": "update notes set flds = flds || 'x'",
    "note tags": "update notes set tags = ' x '",
    "note mod": "update notes set mod = mod + 1",
    "note guid": "update notes set guid = guid || 'x'",
    "note checksum": "update notes set csum = csum + 1",
    "note sort field": "update notes set sfld = sfld || 'x'",
    "note missing": "delete from notes",
    "card due": "update cards set due = due + 1",
    "card deck": "update cards set did = 7",
    "card data": "update cards set data = '{\"pos\":77}'",
    "card flags": "update cards set flags = 1",
    "card missing": "delete from cards",
    "review added": "insert into revlog values (1, 1, 0, 1, 1, 1, 1, 1, 1)",
    "tag added": "insert into tags values ('extra', 0, 0, null)",
    "deck stamp": "update decks set mtime_secs = 77",
    "preset name": "update deck_config set name = 'other'",
    "notetype name": "update notetypes set name = name || '!' where name = 'Basic'",
    "field name": "update fields set name = name || '!'",
    "template text": "update templates set name = name || '!'",
    "config value": "insert into config values ('extra', 0, 0, cast('1' as blob))",
    "schema stamp": "update col set scm = scm + 1",
    "creation": "update col set crt = crt + 1",
}


@pytest.mark.parametrize("sql", CHANGES.values(), ids=CHANGES.keys())
def test_a_difference_is_noticed(new_device, sql):
    a, b = two_devices(new_device, NEWEST, notes=2)
    assert_same(a.dump(), b.dump())
    b.execute(sql)
    with pytest.raises(AssertionError):
        assert_same(a.dump(), b.dump())


def test_differences_between_ages_are_still_noticed(new_device):
    a, b = two_devices(new_device, NEWEST)
    a.set_config("k", 1)
    left = a.dump()
    for change in (
        lambda d: d["decks"]["1"].update(desc="x"),
        lambda d: d["presets"]["1"]["new"].update(perDay=3),
        lambda d: d["presets"]["1"].update(addon=1),
        lambda d: d["config"].update(k=2),
        lambda d: d["notes"].clear(),
    ):
        right = copy.deepcopy(left)
        change(right)
        with pytest.raises(AssertionError):
            assert_same(left, right, age="mixed")


def test_pending_rows_are_noticed(new_device):
    a, b = two_devices(new_device, NEWEST)
    check_usns(a.dump())
    a.execute("update cards set usn = -1")
    with pytest.raises(AssertionError):
        check_usns(a.dump())
