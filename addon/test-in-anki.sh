#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# Tests the add-on inside real desktop programs without a screen; arguments go to pytest. Needs a built server (cargo build, or DJANKISERV_BIN).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export DJANKISERV_TEST_DIR=${DJANKISERV_TEST_DIR:-$PWD/target/e2e}
# The environment with pytest.
scripts/test-packaging.sh --collect-only -q >/dev/null
for file in addon/tests/clients/*.txt; do
    env=$DJANKISERV_TEST_DIR/aqt-$(basename "$file" .txt)
    wanted=$( (echo "$env"; python3 --version; cat "$file") | sha256sum | cut -d' ' -f1)
    [[ -f $env/.stamp && $(<"$env/.stamp") == "$wanted" ]] && continue
    rm -rf "$env"
    python3 -m venv "$env"
    "$env/bin/pip" install --quiet --disable-pip-version-check -r "$file"
    echo "$wanted" >"$env/.stamp"
done
export PYTHONDONTWRITEBYTECODE=1
cd addon/tests
exec "$DJANKISERV_TEST_DIR/packaging/bin/python" -m pytest test_in_anki.py "$@"
