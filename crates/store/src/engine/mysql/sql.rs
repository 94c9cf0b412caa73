//! From the common SQL to MySQL's.
//!
//! Numbers are written into the statement, so that one without texts takes a single round trip and no preparation. Texts and bytes are
//! always parameters: nothing that somebody typed becomes SQL.

use crate::engine::Value;
use crate::engine::value::escape_text;
use crate::error::{Result, StoreError};
use std::fmt::Write as _;

/// A statement as it is sent. With parameters it has to be prepared.
#[derive(Debug, PartialEq)]
pub(super) struct Statement {
    pub sql: String,
    pub params: Vec<mysql_async::Value>,
}

/// Fills in `{s}` and numbers, expands sets, and leaves a placeholder for each text. `shared` is the quoted name of the shared database.
pub(super) fn translate(sql: &str, params: Vec<Value>, shared: &str) -> Result<Statement> {
    let has_texts = params.iter().any(|value| matches!(value, Value::Text(_) | Value::Bytes(_) | Value::Texts(_)));
    let mut out = Statement { sql: String::with_capacity(sql.len() + 64), params: Vec::new() };
    let mut values = params.into_iter();
    let mut rest = sql;
    while let Some(at) = rest.find(['?', '{']) {
        let (before, from) = rest.split_at(at);
        out.sql.push_str(before);
        if let Some(after) = from.strip_prefix("{s}") {
            out.sql.push_str(shared);
            rest = after;
        } else if let Some(after) = from.strip_prefix("{ascii}") {
            // No collation folds only A to Z, so LOWER folds all letters.
            rest = after;
        } else if let Some(after) = from.strip_prefix("{int}") {
            out.sql.push_str("SIGNED");
            rest = after;
        } else if let Some(after) = from.strip_prefix("{div}") {
            out.sql.push_str("DIV");
            rest = after;
        } else if let Some(after) = from.strip_prefix('?') {
            let value = values.next().ok_or_else(|| StoreError::Internal("fewer parameters than placeholders".into()))?;
            let is_set = matches!(value, Value::Ints(_) | Value::Texts(_));
            rest = if is_set { after.strip_prefix('?').unwrap_or(after) } else { after };
            match value {
                // The text of a statement that has to be prepared stays the same, so that it has to be prepared only once.
                Value::Int(number) if has_texts => out.param(mysql_async::Value::Int(number)),
                value => out.value(value),
            }
        } else {
            out.sql.push('{');
            rest = &from[1..];
        }
    }
    out.sql.push_str(rest);
    Ok(out)
}

impl Statement {
    /// Appends a value: as digits, or as a placeholder.
    pub(super) fn value(&mut self, value: Value) {
        match value {
            Value::Int(number) => self.number(number),
            Value::Text(text) => self.param(mysql_async::Value::Bytes(stored(text))),
            Value::Bytes(bytes) => self.param(mysql_async::Value::Bytes(bytes)),
            Value::NullInt | Value::NullText | Value::NullBytes => self.sql.push_str("NULL"),
            Value::Ints(numbers) => self.set(numbers, |out, number| out.number(number)),
            Value::Texts(texts) => self.set(texts, |out, text| out.param(mysql_async::Value::Bytes(stored(text)))),
        }
    }

    pub(super) fn number(&mut self, number: i64) {
        let mut digits = itoa::Buffer::new();
        self.sql.push_str(digits.format(number));
    }

    /// Refuses what the server would not take: it closes the connection in the middle of a packet that is too large, without a word.
    pub(super) fn check_size(&self, max_packet: usize) -> Result<()> {
        let texts = self.params.iter().map(|param| match param {
            mysql_async::Value::Bytes(bytes) => bytes.len() + 10,
            _ => 10,
        });
        let size = self.sql.len() + texts.sum::<usize>() + 100;
        if size > max_packet { Err(super::error::packet_too_large(&format!("{size} bytes, the limit is {max_packet}"))) } else { Ok(()) }
    }

    fn param(&mut self, value: mysql_async::Value) {
        self.sql.push('?');
        self.params.push(value);
    }

    fn set<T>(&mut self, members: Vec<T>, write: impl Fn(&mut Self, T)) {
        if members.is_empty() {
            // `()` is no set. `(NULL)` would be one, but NOT IN it is never true.
            self.sql.push_str("(SELECT 1 FROM DUAL WHERE 1 = 0)");
            return;
        }
        for (i, member) in members.into_iter().enumerate() {
            self.sql.push(if i == 0 { '(' } else { ',' });
            write(self, member);
        }
        self.sql.push(')');
    }
}

