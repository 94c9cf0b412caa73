# SPDX-License-Identifier: AGPL-3.0-or-later
"""`djankiserv backup` while devices sync, and `restore` after everything is lost, also on the other engine."""

import os
import shutil
import threading
import time
import urllib.request

import pytest

from flows import download_first, settle, upload_first
from paths import NEWEST
from server import Djankiserv, FreshDatabase, free_port
from test_media_bucket import Bucket

pytestmark = pytest.mark.ours("backup is a command of djankiserv")
# The embedded PostgreSQL, and what scripts/private-databases.sh has started.
ENGINES = [name for name in ("", "DJANKISERV_TEST_POSTGRES", "DJANKISERV_TEST_MYSQL") if not name or os.environ.get(name)]


@pytest.fixture
def make(request):
    made = []

    def make(engine="", port=None):
        server = Djankiserv()
        if port:
            server.port, server.base = port, f"http://127.0.0.1:{port}/"
        server.database = FreshDatabase(os.environ[engine]) if engine else None
        server.start()
        made.append(server)
        return server

    yield make
    for server in made:
        server.stop()
        server.remove()


@pytest.mark.parametrize("engine", ENGINES)
def test_everything_is_lost_and_comes_back(make, open_device, tmp_path, engine):
    first = make()
    ann, bob = first.new_account(), first.new_account()
    a, b = open_device(first, ann), open_device(first, bob)
    a.generate(notes=500, reviews=3000, media=30)
    b.add_notes(20)
    b.write_media("ü.txt", "text")
    for device in (a, b):
        upload_first(device)
        device.sync_media()
    backups = tmp_path / "backups"

    # Under load: one device goes on syncing while backups are made.
    end = threading.Event()

    def work():
        while not end.is_set():
            b.add_notes(1)
            settle(b)

    load = threading.Thread(target=work)
    load.start()
    said = first.run("backup", str(backups)).stdout
    assert "2 users, 2 collections, 31 media files, of which 31 were new" in said, said
    end.set()
    load.join()
    a.add_notes(1, "after the first run")
    settle(a)
    said = first.run("backup", str(backups), "--keep", "1").stdout
    assert "31 media files, of which 0 were new" in said and "1 old runs" in said, said
    at_backup = {device: device.counts()["notes"] for device in (a, b)}
    a.add_notes(1, "after the backup")
    settle(a)

    # All is lost: database and data folder.
    first.stop()
    shutil.rmtree(first.folder / "data")
    second = make(engine, first.port)
    said = second.run("restore", str(backups)).stdout
    assert f"{ann.user}: made again: {at_backup[a]} notes" in said, said
    assert not second.check()

    # The devices are still logged in, and each is asked once. The one that was ahead keeps what it has by uploading.
    assert a.sync()["did"] == "full_sync"
    a.full_upload()
    settle(a)
    assert b.sync()["did"] == "full_sync"
    b.full_download()
    settle(b)
    assert b.counts()["notes"] == at_backup[b]
    for device, account in ((a, ann), (b, bob)):
        device.sync_media()
        files = device.media_files()
        fresh = open_device(second, account)
        download_first(fresh)
        fresh.sync_media()
        assert fresh.media_files() == files and files
        assert fresh.counts() == device.counts()
    assert a.find_notes("backup")

    # One user alone, who exists: the collection of the backup takes the place of the present one.
    second.run("restore", str(backups), "--user", ann.user)
    assert a.sync()["did"] == "full_sync"
    a.full_download()
    assert a.counts()["notes"] == at_backup[a]
    settle(b)
    assert not second.check()


def test_what_is_no_backup_is_refused(make, tmp_path):
    server = make()
    other = tmp_path / "other"
    other.mkdir()
    (other / "file").write_text("precious")
    for arguments, reason in [
        (("backup", str(other)), "something else"),
        (("restore", str(other)), "no backup"),
        (("restore", str(tmp_path / "missing")), "no backup"),
    ]:
        done = server.run(*arguments, check=False)
        assert done.returncode == 1 and reason in done.stderr, done
    assert [path.name for path in other.iterdir()] == ["file"]


def wait_for(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return found


def metrics(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        return answer.read().decode()


def test_the_server_makes_backups_in_a_bucket(make, open_device):
    bucket = Bucket()
    keys = {"DJANKISERV_BACKUP_ACCESS_KEY": "key", "DJANKISERV_BACKUP_SECRET_KEY": "secret"}
    place = f"s3://{bucket.name}/backups?endpoint=http://127.0.0.1:{bucket.port}"
    first = make()
    ann = first.new_account()
    a = open_device(first, ann)
    a.generate(notes=200, reviews=500, media=10)
    a.write_media("large.bin", "0123456789abcdef" * (1 << 20))  # larger than one part
    upload_first(a)
    a.sync_media()
    first.stop()

    port = free_port()
    first.extra_environment = keys | {"DJANKISERV_BACKUP_TO": place, "DJANKISERV_METRICS_ADDRESS": f"127.0.0.1:{port}"}
    first.start()
    wait_for(lambda: 'djankiserv_backups_total{outcome="done"} 1' in metrics(port))
    assert "djankiserv_backup_last_success_timestamp_seconds 1" in metrics(port)
    said = first.run("doctor", check=False).stdout
    assert "the last good one ended at" in said, said
    before = bucket.objects()
    said = first.run("backup", place, "--keep", "1").stdout
    assert "11 media files, of which 0 were new" in said and "1 old runs" in said, said
    assert bucket.objects() == before

    first.stop()
    shutil.rmtree(first.folder / "data")
    second = make(port=first.port)
    second.extra_environment = keys
    assert len(second.run("restore", place, "--list").stdout.split()) == 1
    assert f"{ann.user}: made again: 200 notes" in second.run("restore", place).stdout
    assert not second.check()
    fresh = open_device(second, ann)
    download_first(fresh)
    fresh.sync_media()
    assert fresh.media_files() == a.media_files() and len(a.media_files()) == 11
    assert fresh.counts() == a.counts()
    bucket.service.stop()


def test_a_scheduled_backup_that_fails_is_seen(make, tmp_path):
    (tmp_path / "file").write_text("in the way")
    server, port = Djankiserv(), free_port()
    server.extra_environment = {
        "DJANKISERV_BACKUP_TO": str(tmp_path / "file"),
        "DJANKISERV_METRICS_ADDRESS": f"127.0.0.1:{port}",
    }
    server.start()
    try:
        wait_for(lambda: 'djankiserv_backups_total{outcome="failed"} 1' in metrics(port))
        done = server.run("doctor", check=False)
        assert done.returncode == 1 and "has failed" in done.stdout, done
        assert "the backup to" in server.log_tail()
    finally:
        server.stop()
        server.remove()
