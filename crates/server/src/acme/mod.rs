//! Certificates by ACME (RFC 8555): gotten by the server itself and renewed in time.
//!
//! All that it takes is in the main database, so several processes share a certificate. One of them orders it, by the lease `acme` in the
//! table `duties`; any of them answers the authority; all of them look every few seconds whether there is a new one.

mod http;
mod order;
mod problem;
mod schedule;

pub use http::read_roots;
pub use schedule::{Acme, DUTY, renew_at, wait_after};