fn stored(text: String) -> Vec<u8> {
    match escape_text(&text) {
        std::borrow::Cow::Owned(escaped) => escaped.into_bytes(),
        std::borrow::Cow::Borrowed(_) => text.into_bytes(),
    }
}

/// One statement of a script.
#[derive(Debug, PartialEq)]
pub(super) struct Ddl {
    pub sql: String,
    /// MySQL 8 has no `IF NOT EXISTS` for indexes and columns: that it exists is found out by trying.
    pub may_exist: bool,
}

/// The statements of a script, in MySQL's words. `text_collation` compares bytes and does not pad with blanks.
pub(super) fn script(sql: &str, shared: &str, text_collation: &str) -> Vec<Ddl> {
    let text_type = format!("LONGTEXT CHARACTER SET utf8mb4 COLLATE {text_collation}");
    // PostgreSQL alone packs long values, unless it is told not to.
    let concerns_us = |statement: &&str| !statement.is_empty() && !statement.ends_with("SET STORAGE EXTERNAL");
    let statements = sql.split(';').map(str::trim).filter(concerns_us);
    let words = |statement: &str| {
        let statement = statement.replace("KEY_T", KEY_TYPE).replace("TEXT_T", &text_type).replace("BLOB_T", "LONGBLOB");
        statement.replace("CREATE UNLOGGED TABLE", "CREATE TABLE").replace("{s}", shared)
    };
    let ddl = |statement: &str| {
        let is_index = statement.starts_with("CREATE INDEX IF") || statement.starts_with("CREATE UNIQUE INDEX IF");
        let is_column = statement.starts_with("ALTER TABLE") && statement.contains("ADD COLUMN IF NOT EXISTS");
        let may_exist = is_index || is_column;
        let sql = if may_exist { statement.replacen(" IF NOT EXISTS", "", 1) } else { statement.to_owned() };
        Ddl { sql: words(&sql), may_exist }
    };
    statements.map(ddl).collect()
}

/// Keys are compared as bytes, and a key of InnoDB has 3,072 at most.
const KEY_TYPE: &str = "VARBINARY(1000)";

/// A name of a database as an identifier, whatever it contains.
pub(super) fn quoted(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 2);
    let _ = write!(out, "`{}`", name.replace('`', "``"));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params;

    #[test]
    fn numbers_are_written_out() {
        let sql = "SELECT a FROM {s}.t WHERE b = ? AND c IN ?? AND d NOT IN ?? AND e = ?";
        let params = params![-5, vec![1i64, 2], Vec::<i64>::new(), None::<i64>];
        let statement = translate(sql, params, "`x`").expect("as many values as placeholders");
        assert_eq!(
            statement.sql,
            "SELECT a FROM `x`.t WHERE b = -5 AND c IN (1,2) AND d NOT IN (SELECT 1 FROM DUAL WHERE 1 = 0) AND e = NULL"
        );
        assert_eq!(statement.params, []);
        assert!(translate("SELECT ?", vec![], "`x`").is_err());
    }

    #[test]
    fn texts_are_parameters() {
        let params = params![7, "it's\0", vec!["a".to_owned(), "b".to_owned()]];
        let statement = translate("SELECT ? FROM {s}.t WHERE b = ? AND c IN ??", params, "`x`").expect("as many values as placeholders");
        assert_eq!(statement.sql, "SELECT ? FROM `x`.t WHERE b = ? AND c IN (?,?)");
        assert_eq!(statement.params[0], mysql_async::Value::Int(7));
        assert_eq!(statement.params[1], mysql_async::Value::Bytes("it's\u{FDD0}0".into()));
        assert_eq!(statement.params.len(), 4);
    }

    #[test]
    fn scripts_are_taken_apart() {
        let sql = "CREATE UNLOGGED TABLE {s}.t (a KEY_T PRIMARY KEY);\nCREATE UNIQUE INDEX IF NOT EXISTS i ON {s}.t (a);\n";
        let ddl = |sql: &str, may_exist| Ddl { sql: sql.into(), may_exist };
        assert_eq!(
            script(sql, "`x`", "c"),
            [ddl("CREATE TABLE `x`.t (a VARBINARY(1000) PRIMARY KEY)", false), ddl("CREATE UNIQUE INDEX i ON `x`.t (a)", true)]
        );
        let column = "ALTER TABLE {s}.t ADD COLUMN IF NOT EXISTS b KEY_T NOT NULL DEFAULT ''";
        assert_eq!(script(column, "`x`", "c"), [ddl("ALTER TABLE `x`.t ADD COLUMN b VARBINARY(1000) NOT NULL DEFAULT ''", true)]);
        assert_eq!(quoted("a`b"), "`a``b`");
    }
}
