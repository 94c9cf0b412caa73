//! The messages of `msync/…`. Answers are wrapped as `{"data": …, "err": ""}`; only the zips are not.

use serde::{Deserialize, Serialize};

use super::{WireError, from_json, to_json};
use crate::model::Usn;

/// The largest number of rows in an answer of `mediaChanges`.
pub const MAX_CHANGES: usize = 1000;

/// Reads the body of `begin`: what the client says of itself. Old clients say it in their form or query instead, and send an
/// empty body or none of it.
///
/// # Errors
/// When the body is neither empty nor an object.
pub fn parse_begin(body: &[u8]) -> Result<Option<String>, WireError> {
    #[derive(Deserialize)]
    struct Request {
        v: Option<String>,
    }
    if body.is_empty() {
        return Ok(None);
    }
    let request: Option<Request> = from_json("msync/begin", body)?;
    Ok(request.and_then(|request| request.v))
}

/// Reads the body of `mediaChanges`: the client wants what has a usn above this one.
///
/// # Errors
/// When `lastUsn` is no integer of 32 bits.
pub fn parse_changes(body: &[u8]) -> Result<Usn, WireError> {
    #[derive(Deserialize)]
    struct Request {
        #[serde(rename = "lastUsn")]
        last_usn: Usn,
    }
    from_json::<Request>("msync/mediaChanges", body).map(|request| request.last_usn)
}

/// Reads the body of `downloadFiles`: the names of the wanted files.
///
/// # Errors
/// When there are more than [`crate::media::MAX_FILES`], or it is no list of names.
pub fn parse_download(body: &[u8]) -> Result<Vec<String>, WireError> {
    const MESSAGE: &str = "msync/downloadFiles";
    #[derive(Deserialize)]
    struct Request {
        files: Vec<String>,
    }
    let files = from_json::<Request>(MESSAGE, body)?.files;
    let limit = crate::media::MAX_FILES;
    if files.len() > limit {
        return Err(WireError::message(MESSAGE, format!("{} files, at most {limit} are allowed", files.len())));
    }
    Ok(files)
}

/// Reads the body of `mediaSanity`: how many files the client has.
///
/// # Errors
/// When `local` is not a count.
pub fn parse_sanity(body: &[u8]) -> Result<u64, WireError> {
    #[derive(Deserialize)]
    struct Request {
        local: u64,
    }
    from_json::<Request>("msync/mediaSanity", body).map(|request| request.local)
}

/// A row of the answer of `mediaChanges`, written as a list. Rows must ascend by usn, for the client goes on from the last one's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaChange {
    pub name: String,
    pub usn: Usn,
    /// Nothing for a deleted file.
    pub sha1: Option<[u8; 20]>,
}

/// The answer of `begin`. The key is sent back with each media request by clients of protocol 8 to 10.
pub fn begin_answer(usn: Usn, key: &str) -> Vec<u8> {
    #[derive(Serialize)]
    struct Answer<'a> {
        usn: Usn,
        sk: &'a str,
    }
    wrapped(Answer { usn, sk: key })
}

/// The answer of `mediaChanges`.
pub fn changes_answer(changes: &[MediaChange]) -> Vec<u8> {
    let rows: Vec<_> =
        changes.iter().map(|change| (&change.name, change.usn, change.sha1.map(|sha1| hex(&sha1)).unwrap_or_default())).collect();
    wrapped(rows)
}

/// The answer of `uploadChanges`. `processed` must be the number of entries in the upload's `_meta`.
pub fn upload_answer(processed: usize, usn: Usn) -> Vec<u8> {
    wrapped((processed, usn))
}

/// The answer of `mediaSanity`: whether both sides have the same number of files. If not, the client starts media sync afresh.
pub fn sanity_answer(same: bool) -> Vec<u8> {
    wrapped(if same { "OK" } else { "mediaSanity" })
}

/// An answer with status 200 that tells the client of an error.
pub fn error_answer(text: &str) -> Vec<u8> {
    #[derive(Serialize)]
    struct Answer<'a> {
        err: &'a str,
    }
    to_json(&Answer { err: text })
}

fn wrapped<T: Serialize>(data: T) -> Vec<u8> {
    #[derive(Serialize)]
    struct Wrapper<T> {
        data: T,
        err: &'static str,
    }
    to_json(&Wrapper { data, err: "" })
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let digit = |number: u8| DIGITS.get(usize::from(number & 15)).copied().unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests() {
        assert_eq!(parse_begin(br#"{"v":"anki,2.1.56"}"#), Ok(Some("anki,2.1.56".to_owned())));
        for body in ["", "null", "{}", r#"{"v":null}"#] {
            assert_eq!(parse_begin(body.as_bytes()), Ok(None), "{body}");
        }
        parse_begin(b"5").expect_err("no object");
        assert_eq!(parse_changes(br#"{"lastUsn":-1}"#), Ok(-1));
        for body in [r#"{"lastUsn":"1"}"#, r#"{"lastUsn":1.0}"#, r#"{"lastUsn":2147483648}"#, "{}"] {
            parse_changes(body.as_bytes()).expect_err(body);
        }
        assert_eq!(parse_sanity(br#"{"local":12}"#), Ok(12));
        parse_sanity(br#"{"local":-1}"#).expect_err("negative");
    }

    #[test]
    fn at_most_25_files_are_wanted() {
        let body = |count: usize| format!(r#"{{"files":{:?}}}"#, vec!["a.jpg"; count]);
        assert_eq!(parse_download(body(25).as_bytes()).map(|files| files.len()), Ok(25));
        let error = parse_download(body(26).as_bytes()).map_err(|error| error.to_string());
        assert_eq!(error, Err("msync/downloadFiles: 26 files, at most 25 are allowed".to_owned()));
        assert_eq!(parse_download(br#"{"files":[]}"#), Ok(vec![]));
    }

    #[test]
    fn answers() {
        let mut sha1 = [0; 20];
        sha1[0] = 0xab;
        let changes = [
            MediaChange { name: "é\".jpg".to_owned(), usn: 1, sha1: Some(sha1) },
            MediaChange { name: "b".to_owned(), usn: 2, sha1: None },
        ];
        for (answer, wanted) in [
            (begin_answer(3, "k"), r#"{"data":{"usn":3,"sk":"k"},"err":""}"#),
            (changes_answer(&[]), r#"{"data":[],"err":""}"#),
            (changes_answer(&changes), r#"{"data":[["é\".jpg",1,"ab00000000000000000000000000000000000000"],["b",2,""]],"err":""}"#),
            (upload_answer(2, 7), r#"{"data":[2,7],"err":""}"#),
            (sanity_answer(true), r#"{"data":"OK","err":""}"#),
            (sanity_answer(false), r#"{"data":"mediaSanity","err":""}"#),
            (error_answer("no"), r#"{"err":"no"}"#),
        ] {
            assert_eq!(String::from_utf8_lossy(&answer), wanted);
        }
    }
}
