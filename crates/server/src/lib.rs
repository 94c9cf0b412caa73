//! The server: configuration, commands, and the surfaces that clients talk to.

pub mod clock;
pub mod config;
pub mod embedded;
