//! Values on their way to the database, one by one or encoded for loading.

use bytes::{BufMut, BytesMut};

/// A parameter of a statement. Anki's tables need whole numbers, text and bytes, so these are all there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
    NullInt,
    NullText,
    NullBytes,
    /// A set of numbers, for `IN ??`.
    Ints(Vec<i64>),
    /// A set of texts, for `IN ??`.
    Texts(Vec<String>),
}

macro_rules! value_from {
    ($($from:ty => $to:expr),* $(,)?) => {
        $(impl From<$from> for Value {
            fn from(value: $from) -> Self {
                $to(value)
            }
        })*
    };
}

value_from! {
    i64 => Value::Int,
    i32 => |v| Value::Int(i64::from(v)),
    u32 => |v| Value::Int(i64::from(v)),
    bool => |v| Value::Int(i64::from(v)),
    String => Value::Text,
    &str => |v: &str| Value::Text(v.to_owned()),
    Vec<u8> => Value::Bytes,
    &[u8] => |v: &[u8]| Value::Bytes(v.to_vec()),
    Vec<i64> => Value::Ints,
    &[i64] => |v: &[i64]| Value::Ints(v.to_vec()),
    Vec<String> => Value::Texts,
    Option<i64> => |v: Option<i64>| v.map_or(Value::NullInt, Value::Int),
    Option<String> => |v: Option<String>| v.map_or(Value::NullText, Value::Text),
    Option<Vec<u8>> => |v: Option<Vec<u8>>| v.map_or(Value::NullBytes, Value::Bytes),
}

/// Makes a parameter list: `params![account, "name", bytes]`.
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => { vec![$($crate::engine::Value::from($value)),*] };
}

/// Stands for U+0000, which PostgreSQL cannot store in text. A noncharacter, so real text does not contain it; where it does, it is doubled.
const ESCAPE: char = '\u{FDD0}';

fn needs_escape(text: &str) -> bool {
    memchr::memchr2(0, 0xEF, text.as_bytes()).is_some() && (text.contains('\0') || text.contains(ESCAPE))
}

/// Text as it is stored: U+0000 becomes U+FDD0 `0`, U+FDD0 becomes U+FDD0 twice. Other text, which is nearly all, is returned as it is.
pub fn escape_text(text: &str) -> std::borrow::Cow<'_, str> {
    if !needs_escape(text) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\0' => out.extend([ESCAPE, '0']),
            ESCAPE => out.extend([ESCAPE, ESCAPE]),
            c => out.push(c),
        }
    }
    out.into()
}

/// The opposite of [`escape_text`].
pub fn unescape_text(text: String) -> String {
    if memchr::memchr(0xEF, text.as_bytes()).is_none() || !text.contains(ESCAPE) {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != ESCAPE {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('0') => out.push('\0'),
            Some(c) => out.push(c),
            None => out.push(ESCAPE),
        }
    }
    out
}

/// Encodes rows for bulk loading: tab-separated text with backslash escapes, which PostgreSQL's COPY and MySQL's LOAD DATA both read.
#[derive(Debug, Default)]
pub struct RowEncoder {
    buffer: BytesMut,
    in_row: bool,
}

impl RowEncoder {
    /// Bytes collected so far.
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Whether nothing is collected.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Appends a whole number as the next column.
    pub fn int(&mut self, value: i64) -> &mut Self {
        self.separate();
        let mut text = itoa::Buffer::new();
        self.buffer.put_slice(text.format(value).as_bytes());
        self
    }

    /// Appends text as the next column.
    pub fn text(&mut self, value: &str) -> &mut Self {
        self.separate();
        let escaped = escape_text(value);
        self.escape(escaped.as_bytes());
        self
    }

    /// Appends bytes, or NULL, as the next column.
    pub fn bytes(&mut self, value: Option<&[u8]>) -> &mut Self {
        self.separate();
        match value {
            None => self.buffer.put_slice(b"\\N"),
            Some(bytes) => {
                self.buffer.put_slice(b"\\\\x");
                for byte in bytes {
                    self.buffer.put_u8(HEX[usize::from(byte >> 4)]);
                    self.buffer.put_u8(HEX[usize::from(byte & 15)]);
                }
            }
        }
        self
    }

    /// Ends the row.
    pub fn end_row(&mut self) {
        self.buffer.put_u8(b'\n');
        self.in_row = false;
    }

    /// Takes what is collected, leaving room for as much again.
    pub fn take(&mut self) -> bytes::Bytes {
        let len = self.buffer.len();
        let out = self.buffer.split().freeze();
        self.buffer.reserve(len);
        out
    }

    fn separate(&mut self) {
        if self.in_row {
            self.buffer.put_u8(b'\t');
        }
        self.in_row = true;
    }

    fn escape(&mut self, mut bytes: &[u8]) {
        while let Some(at) = bytes.iter().position(|b| matches!(b, b'\\' | b'\n' | b'\r' | b'\t')) {
            let (plain, rest) = bytes.split_at(at);
            self.buffer.put_slice(plain);
            self.buffer.put_u8(b'\\');
            self.buffer.put_u8(match rest[0] {
                b'\n' => b'n',
                b'\r' => b'r',
                b'\t' => b't',
                other => other,
            });
            bytes = &rest[1..];
        }
        self.buffer.put_slice(bytes);
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_survives_escaping() {
        for text in ["", "plain", "a\0b", "\u{FDD0}", "\u{FDD0}0", "\0\u{FDD0}\0", "ﬁ\u{FDD1}", "日本"] {
            let stored = escape_text(text).into_owned();
            assert!(!stored.contains('\0'), "{text:?}");
            assert_eq!(unescape_text(stored), text);
        }
    }

    #[test]
    fn rows_are_tab_separated_with_escapes() {
        let mut rows = RowEncoder::default();
        rows.int(-5).text("a\tb\\c\nd\re").bytes(Some(&[0, 255])).bytes(None).end_row();
        rows.text("").int(0).end_row();
        assert_eq!(&rows.take()[..], b"-5\ta\\tb\\\\c\\nd\\re\t\\\\x00ff\t\\N\n\t0\n");
    }
}
