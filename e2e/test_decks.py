# SPDX-License-Identifier: AGPL-3.0-or-later
"""Decks, presets and the options in them."""

import pytest

from flows import settle, settle_and_compare, two_devices
from paths import MODERN, NEWEST, VERSIONS


@pytest.mark.parametrize("version", VERSIONS)
def test_add_rename_delete(new_device, version):
    a, b = two_devices(new_device, version)
    did = a.add_deck("One::Two::Three")
    settle(a, b)
    assert "One::Two::Three" in b.deck_names()

    b.rename_deck(b.add_deck("One"), "Uno ✓")
    dump = settle_and_compare(new_device, a, b)
    assert dump["decks"][str(did)]["name"] == "Uno ✓::Two::Three"

    a.add_note(["inside", ""], deck="Uno ✓::Two")
    settle(a, b)
    b.remove_decks([b.add_deck("Uno ✓")])
    dump = settle_and_compare(new_device, a, b)
    assert list(dump["decks"]) == ["1"]
    assert len(dump["notes"]) == 1


@pytest.mark.parametrize("version", VERSIONS)
def test_cards_moved_to_another_deck(new_device, version):
    a, b = two_devices(new_device, version, notes=3)
    b.set_deck(b.find_cards("")[:2], "Elsewhere::Deep")
    dump = settle_and_compare(new_device, a, b)
    did = next(int(k) for k, d in dump["decks"].items() if d["name"] == "Elsewhere::Deep")
    assert sorted(row[2] for row in dump["cards"]) == [1, did, did]


@pytest.mark.parametrize("version", VERSIONS)
def test_deck_options_and_foreign_keys(new_device, version):
    a, b = two_devices(new_device, version)
    did = a.add_deck("Options")
    a.update_deck(
        did,
        {
            "desc": "about <b>it</b>\nü",
            "extendNew": 7,
            "extendRev": 11,
            "collapsed": True,
            "browserCollapsed": False,
            # What an add-on leaves behind, with numbers beyond doubles.
            "addonKey": {"nested": [1, None, "ß", 2**53 + 1, -1.5], "empty": {}},
        },
    )
    dump = settle_and_compare(new_device, a, b)
    deck = dump["decks"][str(did)]
    assert deck["addonKey"] == {"nested": [1, None, "ß", 2**53 + 1, -1.5], "empty": {}}
    assert deck["desc"] == "about <b>it</b>\nü"
    assert (deck["extendNew"], deck["extendRev"], deck["browserCollapsed"]) == (7, 11, False)


@pytest.mark.parametrize("version", MODERN)
def test_deck_limits(new_device, version):
    a, b = two_devices(new_device, version)
    did = a.add_deck("Limits")
    changes = {
        "newLimit": 3,
        "reviewLimit": 0,
        "newLimitToday": {"limit": 5, "today": 1},
        "reviewLimitToday": {"limit": 9, "today": 0},
        "md": True,
    }
    a.update_deck(did, changes)
    dump = settle_and_compare(new_device, a, b)
    assert {k: dump["decks"][str(did)][k] for k in changes} == changes


@pytest.mark.parametrize("percent", [70, 87, 99])
def test_deck_desired_retention(new_device, percent):
    """53 and 59 are left out: the client itself turns them into 52 and 58."""
    a, b = two_devices(new_device, NEWEST)
    did = a.add_deck("Retention")
    a.update_deck(did, {"desiredRetention": percent})
    dump = settle_and_compare(new_device, a, b)
    assert dump["decks"][str(did)]["desiredRetention"] == percent


def test_studying_counts_of_a_deck(new_device):
    a, b = two_devices(new_device, NEWEST, notes=3)
    a.answer([3, 4])
    dump = settle_and_compare(new_device, a, b)
    assert dump["decks"]["1"]["newToday"][1] == 2
    assert dump["decks"]["1"]["timeToday"][0] == dump["decks"]["1"]["newToday"][0]


@pytest.mark.parametrize("version", VERSIONS)
def test_presets(new_device, version):
    a, b = two_devices(new_device, version)
    did = a.add_deck("With preset")
    changes = {
        "maxTaken": 99,
        "timer": 1,
        "autoplay": False,
        "new": {
            "delays": [1.5, 10.0, 1440.0],
            "ints": [2, 5, 0],
            "perDay": 31,
            "order": 0,
            "initialFactor": 2300,
            "addonNew": "ß",
        },
        "rev": {"perDay": 123, "ease4": 1.45, "ivlFct": 0.95, "maxIvl": 365, "hardFactor": 1.1, "addonRev": [1]},
        "lapse": {"delays": [20.0], "mult": 0.25, "minInt": 2, "leechFails": 5, "leechAction": 0, "addonLapse": None},
        "addonTop": {"big": 2**60 + 1, "text": "日本"},
    }
    pid = a.add_preset("Preset ✓", changes)
    a.set_preset(did, pid)
    dump = settle_and_compare(new_device, a, b)
    preset = dump["presets"][str(pid)]
    assert preset["name"] == "Preset ✓"
    assert dump["decks"][str(did)]["conf"] == pid
    for key, value in changes.items():
        if isinstance(value, dict) and key != "addonTop":
            assert {k: preset[key][k] for k in value} == value
        else:
            assert preset[key] == value

    b.update_preset(pid, {"name": "Renamed", "new": {"perDay": 1}})
    dump = settle_and_compare(new_device, a, b)
    assert dump["presets"][str(pid)]["name"] == "Renamed"
    assert dump["presets"][str(pid)]["new"]["perDay"] == 1


def test_preset_names_need_not_be_unique(new_device):
    a, b = two_devices(new_device, NEWEST)
    a.add_preset("same")
    b.add_preset("same")
    dump = settle_and_compare(new_device, a, b)
    assert sorted(p["name"] for p in dump["presets"].values()) == ["Default", "same", "same"]


def test_fsrs_parameters_in_a_preset(new_device):
    a, b = two_devices(new_device, NEWEST)
    changes = {
        "fsrsWeights": [0.5 + i / 4 for i in range(17)],
        "fsrsParams5": [0.25 + i / 8 for i in range(19)],
        "fsrsParams6": [0.125 + i / 16 for i in range(21)],
        "desiredRetention": 0.87,
        "sm2Retention": 0.85,
        "easyDaysPercentages": [1.0, 0.5, 0.0, 1.0, 1.0, 0.5, 1.0],
        "ignoreRevlogsBeforeDate": "2024-02-29",
        "weightSearch": 'preset:"x" -is:suspended',
    }
    pid = a.add_preset("fsrs", changes)
    dump = settle_and_compare(new_device, a, b)
    assert {k: dump["presets"][str(pid)][k] for k in changes} == changes
