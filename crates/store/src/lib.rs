//! What djankiserv persists. The only crate that contains SQL.
//!
//! [`main_db`] is the main database: accounts, host keys, sessions. [`user_db`] is the user database: one small shared set of tables
//! (which generation of a collection is current, running syncs, media) and, in [`collection`], one schema per collection.

pub mod about;
pub mod collection;
pub mod django;
pub mod engine;
mod error;
pub mod main_db;
pub mod migrations;
pub mod repeat;
pub mod turns;
pub mod user_db;

pub use error::{Result, StoreError};
