# SPDX-License-Identifier: AGPL-3.0-or-later
"""Adding, editing and deleting notes."""

import pytest

from flows import settle, settle_and_compare, sync, two_devices
from paths import NEWEST, VERSIONS


@pytest.mark.parametrize("version", VERSIONS)
def test_added_note_arrives(new_device, version):
    a, b = two_devices(new_device, version)
    nid = a.add_note(["front", "back"], tags=["x", "y::z"], deck="New deck")
    settle(a, b)
    assert b.note(nid)["fields"] == ["front", "back"]
    assert b.note(nid)["tags"] == ["x", "y::z"]
    assert "New deck" in b.deck_names()
    settle_and_compare(new_device, a, b)


@pytest.mark.parametrize("version", VERSIONS)
def test_edited_note_arrives(new_device, version):
    a, b = two_devices(new_device, version, notes=3)
    nid = b.find_notes("")[1]
    b.edit_note(nid, ["changed", "<i>also</i>"], tags=["new"])
    settle(b, a)
    assert a.note(nid)["fields"] == ["changed", "<i>also</i>"]
    settle_and_compare(new_device, a, b)


@pytest.mark.parametrize("version", VERSIONS)
def test_deleted_notes_go_with_their_cards(new_device, version):
    a, b = two_devices(new_device, version, notes=5)
    a.delete_notes(a.find_notes("")[:3])
    settle(a, b)
    assert b.counts()["notes"] == b.counts()["cards"] == 2
    settle_and_compare(new_device, a, b)


def test_all_notes_deleted(new_device):
    a, b = two_devices(new_device, NEWEST, notes=3)
    a.delete_notes(a.find_notes(""))
    settle(a, b)
    assert b.counts()["cards"] == 0
    # The account now counts as empty, yet both devices agree and stay in sync.
    a.add_note(["again", ""])
    settle(a, b)
    assert b.counts()["cards"] == 1


def test_note_added_and_deleted_between_syncs(new_device):
    a, b = two_devices(new_device, NEWEST)
    a.delete_notes([a.add_note(["short life", ""])])
    dump = settle_and_compare(new_device, a, b)
    assert len(dump["notes"]) == 1


def test_deletion_undone_after_it_was_synced(new_device):
    """Undo brings a note back that everyone else has already deleted."""
    a, b = two_devices(new_device, NEWEST, notes=2)
    nid = a.find_notes("")[0]
    a.delete_notes([nid])
    settle(a, b)
    c = new_device(NEWEST)
    c.sync(), c.full_download()
    # What an undo or a restored file leaves: the same id again, pending.
    row = {"id": nid, "mid": a.get_notetype("Basic")["id"]}
    a.execute(
        "insert into notes values (?, 'guid!', ?, 2000000000, -1, '', 'back' || char(31) || 'again', 'back', 0, 0, '')",
        [row["id"], row["mid"]],
    )
    a.execute(
        "insert into cards values (?, ?, 1, 0, 2000000000, -1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, '{}')", [nid, nid]
    )
    settle(a, b, c)
    assert b.note(nid)["fields"] == ["back", "again"]
    # No fresh download here: csum and sfld of the hand-made row are made up.
    assert c.note(nid)["fields"] == ["back", "again"]


ODD_FIELDS = [
    "emoji 👩‍👩‍👧‍👦 and 𝔘𝔫𝔦𝔠𝔬𝔡𝔢",
    "combining e\u0301 is normalised by clients",
    "rtl \u202bעברית\u202c and zero\u200bwidth",
    "<img src='a b.png'> &nbsp;&amp;&lt;&bogus;",
    "quote ' double \" backslash \\\\ percent %s %% dollar $1 $$",
    "tab\tand\nnewline\r\nand trailing space ",
    "[sound:x.mp3] {{c1::no cloze here}}",
    "007",
    "1e3",
    "12345678901234567890123456789",
    "\u2028line separator\u2029",
    "NULL",
    "",
]


def test_odd_text_survives(new_device):
    a, b = two_devices(new_device, NEWEST)
    for text in ODD_FIELDS:
        # An empty first field is allowed for a client's database.
        a.add_note([text, text * 3])
    dump = settle_and_compare(new_device, a, b)
    assert len(dump["notes"]) == 1 + len(ODD_FIELDS)


def test_large_note(new_device):
    a, b = two_devices(new_device, NEWEST)
    nid = a.add_note(["big", "ä" * 700_000])
    settle(a, b)
    assert b.note(nid)["fields"][1] == "ä" * 700_000
    settle_and_compare(new_device, a, b)


def test_notes_of_every_stock_notetype(new_device):
    a, b = two_devices(new_device, NEWEST)
    for name in a.notetype_names():
        if name != "Image Occlusion":
            a.add_note(["{{c1::one}} {{c2::two}}", "second"], notetype=name)
    dump = settle_and_compare(new_device, a, b)
    assert len(dump["notes"]) == 6
    assert len(dump["cards"]) > 6


def test_third_device_hears_of_both(new_device):
    a, b = two_devices(new_device, NEWEST)
    c = new_device(NEWEST)
    c.sync(), c.full_download()
    a.add_note(["a", ""])
    b.add_note(["b", ""])
    c.add_note(["c", ""])
    dump = settle_and_compare(new_device, a, b, c)
    assert len(dump["notes"]) == 4


def test_device_that_was_away_for_long(new_device):
    a, b = two_devices(new_device, NEWEST)
    for index in range(12):
        nid = a.add_note([f"round {index}", ""])
        if index % 3 == 0:
            a.delete_notes([nid])
        assert sync(a) == "normal"
    b.add_note(["meanwhile", ""])
    dump = settle_and_compare(new_device, a, b)
    assert len(dump["notes"]) == 1 + 8 + 1
