//! What tools for Anki speak to the add-on AnkiConnect on a desktop, spoken by the server: version 6 of its API, on `/ankiconnect`.
//!
//! Names, shapes and error texts are those of the add-on, as its documentation and its answers show them; docs/ankiconnect.md says
//! action by action what differs. A personal token is the add-on's `key`.

mod actions;
mod args;
mod attachments;
mod cards;
mod context;
mod decks;
mod envelope;
mod failed;
mod fetch;
mod gui;
mod media;
mod misc;
mod model_edits;
mod models;
mod new_notes;
mod note_edits;
mod note_fields;
mod notes;
mod origin;
mod packages;
mod presets;
mod reviews;
mod routes;
mod scheduling;
mod study;

pub use routes::routes;
