# SPDX-License-Identifier: AGPL-3.0-or-later
"""Media in a bucket instead of a folder. The service is moto, which speaks S3's protocol and keeps everything in memory."""

import logging
import os
import secrets

import boto3
import pytest
from moto.server import ThreadedMotoServer

from device import ClientError
from paths import MODERN, NEWEST
from server import Djankiserv, FreshDatabase, free_port
from test_media import sync_all

pytestmark = [pytest.mark.ours("media in a bucket"), pytest.mark.slow_e2e]


class Bucket:
    """The service, and one bucket."""

    def __init__(self):
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self.port = free_port()
        self.service = ThreadedMotoServer(ip_address="127.0.0.1", port=self.port, verbose=False)
        self.service.start()
        self.name = f"media-{secrets.token_hex(4)}"
        address = f"http://127.0.0.1:{self.port}"
        keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret", "region_name": "us-east-1"}
        self.client = boto3.client("s3", endpoint_url=address, **keys)
        self.client.create_bucket(Bucket=self.name)

    def keys(self):
        return [thing["Key"] for thing in self.client.list_objects_v2(Bucket=self.name).get("Contents", [])]

    def objects(self):
        """Contents; what else is there says whose they are."""
        return len([key for key in self.keys() if key != "anki/installation"])

    def environment(self, name=None):
        return {
            "DJANKISERV_MEDIA_URL": f"s3://{name or self.name}/anki?endpoint=http://127.0.0.1:{self.port}",
            "DJANKISERV_MEDIA_ACCESS_KEY": "key",
            "DJANKISERV_MEDIA_SECRET_KEY": "secret",
        }


@pytest.fixture(scope="module")
def bucket():
    bucket = Bucket()
    yield bucket
    bucket.service.stop()


@pytest.fixture(scope="module")
def bucket_server(bucket):
    server = Djankiserv()
    server.extra_environment = bucket.environment()
    server.start()
    yield server
    server.stop()
    server.remove()


@pytest.fixture
def devices(bucket_server, new_device):
    account = bucket_server.new_account()

    def make(version):
        device = new_device(version, account=account, endpoint=bucket_server.base)
        device.account = account
        return device

    return make


def try_media(device):
    """A sync of media that may end with the advice to sync again."""
    try:
        device.sync_media()
    except ClientError as error:
        assert "sync again" in str(error) or "Only one copy" in str(error), error


@pytest.mark.parametrize("version", [NEWEST, MODERN[-1]])
def test_both_ways(bucket, bucket_server, devices, version):
    a, b = devices(version), devices(version)
    before = bucket.objects()
    for index in range(30):
        a.write_media(f"file {index} ü.txt", f"content {index}")
    a.write_media("large.bin", "0123456789abcdef" * (1 << 20))  # larger than one part
    files = sync_all(a, b)
    assert len(files) == 31
    assert bucket.objects() == before + 31
    b.write_media("file 3 ü.txt", "another content")
    b.delete_media(["file 4 ü.txt"])
    assert len(sync_all(b, a)) == 30
    assert not (bucket_server.folder / "data" / "media").exists()


def test_content_that_was_lost_is_sent_again(bucket, bucket_server, devices):
    a = devices(NEWEST)
    others = bucket.keys()
    a.write_media("one.txt", "one")
    a.write_media("two.txt", "two")
    a.sync_media()
    lost = next(key for key in bucket.keys() if key not in others)
    bucket.client.delete_object(Bucket=bucket.name, Key=lost)
    b = devices(NEWEST)
    for _ in range(2):
        # The first who asks for it is told to ask again; by then it is forgotten.
        try_media(b)
    # A client compares the number of files only when there is something to send; then it sends what is missing.
    a.write_media("three.txt", "three")
    for _ in range(2):
        try_media(a)
    assert set(sync_all(a, b)) == {"one.txt", "two.txt", "three.txt"}


