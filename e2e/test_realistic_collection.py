# SPDX-License-Identifier: AGPL-3.0-or-later
"""A generated collection with a bit of everything, through every client."""

import pytest

from flows import download_first, settle, settle_and_compare, upload_first
from paths import NEWEST, VERSIONS


@pytest.mark.parametrize("version", VERSIONS)
def test_upload_download_and_a_normal_sync(new_device, version):
    a = new_device(version)
    a.generate(notes=2000, reviews=10_000, media=60)
    upload_first(a)
    a.sync_media()
    b = new_device(version)
    download_first(b)
    b.sync_media()
    assert len(b.media_files()) == 60
    assert a.media_files() == b.media_files()
    a.answer([1, 3, 3, 4] if version == NEWEST else [], deck="Languages::Deutsch")
    b.edit_note(b.find_notes("")[17], ["changed", "x"], tags=["chapter::03"])
    dump = settle_and_compare(new_device, a, b)
    assert len(dump["notes"]) == 2000


@pytest.mark.parametrize("version", [VERSIONS[0], VERSIONS[-1]])
def test_same_rows_by_normal_sync(new_device, version):
    """Not as a file but row by row: the server has to build all of it."""
    a = new_device(version)
    a.add_notes(1)
    upload_first(a)
    b = new_device(version)
    download_first(b)
    a.generate(notes=2000, reviews=10_000, media=0)
    dump = settle_and_compare(new_device, a, b)
    assert len(dump["revlog"]) == 10_000


def test_database_check_finds_nothing_after_a_download(new_device):
    a = new_device(NEWEST)
    a.generate(notes=500, reviews=2000, media=0)
    before = a.check_database()
    upload_first(a)
    b = new_device(NEWEST)
    download_first(b)
    assert b.check_database() == before
    assert "optimized" in before[0] and "\n" not in before[0].strip()
    settle(b)


def test_sort_field_and_checksum_are_the_clients_own(new_device):
    """The server computes both for notes that arrive in a normal sync; a fresh
    download must agree with what the sending client computed."""
    a = new_device(NEWEST)
    a.add_notes(1)
    upload_first(a)
    texts = [
        "<b>x</b>",
        "a&nbsp;b",
        '<img src="foo bar.jpg">',
        "pre<img src=foo.jpg>post",
        "&lt;i&gt; &amp;",
        "&bogus; &amp;",
        "007",
        "",
        "日本",
        "<!-- hidden --> shown",
        "<style>p{}</style>text<script>x</script>",
        "[sound:a.mp3]",
        "{{c1::cloze::hint}}",
        "<div>one</div><div>two</div>",
        "  spaces  ",
        "1.50",
        "-3",
        "0x10",
        "1e3",
        "12345678901234567890",
        "&#65;&#x42;&eacute;",
        "<object data='o.swf'></object>",
        "<IMG SRC='UP.JPG'>",
        "<video src=v.mp4>",
        "a<br>b",
        "İstanbul ß",
        "\u00a0nbsp",
    ]
    for text in texts:
        a.add_note([text, "second"])
    a.update_notetype("Basic", {"css": "/* touched */"})
    settle_and_compare(new_device, a)
