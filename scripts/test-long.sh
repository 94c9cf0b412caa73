#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# Everything that `make test` runs, and what takes longer: ignored Rust tests, and the end-to-end suite
# against the official server, which proves the suite. Prints a dated summary.
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
part "ignored Rust tests" scripts/private-postgres.sh cargo test --locked --workspace -- --ignored
part "end-to-end suite against the official server" env E2E_SERVER=official e2e/run.sh

printf '\nLong tests of %s on %s (%s cores), commit %s\n' "$(date -u +'%Y-%m-%d %H:%M UTC')" "$(uname -sm)" "$(nproc)" \
    "$(git describe --always --dirty)"
printf '  %s\n' "${summary[@]}"
exit "$failed"
