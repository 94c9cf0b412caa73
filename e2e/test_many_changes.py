# SPDX-License-Identifier: AGPL-3.0-or-later
"""Thousands of rows at once: more than one chunk in either direction."""

import pytest

from flows import settle, settle_and_compare, two_devices
from paths import LEGACY, NEWEST

COUNT = 3000


def many(new_device, version, other=None):
    a, b = two_devices(new_device, version, other)
    a.generate(notes=COUNT, reviews=2 * COUNT, media=0)
    settle(a, b)
    assert b.counts()["notes"] == COUNT + 1
    assert b.counts()["revlog"] == 2 * COUNT
    return a, b


@pytest.mark.parametrize("version", [NEWEST, *LEGACY])
def test_thousands_of_rows_then_edits_then_graves(new_device, version):
    a, b = many(new_device, version)
    nids = b.find_notes("")

    b.edit_all_notes("edited")
    b.execute("update notes set mod = mod + 1")  # the same second may not win
    settle(b, a)
    assert a.digest() == b.digest()
    assert a.note(nids[5])["fields"][0] == f"edited {nids[5]}"

    # Graves: more than ten requests full of them.
    a.delete_notes(nids[:COUNT])
    settle(a, b)
    assert b.counts()["notes"] == 1
    settle_and_compare(new_device, a, b)


def test_both_sides_send_thousands(new_device):
    a, b = two_devices(new_device, NEWEST)
    a.generate(notes=1500, reviews=3000, media=0, seed=1)
    b.generate(notes=1500, reviews=3000, media=0, seed=2)
    settle(a, b)
    c = new_device(NEWEST)
    c.sync(), c.full_download()
    assert a.digest() == b.digest() == c.digest()
    assert a.counts()["notes"] == 3001


@pytest.mark.parametrize("count", [249, 250, 251, 500])
def test_chunk_borders(new_device, count):
    """An exact fit is followed by an empty last chunk."""
    a, b = two_devices(new_device, NEWEST)
    a.execute("update cards set mod = mod, usn = -1")
    a.execute("delete from revlog")
    a.execute(
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < ?)"
        " insert into revlog select 1700000000000 + i, (select min(id) from cards), -1, 3, 1, 0, 2500, 100, 1 from n",
        [count],
    )
    settle(a, b)
    assert b.counts()["revlog"] == count
    settle_and_compare(new_device, a, b)
