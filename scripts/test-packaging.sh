#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# Tests what is in packaging/, charts/ and docs/, and of addon/ what needs no Anki; arguments go to pytest. Needs a built program (cargo build, or DJANKISERV_BIN).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

env=${DJANKISERV_TEST_DIR:-$PWD/target/e2e}/packaging
wanted=$( (echo "$env"; python3 --version; cat packaging/tests/requirements.txt) | sha256sum | cut -d' ' -f1)
if [[ ! -f $env/.stamp || $(<"$env/.stamp") != "$wanted" ]]; then
    rm -rf "$env"
    python3 -m venv "$env"
    "$env/bin/pip" install --quiet --disable-pip-version-check -r packaging/tests/requirements.txt
    echo "$wanted" >"$env/.stamp"
fi
export PYTHONDONTWRITEBYTECODE=1
"$env/bin/ruff" check --quiet --no-cache --config e2e/ruff.toml packaging addon
(($#)) || (cd addon/tests && "$env/bin/python" -m pytest -q test_check.py)
cd packaging/tests
exec "$env/bin/python" -m pytest "$@"
