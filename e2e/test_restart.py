# SPDX-License-Identifier: AGPL-3.0-or-later
"""The server process dies without warning and comes back on the same data."""

import pytest

from device import ClientError
from flows import settle_and_compare, sync, two_devices
from paths import NEWEST
from proxy import Proxy
from server import make_server


@pytest.fixture
def own_server():
    """A server of its own: starting over with the accounts of all the other
    tests would take long."""
    server = make_server()
    server.pool = 3
    server.start()
    yield server
    server.stop()
    server.remove()


@pytest.fixture
def through_proxy(own_server):
    proxy = Proxy(own_server.port)
    yield proxy
    proxy.close()


@pytest.fixture
def own_devices(own_server, through_proxy, new_device):
    """Devices that talk to that server through the proxy."""
    account = own_server.new_account()

    def make(version, account=account):
        return new_device(version, account=account, endpoint=through_proxy.base)

    return make


@pytest.mark.slow_e2e
@pytest.mark.timeout(300)
def test_kill_between_requests(own_server, own_devices, through_proxy):
    a, b = two_devices(own_devices, NEWEST, notes=3)
    for number, path in enumerate(["sync/start", "sync/applyChunk", "sync/finish", "sync/meta"]):
        a.add_note([f"during {path}", ""])
        nid = a.find_notes("")[0]
        a.edit_note(nid, [f"edited {number}"])

        def rule(_, seen, path=path):
            if seen == path and own_server.process.poll() is None:
                own_server.kill()
                own_server.restart()

        through_proxy.reset(rule)
        # A server that keeps sessions in memory says no; one that keeps them
        # in its database may go on. Neither may lose or half-store anything.
        try:
            a.sync()
        except ClientError as error:
            assert error.kind != "AUTH"
        through_proxy.reset()
        dump = settle_and_compare(own_devices, a, b)
        assert len(dump["notes"]) == 4 + number


@pytest.mark.slow_e2e
@pytest.mark.timeout(300)
def test_kill_during_media(own_server, own_devices, through_proxy):
    a, b = two_devices(own_devices, NEWEST)
    a.write_many_media(80)
    killed = []

    def rule(_, path):
        if path == "msync/uploadChanges" and not killed:
            killed.append(path)
            own_server.kill()
            own_server.restart()

    through_proxy.reset(rule)
    a.sync_media()
    assert killed
    b.sync_media()
    assert b.media_files() == a.media_files()


@pytest.mark.slow_e2e
def test_orderly_stop_keeps_logins_and_data(own_server, own_devices):
    a, b = two_devices(own_devices, NEWEST)
    a.add_note(["before", ""])
    assert sync(a) == "normal"
    own_server.stop()
    own_server.restart()
    assert sync(a) == "nothing"
    settle_and_compare(own_devices, a, b)
