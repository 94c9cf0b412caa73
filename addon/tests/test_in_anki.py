# SPDX-License-Identifier: AGPL-3.0-or-later
"""The add-on inside real desktop programs without a screen, those with a setting
of their own for the server and those without."""

import json
import os
import subprocess
import sys

import pytest
from conftest import ADDON
from paths import TEST_DIR

HERE = ADDON / "tests"
VERSIONS = sorted(path.stem for path in (HERE / "clients").glob("*.txt"))
WITHOUT_SETTING = ["2.1.49", "2.1.56"]
# Qt 5 wants OpenGL, which there is on no screen but a virtual one.
ON_SCREEN = ["2.1.49"]


class Anki:
    def __init__(self, version, folder):
        self.version = version
        self.folder = folder
        self.base = folder / "base"
        self.built_in = version not in WITHOUT_SETTING
        package = subprocess.run(
            [sys.executable, ADDON / "build.py", folder], text=True, capture_output=True, check=True
        )
        self.package = package.stdout.strip()

    def run(self, step, profile="", **given):
        """Starts the program, lets it do one step, and ends it."""
        result = self.folder / "result.json"
        result.unlink(missing_ok=True)
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("SYNC_", "PYTHON"))}
        environment |= {
            "QT_QPA_PLATFORM": "offscreen",
            "QTWEBENGINE_DISABLE_SANDBOX": "1",
            "QTWEBENGINE_CHROMIUM_FLAGS": "--no-sandbox --disable-gpu",
            "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "python",
            "ANKI_SINGLE_INSTANCE_KEY": f"test-{os.getpid()}",
            "XDG_RUNTIME_DIR": str(self.folder),
        }
        program = [TEST_DIR / f"aqt-{self.version}/bin/python"]
        if self.version in ON_SCREEN:
            del environment["QT_QPA_PLATFORM"]
            program = ["xvfb-run", "--auto-servernum", "--server-args=-screen 0 1024x768x24", *program]
        done = subprocess.run(
            [*program, HERE / "drive.py", step, self.base, profile, json.dumps(given), result],
            env=environment,
            text=True,
            capture_output=True,
            timeout=120,
        )
        assert result.exists(), f"{done.stdout[-3000:]}{done.stderr[-3000:]}"
        return json.loads(result.read_text())


@pytest.fixture(scope="module", params=VERSIONS)
def anki(request, tmp_path_factory):
    anki = Anki(request.param, tmp_path_factory.mktemp(request.param))
    assert anki.run("install", file=anki.package) == {"result": "InstallOk"}
    return anki


def test_servers_are_per_profile(anki, server, account):
    first = anki.run("look", "User 1")
    assert first["address"] == "" and first["environment"]["SYNC_ENDPOINT"] is None
    assert "Sync server…" in first["menu"]
    assert first["built_in"] == anki.built_in
    # With a /sync/ that does not belong there, as people type it.
    saved = anki.run("save", "User 1", address=server.base + "sync/", user=account.user, password=account.password)
    assert saved["key"] and not saved["was_logged_in"], "a key of another server"
    # After a new start it is still there, and the other profile has none.
    again = anki.run("look", "User 1")
    assert again["address"] == server.base
    wanted = None if anki.built_in else server.base + "sync/"
    assert again["environment"]["SYNC_ENDPOINT"] == wanted
    other = anki.run("look", "Second")
    assert other["profile"] == "Second" and other["address"] == ""
    assert set(other["environment"].values()) == {None}


def test_dialog_explains(anki, server, account):
    user, password = account.user, account.password
    said = anki.run(
        "check",
        "User 1",
        typed=[
            {"address": server.base, "user": user, "password": password},
            {"address": server.base, "user": user, "password": "wrong"},
            {"address": "http://127.0.0.1:1/"},
            {"address": "https://sync.ankiweb.net/"},
        ],
    )
    assert [finding[0] for finding in said[0]] == ["good", "good"], said[0]
    assert "password" in said[1][-1][1] and said[1][-1][0] == "bad"
    assert "Nobody listens" in said[2][-1][1]
    assert "AnkiWeb" in said[3][-1][1]
