//! The server: configuration, commands, and the surfaces that clients talk to.

pub mod config;
