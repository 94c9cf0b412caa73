//! Taking a row apart. The text of a row is known to be valid JSON already, so this only finds where its values begin and end,
//! without building a tree of them.

use std::borrow::Cow;
use std::ops::RangeInclusive;

/// A table as it is known on the wire.
pub(super) struct Table {
    pub name: &'static str,
    /// Names of the columns, each with the other names that it may have in rows that are objects.
    pub columns: &'static [&'static [&'static str]],
    /// The number of columns, from the front, that a row must have.
    pub required: usize,
}

/// What is wrong with a row.
#[derive(Debug)]
pub(super) struct CellError {
    pub column: &'static str,
    pub problem: String,
}

/// Takes rows of one table apart, one after the other.
pub(super) struct RowReader<'a> {
    table: &'static Table,
    cells: Vec<Option<&'a str>>,
}

/// A row: the JSON text of each column.
pub(super) struct Row<'r, 'a> {
    table: &'static Table,
    cells: &'r [Option<&'a str>],
}

impl<'a> RowReader<'a> {
    pub fn new(table: &'static Table) -> Self {
        Self { table, cells: Vec::with_capacity(table.columns.len()) }
    }

    /// Takes a row apart that is valid JSON.
    pub fn read(&mut self, json: &'a str) -> Result<Row<'_, 'a>, CellError> {
        let refuse = |problem: String| CellError { column: "the row", problem };
        let columns = self.table.columns.len();
        self.cells.clear();
        let mut values = Values::inside(json);
        match json.as_bytes().first() {
            Some(b'[') => {
                let mut length = 0;
                for value in values {
                    length += 1;
                    if length <= columns {
                        self.cells.push(Some(value));
                    }
                }
                if !(self.table.required..=columns).contains(&length) {
                    return Err(refuse(format!("{length} columns instead of {columns}")));
                }
                self.cells.resize(columns, None);
            }
            Some(b'{') => {
                self.cells.resize(columns, None);
                while let (Some(key), Some(value)) = (values.next(), values.next()) {
                    let key = key.trim_matches('"');
                    let column = self.table.columns.iter().position(|names| names.contains(&key));
                    if let Some(cell) = column.and_then(|column| self.cells.get_mut(column)) {
                        *cell = Some(value);
                    }
                }
            }
            _ => return Err(refuse("neither a list nor an object".to_owned())),
        }
        Ok(Row { table: self.table, cells: &self.cells })
    }
}

impl<'a> Row<'_, 'a> {
    fn refuse(&self, column: usize, problem: impl Into<String>) -> CellError {
        let name = self.table.columns.get(column).and_then(|names| names.first()).copied().unwrap_or_default();
        CellError { column: name, problem: problem.into() }
    }

    fn cell(&self, column: usize) -> Result<&'a str, CellError> {
        self.cells.get(column).copied().flatten().ok_or_else(|| self.refuse(column, "missing"))
    }

    /// An integer.
    pub fn integer(&self, column: usize) -> Result<i64, CellError> {
        let text = self.cell(column)?;
        text.parse().map_err(|_| self.refuse(column, if is_number(text) { "not a 64-bit integer" } else { "not a number" }))
    }

    /// An integer within a range.
    pub fn integer_in(&self, column: usize, range: RangeInclusive<i64>) -> Result<i64, CellError> {
        let integer = self.integer(column)?;
        if range.contains(&integer) {
            return Ok(integer);
        }
        Err(self.refuse(column, format!("{integer} is not within {} to {}", range.start(), range.end())))
    }

    /// A number, whose fraction is cut off.
    pub fn number(&self, column: usize) -> Result<i64, CellError> {
        let text = self.cell(column)?;
        if let Ok(integer) = text.parse() {
            return Ok(integer);
        }
        if !is_number(text) {
            return Err(self.refuse(column, "not a number"));
        }
        let float: f64 = text.parse().map_err(|_| self.refuse(column, "not a number"))?;
        #[expect(clippy::cast_possible_truncation, reason = "cutting off is what is wanted, and it stops at the ends of the range")]
        Ok(float as i64)
    }

    /// A number cut down to its lowest 32 bits, read with a sign.
    pub fn wrapped_32(&self, column: usize) -> Result<i64, CellError> {
        #[expect(clippy::cast_possible_truncation, reason = "it is what clients do with a due date that is out of range")]
        self.number(column).map(|number| i64::from(number as i32))
    }

    /// A number cut down to its lowest 32 bits, read without a sign; 0 if it is negative.
    pub fn wrapped_unsigned_32(&self, column: usize) -> Result<i64, CellError> {
        self.number(column).map(|number| number.max(0) & i64::from(u32::MAX))
    }

    /// An integer within a range, or 0 in place of whatever else is there or isn't.
    pub fn integer_or_zero(&self, column: usize, range: RangeInclusive<i64>) -> i64 {
        self.integer_in(column, range).unwrap_or_default()
    }

    /// A text.
    pub fn text(&self, column: usize) -> Result<Cow<'a, str>, CellError> {
        let json = self.cell(column)?;
        let Some(inside) = json.strip_prefix('"').and_then(|text| text.strip_suffix('"')) else {
            return Err(self.refuse(column, "not a text"));
        };
        if memchr::memchr(b'\\', inside.as_bytes()).is_none() {
            return Ok(Cow::Borrowed(inside));
        }
        serde_json::from_str(json).map(Cow::Owned).map_err(|error| self.refuse(column, error.to_string()))
    }
}

