use crate::schema11::SchemaError;

/// A message that could not be understood. The texts are for logs; they never quote passwords, keys or note text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The message as a whole is not of the expected form.
    #[error("{message}: {problem}")]
    Message { message: &'static str, problem: String },
    /// A row of a chunk, counted from 0, is not of the expected form.
    #[error("applyChunk: {table} row {row}, {column}: {problem}")]
    Row { table: &'static str, row: usize, column: &'static str, problem: String },
    /// A notetype, deck or preset, counted from 0, is not of the expected form.
    #[error("applyChanges: {kind} {index}: {problem}")]
    Object { kind: &'static str, index: usize, problem: SchemaError },
}

impl WireError {
    pub(super) fn message(message: &'static str, problem: impl Into<String>) -> Self {
        Self::Message { message, problem: problem.into() }
    }

    pub(super) fn json(message: &'static str, error: &serde_json::Error) -> Self {
        Self::message(message, describe(error))
    }
}

/// What serde_json complains of, without what it quotes: the unexpected value may be a password or a note.
fn describe(error: &serde_json::Error) -> String {
    const QUOTE_NOTHING: [&str; 7] =
        ["missing field", "duplicate field", "EOF", "expected", "trailing", "invalid length", "a configuration value"];
    let text = error.to_string();
    if QUOTE_NOTHING.iter().any(|start| text.starts_with(start)) {
        return text;
    }
    // As in: invalid type: string "secret", expected i64 at line 1 column 5
    let expected = match text.rsplit_once(", expected ") {
        Some((_, expected)) if error.is_data() => expected.split(" at line ").next().unwrap_or_default(),
        _ => "valid JSON",
    };
    format!("expected {expected} at line {} column {}", error.line(), error.column())
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only parsed")]
    struct Login {
        u: String,
        n: i64,
    }

    #[test]
    fn values_are_not_quoted() {
        for (body, wanted) in [
            ("{\"u\":\"x\"}", "login: missing field `n` at line 1 column 9"),
            ("{\"u\":\"x\",\"n\":\"secret\"}", "login: expected i64 at line 1 column 21"),
            ("{\"u\":\"x\",\"n\":\"a, expected secret\"}", "login: expected i64 at line 1 column 33"),
            ("{\"u\":\"x", "login: EOF while parsing a string at line 1 column 7"),
            ("{\"u\":\"\u{1}", "login: expected valid JSON at line 1 column 7"),
            ("secret", "login: expected value at line 1 column 1"),
            ("{\"u\":1,\"n\":5}", "login: expected a string at line 1 column 6"),
        ] {
            let error = serde_json::from_str::<Login>(body).expect_err(body);
            assert_eq!(WireError::json("login", &error).to_string(), wanted);
        }
    }
}
