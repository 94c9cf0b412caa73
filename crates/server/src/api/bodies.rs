//! Bodies that are JSON: how large they may be, and how much of them this process holds at the same time.
//!
//! Short ones are not counted. JSON in memory is many times as large as it was sent where it has many small values, so these are counted,
//! and weighed, before it is parsed.

use axum::body::{Body, HttpBody};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Up to here nobody has to wait for room.
const SHORT: usize = MIB;
/// More values than any sensible request has.
pub const MOST_VALUES: usize = 1_000_000;
/// What a value takes in memory, beside its text.
const BYTES_PER_VALUE: usize = 64;
/// What is parsed at once, without a thread of its own.
const AT_ONCE: usize = 64 << 10;
const MIB: usize = 1 << 20;
/// How long a request waits for room.
const PATIENCE: Duration = Duration::from_secs(10);
/// A sender that says nothing for so long is gone.
const IDLE: Duration = Duration::from_secs(30);
/// And nobody takes longer than this for room that others wait for.
const WHOLE_OF_KNOWN: Duration = Duration::from_secs(30 * 60);
const WHOLE_OF_UNKNOWN: Duration = Duration::from_secs(3 * 60);

/// Who sends a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    Known,
    /// Nobody can say yet. They have room of their own, so that they take none from those who are known.
    Unknown,
}

/// Why a body was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    #[error("a request can have at most {0} bytes here")]
    TooLarge(usize),
    #[error("a request can have at most {MOST_VALUES} values")]
    TooManyValues,
    #[error("the request was not sent to its end")]
    Broken,
    #[error("the request took too long to send")]
    Late,
    #[error("the server has too many large requests at the moment; try again")]
    Busy,
    #[error("the server failed while it read the request")]
    Internal,
}

/// The room that all requests share, in MiB.
pub struct Bodies {
    known: Arc<Semaphore>,
    unknown: Arc<Semaphore>,
    values: Arc<Semaphore>,
}

/// The room that one request has, until it is answered.
#[derive(Debug, Clone, Default)]
pub struct Held(Arc<Mutex<Vec<OwnedSemaphorePermit>>>);

impl Held {
    fn keep(&self, permit: OwnedSemaphorePermit) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(permit);
    }
}

impl Default for Bodies {
    fn default() -> Self {
        Self::new(288, 72, 128)
    }
}

impl Bodies {
    /// Room for so many MiB of known senders, of unknown ones, and of values.
    pub fn new(known: usize, unknown: usize, values: usize) -> Self {
        let room = |mib| Arc::new(Semaphore::new(mib));
        Self { known: room(known), unknown: room(unknown), values: room(values) }
    }

    /// The whole of a body.
    ///
    /// # Errors
    /// [`BodyError`].
    pub async fn read(&self, body: Body, limit: usize, sender: Sender, held: &Held) -> Result<Bytes, BodyError> {
        let whole = if sender == Sender::Known { WHOLE_OF_KNOWN } else { WHOLE_OF_UNKNOWN };
        timeout(whole, self.read_on(body, limit, sender, held)).await.unwrap_or(Err(BodyError::Late))
    }

    async fn read_on(&self, mut body: Body, limit: usize, sender: Sender, held: &Held) -> Result<Bytes, BodyError> {
        let announced = body.size_hint().upper().and_then(|size| usize::try_from(size).ok());
        if announced.is_some_and(|size| size > limit) {
            return Err(BodyError::TooLarge(limit));
        }
        let room = if sender == Sender::Known { &self.known } else { &self.unknown };
        let mut bytes = BytesMut::new();
        let mut has_room = false;
        loop {
            let frame = match timeout(IDLE, body.frame()).await {
                Ok(None) => return Ok(bytes.freeze()),
                Ok(Some(Ok(frame))) => frame,
                Ok(Some(Err(_))) | Err(_) => return Err(BodyError::Broken),
            };
            let Ok(data) = frame.into_data() else { continue };
            if bytes.len() + data.len() > limit {
                return Err(BodyError::TooLarge(limit));
            }
            if bytes.len() + data.len() > SHORT && !has_room {
                held.keep(take(room, announced.unwrap_or(limit)).await?);
                has_room = true;
            }
            bytes.extend_from_slice(&data);
        }
    }

