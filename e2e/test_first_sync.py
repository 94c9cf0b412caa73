# SPDX-License-Identifier: AGPL-3.0-or-later
"""First upload and first download, with every client."""

import pytest

from flows import assert_all_same, download_first, settle_and_compare, sync, upload_first
from paths import VERSIONS


@pytest.mark.parametrize("version", VERSIONS)
def test_upload_then_download_gives_the_same_collection(new_device, version):
    a = new_device(version)
    a.add_note(["eins", "one"], tags=["de", "zahl::klein"], deck="Sprachen::Deutsch")
    a.add_note(["日本", "🗾 <b>Japan</b>"], notetype="Basic (and reversed card)")
    a.add_note(["{{c1::a}} and {{c2::b}}", ""], notetype="Cloze")
    a.answer([3, 1, 4])
    upload_first(a)

    b = new_device(version)
    download_first(b)
    dump = assert_all_same(a, b)
    # Guards against comparing nothing with nothing.
    assert [len(dump[t]) for t in ("notes", "cards", "revlog")] == [3, 5, 3]
    assert b.quick_check() == "ok"


@pytest.mark.parametrize("version", VERSIONS)
def test_second_sync_after_upload_does_nothing(new_device, version):
    a = new_device(version)
    a.add_notes(2)
    upload_first(a)
    before = a.stamps()
    assert sync(a) == "nothing"
    assert a.stamps() == before


@pytest.mark.parametrize("version", VERSIONS)
def test_changes_go_both_ways_after_a_download(new_device, version):
    a = new_device(version)
    a.add_notes(2)
    upload_first(a)
    b = new_device(version)
    download_first(b)
    a.add_note(["from a", ""])
    b.add_note(["from b", ""])
    dump = settle_and_compare(new_device, a, b)
    assert len(dump["notes"]) == 4


@pytest.mark.ours("the official server gives every account a collection when it starts")
@pytest.mark.parametrize("version", VERSIONS)
def test_an_account_without_data_that_was_downloaded_takes_what_comes_then(new_device, version):
    """A collection with a deck but no cards, and an account with nothing: the client leaves the choice."""
    a = new_device(version)
    a.add_deck("Soon")
    assert a.sync()["did"] in ("full_upload", "full_download", "conflict", "full_sync"), "there is something to decide"
    a.full_download()
    assert sync(a) == "nothing"
    a.add_note(["eins", "one"])
    upload_first(a)
    b = new_device(version)
    download_first(b)
    assert len(b.dump()["notes"]) == 1
