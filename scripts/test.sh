#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# All tests, with their set-up. Everything is built in one profile.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/install-deps.sh test
# What the tests below need of the machine should not depend on who runs them.
unset "${!DJANKISERV_MAINDB@}" "${!DJANKISERV_USERDB@}" DJANKISERV_DATA_ROOT DJANKISERV_LISTEN_ADDRESS DJANKISERV_LISTEN_PORT

step() { printf '\n=== %s (%s)\n' "$1" "$(date -u +%H:%M:%S)"; }

step "building"
cargo build --locked --workspace --bins --tests

step "unit, database and program tests, on PostgreSQL"
scripts/private-databases.sh cargo test --locked --workspace

step "the same of what needs a database, on MariaDB"
DJANKISERV_TEST_ENGINE=mysql scripts/private-databases.sh cargo test --locked --test it --test proof

step "killing processes and databases, and full disks, on MariaDB"
DJANKISERV_TEST_ENGINE=mysql cargo test --locked -p djankiserv --test kill

step "accounts on PostgreSQL, collections on MariaDB"
DJANKISERV_TEST_ENGINE=mixed scripts/private-databases.sh cargo test --locked -p djankiserv --test it

export DJANKISERV_BIN=${CARGO_TARGET_DIR:-$PWD/target}/debug/djankiserv
step "packaging"
scripts/test-packaging.sh

step "real clients"
E2E_SERVER=djankiserv e2e/run.sh

step "an installation of the original, and machines that share only a bucket, on both databases"
scripts/private-databases.sh e2e/run.sh test_from_original.py test_media_bucket.py
DJANKISERV_TEST_ENGINE=mysql scripts/private-databases.sh e2e/run.sh test_from_original.py test_media_bucket.py

step "real clients on MariaDB (those that depend on the database; all of them in make test-long)"
DJANKISERV_TEST_ENGINE=mysql scripts/private-databases.sh scripts/e2e-on-mariadb.sh \
    test_first_sync.py test_uploads.py test_media.py test_conflicts.py test_many_changes.py

step "real clients, three processes behind a proxy"
# What could depend on a process; test-long.sh runs all of it.
DJANKISERV_BIN=${CARGO_TARGET_DIR:-$PWD/target}/debug/djankiserv E2E_SERVER=djankiserv E2E_PROCESSES=3 e2e/run.sh \
    test_several_processes.py test_sessions.py test_parallel.py test_restart.py test_media.py test_uploads.py test_conflicts.py
E2E_PROCESSES=2 e2e/run.sh test_acme.py -k two_processes

step "real clients, three processes, on MariaDB"
# Kills at each request of a sync, and many at once. All of it in make test-long.
E2E_PROCESSES=3 DJANKISERV_TEST_ENGINE=mysql scripts/private-databases.sh scripts/e2e-on-mariadb.sh \
    test_several_processes.py test_parallel.py -k "killed or requests_go or parallel"

step "all tests passed"
