//! Rows and entries of indexes as bytes.

/// The value of one column.
#[derive(Debug, Clone, Copy)]
pub enum Cell<'a> {
    /// The row's own id, which is kept elsewhere.
    Id,
    Int(i64),
    Real(f64),
    Text(&'a str),
}

/// A row, or an entry of an index, as SQLite keeps it: the types of all values, and then the values.
#[derive(Debug, Default)]
pub struct Record {
    types: Vec<u8>,
    values: Vec<u8>,
    bytes: Vec<u8>,
}

impl Record {
    /// Encodes `cells`. Their types take less than 127 bytes, as there are less than twenty and few of them are texts.
    pub fn encode(&mut self, cells: &[Cell]) -> &[u8] {
        self.types.clear();
        self.values.clear();
        for cell in cells {
            match *cell {
                Cell::Id => self.types.push(0),
                Cell::Int(value) => self.int(value),
                Cell::Real(value) => {
                    self.types.push(7);
                    self.values.extend_from_slice(&value.to_be_bytes());
                }
                Cell::Text(text) => {
                    push_varint(&mut self.types, text.len() as u64 * 2 + 13);
                    self.values.extend_from_slice(text.as_bytes());
                }
            }
        }
        self.joined()
    }

    /// Encodes an entry of an index.
    pub fn encode_key(&mut self, key: &[i64]) -> &[u8] {
        self.types.clear();
        self.values.clear();
        key.iter().for_each(|value| self.int(*value));
        self.joined()
    }

    fn joined(&mut self) -> &[u8] {
        self.bytes.clear();
        push_varint(&mut self.bytes, self.types.len() as u64 + 1);
        self.bytes.extend_from_slice(&self.types);
        self.bytes.extend_from_slice(&self.values);
        &self.bytes
    }

    /// A number takes 0, 1, 2, 3, 4, 6 or 8 bytes.
    fn int(&mut self, value: i64) {
        let bits = 64 - (value ^ (value >> 63)).leading_zeros();
        let (kind, size) = match bits {
            0 | 1 if value == 0 => (8, 0),
            0 | 1 if value == 1 => (9, 0),
            0..=7 => (1, 1),
            8..=15 => (2, 2),
            16..=23 => (3, 3),
            24..=31 => (4, 4),
            32..=47 => (5, 6),
            _ => (6, 8),
        };
        self.types.push(kind);
        self.values.extend_from_slice(&value.to_be_bytes()[8 - size..]);
    }
}

/// Seven bits a byte, the highest first; a ninth byte has all eight.
pub fn push_varint(out: &mut Vec<u8>, value: u64) {
    if value < 0x80 {
        out.push(value as u8);
        return;
    }
    if value >> 56 != 0 {
        (0..8).for_each(|n| out.push(0x80 | (value >> (57 - 7 * n)) as u8));
        out.push(value as u8);
        return;
    }
    let more = (63 - value.leading_zeros()) / 7;
    (1..=more).rev().for_each(|n| out.push(0x80 | (value >> (7 * n)) as u8));
    out.push(value as u8 & 0x7f);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_are_those_of_sqlite() {
        for (value, expected) in [
            (0, vec![0]),
            (127, vec![0x7f]),
            (128, vec![0x81, 0]),
            (0x3fff, vec![0xff, 0x7f]),
            (0x4000, vec![0x81, 0x80, 0]),
            ((1 << 56) - 1, vec![0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]),
            (1 << 56, vec![0x80, 0xc0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0]),
            (u64::MAX, vec![0xff; 9]),
        ] {
            let mut out = Vec::new();
            push_varint(&mut out, value);
            assert_eq!(out, expected, "{value}");
        }
    }
}
