# SPDX-License-Identifier: AGPL-3.0-or-later
"""Where the add-on is, and a server to try it with."""

import sys
from pathlib import Path

import pytest

ADDON = Path(__file__).resolve().parent.parent
sys.path.append(str(ADDON.parent / "e2e"))

from server import Djankiserv  # noqa: E402


@pytest.fixture(scope="session")
def server():
    server = Djankiserv()
    server.start()
    yield server
    server.stop()
    server.remove()


@pytest.fixture(scope="session")
def account(server):
    return server.new_account()
