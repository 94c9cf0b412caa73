# SPDX-License-Identifier: AGPL-3.0-or-later
"""Taking over an installation of the original djankiserv, which a real old client has filled.

Needs a database server for the original: run it below scripts/private-databases.sh, which names one in DJANKISERV_TEST_POSTGRES or
DJANKISERV_TEST_MYSQL (both with DJANKISERV_TEST_ENGINE=mixed).
"""

import os

import pytest

from device import Device
from flows import download_first, settle
from old_server import OldDjankiserv
from paths import NEWEST

ADMINS = {name: os.environ[name] for name in ("DJANKISERV_TEST_POSTGRES", "DJANKISERV_TEST_MYSQL") if os.environ.get(name)}
pytestmark = [
    pytest.mark.ours("import is a command of djankiserv"),
    pytest.mark.skipif(not ADMINS, reason="needs a database server: scripts/private-databases.sh e2e/run.sh test_from_original.py"),
]
OLD = "2.1.49"


@pytest.fixture(params=sorted(ADMINS))
def old_server(request):
    server = OldDjankiserv(ADMINS[request.param])
    yield server
    server.stop()
    server.remove()


def test_a_device_goes_on(old_server, new_server, start_client, tmp_path):
    ann = old_server.new_account("ann")
    old_server.new_account("boss", superuser=True)
    old_server.manage("from django.contrib.auth.models import User; User.objects.filter(username='boss').update(is_active=False)")
    old_server.new_account("nobody")
    old_server.start()
    process = start_client(old_server, OLD)
    device = Device(process, tmp_path, old_server.base)
    key = device.login(ann)
    # The original takes no emoji on MariaDB, and more makes it slow.
    device.add_notes(200)
    device.write_many_media(8)
    device.write_media("ünïcödé.txt", "text")
    device.write_media("gone.txt", "gone")
    assert device.sync()["did"] in ("full_sync", "full_upload")
    device.full_upload()
    device.sync_media()
    device.delete_media(["gone.txt"])
    device.sync_media()
    before, files = device.counts(), device.media_files()
    stamps = device.stamps()
    device.close()
    process.stop()
    old_server.stop()

    arguments = ["import", "djankiserv", "--maindb", old_server.database.url, "--old-data-root", str(old_server.media)]
    said = new_server.run(*arguments, "--dry-run").stdout
    assert "ann: would be taken over: 200 notes" in said, said
    assert "9 media files and 1 logged-in devices" in said, said
    assert "ann" not in new_server.run("user", "list").stdout
    said = new_server.run(*arguments).stdout
    assert "ann: taken over: 200 notes" in said and "boss: taken over" in said, said
    assert "ann: is there already" in new_server.run(*arguments).stdout
    users = {line.split()[0]: line for line in new_server.run("user", "list").stdout.splitlines()}
    assert "disabled" in users["boss"], users

    # The same device with the same key, told nothing but the new address.
    process = start_client(new_server, OLD)
    device = Device.__new__(Device)
    device.id, device.process, device.version, device.base = "again", process, OLD, new_server.base
    device.path = str(tmp_path / "dev1" / "collection.anki2")
    device.path = next(str(path) for path in tmp_path.glob("dev*/collection.anki2"))
    process.call(device.id, "new", {"path": device.path})
    device.open()
    assert device.stamps()["scm"] == stamps["scm"]
    process.call(device.id, "login", {"user": "ann", "password": ann.password, "endpoint": new_server.base})
    device.set_key(key)
    settle(device)
    device.add_notes(1)
    settle(device)
    device.sync_media()
    assert device.media_files() == files
    assert device.counts()["notes"] == before["notes"] + 1

    # The password is the old one, and another device gets everything.
    newest = start_client(new_server, NEWEST)
    fresh = Device(newest, tmp_path, new_server.base)
    fresh.login(ann)
    download_first(fresh)
    fresh.sync_media()
    assert fresh.media_files() == files
    assert fresh.counts() == device.counts()
    assert not new_server.check()
