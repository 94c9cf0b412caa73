//! Reading single values of rows, whatever they turn out to be.

use rusqlite::{Row, types::ValueRef};

use super::Repairs;
use crate::model::Usn;

/// The values of one row, with an account of what had to be put right.
pub(super) struct Cells<'a, 'row> {
    pub(super) row: &'a Row<'row>,
    pub(super) repairs: &'a mut Repairs,
    /// The collection's usn, which stands in for the mark of unsent changes.
    pub(super) usn: Usn,
}

impl Cells<'_, '_> {
    /// An integer. Reals lose their fraction, texts are parsed, everything else is 0.
    pub(super) fn integer(&mut self, column: usize) -> rusqlite::Result<i64> {
        let value = self.row.get_ref(column)?;
        if let ValueRef::Integer(number) = value {
            return Ok(number);
        }
        self.repairs.numbers += 1;
        Ok(to_integer(value))
    }

    /// An update sequence number. Negative ones mark unsent changes and become the collection's.
    pub(super) fn usn(&mut self, column: usize) -> rusqlite::Result<Usn> {
        let number = self.integer(column)?;
        Ok(checked_usn(number, self.usn, self.repairs))
    }

    /// A text, written over `buffer`.
    pub(super) fn text(&mut self, column: usize, buffer: &mut String) -> rusqlite::Result<()> {
        buffer.clear();
        match self.row.get_ref(column)? {
            ValueRef::Text(bytes) => {
                if let Ok(text) = std::str::from_utf8(bytes) {
                    buffer.push_str(text);
                } else {
                    self.repairs.texts += 1;
                    buffer.push_str(&String::from_utf8_lossy(bytes));
                }
            }
            other => {
                self.repairs.texts += 1;
                match other {
                    ValueRef::Integer(number) => buffer.push_str(&number.to_string()),
                    ValueRef::Real(number) => buffer.push_str(&number.to_string()),
                    ValueRef::Blob(bytes) => buffer.push_str(&String::from_utf8_lossy(bytes)),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// The bytes of a blob or a text; none of anything else.
    pub(super) fn bytes(&mut self, column: usize) -> rusqlite::Result<Vec<u8>> {
        Ok(match self.row.get_ref(column)? {
            ValueRef::Blob(bytes) | ValueRef::Text(bytes) => bytes.to_vec(),
            _ => Vec::new(),
        })
    }
}

/// The number to store for a usn found in a file.
pub(super) fn checked_usn(number: i64, collection: Usn, repairs: &mut Repairs) -> Usn {
    match Usn::try_from(number) {
        Ok(usn) if usn >= 0 => usn,
        _ => {
            repairs.usns += 1;
            collection
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the conversion saturates")]
fn to_integer(value: ValueRef<'_>) -> i64 {
    match value {
        ValueRef::Integer(number) => number,
        ValueRef::Real(number) => number as i64,
        ValueRef::Text(text) => {
            let text = std::str::from_utf8(text).unwrap_or_default().trim();
            text.parse().unwrap_or_else(|_| text.parse().map_or(0, |number: f64| number as i64))
        }
        ValueRef::Null | ValueRef::Blob(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_from_anything() {
        let cases = [
            (ValueRef::Integer(-7), -7),
            (ValueRef::Real(3.9), 3),
            (ValueRef::Real(-3.9), -3),
            (ValueRef::Real(1e300), i64::MAX),
            (ValueRef::Real(f64::NAN), 0),
            (ValueRef::Text(b" 12 "), 12),
            (ValueRef::Text(b"12.7"), 12),
            (ValueRef::Text(b"x"), 0),
            (ValueRef::Text(b"\xff"), 0),
            (ValueRef::Blob(b"5"), 0),
            (ValueRef::Null, 0),
        ];
        for (value, expected) in cases {
            assert_eq!(to_integer(value), expected, "{value:?}");
        }
    }

    #[test]
    fn unsent_and_oversized_usns_become_the_collections() {
        let mut repairs = Repairs::default();
        let usns = [0, 5, i64::from(i32::MAX), -1, i64::from(i32::MAX) + 1].map(|usn| checked_usn(usn, 9, &mut repairs));
        assert_eq!((usns, repairs.usns), ([0, 5, i32::MAX, 9, 9], 2));
    }
}
