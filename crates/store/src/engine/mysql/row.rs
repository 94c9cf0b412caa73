use crate::engine::value::unescape_text;
use crate::error::{Result, StoreError};
use mysql_async::Value;
use mysql_async::consts::{ColumnType, ColumnType::*};

/// The number of the character set that means bytes.
const BINARY: u16 = 63;

/// One row of an answer. In the text protocol all values come as text, and the column says what they are.
pub struct Row(pub(super) mysql_async::Row);

impl Row {
    pub fn opt_int(&self, column: usize) -> Result<Option<i64>> {
        let wrong = || StoreError::Internal(format!("column {column} is not a whole number of 64 bits"));
        let (value, kind, _) = self.cell(column)?;
        match value {
            Value::NULL => Ok(None),
            Value::Int(number) => Ok(Some(*number)),
            Value::UInt(number) => i64::try_from(*number).map(Some).map_err(|_| wrong()),
            Value::Bytes(digits) if is_int(kind) => {
                let text = std::str::from_utf8(digits).map_err(|_| wrong())?;
                text.parse().map(Some).map_err(|_| wrong())
            }
            _ => Err(wrong()),
        }
    }

    pub fn opt_text(&self, column: usize) -> Result<Option<String>> {
        let wrong = || StoreError::Internal(format!("column {column} is not text"));
        // Keys are VARBINARY, which only its type tells from a BLOB.
        match self.cell(column)? {
            (Value::NULL, ..) => Ok(None),
            (Value::Bytes(_), kind, charset) if is_int(kind) || (is_blob(kind) && charset == BINARY) => Err(wrong()),
            (Value::Bytes(bytes), ..) => String::from_utf8(bytes.clone()).map(|text| Some(unescape_text(text))).map_err(|_| wrong()),
            _ => Err(wrong()),
        }
    }

    pub fn opt_bytes(&self, column: usize) -> Result<Option<Vec<u8>>> {
        match self.cell(column)? {
            (Value::NULL, ..) => Ok(None),
            (Value::Bytes(bytes), kind, BINARY) if is_blob(kind) => Ok(Some(bytes.clone())),
            _ => Err(StoreError::Internal(format!("column {column} is not bytes"))),
        }
    }

    fn cell(&self, column: usize) -> Result<(&Value, ColumnType, u16)> {
        match (self.0.as_ref(column), self.0.columns_ref().get(column)) {
            (Some(value), Some(info)) => Ok((value, info.column_type(), info.character_set())),
            _ => Err(StoreError::Internal(format!("there is no column {column}"))),
        }
    }
}

fn is_int(kind: ColumnType) -> bool {
    matches!(kind, MYSQL_TYPE_TINY | MYSQL_TYPE_SHORT | MYSQL_TYPE_LONG | MYSQL_TYPE_LONGLONG | MYSQL_TYPE_INT24)
}

fn is_blob(kind: ColumnType) -> bool {
    matches!(kind, MYSQL_TYPE_BLOB | MYSQL_TYPE_TINY_BLOB | MYSQL_TYPE_MEDIUM_BLOB | MYSQL_TYPE_LONG_BLOB)
}
