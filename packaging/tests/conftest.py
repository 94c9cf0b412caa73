# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the tests of packaging share: where things are, and a server of ours
on a private database."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent.parent.parent
# The server under test is started in the same way as for real clients.
sys.path.append(str(REPO / "e2e"))

from server import Djankiserv  # noqa: E402

TOOLS = Path(sys.executable).parent


def run(*command, cwd=REPO, **more):
    """Runs a command; a failure shows all that it said."""
    done = subprocess.run([str(part) for part in command], cwd=cwd, text=True, capture_output=True, **more)
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def binary():
    return Djankiserv().binary()


@pytest.fixture(scope="session")
def server():
    server = Djankiserv()
    server.start()
    yield server
    server.stop()
    server.remove()


def clean_environment():
    """Ours without the settings of whoever runs the tests."""
    return {name: value for name, value in os.environ.items() if not name.startswith("DJANKISERV_")}
