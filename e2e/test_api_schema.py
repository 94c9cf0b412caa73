# SPDX-License-Identifier: AGPL-3.0-or-later
"""The server answers as docs/openapi.json says: schemathesis makes requests from it, right ones and wrong ones.

API_EXAMPLES=200 API_SECONDS=900 makes more requests for each operation."""

import json
import os
import subprocess
import urllib.request

import pytest

from paths import REPO, TEST_DIR
from server import Account, make_server
from test_api_v2 import V2

CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "ignored_auth",
]


@pytest.fixture
def own_server():
    """One whose users nobody else needs, and that answers as many requests as come."""
    server = make_server()
    server.extra_environment = {"DJANKISERV_API_REQUESTS_PER_MINUTE": "0", "DJANKISERV_LOGIN_ATTEMPTS": "1000000"}
    server.start()
    yield server
    damage = server.check()
    server.stop()
    server.remove()
    assert not damage, damage


@pytest.mark.ours("an API")
@pytest.mark.slow_e2e
@pytest.mark.timeout(900)
def test_answers_are_as_described(own_server, tmp_path):
    server = own_server
    server.new_account()
    server.run("createsuperuser", "--username", "boss", "--password-stdin", stdin="correct horse battery\n")
    boss = V2(server, Account("boss", "correct horse battery"))
    with urllib.request.urlopen(server.base + "api/v2/openapi.json", timeout=30) as answer:
        assert json.load(answer) == json.loads((REPO / "docs" / "openapi.json").read_text())
    boss.note("one", tags=["t"])
    boss("PUT", "/collection/config/myKey", 1)
    scopes = ["read", "write", "media", "admin"]
    token = boss("POST", "/tokens", {"name": "schema", "scopes": scopes})["token"]
    command = [
        str(TEST_DIR / "schema" / "bin" / "schemathesis"), "run", str(REPO / "docs" / "openapi.json"),
        "--url", server.base.rstrip("/"), "--header", f"Authorization: Bearer {token}",
        "--checks", ",".join(CHECKS), "--max-examples", os.environ.get("API_EXAMPLES", "8"),
        "--seed", os.environ.get("API_SEED", "1"), "--max-time", os.environ.get("API_SECONDS", "45"), "--no-shrink",
        "--generation-database", "none", "--continue-on-failure", "--request-timeout", "30", "--no-color",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=800)
    assert done.returncode == 0, done.stdout[-30000:] + done.stderr[-3000:]
