//! The original djankiserv's data API, below `/djs/dapi/`, and its successor's layout of the same, below `/api/v1/`. Paths, shapes and
//! errors are theirs, down to the texts of Django REST framework, and stay as they are.
//!
//! What the original answered with 500 is a 400 with a reason here, and deleting everything has to be asked for.

mod error;
mod input;
mod notes;
mod objects;
pub mod routes;
mod tokens;
