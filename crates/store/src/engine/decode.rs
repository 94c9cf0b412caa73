//! From the format of [`super::RowEncoder`] back to values, for an engine that cannot load it as it is.

use super::Value;
use super::table::{Kind, Table};
use super::value::unescape_text;
use crate::error::{Result, StoreError};

/// The rows of a block, which holds whole rows.
pub(super) fn decode(table: &Table, block: &[u8]) -> Result<Vec<Vec<Value>>> {
    let lines = block.split_inclusive(|b| *b == b'\n').map(|line| line.strip_suffix(b"\n").unwrap_or(line));
    lines.map(|line| row(table, line)).collect()
}

fn row(table: &Table, line: &[u8]) -> Result<Vec<Value>> {
    let cells: Vec<&[u8]> = line.split(|b| *b == b'\t').collect();
    if cells.len() != table.columns.len() {
        return Err(wrong());
    }
    table.columns.iter().zip(cells).map(|((_, kind), cell)| value(*kind, cell)).collect()
}

fn value(kind: Kind, cell: &[u8]) -> Result<Value> {
    if cell == b"\\N" {
        return Ok(match kind {
            Kind::Int => Value::NullInt,
            Kind::Text => Value::NullText,
            Kind::Bytes => Value::NullBytes,
        });
    }
    let plain = unescape(cell);
    Ok(match kind {
        Kind::Int => Value::Int(std::str::from_utf8(&plain).ok().and_then(|digits| digits.parse().ok()).ok_or_else(wrong)?),
        // What a parameter is made from is escaped again.
        Kind::Text => Value::Text(unescape_text(String::from_utf8(plain).map_err(|_| wrong())?)),
        Kind::Bytes => Value::Bytes(unhex(plain.strip_prefix(b"\\x").ok_or_else(wrong)?)?),
    })
}

fn unescape(cell: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(cell.len());
    let mut bytes = cell.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => out.extend(bytes.next().map(|escaped| match escaped {
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                other => *other,
            })),
            byte => out.push(*byte),
        }
    }
    out
}

fn unhex(digits: &[u8]) -> Result<Vec<u8>> {
    let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let byte = |pair: &[u8]| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    };
    digits.chunks(2).map(|pair| byte(pair).ok_or_else(wrong)).collect()
}

fn wrong() -> StoreError {
    StoreError::Internal("a row is not encoded as rows are".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::RowEncoder;
    use crate::params;

    #[test]
    fn rows_come_back() {
        let table = Table { name: "t", columns: &[("id", Kind::Int), ("name", Kind::Text), ("data", Kind::Bytes)], key: &["id"] };
        let texts = ["", "\\N", "a\tb\\c\nd\re\0\u{FDD0}\u{1F600}", "\\t"];
        let mut rows = RowEncoder::default();
        for text in texts {
            rows.int(i64::MIN).text(text).bytes(Some(&[0, 255, 16])).end_row();
            rows.int(1).text(text).bytes(None).end_row();
        }
        let wanted = texts.map(|text| [params![i64::MIN, text, vec![0u8, 255, 16]], params![1, text, None::<Vec<u8>>]]);
        assert_eq!(decode(&table, &rows.take()).expect("encoded rows"), wanted.concat());
        for broken in ["1\ta\n", "x\ta\t\\N\n", "1\ta\t\\\\x0\n", "1\ta\tff\n"] {
            assert!(decode(&table, broken.as_bytes()).is_err(), "{broken:?}");
        }
    }
}