def test_a_bucket_that_is_not_there_harms_nothing(bucket, bucket_server, devices):
    a = devices(NEWEST)
    a.write_media("kept.txt", "kept")
    a.sync_media()
    bucket_server.stop()
    bucket_server.extra_environment = bucket.environment("no-such-bucket")
    bucket_server.ready_path = "/health"
    bucket_server.start()
    bucket_server.ready_path = "/health/ready"
    assert not bucket_server.is_ready()
    b = devices(NEWEST)
    with pytest.raises(ClientError):
        b.sync_media()
    bucket_server.stop()
    bucket_server.extra_environment = bucket.environment()
    bucket_server.start()
    assert set(sync_all(b, a)) == {"kept.txt"}


def test_a_deleted_user_leaves_nothing(bucket, bucket_server, devices):
    a = devices(NEWEST)
    before = bucket.objects()
    for index in range(5):
        a.write_media(f"{index}.txt", f"{index}")
    a.sync_media()
    assert bucket.objects() == before + 5
    bucket_server.user("delete", a.account.user, "--yes")
    assert bucket.objects() == before


def test_check_finds_nothing(bucket_server):
    assert bucket_server.check() == ""


DATABASES = {
    name: os.environ[name]
    for name in ("E2E_DATABASE_URL", "DJANKISERV_TEST_POSTGRES", "DJANKISERV_TEST_MYSQL")
    if os.environ.get(name)
}


class OtherMachine(Djankiserv):
    """A server with a data folder of its own, and the databases and the bucket of others. Uploads are answered as early as can be."""

    def __init__(self, bucket, database):
        super().__init__()
        self.database = database
        self.extra_environment = bucket.environment() | {"DJANKISERV_SECRET_KEY": "the same secret for all of them, long enough"}

    def command(self):
        return [*super().command(), "--answer-import-after", "0"]

    def remove(self):
        self.database = None
        super().remove()


@pytest.mark.skipif(not DATABASES, reason="needs a database server: scripts/private-databases.sh e2e/run.sh test_media_bucket.py")
@pytest.mark.parametrize("name", sorted(DATABASES))
def test_an_upload_survives_its_machine(new_device, name):
    """It was answered, its rows were being loaded, and the machine is gone with its disk. Another one goes on with the file."""
    bucket = Bucket()
    bucket.client.put_bucket_versioning(Bucket=bucket.name, VersioningConfiguration={"Status": "Enabled"})
    database = FreshDatabase(DATABASES[name])
    first, second = OtherMachine(bucket, database), OtherMachine(bucket, database)
    try:
        first.start()
        account = first.new_account()
        device = new_device(NEWEST, account=account, endpoint=first.base)
        device.generate(notes=2_000, reviews=10_000)
        assert device.sync()["did"] == "full_upload"
        device.full_upload()
        first.kill()
        first.remove()
        # The file is in the bucket until all rows are there. If they were already, back to the moment before.
        seen = bucket.client.list_object_versions(Bucket=bucket.name, Prefix="anki/imports/")
        assert len(seen["Versions"]) == 1, seen
        for marker in seen.get("DeleteMarkers", []):
            bucket.client.delete_object(Bucket=bucket.name, Key=marker["Key"], VersionId=marker["VersionId"])
        database.within("update {schema}.generations set state = 'importing', lease_until = 1 where state in ('current', 'importing')")
        second.start()
        device.set_endpoint(second.base)
        assert device.sync(timeout=60)["did"] == "nothing"
        fresh = new_device(NEWEST, account=account, endpoint=second.base)
        assert fresh.sync()["did"] == "full_download"
        fresh.full_download(timeout=60)
        assert fresh.counts() == device.counts()
        assert not [key for key in bucket.keys() if key.startswith("anki/imports/")]
        assert not second.check()
    finally:
        for server in (first, second):
            server.stop()
            server.remove()
        database.drop()
        bucket.service.stop()
