#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# The tests with real clients, on the MariaDB that is running beside; arguments go to pytest:
#   DJANKISERV_TEST_ENGINE=mysql scripts/private-databases.sh scripts/e2e-on-mariadb.sh test_media.py
set -euo pipefail
E2E_SERVER=djankiserv E2E_DATABASE_URL=${DJANKISERV_TEST_MYSQL:?start this by scripts/private-databases.sh} \
    exec "$(dirname "${BASH_SOURCE[0]}")/../e2e/run.sh" "$@"
