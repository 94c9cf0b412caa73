//! The sync protocol of Anki's clients, versions 8 to 11: see the README in this folder.

pub mod download_cache;
pub mod routes;

mod abort;
mod apply;
pub mod before_key;
mod changes;
mod chunk;
mod context;
mod download;
mod error;
mod finish;
mod gate;
mod graves;
pub mod import;
mod incoming;
mod login;
pub mod media;
mod meta;
mod quota;
mod reply;
mod row_ids;
mod sanity;
mod shapes;
mod spool;
mod staging;
mod start;
mod upload;
