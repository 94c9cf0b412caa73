# SPDX-License-Identifier: AGPL-3.0-or-later
"""The examples in docs/api.md do what they say."""

import os
import re
import subprocess
import sys

import pytest

from paths import REPO
from test_api_notes import Api

RUN = {"sh": ["bash", "-euc"], "python": [sys.executable, "-c"], "javascript": ["node", "-e"]}
EXAMPLES = re.findall(r"```(\w+)(?: tested)?\n(.*?)```", (REPO / "docs" / "api.md").read_text(), re.S)


@pytest.mark.parametrize(("language", "code"), EXAMPLES, ids=[language for language, _ in EXAMPLES])
def test_example(server, account, language, code):
    api = Api(server, account)
    made = api("POST", "/api/v2/tokens", {"name": "docs", "scopes": ["read", "write"]})
    environment = {**os.environ, "DJANKISERV": server.base.rstrip("/"), "TOKEN": made["token"]}
    done = subprocess.run([*RUN[language], code], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr + done.stdout
    wanted = {"sh": '"cards":[', "python": "'tags': []", "javascript": "From JavaScript 0"}
    assert wanted[language] in done.stdout


def test_all_three_languages_are_shown():
    assert sorted(language for language, _ in EXAMPLES) == sorted(RUN)
