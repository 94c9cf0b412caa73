# SPDX-License-Identifier: AGPL-3.0-or-later
"""A legacy and a new client on one account, taking turns."""

import pytest

from compare import canonical, differences
from flows import settle, settle_and_compare, sync, two_devices
from paths import LEGACY, NEWEST, VERSIONS

# Every pair of a client with the newest one, in both roles.
PAIRS = [(NEWEST, old) for old in VERSIONS[1:]] + [(old, NEWEST) for old in VERSIONS[1:]]


@pytest.mark.parametrize("first, second", PAIRS)
def test_taking_turns(new_device, first, second):
    a, b = two_devices(new_device, first, second, notes=3)
    for turn in range(3):
        for device in (a, b):
            sync(device)
            device.use_v3()
            device.add_note([f"{turn} {device.version}", "x"], tags=[f"t{turn}"], deck=f"Deck {turn}")
            device.edit_note(device.find_notes("")[0], [f"edited {turn} by {device.version}"])
            device.execute("update notes set mod = mod + 1 where usn = -1")
            device.answer([3])
            assert sync(device) == "normal"
    dump = settle_and_compare(new_device, a, b)
    assert len(dump["notes"]) == 3 + 6
    assert len(dump["revlog"]) == 6


def rich(device):
    """Options that only new clients know."""
    did = device.add_deck("Rich::Deck")
    device.update_deck(
        did,
        {
            "desc": "d",
            "newLimit": 3,
            "reviewLimit": 4,
            "desiredRetention": 87,
            "md": True,
            "newLimitToday": {"limit": 5, "today": 1},
            "deckAddon": [1, {"x": None}],
        },
    )
    pid = device.add_preset(
        "Rich preset",
        {
            "desiredRetention": 0.87,
            "fsrsParams6": [0.5 + i / 8 for i in range(21)],
            "easyDaysPercentages": [1.0, 0.5, 0.0, 1.0, 1.0, 1.0, 1.0],
            "waitForAudio": False,
            "new": {"perDay": 9, "addonNew": 2**53 + 1},
            "presetAddon": "ß",
            "sm2Retention": 0.8,
        },
    )
    device.set_preset(did, pid)
    device.update_notetype("Basic", {"notetypeAddon": {"n": -(2**60)}})
    device.edit_field("Basic", 0, {"fieldAddon": 1, "plainText": True, "description": "say something"})
    return did, pid


def objects(device):
    dump = canonical(device.dump(), age="old")
    return {kind: dump[kind] for kind in ("decks", "presets", "notetypes")}


def without_stamps(kinds):
    for items in kinds.values():
        for item in items.values():
            item.pop("mod", None)
    return kinds


@pytest.mark.parametrize("old", VERSIONS[1:])
def test_passing_through_an_old_client_loses_nothing(new_device, old):
    """The old client gets a full download, studies and syncs; the new one's
    options, known to the old one or not, must be what they were."""
    a, b = two_devices(new_device, NEWEST, old)
    did, pid = rich(a)
    settle(a, b)
    before = objects(a)
    b.use_v3()
    b.add_note(["by the old client", ""], deck="Rich::Deck")
    b.add_deck("Made by the old client")
    settle(b, a)
    after = objects(a)
    for deck in list(after["decks"].values()):
        if deck["name"] == "Made by the old client":
            del after["decks"][str(deck["id"])]
    assert differences(before, after) == []


@pytest.mark.parametrize("old", LEGACY)
def test_edit_by_a_legacy_client_keeps_foreign_options(new_device, old):
    """The legacy client edits the very objects; it carries keys that it does
    not know through, and so must the server."""
    a, b = two_devices(new_device, NEWEST, old)
    did, pid = rich(a)
    settle(a, b)
    before = without_stamps(objects(a))
    b.update_deck(did, {"desc": "edited"})
    b.update_preset(pid, {"maxTaken": 33})
    b.update_notetype("Basic", {"css": "/* edited */"})
    for table in ("decks", "deck_config", "notetypes"):
        b.execute(f"update {table} set mtime_secs = mtime_secs + 5 where usn = -1")
    settle(b, a)
    after = without_stamps(objects(a))
    assert after["decks"][str(did)]["desc"] == "edited"
    found = [d for d in differences(before, after) if not d.split(": ")[0].endswith((".desc", ".maxTaken", ".css"))]
    assert found == []


@pytest.mark.parametrize("old", LEGACY)
def test_legacy_download_and_upload_of_a_rich_collection(new_device, old):
    """Full transfers in both directions through the legacy client's file."""
    a = new_device(NEWEST)
    a.add_note(["n", ""], tags=["a::b"])
    rich(a)
    assert a.sync()["did"] == "full_upload"
    a.full_upload()
    before = objects(a)
    b = new_device(old)
    assert b.sync()["did"] == "full_download"
    b.full_download()
    b.add_field("Cloze", "New field")  # forces the upload
    assert b.sync()["did"] == "full_sync"
    b.full_upload()
    assert a.sync()["did"] == "full_sync"
    a.full_download()
    after = objects(a)
    del before["notetypes"], after["notetypes"]
    assert differences(before, after) == []


@pytest.mark.parametrize("old", LEGACY)
def test_filtered_deck_between_ages(new_device, old):
    a, b = two_devices(new_device, NEWEST, old, notes=4)
    did = a.add_filtered_deck("Cram", "deck:Default", limit=2)
    settle(a, b)
    b.empty_filtered_deck(did)
    dump = settle_and_compare(new_device, a, b)
    assert {row[2] for row in dump["cards"]} == {1}


def test_all_versions_on_one_account(new_device):
    devices = [new_device(version) for version in VERSIONS]
    devices[0].add_notes(2)
    assert devices[0].sync()["did"] == "full_upload"
    devices[0].full_upload()
    for device in devices[1:]:
        assert device.sync()["did"] == "full_download"
        device.full_download()
    for device in devices:
        device.add_note([f"by {device.version}", ""], tags=["v" + device.version.replace(".", "_")])
    dump = settle_and_compare(new_device, *devices)
    assert len(dump["notes"]) == 2 + len(VERSIONS)
