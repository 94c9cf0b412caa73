//! `hostKey`: a name and a password for a key that the client keeps for ever.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{WireError, from_json, to_json};

/// What the user typed into the client's login form.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct LoginRequest {
    #[serde(rename = "u")]
    pub username: String,
    #[serde(rename = "p")]
    pub password: String,
}

impl LoginRequest {
    /// Reads the body of `hostKey`.
    ///
    /// # Errors
    /// When it is not an object with the strings `u` and `p`.
    pub fn parse(body: &[u8]) -> Result<Self, WireError> {
        from_json("hostKey", body)
    }
}

impl fmt::Debug for LoginRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginRequest").field("username", &self.username).finish_non_exhaustive()
    }
}

/// The answer: the client's new host key.
pub fn login_answer(host_key: &str) -> Vec<u8> {
    #[derive(Serialize)]
    struct Answer<'a> {
        key: &'a str,
    }
    to_json(&Answer { key: host_key })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_and_answer() {
        let request = LoginRequest::parse(r#"{"u":"ä@b.c","p":"p\"1","x":null}"#.as_bytes()).expect("valid");
        assert_eq!((request.username.as_str(), request.password.as_str()), ("ä@b.c", "p\"1"));
        assert!(!format!("{request:?}").contains("p\\\"1"));
        assert_eq!(login_answer("abc"), br#"{"key":"abc"}"#);
    }

    #[test]
    fn refused_requests_are_not_quoted() {
        for body in [r#"{"u":"a"}"#, r#"{"u":1,"p":"secret"}"#, r#"{"u":"a","p":["secret"]}"#, "secret", r#""secret""#] {
            let error = LoginRequest::parse(body.as_bytes()).expect_err(body).to_string();
            assert!(error.starts_with("hostKey: ") && !error.contains("secret"), "{error}");
        }
    }
}
