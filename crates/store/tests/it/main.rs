//! What every engine must do, on a real database: `DJANKISERV_TEST_ENGINE=mysql scripts/private-databases.sh cargo test -p djankiserv-store`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod collection;
mod engine;
mod generations;
mod loading;
mod media;
mod rights;
mod sessions;
mod support;
mod tables;
mod text;
mod tls;
mod tls_server;