fn is_number(json: &str) -> bool {
    json.starts_with(|c: char| c == '-' || c.is_ascii_digit())
}

/// The values in a list, or the keys and values in an object. Its text is valid JSON.
struct Values<'a> {
    rest: &'a str,
}

impl<'a> Values<'a> {
    fn inside(list: &'a str) -> Self {
        Self { rest: list.get(1..list.len().saturating_sub(1)).unwrap_or_default() }
    }
}

impl<'a> Iterator for Values<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let text = self.rest.trim_start_matches([',', ':', ' ', '\t', '\r', '\n']);
        if text.is_empty() {
            return None;
        }
        let (value, rest) = text.split_at(value_length(text.as_bytes()));
        self.rest = rest;
        Some(value)
    }
}

/// The length of the value at the start of a text that is not empty; at least 1.
fn value_length(json: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => at += string_length(&json[at..]),
            b'[' | b'{' => {
                depth += 1;
                at += 1;
            }
            b']' | b'}' => {
                depth = depth.saturating_sub(1);
                at += 1;
            }
            b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' if depth == 0 => return at,
            _ => {
                at += 1;
                continue;
            }
        }
        if depth == 0 {
            return at;
        }
    }
    at
}

/// The length of the string at the start of a text, with its quotation marks.
fn string_length(json: &[u8]) -> usize {
    let mut at = 1;
    while let Some(offset) = json.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += offset + 1;
        if json.get(at - 1) == Some(&b'"') {
            return at;
        }
        at += 1;
    }
    json.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn values_of_a_list() {
        for (list, wanted) in [
            ("[]", vec![]),
            ("[ ]", vec![]),
            ("[1,-2.5e3,\"a\"]", vec!["1", "-2.5e3", "\"a\""]),
            (r#"[ null , [1,{"a":"]"}] ,true]"#, vec!["null", r#"[1,{"a":"]"}]"#, "true"]),
            (r#"["a\"b,","\\",""]"#, vec![r#""a\"b,""#, r#""\\""#, r#""""#]),
            ("{\"a\": 1,\"b\":{}}", vec!["\"a\"", "1", "\"b\"", "{}"]),
        ] {
            assert_eq!(Values::inside(list).collect::<Vec<_>>(), wanted, "{list}");
        }
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<i64>().prop_map(Value::from),
            "[a-z\"\\\\,\\]\\}é: ]{0,5}".prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            Just(Value::Null),
        ];
        leaf.prop_recursive(3, 20, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec(("[a-z\"]{0,2}", inner), 0..3).prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn values_are_those_of_a_parser(list in prop::collection::vec(json(), 0..6), pretty in any::<bool>()) {
            let value = Value::from(list.clone());
            let text = if pretty { format!("{value:#}") } else { value.to_string() };
            let found: Result<Vec<Value>, _> = Values::inside(&text).map(serde_json::from_str).collect();
            prop_assert_eq!(found.map_err(|error| error.to_string()), Ok(list));
        }
    }
}
