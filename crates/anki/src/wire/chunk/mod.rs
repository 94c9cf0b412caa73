//! `chunk` and `applyChunk`: notes, cards and reviews as rows.

mod cells;
mod rows;
mod write;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{WireError, from_json};
use crate::model::{Card, Note, Review};
use cells::RowReader;

pub use write::ChunkWriter;

/// Rows that a client sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chunk {
    /// Whether this is the client's last chunk. Nothing depends on it.
    pub done: bool,
    pub reviews: Vec<Review>,
    pub cards: Vec<Card>,
    /// As they are to be stored, but for `sort_field` and `checksum`: tags rejoined, control characters gone from the fields,
    /// flags 0 and data empty. The two derived columns need the notetype, see [`crate::text::fill_derived`].
    pub notes: Vec<Note>,
}

impl Chunk {
    /// Reads the body of `applyChunk`.
    ///
    /// Rows are lists of columns, or objects with the columns as keys. Numbers are taken as leniently as by the official server:
    /// some columns accept fractions, which are cut off, and bend what is out of range.
    ///
    /// # Errors
    /// When there is no `chunk`, or a row has too many columns, too few, or a value that its column does not accept.
    pub fn parse(body: &[u8]) -> Result<Self, WireError> {
        #[derive(Deserialize)]
        struct Request<'a> {
            #[serde(borrow)]
            chunk: Message<'a>,
        }
        #[derive(Deserialize)]
        struct Message<'a> {
            #[serde(default)]
            done: bool,
            #[serde(borrow)]
            revlog: Option<Vec<&'a RawValue>>,
            #[serde(borrow)]
            cards: Option<Vec<&'a RawValue>>,
            #[serde(borrow)]
            notes: Option<Vec<&'a RawValue>>,
        }
        let chunk = from_json::<Request<'_>>("applyChunk", body)?.chunk;
        Ok(Self {
            done: chunk.done,
            reviews: read(&rows::REVIEWS, chunk.revlog, rows::review)?,
            cards: read(&rows::CARDS, chunk.cards, rows::card)?,
            notes: read(&rows::NOTES, chunk.notes, rows::note)?,
        })
    }
}

fn read<'a, T>(
    table: &'static cells::Table,
    rows: Option<Vec<&'a RawValue>>,
    convert: impl Fn(&cells::Row<'_, 'a>) -> Result<T, cells::CellError>,
) -> Result<Vec<T>, WireError> {
    let rows = rows.unwrap_or_default();
    let mut reader = RowReader::new(table);
    let mut values = Vec::with_capacity(rows.len());
    for (index, row) in rows.into_iter().enumerate() {
        let value = reader.read(row.get()).and_then(|row| convert(&row));
        values.push(value.map_err(|error| WireError::Row {
            table: table.name,
            row: index,
            column: error.column,
            problem: error.problem,
        })?);
    }
    Ok(values)
}

#[cfg(test)]
mod tests;
