# SPDX-License-Identifier: AGPL-3.0-or-later
"""Right and wrong credentials. A client that is told "auth" deletes its login,
so that answer must come exactly when it is meant."""

import pytest

from device import ClientError
from flows import sync
from paths import NEWEST, VERSIONS
from server import Account
from wire import Refused, Wire


@pytest.mark.parametrize("version", VERSIONS)
def test_wrong_password(new_device, account, version):
    a = new_device(version, login=False)
    with pytest.raises(ClientError) as error:
        a.login(Account(account.user, account.password + "x"))
    assert (error.value.type, error.value.kind) == ("SyncError", "AUTH")
    assert a.login(account)
    assert sync(a) == "nothing"


@pytest.mark.parametrize("version", [VERSIONS[0], VERSIONS[-1]])
@pytest.mark.parametrize("user, password", [("nobody", "x"), ("", ""), ("nobody'; --", "ü" * 300)])
def test_unknown_user(new_device, version, user, password):
    a = new_device(version, login=False)
    with pytest.raises(ClientError) as error:
        a.login(Account(user, password))
    assert error.value.kind == "AUTH"


@pytest.mark.parametrize("version", VERSIONS)
def test_unknown_key(new_device, version):
    a = new_device(version)
    a.set_key("no such key")
    with pytest.raises(ClientError) as error:
        a.sync()
    assert error.value.kind == "AUTH"


def test_key_stays_valid_after_another_login(new_device):
    a, b = new_device(NEWEST), new_device(NEWEST)
    assert sync(a) == sync(b) == "nothing"


@pytest.mark.parametrize(
    "path, body", [("sync/meta", {"v": 11, "cv": "x"}), ("sync/download", {"_pad": None}), ("msync/begin", {"v": "x"})]
)
def test_every_kind_of_request_needs_the_key(server, path, body):
    stranger = Wire(server.base, key="0123456789abcdef")
    with pytest.raises(Refused) as refused:
        stranger.json(path, body)
    assert refused.value.status == 403


def test_upload_needs_the_key(server):
    with pytest.raises(Refused) as refused:
        Wire(server.base, key="0123456789abcdef").upload(b"SQLite format 3\0")
    assert refused.value.status == 403
