# SPDX-License-Identifier: AGPL-3.0-or-later
"""When a one-way sync is asked for, in which direction, and what it does."""

import pytest

from device import ClientError
from flows import assert_all_same, download_first, settle, settle_and_compare, sync, two_devices, upload_first
from paths import LEGACY, NEWEST, VERSIONS


@pytest.mark.parametrize("version", VERSIONS)
def test_empty_account_and_fresh_client_have_nothing_to_do(new_device, version):
    a = new_device(version)
    assert sync(a) == "nothing"
    assert sync(a) == "nothing"


@pytest.mark.parametrize("version", VERSIONS)
def test_collection_without_cards_can_be_uploaded(new_device, version):
    """Decks and settings but no card: the first sync has a direction all the
    same, and the decks arrive."""
    a = new_device(version)
    a.add_deck("Only a deck")
    did = a.sync()["did"]
    assert did in ("full_upload", "full_sync")
    a.full_upload()
    assert sync(a) == "nothing"
    b = new_device(version)
    # Both sides count as empty now, so the client may go either way.
    assert b.sync()["did"] in ("full_download", "full_sync", "full_upload")
    b.full_download()
    assert sync(b) == "nothing"
    assert "Only a deck" in b.deck_names()
    assert_all_same(a, b)


@pytest.mark.parametrize("version", VERSIONS)
def test_both_sides_have_cards(new_device, version):
    a = new_device(version)
    a.add_note(["a", ""])
    upload_first(a)
    b = new_device(version)
    b.add_note(["b", ""])
    assert b.sync()["did"] == "full_sync", "the user must be asked"
    # Nothing happened by asking.
    assert sync(a) == "nothing"
    b.full_upload()
    assert sync(b) == "nothing"
    # The other device has cards as well; it must take the new state by choice.
    assert a.sync()["did"] == "full_sync"
    a.full_download()
    dump = settle_and_compare(new_device, a, b)
    assert [row[6] for row in dump["notes"]] == ["b\x1f"]


@pytest.mark.parametrize("version", VERSIONS)
def test_schema_change_needs_a_one_way_sync(new_device, version):
    a, b = two_devices(new_device, version, notes=2)
    a.add_field("Basic", "Extra")
    assert a.sync()["did"] == "full_sync"
    a.full_upload()
    assert sync(a) == "nothing"
    assert b.sync()["did"] == "full_sync"
    b.full_download()
    dump = settle_and_compare(new_device, a, b)
    assert [row[6].count("\x1f") for row in dump["notes"]] == [2, 2]


def test_schema_change_taken_back_by_a_download(new_device):
    a, b = two_devices(new_device, NEWEST, notes=2)
    a.add_field("Basic", "Extra")
    assert a.sync()["did"] == "full_sync"
    a.full_download()
    dump = settle_and_compare(new_device, a, b)
    assert [row[6].count("\x1f") for row in dump["notes"]] == [1, 1]


@pytest.mark.parametrize("action", ["remove notetype", "remove preset", "move sort field"])
def test_other_changes_of_the_schema(new_device, action):
    a, b = two_devices(new_device, NEWEST)
    pid = a.add_preset("going")
    settle(a, b)
    if action == "remove notetype":
        a.remove_notetype("Cloze")
    elif action == "remove preset":
        a.remove_preset(pid)
    else:
        a.update_notetype("Basic", {"sortf": 1})
    assert a.sync()["did"] == "full_sync"
    a.full_upload()
    assert b.sync()["did"] == "full_sync"
    b.full_download()
    dump = settle_and_compare(new_device, a, b)
    if action == "remove notetype":
        assert "Cloze" not in b.notetype_names()
    elif action == "remove preset":
        assert str(pid) not in dump["presets"]
    else:
        assert dump["notes"][0][7] == "back 0"


def test_upload_over_a_smaller_usn(new_device):
    """A new profile's upload takes the server's counters down; devices of the
    old state must notice by the schema stamp and not mix both."""
    a, b = two_devices(new_device, NEWEST)
    for index in range(5):
        a.add_note([f"{index}", ""])
        assert sync(a) == "normal"
    fresh = new_device(NEWEST)
    fresh.add_note(["new life", ""])
    assert fresh.sync()["did"] == "full_sync"
    fresh.full_upload()
    assert b.sync()["did"] == "full_sync"
    b.full_download()
    assert a.sync()["did"] == "full_sync"
    a.full_download()
    dump = settle_and_compare(new_device, a, b, fresh)
    assert len(dump["notes"]) == 1


def test_graves_do_not_survive_an_upload(new_device):
    """What was deleted before an upload and is contained in it, stays."""
    a, b = two_devices(new_device, NEWEST, notes=3)
    b.delete_notes(b.find_notes("")[:2])
    settle(b)
    a.add_field("Basic", "forces a one-way sync")
    assert a.sync()["did"] == "full_sync"
    a.full_upload()
    assert b.sync()["did"] == "full_sync"
    b.full_download()
    dump = settle_and_compare(new_device, a, b)
    assert len(dump["notes"]) == 3


@pytest.mark.parametrize("version", [NEWEST, *LEGACY])
def test_upload_twice_in_a_row(new_device, version):
    a, b = two_devices(new_device, version, notes=2)
    for _ in range(2):
        a.add_note(["more", ""])
        a.full_upload()
        assert sync(a) == "nothing"
    assert b.sync()["did"] == "full_sync"
    b.full_download()
    dump = settle_and_compare(new_device, a, b)
    assert len(dump["notes"]) == 4


def test_schema_11_file_uploaded_by_a_new_client(new_device):
    """An add-on or an old backup can leave a file in the old form."""
    a = new_device(NEWEST)
    did = a.add_deck("Options")
    a.update_deck(did, {"addonKey": 2**53 + 1})
    a.add_note(["old form", ""], deck="Options", tags=["t"])
    before = a.dump()
    a.downgrade_and_close()
    a.open()
    a.login(a.account)
    upload_first(a)
    b = new_device(NEWEST)
    download_first(b)
    dump = assert_all_same(a, b)
    assert dump["decks"][str(did)]["addonKey"] == before["decks"][str(did)]["addonKey"]


def test_accounts_do_not_see_each_other(new_device, server):
    a = new_device(NEWEST)
    a.add_note(["mine", ""])
    upload_first(a)
    stranger = new_device(NEWEST, account=server.new_account())
    assert sync(stranger) == "nothing"
    stranger.add_note(["theirs", ""])
    upload_first(stranger)
    assert a.counts()["notes"] == 1
    dump = settle_and_compare(new_device, a)
    assert dump["notes"][0][6] == "mine\x1f"


def test_download_error_keeps_the_local_collection(new_device):
    """With a wrong key a download is refused before anything is replaced."""
    a, b = two_devices(new_device, NEWEST)
    b.add_note(["unsent", ""])
    b.set_key("0" * 40)
    with pytest.raises(ClientError) as error:
        b.full_download()
    assert error.value.kind == "AUTH"
    assert b.counts()["notes"] == 2
