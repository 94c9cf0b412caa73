# SPDX-License-Identifier: AGPL-3.0-or-later
"""`djankiserv export`: every client opens the files, and finds what is on the server and nothing to repair."""

import zipfile

import pytest

from compare import assert_same
from device import Device
from flows import upload_first
from paths import NEWEST, VERSIONS, age

pytestmark = pytest.mark.ours("export is a command of djankiserv")


def filled_account(new_device, version=NEWEST, notes=300, media=20):
    device = new_device(version)
    device.generate(notes=notes, reviews=5 * notes, media=media)
    device.write_media("ünïcödé ß 日本🎌.mp3", "sound")
    # Larger than what is held in memory.
    device.write_media("large.bin", size=3_000_000)
    upload_first(device)
    device.sync_media()
    return device


def forms(version):
    return [True] if age(version) < age("2.1.50") else [False, True]


@pytest.mark.parametrize("version,legacy", [(v, legacy) for v in VERSIONS for legacy in forms(v)])
def test_clients_open_it(new_device, server, tmp_path, version, legacy):
    source = filled_account(new_device, version)
    package = tmp_path / "out.colpkg"
    server.run("export", "colpkg", source.account.user, str(package), *(["--legacy"] if legacy else []))
    target = new_device(version, login=False)
    target.import_package(str(package))
    wanted, got = source.dump(), target.dump()
    # An import marks the collection as changed, so that the next sync asks for a direction.
    for dump in (wanted, got):
        dump["col"]["scm"] = 0
    assert_same(wanted, got, ("source", "import"), None if version == NEWEST else "old")
    assert target.media_files() == source.media_files()
    text, ok = target.check_database()
    assert ok
    # The first check builds what an import leaves out; what is found then must not have been there.
    before, after = got, target.dump()
    assert len(after["notes"]) == len(before["notes"]) and len(after["cards"]) == len(before["cards"]), text
    assert target.check_database() == [text, ok]
    assert text.strip() == clean_check(new_device, version), text


def clean_check(new_device, version):
    """What the check says of a collection in which nothing is wrong."""
    return new_device(version, login=False).check_database()[0].strip()


def test_an_account_without_data(new_device, server, account, tmp_path):
    package = tmp_path / "empty.colpkg"
    server.run("export", "colpkg", account.user, str(package))
    target = new_device(NEWEST, login=False)
    target.import_package(str(package))
    assert target.dump()["notes"] == [] and len(target.notetype_names()) == 6
    assert target.media_files() == {}


def test_it_is_named_and_never_overwritten(new_device, server, tmp_path):
    source = filled_account(new_device, notes=5, media=0)
    folder = tmp_path / "all"
    server.run("export", "all", str(folder))
    [package] = list(folder.glob(f"{source.account.user}-????-??-??.colpkg"))
    with zipfile.ZipFile(package) as archive:
        assert archive.testzip() is None
        assert archive.namelist()[:3] == ["meta", "collection.anki21b", "collection.anki2"]
    before = package.read_bytes()
    answer = server.run("export", "colpkg", source.account.user, str(package), check=False)
    assert answer.returncode == 1 and "exists already" in answer.stderr
    assert package.read_bytes() == before
    assert sorted(path.suffix for path in folder.iterdir()) == [".colpkg"] * len(list(folder.iterdir()))
