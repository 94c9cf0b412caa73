#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# Installs what is missing and runs the suite; arguments go to pytest.
# With "twins" first, runs twins.py instead.
#   E2E_SERVER=djankiserv (default) or official
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
dir=${DJANKISERV_TEST_DIR:-$(dirname "$here")/target/e2e}
"$here/setup.sh"
cd "$here"
export PYTHONDONTWRITEBYTECODE=1
if [[ ${1:-} == twins ]]; then
    exec "$dir/run/bin/python" twins.py "${@:2}"
fi
exec "$dir/run/bin/python" -m pytest "$@"
