//! What every engine must do, on a real database. `make test` sets DJANKISERV_TEST_POSTGRES.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod collection;
mod engine;
mod media;
mod sessions;
mod support;
