//! What djankiserv persists. The only crate that contains SQL.
//!
//! [`main`] is the main database: accounts, host keys, sessions. [`user`] is the user database: one small shared set of tables
//! (which generation of a collection is current, running syncs, media) and, in [`collection`], one schema per collection.

pub mod collection;
pub mod engine;
mod error;
pub mod main;
pub mod migrations;
pub mod user;

pub use error::{Result, StoreError};
