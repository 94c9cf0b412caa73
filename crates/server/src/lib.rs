//! The server: configuration, commands, and the surfaces that clients talk to.

pub mod actions;
pub mod cli;
pub mod clock;
pub mod config;
pub mod embedded;
pub mod logging;
pub mod passwords;
pub mod random;
pub mod app;
pub mod housekeeping;
pub mod http;
pub mod sync;
pub mod media_store;
