#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# Everything that `make test` runs, and what takes longer: ignored Rust tests, killing at random moments (KILL_SECONDS for each
# test, 600, on each engine), two hundred accounts and hostile input (PROOF_SECONDS for each test, 300), fuzzing (FUZZ_SECONDS for each
# parser, 300), random operations compared with the official server (TWINS_MINUTES, 30), the end-to-end suite on two and three processes, on
# MariaDB (one process, and three), and against the official server, which proves the suite. Prints a dated summary.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

summary=()
failed=0

part() {
    local name=$1 start=$SECONDS result=passed
    shift
    printf '\n##### %s\n' "$name"
    "$@" || { result=FAILED; failed=1; }
    summary+=("$(printf '%-60s %-7s %5d s' "$name" "$result" $((SECONDS - start)))")
}

part "make test" scripts/test.sh
part "ignored Rust tests" scripts/private-databases.sh cargo test --locked --workspace -- --ignored
for engine in postgresql mysql; do
    part "killing for ten minutes each, $engine" \
        env DJANKISERV_TEST_ENGINE=$engine DJANKISERV_PROOF_SECONDS="${KILL_SECONDS:-600}" \
        cargo test --locked -p djankiserv --test kill -- --nocapture
done
# As many cases as fit; those of another day are other ones. A failure names its seed.
part "the same as the official server, half an hour of cases" \
    env DJANKISERV_BIN="${CARGO_TARGET_DIR:-$PWD/target}/debug/djankiserv" \
    e2e/run.sh twins --keep-going --minutes "${TWINS_MINUTES:-30}" --seeds "$(date -u +%Y%m%d)0000" --tally
for processes in 2 3; do
    part "end-to-end suite on $processes processes" \
        env DJANKISERV_BIN="${CARGO_TARGET_DIR:-$PWD/target}/debug/djankiserv" E2E_PROCESSES=$processes e2e/run.sh
done
part "the server's tests, accounts on MariaDB, collections on PostgreSQL" \
    env DJANKISERV_TEST_ENGINE=mixed-reverse scripts/private-databases.sh cargo test --locked -p djankiserv --test it
part "end-to-end suite on MariaDB" \
    env DJANKISERV_BIN="${CARGO_TARGET_DIR:-$PWD/target}/debug/djankiserv" DJANKISERV_TEST_ENGINE=mysql \
    scripts/private-databases.sh scripts/e2e-on-mariadb.sh
part "end-to-end suite on three processes, on MariaDB" \
    env DJANKISERV_BIN="${CARGO_TARGET_DIR:-$PWD/target}/debug/djankiserv" DJANKISERV_TEST_ENGINE=mysql E2E_PROCESSES=3 \
    scripts/private-databases.sh scripts/e2e-on-mariadb.sh
part "many accounts with faults, and hostile input" \
    env DJANKISERV_PROOF_SECONDS="${PROOF_SECONDS:-300}" scripts/private-databases.sh \
    cargo test --locked -p djankiserv --test proof -- --test-threads 1 --nocapture
part "the add-on inside real desktop programs" \
    env DJANKISERV_BIN="${CARGO_TARGET_DIR:-$PWD/target}/debug/djankiserv" addon/test-in-anki.sh
part "coverage-guided fuzzing" scripts/fuzz.sh "${FUZZ_SECONDS:-300}"
part "end-to-end suite against the official server" env E2E_SERVER=official e2e/run.sh

printf '\nLong tests of %s on %s (%s cores), commit %s\n' "$(date -u +'%Y-%m-%d %H:%M UTC')" "$(uname -sm)" "$(nproc)" \
    "$(git describe --always --dirty)"
printf '  %s\n' "${summary[@]}"
exit "$failed"
