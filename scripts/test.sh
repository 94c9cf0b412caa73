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

step "unit, database and program tests"
scripts/private-postgres.sh cargo test --locked --workspace

step "real clients"
DJANKISERV_BIN=${CARGO_TARGET_DIR:-$PWD/target}/debug/djankiserv E2E_SERVER=djankiserv e2e/run.sh

step "real clients, three processes behind a proxy"
# What could depend on a process; test-long.sh runs all of it.
DJANKISERV_BIN=${CARGO_TARGET_DIR:-$PWD/target}/debug/djankiserv E2E_SERVER=djankiserv E2E_PROCESSES=3 e2e/run.sh \
    test_several_processes.py test_sessions.py test_parallel.py test_restart.py test_media.py test_uploads.py test_conflicts.py

step "all tests passed"
