//! The program as a person at a terminal uses it, with its embedded database, and the rules about accounts on a real database.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod accounts;
mod check;
mod embedded;
mod health;
mod support;
mod usage;
mod users;
