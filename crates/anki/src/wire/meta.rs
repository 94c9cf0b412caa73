//! `meta`: the stamps by which a client decides whether and how to sync.

use serde::{Deserialize, Serialize};

use super::client::ClientVersion;
use super::version::{SyncVersion, UnsupportedVersion};
use super::{WireError, from_json, to_json};
use crate::model::{Stamps, Usn};

/// What a client says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetaRequest {
    /// The protocol version; one that we do not speak is answered with 501, which tells the user to update.
    pub version: Result<SyncVersion, UnsupportedVersion>,
    pub client: ClientVersion,
}

impl MetaRequest {
    /// Reads the body of `meta`. The client's name is optional.
    ///
    /// # Errors
    /// When it is not an object with an integer `v`.
    pub fn parse(body: &[u8]) -> Result<Self, WireError> {
        #[derive(Deserialize)]
        struct Message {
            v: i64,
            cv: Option<String>,
        }
        let message: Message = from_json("meta", body)?;
        Ok(Self { version: SyncVersion::new(message.v), client: ClientVersion::parse(message.cv.as_deref().unwrap_or_default()) })
    }
}

/// The state of the server's copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetaAnswer<'a> {
    /// Of these, the creation stamp and the time of the last sync are not sent.
    pub stamps: Stamps,
    /// Seconds since the epoch. A client more than 300 s off refuses to sync.
    pub now: i64,
    /// Shown after a sync, as HTML on desktops, so never put user data into it.
    pub message: &'a str,
    /// When false the client stops and shows the message.
    pub may_continue: bool,
    /// The collection has no cards.
    pub is_empty: bool,
    pub media_usn: Usn,
    pub username: &'a str,
}

impl MetaAnswer<'_> {
    pub fn to_json(&self) -> Vec<u8> {
        #[derive(Serialize)]
        struct Message<'a> {
            #[serde(rename = "mod")]
            modified: i64,
            scm: i64,
            usn: Usn,
            ts: i64,
            /// Clients of protocol 11 fail without it; those before it read `musn`.
            media_usn: Usn,
            musn: Usn,
            uname: &'a str,
            msg: &'a str,
            cont: bool,
            /// Which of AnkiWeb's hosts an old client should talk to.
            #[serde(rename = "hostNum")]
            host_number: u32,
            empty: bool,
        }
        to_json(&Message {
            modified: self.stamps.modified,
            scm: self.stamps.schema_modified,
            usn: self.stamps.usn,
            ts: self.now,
            media_usn: self.media_usn,
            musn: self.media_usn,
            uname: self.username,
            msg: self.message,
            cont: self.may_continue,
            host_number: 0,
            empty: self.is_empty,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests() {
        for (body, version) in [
            (r#"{"v":11,"cv":"anki,26.09.3 (29bb700b),linux"}"#, Ok(SyncVersion::DIRECT_POST)),
            (r#"{"v":10}"#, Ok(SyncVersion::V2_TIMEZONE)),
            (r#"{"v":7,"cv":null,"more":[]}"#, Err(UnsupportedVersion { number: 7 })),
        ] {
            assert_eq!(MetaRequest::parse(body.as_bytes()).map(|request| request.version), Ok(version), "{body}");
        }
        for body in ["", "{}", r#"{"v":"11"}"#, r#"{"v":11.0}"#, "[11]x"] {
            MetaRequest::parse(body.as_bytes()).expect_err(body);
        }
    }

    #[test]
    fn answer() {
        let answer = MetaAnswer {
            stamps: Stamps { created: 1, modified: 2, schema_modified: 3, usn: 4, last_sync: 5 },
            now: 6,
            message: "",
            may_continue: true,
            is_empty: false,
            media_usn: 7,
            username: "u",
        };
        let text = r#"{"mod":2,"scm":3,"usn":4,"ts":6,"media_usn":7,"musn":7,"uname":"u","msg":"","cont":true,"hostNum":0,"empty":false}"#;
        assert_eq!(String::from_utf8_lossy(&answer.to_json()), text);
    }
}
