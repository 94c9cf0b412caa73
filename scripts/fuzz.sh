#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# Coverage-guided fuzzing of everything in crates/anki that reads bytes from outside, with libFuzzer on the stable toolchain:
#   scripts/fuzz.sh SECONDS [TARGET…]
# Each target (messages, objects, blobs, zip, text, file) runs so long, on one core. Inputs that reached something new are kept in
# target/fuzz/corpus and are where the next run begins; an input that fails is kept in target/fuzz/failed, and its name printed.
# Needs a C++ compiler.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

seconds=${1:?how many seconds for each target?}
shift
targets=("$@")
((${#targets[@]})) || targets=(messages objects blobs zip text file)
command -v c++ >/dev/null || { echo "libFuzzer needs a C++ compiler: install g++" >&2; exit 1; }

dir=${CARGO_TARGET_DIR:-$PWD/target}/fuzz
host=$(rustc -vV | sed -n 's/^host: //p')
# What cargo-fuzz does, without a sanitizer, which only the nightly compiler has. There is little unsafe code to sanitize.
RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Clink-dead-code -Ccodegen-units=1" \
    cargo build --quiet --locked --release --manifest-path fuzz/Cargo.toml --target "$host" --target-dir "$dir"
program=$dir/$host/release/parsers

mkdir -p "$dir/failed"
total=0
for target in "${targets[@]}"; do
    export FUZZ_TARGET=$target
    corpus=$dir/corpus/$target
    if ! [[ -d $corpus ]]; then
        mkdir -p "$corpus"
        FUZZ_SEEDS=$corpus "$program"
    fi
    log=$dir/$target.log
    # One second is an hour for inputs of this size; 600 MB are ten times what they need.
    nice "$program" "$corpus" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1500 -malloc_limit_mb=600 -max_len=65536 \
        -artifact_prefix="$dir/failed/$target-" -print_final_stats=1 >"$log" 2>&1 || { grep -v '^#' "$log" | tail -n 60; exit 1; }
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    total=$((total + runs))
    printf '%-10s %12d inputs, %s at most\n' "$target" "$runs" "$(sed -n 's/^stat::peak_rss_mb: *//p' "$log") MB"
done
printf '%s: %d inputs\n' "$(date -u +%F)" "$total"
