//! What is promised, tried for minutes instead of once: many devices with faults, and many hostile inputs.
//!
//! DJANKISERV_PROOF_SECONDS is how long each of them lasts; `make test` leaves it at its default, `make test-long` sets it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each of the programs of tests uses its part")]
mod client;
#[path = "../it/databases.rs"]
#[expect(dead_code, reason = "each of the programs of tests uses its part")]
mod databases;
mod hostile;
mod soak;
#[path = "../it/support.rs"]
#[expect(dead_code, reason = "each of the two programs of tests uses its part")]
mod support;

use std::time::Duration;

/// Shown by `cargo test -- --nocapture`, and when the test fails.
#[expect(clippy::print_stdout, reason = "figures for people")]
pub fn say(text: &str) {
    println!("{text}");
}

/// How long a test goes on: what the environment says, or `default`.
pub fn lasting(default: u64) -> Duration {
    let seconds = std::env::var("DJANKISERV_PROOF_SECONDS").ok().map(|text| text.parse().expect("DJANKISERV_PROOF_SECONDS is a number"));
    Duration::from_secs(seconds.unwrap_or(default))
}
