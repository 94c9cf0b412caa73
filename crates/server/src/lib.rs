//! The server: configuration, commands, and the surfaces that clients talk to.

pub mod acme;
pub mod actions;
pub mod api;
pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod embedded;
pub mod housekeeping;
pub mod http;
pub mod logging;
pub mod media_store;
pub mod metrics;
pub mod network;
pub mod open_files;
pub mod passwords;
pub mod random;
pub mod recent;
pub mod sync;
pub mod web;
