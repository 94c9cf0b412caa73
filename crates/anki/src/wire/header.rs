//! The `anki-sync` header of protocol 11.

use std::fmt;

use serde::Deserialize;

use super::client::ClientVersion;
use super::version::SyncVersion;
use super::{WireError, from_json};

/// The name of the header, in lower case.
pub const NAME: &str = "anki-sync";

/// Longer headers are refused. Real ones have about 110 bytes.
const LONGEST: usize = 2000;
/// Longer keys are refused. Those of the official server have 40 characters.
const LONGEST_KEY: usize = 200;
const LONGEST_SESSION: usize = 100;

/// What a request of protocol 11 says about itself.
#[derive(Clone, PartialEq, Eq)]
pub struct SyncHeader {
    pub version: SyncVersion,
    /// Empty in `hostKey` requests.
    pub host_key: String,
    pub client: ClientVersion,
    /// Made by the client for each of its operations; `meta` to `finish` of one sync share it.
    pub session: String,
}

#[derive(Deserialize)]
struct Message {
    v: i64,
    k: String,
    c: String,
    s: String,
}

impl SyncHeader {
    /// Reads the header's value, a JSON object with `v`, `k`, `c` and `s`.
    ///
    /// # Errors
    /// When it is no such object, is too long, or has a protocol version that we do not speak.
    pub fn parse(value: &[u8]) -> Result<Self, WireError> {
        if value.len() > LONGEST {
            return Err(WireError::message(NAME, format!("{} bytes, at most {LONGEST} are allowed", value.len())));
        }
        let message: Message = from_json(NAME, value)?;
        let version = SyncVersion::new(message.v).map_err(|error| WireError::message(NAME, error.to_string()))?;
        for (key, text, longest) in [("k", &message.k, LONGEST_KEY), ("s", &message.s, LONGEST_SESSION)] {
            if text.len() > longest {
                return Err(WireError::message(NAME, format!("{key} has {} bytes, at most {longest} are allowed", text.len())));
            }
        }
        Ok(Self { version, host_key: message.k, client: ClientVersion::parse(&message.c), session: message.s })
    }
}

impl fmt::Debug for SyncHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SyncHeader").field("version", &self.version).field("client", &self.client.text).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_real_header() {
        let header = SyncHeader::parse(br#"{"v":11,"k":"7e94","c":"26.09.3,29bb700b,linux","s":"kBx2fQ"}"#).expect("valid");
        assert_eq!(header.version, SyncVersion::DIRECT_POST);
        assert_eq!((header.host_key.as_str(), header.session.as_str()), ("7e94", "kBx2fQ"));
        assert_eq!(header.client.platform.as_deref(), Some("linux"));
        assert!(!format!("{header:?}").contains("7e94"));
    }

    #[test]
    fn refused_headers() {
        let long = format!(r#"{{"v":11,"k":"{}","c":"","s":""}}"#, "x".repeat(300));
        let longer = format!(r#"{{"v":11,"k":"","c":"{}","s":""}}"#, "x".repeat(3000));
        for (value, problem) in [
            (r#"{"v":11,"k":"secret","c":"x"}"#, "missing field `s`"),
            (r#"{"v":12,"k":"secret","c":"x","s":""}"#, "sync version 12"),
            (r#"{"v":11,"k":5,"c":"x","s":""}"#, "expected a string"),
            ("secret", "expected value"),
            ("", "EOF"),
            (&long, "k has 300 bytes"),
            (&longer, "at most 2000"),
        ] {
            let error = SyncHeader::parse(value.as_bytes()).expect_err(value).to_string();
            assert!(error.contains(problem) && !error.contains("secret"), "{error}");
        }
    }
}
