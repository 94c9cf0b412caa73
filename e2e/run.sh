#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# Installs what is missing and runs the suite; arguments go to pytest.
# With "twins" first, runs twins.py instead.
#   E2E_SERVER=djankiserv (default) or official
#   E2E_PROCESSES=3: so many processes of ours behind a round-robin proxy, on a PostgreSQL
#   that is started for them if E2E_DATABASE_URL names none
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
dir=${DJANKISERV_TEST_DIR:-$(dirname "$here")/target/e2e}
if ((${E2E_PROCESSES:-1} > 1)) && [[ -z ${E2E_DATABASE_URL:-} ]]; then
    if [[ -z ${DJANKISERV_TEST_POSTGRES:-} ]]; then
        DJANKISERV_TEST_ENGINE=postgresql exec "$here/../scripts/private-databases.sh" "$here/run.sh" "$@"
    fi
    export E2E_DATABASE_URL=$DJANKISERV_TEST_POSTGRES
fi
"$here/setup.sh"
cd "$here"
export PYTHONDONTWRITEBYTECODE=1
if [[ ${1:-} == twins ]]; then
    exec "$dir/run/bin/python" twins.py "${@:2}"
fi
exec "$dir/run/bin/python" -m pytest "$@"
