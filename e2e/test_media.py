# SPDX-License-Identifier: AGPL-3.0-or-later
"""Media files: both ways, every client."""

import pytest

from device import ClientError
from flows import upload_first
from paths import LEGACY, NEWEST, VERSIONS


def media_devices(new_device, *versions):
    return [new_device(version) for version in versions]


def sync_all(*devices):
    """Twice around, as in flows.settle; and then all folders are equal."""
    for _ in range(2):
        for device in devices:
            device.sync_media()
    files = [device.media_files() for device in devices]
    for other in files[1:]:
        assert other == files[0]
    return files[0]


NAMES = [
    "plain.txt",
    "with space.jpg",
    "ünïcödé ß.mp3",
    "日本語🎌.png",
    "UPPER.TXT",
    "upper.txt",  # another file than the one above
    "_leading.css",
    "a'b&c;d%20e+f=g#h@i.txt",
    ".hidden",
    "very" + "x" * 105 + ".txt",
    "привет (1) [copy].webp".replace("[", "{").replace("]", "}"),
]


@pytest.mark.parametrize("version", VERSIONS)
def test_add_replace_delete(new_device, version):
    a, b = media_devices(new_device, version, version)
    for name in NAMES:
        a.write_media(name, f"content of {name}")
    files = sync_all(a, b)
    assert set(files) == set(NAMES)

    b.write_media(NAMES[0], "replaced")
    a.write_media("from a.txt", "a")
    b.write_media("from b.txt", "b")
    files = sync_all(a, b)
    assert len(files) == len(NAMES) + 2

    a.delete_media([NAMES[1], NAMES[3]])
    b.delete_media(["from a.txt"])
    files = sync_all(a, b)
    assert len(files) == len(NAMES) - 1
    assert NAMES[3] not in files

    # A deleted name can come back with other content.
    b.write_media(NAMES[3], "second life")
    files = sync_all(b, a)
    assert NAMES[3] in files

    c = new_device(version)
    c.sync_media()
    assert c.media_files() == files


@pytest.mark.parametrize("old", VERSIONS[1:])
def test_between_versions(new_device, old):
    a, b = media_devices(new_device, NEWEST, old)
    a.write_media("from new.txt", "new")
    b.write_media("from old.txt", "old")
    assert len(sync_all(a, b)) == 2
    b.delete_media(["from new.txt"])
    b.write_media("ü from old.txt", "old")
    a.delete_media(["from old.txt"])
    assert set(sync_all(b, a)) == {"ü from old.txt"}


@pytest.mark.parametrize("version", [NEWEST, *LEGACY])
def test_more_than_one_batch(new_device, version):
    """25 files are the most in one request; lists of changes are longer."""
    a, b = media_devices(new_device, version, version)
    a.write_many_media(260)
    assert len(sync_all(a, b)) == 260
    b.delete_media([f"file{index:04}.bin" for index in range(130)])
    assert len(sync_all(b, a)) == 130


@pytest.mark.slow_e2e
def test_more_than_a_thousand_files(new_device):
    """Lists of changes come in pieces of at most 1,000."""
    a, b = media_devices(new_device, NEWEST, NEWEST)
    a.write_many_media(1100, size=50)
    assert len(sync_all(a, b)) == 1100


@pytest.mark.parametrize("version", [NEWEST, LEGACY[-1]])
def test_large_file(new_device, version):
    a, b = media_devices(new_device, version, version)
    a.write_media("film.mp4", size=20_000_000)
    a.write_media("after.txt", "x")
    files = sync_all(a, b)
    assert set(files) == {"film.mp4", "after.txt"}


def test_batch_of_several_megabytes(new_device):
    """Requests stop after 2.5 MiB; the rest must follow by itself."""
    a, b = media_devices(new_device, NEWEST, NEWEST)
    for index in range(8):
        a.write_media(f"big{index}.bin", size=1_000_000, seed=index)
    assert len(sync_all(a, b)) == 8


def test_same_name_on_both_devices(new_device):
    """The server's version wins over a local change, unless it was deleted
    there."""
    a, b = media_devices(new_device, NEWEST, NEWEST)
    a.write_media("clash.txt", "from a")
    b.write_media("clash.txt", "from b")
    a.sync_media()
    winner = a.media_files()
    assert sync_all(b, a) == winner


def test_deleted_here_and_changed_there(new_device):
    a, b = media_devices(new_device, NEWEST, NEWEST)
    a.write_media("clash.txt", "first")
    sync_all(a, b)
    a.delete_media(["clash.txt"])
    b.write_media("clash.txt", "changed")
    a.sync_media()
    assert set(sync_all(b, a)) == {"clash.txt"}


def test_same_content_under_two_names(new_device):
    a, b = media_devices(new_device, NEWEST, NEWEST)
    a.write_media("one.txt", "same")
    a.write_media("two.txt", "same")
    files = sync_all(a, b)
    assert files["one.txt"] == files["two.txt"]
    a.delete_media(["one.txt"])
    assert set(sync_all(a, b)) == {"two.txt"}


def test_accounts_do_not_share_files(new_device, server):
    a = new_device(NEWEST)
    a.write_media("private.txt", "mine")
    a.sync_media()
    stranger = new_device(NEWEST, account=server.new_account())
    stranger.sync_media()
    assert stranger.media_files() == {}


@pytest.mark.parametrize("version", [NEWEST, LEGACY[0]])
def test_wrong_key(new_device, version):
    a = new_device(version)
    a.write_media("x.txt", "x")
    a.set_key("nobody's")
    with pytest.raises(ClientError) as error:
        a.sync_media()
    assert error.value.kind == "AUTH"


@pytest.mark.parametrize("version", [NEWEST, *LEGACY])
def test_full_upload_leaves_media_alone(new_device, version):
    a, b = media_devices(new_device, version, version)
    a.write_media("x.txt", "x")
    sync_all(a, b)
    a.add_notes(1)
    upload_first(a)
    c = new_device(version)
    c.sync_media()
    assert set(c.media_files()) == {"x.txt"}


def test_meta_tells_the_media_counter(new_device, wire):
    """New clients skip the media sync when this number is their own."""
    before = wire.meta()["media_usn"]
    a = new_device(NEWEST)
    a.write_media("x.txt", "x")
    a.write_media("y.txt", "y")
    a.sync_media()
    assert wire.meta()["media_usn"] == before + 2
    a.delete_media(["x.txt"])
    a.sync_media()
    assert wire.meta()["media_usn"] == before + 3
    a.sync_media()
    assert wire.meta()["media_usn"] == before + 3
