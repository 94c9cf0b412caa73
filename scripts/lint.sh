#!/usr/bin/env bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# Formatting, clippy, and the licences and sources of what we build on. With "--no-deny", without the latter:
# that tool has to be installed, which takes minutes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cargo fmt --all --check
cargo clippy --locked --workspace --all-targets -- -D warnings
if [[ ${1:-} != --no-deny ]]; then
    cargo deny --version >/dev/null 2>&1 || cargo install --locked cargo-deny
    cargo deny --all-features check bans licenses sources
fi
