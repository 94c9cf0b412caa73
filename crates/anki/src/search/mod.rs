//! Anki's search language: [`parse`] reads a search, [`resolve`] turns it into conditions on rows.
//!
//! Which searches there are and what they find was found out by comparing with a real client; the server's test `searching` goes on doing so.

mod card_data;
mod check;
mod context;
mod error;
mod escape;
mod fields;
mod filter;
mod keyword;
mod linear;
mod parse;
mod pattern;
mod property;
mod resolve;
mod term;
mod timing;
mod view;

pub use card_data::CardData;
pub use check::Candidate;
pub use context::{Context, DeckNames, FieldNames, NotetypeNames};
pub use error::SearchError;
pub use filter::{CardNumber, Check, Filter, Narrow, NarrowColumn, RowFilter, View, What};
pub use parse::parse;
pub use pattern::Like;
pub use resolve::resolve;
pub use term::{Button, Comparison, FieldMode, Node, Property, State, Template, Term, TextMode};
pub use timing::{DayRules, Timing};
