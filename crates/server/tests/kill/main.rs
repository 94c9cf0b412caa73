//! The promise that nothing is lost, tested by really killing: the program itself, started as a process, over HTTP, with a database of
//! the test's own that writes to the disk as it should.
//!
//! Each test prints its seed and how often it killed. DJANKISERV_PROOF_SEED repeats one; DJANKISERV_PROOF_SECONDS lets each of those that
//! go through random moments go on for so long, and `make test-long` sets it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cluster;
mod deletion;
mod device;
mod full_disk;
mod importing;
mod look;
mod media;
mod process;
mod requests;
mod stopping;
mod transfers;
mod twins;
mod world;

#[path = "../proof/client.rs"]
#[expect(dead_code, reason = "each of the programs of tests uses its part")]
mod client;
#[path = "../it/databases.rs"]
#[expect(dead_code, reason = "each of the programs of tests uses its part")]
mod databases;
#[path = "../it/support.rs"]
#[expect(dead_code, reason = "each of the programs of tests uses its part")]
mod it;

/// What the client is made of: here its requests go over the network.
mod support {
    pub use crate::device::Device;
    pub use crate::it::{BASIC, card_row, note_row, read_all};
}

/// Shown by `cargo test -- --nocapture`, and when the test fails.
#[expect(clippy::print_stdout, reason = "figures for people")]
pub fn say(text: &str) {
    println!("{text}");
}

/// Where random moments come from. Printed, so that a failure can be repeated.
pub fn seeded() -> fastrand::Rng {
    let seed = std::env::var("DJANKISERV_PROOF_SEED").map_or_else(|_| fastrand::u64(..), |text| text.parse().unwrap());
    say(&format!("seed {seed}"));
    fastrand::Rng::with_seed(seed)
}

/// Whether to go through all moments once more: once, or for as long as the environment says.
pub fn goes_on(begun: std::time::Instant, rounds: usize) -> bool {
    let seconds = std::env::var("DJANKISERV_PROOF_SECONDS").map_or(0, |text| text.parse().expect("DJANKISERV_PROOF_SECONDS is a number"));
    rounds == 0 || begun.elapsed().as_secs() < seconds
}
