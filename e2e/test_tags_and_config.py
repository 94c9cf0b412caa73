# SPDX-License-Identifier: AGPL-3.0-or-later
"""Tags and the collection's config."""

import pytest

from flows import settle, settle_and_compare, two_devices
from paths import NEWEST, VERSIONS


@pytest.mark.parametrize("version", VERSIONS)
def test_tags(new_device, version):
    a, b = two_devices(new_device, version, notes=3)
    nids = a.find_notes("")
    a.add_tags(nids, "plain grün::hell 標籤")
    settle(a, b)
    assert b.tag_names() == sorted(["plain", "grün::hell", "標籤"])
    b.rename_tag("grün", "bunt")
    b.edit_note(nids[0], tags=[])
    # The list of known tags is left out: nothing ever removes a tag from the
    # other side, so only b has forgotten the old name.
    dump = settle_and_compare(new_device, a, b, ignore=["tags"])
    tags = {row[0]: row[5] for row in dump["notes"]}
    assert tags[nids[0]] == ""
    assert tags[nids[1]] == " bunt::hell plain 標籤 "
    assert "bunt::hell" in a.tag_names()


def test_tag_spelling_follows_what_is_registered(new_device):
    """Two devices use one tag in two spellings; each keeps its own in the note,
    neither ends in an error, and the registry has one of them."""
    a, b = two_devices(new_device, NEWEST, notes=2)
    first, second = a.find_notes("")
    a.edit_note(first, tags=["Straße"])
    b.edit_note(second, tags=["STRASSE"])
    settle(a, b)
    assert len(a.tag_names()) == len(b.tag_names()) == 1
    assert a.find_notes("tag:Straße") == b.find_notes("tag:Straße")


CONFIG = {
    "addon.text": "ß 日本 'quote' \"",
    "addon.number": 2**60 + 1,
    "addon.negative": -(2**62),
    "addon.float": 0.1,
    "addon.null": None,
    "addon.deep": {"a": [{"b": [[]]}], "": "empty key", "ü": True},
}


@pytest.mark.parametrize("version", VERSIONS)
def test_config_values(new_device, version):
    a, b = two_devices(new_device, version)
    for key, value in CONFIG.items():
        a.set_config(key, value)
    a.touch()
    dump = settle_and_compare(new_device, a, b)
    assert {k: dump["config"].get(k, "missing") for k in CONFIG} == CONFIG

    b.remove_config("addon.text")
    b.set_config("addon.number", 7)
    b.touch()
    # b first: whoever syncs first stays the newer side, and its config wins.
    dump = settle_and_compare(new_device, b, a)
    assert "addon.text" not in dump["config"]
    assert dump["config"]["addon.number"] == 7


def test_newer_side_wins_the_whole_config(new_device):
    a, b = two_devices(new_device, NEWEST)
    a.set_config("who", "a")
    a.touch()
    settle(a)
    b.set_config("who", "b")
    b.set_config("only b", 1)
    b.touch()  # after a's sync, so newer than the server's copy
    dump = settle_and_compare(new_device, b, a)
    assert dump["config"]["who"] == "b"
    assert dump["config"]["only b"] == 1


def test_older_side_takes_the_config(new_device):
    a, b = two_devices(new_device, NEWEST)
    b.set_config("who", "b")
    b.touch()
    a.set_config("who", "a")
    a.touch()
    settle(a)  # the server's copy is now newer than b's
    dump = settle_and_compare(new_device, b, a)
    assert dump["config"]["who"] == "a"


def test_current_deck_follows(new_device):
    a, b = two_devices(new_device, NEWEST)
    did = a.add_deck("Current")
    a.select_deck(did)
    a.touch()
    dump = settle_and_compare(new_device, a, b)
    assert dump["config"]["curDeck"] == did