    /// Parses JSON, a long one on a thread for that, once there is room for its values.
    ///
    /// # Errors
    /// [`BodyError`]; what the parser says is in the result.
    pub async fn parse<T: Send + 'static>(
        &self,
        bytes: Bytes,
        held: &Held,
        parser: impl FnOnce(&[u8]) -> T + Send + 'static,
    ) -> Result<T, BodyError> {
        let values = count_values(&bytes);
        if values > MOST_VALUES {
            return Err(BodyError::TooManyValues);
        }
        if values * BYTES_PER_VALUE > SHORT {
            held.keep(take(&self.values, values * BYTES_PER_VALUE).await?);
        }
        on_a_thread(bytes, parser).await
    }
}

/// Looks at bytes, at long ones on a thread for that.
///
/// # Errors
/// [`BodyError::Internal`].
pub async fn on_a_thread<T: Send + 'static>(bytes: Bytes, work: impl FnOnce(&[u8]) -> T + Send + 'static) -> Result<T, BodyError> {
    if bytes.len() <= AT_ONCE {
        return Ok(work(&bytes));
    }
    tokio::task::spawn_blocking(move || work(&bytes)).await.map_err(|_| BodyError::Internal)
}

async fn take(room: &Arc<Semaphore>, bytes: usize) -> Result<OwnedSemaphorePermit, BodyError> {
    let mib = u32::try_from(bytes.div_ceil(MIB)).map_err(|_| BodyError::Busy)?;
    match timeout(PATIENCE, room.clone().acquire_many_owned(mib)).await {
        Ok(Ok(permit)) => Ok(permit),
        _ => Err(BodyError::Busy),
    }
}

/// How many values JSON has at most: each but the first follows one of these signs, outside of texts.
fn count_values(json: &[u8]) -> usize {
    let (mut count, mut at) = (0, 0);
    while let Some(found) = json.get(at..).and_then(|rest| rest.iter().position(|byte| matches!(byte, b'"' | b',' | b':' | b'[' | b'{'))) {
        at += found + 1;
        if json.get(at - 1) != Some(&b'"') {
            count += 1;
            continue;
        }
        loop {
            let Some(found) = json.get(at..).and_then(|rest| rest.iter().position(|byte| matches!(byte, b'"' | b'\\'))) else {
                return count;
            };
            at += found + 1;
            if json.get(at - 1) == Some(&b'"') {
                break;
            }
            at += 1;
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_outside_of_texts() {
        for (json, count) in [
            ("", 0),
            ("1", 0),
            (r#"{"a":1,"b":[1,2]}"#, 6),
            (r#""a,b:[{\",\\""#, 0),
            (r#"["\\","\"",","]"#, 3),
            (r#"["unfinished,,,"#, 1),
            (r#"["unfinished\"#, 1),
        ] {
            assert_eq!(count_values(json.as_bytes()), count, "{json}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn room_is_shared() {
        let bodies = Bodies::new(3, 2, 1);
        let body = |mib: usize| Body::from(vec![b' '; mib << 20]);
        let held = Held::default();
        let read = async |sender, mib, held: &Held| bodies.read(body(mib), 3 << 20, sender, held).await.map(|bytes| bytes.len() >> 20);
        assert_eq!(read(Sender::Unknown, 2, &held).await, Ok(2));
        assert_eq!(read(Sender::Unknown, 2, &Held::default()).await, Err(BodyError::Busy), "what is held stays held");
        assert_eq!(read(Sender::Known, 3, &Held::default()).await, Ok(3), "room of their own");
        assert_eq!(read(Sender::Unknown, 1, &Held::default()).await, Ok(1), "short ones need none");
        drop(held);
        assert_eq!(read(Sender::Unknown, 2, &Held::default()).await, Ok(2));
        assert_eq!(read(Sender::Known, 4, &Held::default()).await, Err(BodyError::TooLarge(3 << 20)));
    }

    #[tokio::test(start_paused = true)]
    async fn values_are_weighed() {
        let bodies = Bodies::new(1, 1, 60);
        let json = |values: usize| Bytes::from(format!("[{}0]", "0,".repeat(values - 1)));
        let held = Held::default();
        let parse = async |values, held: &Held| bodies.parse(json(values), held, |json| json.len()).await;
        assert_eq!(parse(MOST_VALUES + 1, &held).await, Err(BodyError::TooManyValues));
        assert!(parse(900_000, &held).await.is_ok());
        assert_eq!(parse(200_000, &Held::default()).await, Err(BodyError::Busy));
        assert!(parse(10_000, &Held::default()).await.is_ok());
        drop(held);
        assert!(parse(200_000, &Held::default()).await.is_ok());
    }
}
