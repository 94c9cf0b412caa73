# SPDX-License-Identifier: AGPL-3.0-or-later
"""The forms of address that users type."""

import time
import urllib.request

import pytest

from flows import sync
from paths import NEWEST
from wire import post


def test_without_a_final_slash(new_device, server):
    device = new_device(NEWEST, endpoint=server.base.rstrip("/"))
    assert sync(device) == "nothing"


@pytest.mark.ours("the routes of the old djankiserv stay")
@pytest.mark.parametrize("path", ["djs/", "djs//", "/"])
def test_below_a_path(new_device, server, path):
    device = new_device(NEWEST, endpoint=server.base + path)
    assert sync(device) == "nothing"
    device.write_media("x.txt", "x")
    device.sync_media()
    other = new_device(NEWEST)
    other.sync_media()
    assert set(other.media_files()) == {"x.txt"}


@pytest.mark.ours("a start page instead of an error")
def test_root_greets_a_browser(server):
    # As a browser does it: with the redirect to where the person has to go.
    with urllib.request.urlopen(server.base, timeout=30) as answer:
        assert answer.status == 200 and answer.url == f"{server.base}login/" and b"djankiserv" in answer.read()


@pytest.mark.ours("readiness is another question than being alive")
def test_health(server):
    assert post(server.base, "health/ready", b"", {}, method="GET")[0] == 200


def test_clock_of_the_server(wire):
    """Clients refuse to sync when it is more than five minutes off."""
    assert abs(wire.meta()["ts"] - time.time()) < 5
