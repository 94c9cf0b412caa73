//! `start`, the first request of a normal sync. The answer is the server's [`Graves`].

use serde::Deserialize;

use super::graves::{GraveLists, Graves};
use super::{WireError, from_json};
use crate::model::Usn;

/// How a client begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartRequest {
    /// The client's usn: it wants everything that has this usn or a higher one.
    pub min_usn: Usn,
    /// The client's collection was modified later than ours, so its config counts.
    pub client_is_newer: bool,
    /// Deletions, which old AnkiDroid and AnkiMobile send here; all others use `applyGraves`.
    pub graves: Graves,
}

impl StartRequest {
    /// Reads the body of `start`.
    ///
    /// # Errors
    /// When `minUsn` or `lnewer` is missing, or something in `graves` is no id.
    pub fn parse(body: &[u8]) -> Result<Self, WireError> {
        #[derive(Deserialize)]
        struct Message<'a> {
            #[serde(rename = "minUsn")]
            min_usn: Usn,
            #[serde(rename = "lnewer")]
            client_is_newer: bool,
            #[serde(borrow)]
            graves: Option<GraveLists<'a>>,
        }
        let message: Message<'_> = from_json("start", body)?;
        let graves = message.graves.map(|graves| graves.read("start")).transpose()?.unwrap_or_default();
        Ok(Self { min_usn: message.min_usn, client_is_newer: message.client_is_newer, graves })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests() {
        let request = |min_usn, client_is_newer, cards: &[i64]| {
            Ok(StartRequest { min_usn, client_is_newer, graves: Graves { cards: cards.to_vec(), ..Graves::default() } })
        };
        for (body, wanted) in [
            (r#"{"minUsn":1,"lnewer":true,"graves":null}"#, request(1, true, &[])),
            (r#"{"minUsn":-1,"lnewer":false}"#, request(-1, false, &[])),
            (r#"{"minUsn":5,"lnewer":false,"graves":{"cards":["7"],"notes":[],"decks":[]},"offset":60}"#, request(5, false, &[7])),
        ] {
            assert_eq!(StartRequest::parse(body.as_bytes()), wanted, "{body}");
        }
        for body in ["", "null", r#"{"lnewer":true}"#, r#"{"minUsn":1}"#, r#"{"minUsn":4294967296,"lnewer":true}"#] {
            StartRequest::parse(body.as_bytes()).expect_err(body);
        }
    }
}
