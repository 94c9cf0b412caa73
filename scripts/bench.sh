#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# Measures the release build beside the official server; arguments go to bench/run.py, or after --api to bench/api.py.
#   BENCH_QUICK=1               a few minutes, on the smaller collection
#   BENCH_ENGINE=postgresql     or mysql; see bench/README.md
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/install-deps.sh test
cargo build --release --locked --bin djankiserv --example load
e2e/setup.sh
export PYTHONDONTWRITEBYTECODE=1
script=run
if [[ ${1:-} == --api ]]; then
    script=api
    shift
fi
exec "${DJANKISERV_TEST_DIR:-target/e2e}/run/bin/python" "bench/$script.py" "$@"
