//! The messages of the sync protocol, one file per step. JSON in, values out, and back; no HTTP.
//!
//! Clients are many and old, so reading is lenient wherever that is harmless: unknown keys are ignored, a method without
//! arguments takes any body. What can not be understood is an error that says where in the message it is; such a message is
//! answered with 400.

pub mod changes;
pub mod chunk;
pub mod client;
pub mod finish;
pub mod graves;
pub mod header;
pub mod login;
pub mod media;

pub mod meta;
pub mod sanity;
pub mod start;
pub mod version;

mod error;

pub use error::WireError;

use serde::Deserialize;
use serde::Serialize;

/// The answer of methods that have nothing to say. It is these four characters and never an empty body, which old clients cannot
/// parse.
pub const NULL: &[u8] = b"null";

/// Reads a whole body as JSON. `message` names it in errors.
fn from_json<'a, T: Deserialize<'a>>(message: &'static str, body: &'a [u8]) -> Result<T, WireError> {
    serde_json::from_slice(body).map_err(|error| WireError::json(message, &error))
}

/// Writes a value that cannot fail to become JSON: maps have string keys and there are no foreign `Serialize` implementations.
fn to_json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_else(|_| NULL.to_vec())
}
