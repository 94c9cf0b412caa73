# SPDX-License-Identifier: AGPL-3.0-or-later
"""`djankiserv import`: packages of every client, and the folder of the official server."""

import json
import zipfile

import pytest

from compare import assert_same
from device import ClientProcess, Device
from flows import assert_all_same, download_first, settle, upload_first
from paths import NEWEST, VERSIONS, age
from server import Account, Official, cheap_hash
from wire import Wire

pytestmark = pytest.mark.ours("import is a command of djankiserv")


def forms(version):
    return [True] if age(version) < age("2.1.50") else [False, True]


def package_of(new_device, version, path, legacy=False):
    """A package that a client has exported, and the device that did."""
    device = new_device(version, login=False)
    device.generate(notes=200, reviews=1000, media=10)
    device.write_media("ünïcödé 日本🎌.mp3", "sound")
    device.export_package(str(path), legacy)
    return device


@pytest.mark.parametrize("version,legacy", [(v, legacy) for v in VERSIONS for legacy in forms(v)])
def test_packages_of_every_client(new_device, server, account, tmp_path, version, legacy):
    package = tmp_path / "in.colpkg"
    source = package_of(new_device, version, package, legacy)
    said = server.run("import", "colpkg", str(package), account.user, "--dry-run").stdout
    assert "200 notes" in said and "11 media files" in said
    assert new_device(version).sync()["did"] == "nothing", "a dry run changes nothing"
    server.run("import", "colpkg", str(package), account.user)
    fresh = new_device(version)
    download_first(fresh)
    fresh.sync_media()
    wanted, got = source.dump(), fresh.dump()
    for dump in (wanted, got):
        dump["col"]["scm"] = 0
    assert_same(wanted, got, ("source", "server"), None if version == NEWEST else "old")
    assert fresh.media_files() == source.media_files()
    fresh.add_notes(1)
    settle(fresh)


def test_it_replaces_and_can_be_undone(new_device, server, tmp_path):
    package = tmp_path / "in.colpkg"
    package_of(new_device, NEWEST, package)
    device = new_device(NEWEST)
    device.add_notes(3)
    device.write_media("own.txt", "own")
    upload_first(device)
    device.sync_media()
    server.run("import", "colpkg", str(package), device.account.user)
    # The device must be asked, and may choose the server's.
    assert device.sync()["did"] == "full_sync"
    device.full_download()
    device.sync_media()
    assert device.counts()["notes"] == 200
    assert len(device.media_files()) == 12, "those of the package, and its own"
    server.run("collection", "restore", device.account.user, "1")
    assert device.sync()["did"] == "full_sync"
    device.full_download()
    assert device.counts()["notes"] == 3


def broken(tmp_path, new_device):
    package = tmp_path / "good.colpkg"
    package_of(new_device, NEWEST, package)
    good = package.read_bytes()
    yield "junk", b"junk" * 1000
    yield "cut", good[: len(good) // 2]
    with zipfile.ZipFile(package) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for name, change in {
        "no collection": {"collection.anki21b": None},
        "collection is junk": {"collection.anki21b": b"junk"},
        "list is junk": {"media": b"\x28\xb5\x2f\xfd junk"},
        "form of the future": {"meta": b"\x08\x09"},
    }.items():
        path = tmp_path / "changed.colpkg"
        with zipfile.ZipFile(path, "w") as archive:
            for member, content in (members | change).items():
                if content is not None:
                    archive.writestr(member, content)
        yield name, path.read_bytes()


def test_hostile_packages_change_nothing(new_device, server, tmp_path):
    device = new_device(NEWEST)
    device.add_notes(3)
    upload_first(device)
    for name, content in broken(tmp_path, new_device):
        path = tmp_path / "bad.colpkg"
        path.write_bytes(content)
        done = server.run("import", "colpkg", str(path), device.account.user, check=False)
        assert done.returncode == 1 and "\nerror: " in f"\n{done.stderr}" and "panicked" not in done.stderr, (name, done)
        assert device.sync()["did"] == "nothing", name


def test_hostile_names_and_content_are_left_out(new_device, server, account, tmp_path):
    source = tmp_path / "in.colpkg"
    package_of(new_device, NEWEST, source, legacy=True)
    package = tmp_path / "bad.colpkg"
    names = ["../../../../tmp/evil", "a/b.jpg", "", "nul\x00.jpg"]
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(package, "w") as new:
        for member in old.namelist():
            if member != "media" and not member.isdigit():
                new.writestr(member, old.read(member))
        for index, name in enumerate([*names, "good.txt"]):
            new.writestr(str(index), f"content of {name}")
        listed = {str(index): name for index, name in enumerate([*names, "good.txt"])} | {"99": "not there.jpg"}
        new.writestr("media", json.dumps(listed))
    said = server.run("import", "colpkg", str(package), account.user).stdout
    assert said.count("left out") == 5, said
    fresh = new_device(NEWEST)
    download_first(fresh)
    fresh.sync_media()
    assert list(fresh.media_files()) == ["good.txt"]


def test_taking_over_the_official_server(new_server, tmp_path):
    """Devices that were in sync there go on here without a one-way sync, with a login or without."""
    official = Official()
    official.pool = 3
    official.start()
    processes = []
    try:
        devices = []
        for index, version in enumerate([NEWEST, NEWEST, "2.1.56"]):
            account = official.new_account() if index != 1 else devices[0].account
            processes.append(ClientProcess(version, official.base, tmp_path / f"{index}.log"))
            device = Device(processes[-1], tmp_path, official.base)
            device.account = account
            device.login(account)
            devices.append(device)
        a, b, other = devices
        a.generate(notes=200, reviews=1000, media=10)
        a.write_media("gone.txt", "gone")
        upload_first(a)
        a.sync_media()
        download_first(b)
        b.sync_media()
        a.delete_media(["gone.txt"])
        a.sync_media()
        other.add_notes(2)
        upload_first(other)
        official.stop()

        users = tmp_path / "users.txt"
        users.write_text(f"user1:{cheap_hash(Official.password)}\nuser2:a new one\n")
        arguments = ("import", "anki-sync-server", str(official.folder / "data"), "--users", str(users), "--keep-logins")
        take_over(new_server, arguments, a, b)
        assert Wire(new_server.base, Account("user2", "a new one")).meta()["empty"] is False
        assert not new_server.check()
    finally:
        for process in processes:
            process.stop()
        official.stop()
        official.remove()


def take_over(server, arguments, a, b):
    said = server.run(*arguments, "--dry-run").stdout
    assert "user1: would be taken over: 200 notes" in said, said
    assert a.account.user not in server.run("user", "list").stdout
    said = server.run(*arguments).stdout
    assert "user1: the new password is " in said and "user2: the new" not in said
    assert "user1: taken over: 200 notes" in said and "user2: taken over: 2 notes" in said, said
    again = server.run(*arguments).stdout
    assert "user1: is there already" in again and "user1: media is there already" in again, again
    # Where the server is found now, and nothing else.
    for device in (a, b):
        device.set_endpoint(server.base)
    # At most a normal sync: the official server marks a collection as changed when it serves it.
    settle(a, b)
    a.edit_note(a.find_notes("")[7], ["changed here", "x"])
    a.write_media("new.txt", "new")
    a.sync_media()
    b.sync_media()
    assert a.media_files() == b.media_files() and "gone.txt" not in b.media_files() and len(b.media_files()) == 11
    settle(a, b)
    assert_all_same(a, b)
    assert b.find_notes("changed")
    answer = server.run("import", "anki-sync-server", arguments[2]).stdout
    assert "user1: is there already" in answer
