//! The server in this process, on a real PostgreSQL, spoken to in raw protocol: what real clients never do, and what they cannot see.
//!
//! `make test` sets DJANKISERV_TEST_POSTGRES; `scripts/private-postgres.sh cargo test` does so by hand.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod breaking;
mod contents;
mod finishing;
mod framing;
mod graves;
mod housekeeping;
mod importing;
mod large;
mod limits;
mod logins;
mod media;
mod meta;
mod objects;
mod outage;
mod outside;
mod refusals;
mod sessions;
mod support;
mod transfers;
mod uploading;
