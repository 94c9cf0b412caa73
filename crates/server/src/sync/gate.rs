//! How much of a form may come outside its payload.
//!
//! The parser keeps in memory whatever it has not made sense of, and looks at all of it again with each piece: a preamble, or a part's
//! head, that never ends. It also takes as much as it can get at once.

use super::error::{SyncError, SyncResult};
use bytes::Bytes;
use futures_util::Stream;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

/// Bytes before the payload, and again after it. Clients need less than one KB.
const AROUND: u64 = 32 << 10;
/// How much is handed on before the parser has to look at it.
const AT_ONCE: usize = 64 << 10;
/// How often the parser may ask in vain. It asks before it looks at what it has, some times for each part, of which there are a few.
const PATIENCE: u32 = 200;

/// What the reader of a form says about where it is.
#[derive(Clone)]
pub struct Gate(Arc<AtomicU64>);

impl Gate {
    /// The payload comes: it has limits of its own.
    pub fn open(&self) {
        self.0.store(u64::MAX, Ordering::Relaxed);
    }

    /// Anything but the payload comes.
    pub fn narrow(&self) {
        self.0.store(AROUND, Ordering::Relaxed);
    }
}

/// Hands on the pieces of a form for as long as the gate lets them through, which begins narrow.
///
/// # Errors
/// 413 for more than that.
pub fn through<S>(pieces: S) -> (Gate, impl Stream<Item = SyncResult<Bytes>> + Send + 'static)
where
    S: Stream<Item = SyncResult<Bytes>> + Send + 'static,
{
    let gate = Gate(Arc::new(AtomicU64::new(AROUND)));
    (gate.clone(), Through { pieces: Box::pin(pieces), gate, held: Bytes::new(), at_once: 0, in_vain: 0 })
}

struct Through<S> {
    pieces: Pin<Box<S>>,
    gate: Gate,
    /// The rest of a piece.
    held: Bytes,
    /// Bytes handed on since the parser last got to look at them.
    at_once: usize,
    in_vain: u32,
}

impl<S: Stream<Item = SyncResult<Bytes>>> Stream for Through<S> {
    type Item = SyncResult<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let left = this.gate.0.load(Ordering::Relaxed);
        if left == 0 {
            this.in_vain += 1;
            if this.in_vain > PATIENCE {
                return Poll::Ready(Some(Err(SyncError::too_large("the form has too much outside of its payload"))));
            }
        }
        if left == 0 || this.at_once >= AT_ONCE {
            this.at_once = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if this.held.is_empty() {
            match this.pieces.as_mut().poll_next(cx) {
                Poll::Ready(Some(Ok(piece))) => this.held = piece,
                Poll::Pending => {
                    this.at_once = 0;
                    return Poll::Pending;
                }
                end => return end,
            }
        }
        let room = (AT_ONCE - this.at_once).min(usize::try_from(left).unwrap_or(usize::MAX));
        let piece = this.held.split_to(this.held.len().min(room));
        this.at_once += piece.len();
        this.in_vain = 0;
        if left != u64::MAX {
            this.gate.0.store(left - piece.len() as u64, Ordering::Relaxed);
        }
        Poll::Ready(Some(Ok(piece)))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use futures_util::{StreamExt, TryStreamExt};
    use std::sync::atomic::AtomicUsize;

    const HEAD: &str = "--B\r\nContent-Disposition: form-data; name=\"";

    /// A form in pieces of `size` bytes, and how many bytes of it were asked for.
    fn pieces(body: &[u8], size: usize) -> (Arc<AtomicUsize>, impl Stream<Item = SyncResult<Bytes>> + Send + 'static) {
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = asked.clone();
        let pieces: Vec<Bytes> = body.chunks(size).map(Bytes::copy_from_slice).collect();
        (
            asked,
            futures_util::stream::iter(pieces).map(move |piece| {
                counted.fetch_add(piece.len(), Ordering::Relaxed);
                Ok(piece)
            }),
        )
    }

    #[tokio::test]
    async fn a_payload_passes_and_what_is_around_it_in_bounds() {
        let payload: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
        let small = format!("{HEAD}k\"\r\n\r\nthe key\r\n");
        // As many parts as there may be, of the largest size.
        let large = format!("{HEAD}x\"\r\n\r\n{}\r\n", "x".repeat(1000)).repeat(18);
        for before in [String::new(), small.clone(), large] {
            for size in [1000, 70_000, 10_000_000] {
                let body =
                    [before.as_bytes(), HEAD.as_bytes(), b"data\"\r\n\r\n", &payload, b"\r\n", small.as_bytes(), b"--B--\r\n"].concat();
                let (gate, through) = through(pieces(&body, size).1);
                let mut form = multer::Multipart::new(through, "B");
                let mut names = Vec::new();
                while let Some(field) = form.next_field().await.unwrap() {
                    let name = field.name().unwrap().to_owned();
                    if name == "data" {
                        gate.open();
                        let found = field.try_fold(Vec::new(), |sum, piece| async move { Ok([&sum[..], &piece].concat()) }).await.unwrap();
                        assert_eq!(found, payload);
                        gate.narrow();
                    } else {
                        field.bytes().await.unwrap();
                    }
                    names.push(name);
                }
                assert_eq!(names[names.len() - 2..], ["data", "k"], "{size}");
            }
        }
    }

    #[tokio::test]
    async fn what_never_ends_is_not_kept() {
        let endless = "a".repeat(10_000_000);
        for begun in [String::new(), "--B\r\nX: ".into(), format!("{HEAD}k\"\r\n\r\nkey\r\n--B\r\nX: ")] {
            for size in [100, 1_000_000] {
                let (asked, pieces) = pieces(format!("{begun}{endless}").as_bytes(), size);
                let mut form = multer::Multipart::new(through(pieces).1, "B");
                let refused = loop {
                    match form.next_field().await {
                        Ok(Some(field)) => drop(field.bytes().await.unwrap()),
                        Ok(None) => panic!("not the end"),
                        Err(refused) => break refused,
                    }
                };
                let multer::Error::StreamReadFailed(cause) = refused else { panic!("{begun}: {refused}") };
                assert_eq!(cause.downcast_ref::<SyncError>().unwrap().status, 413, "{begun}");
                assert!(asked.load(Ordering::Relaxed) <= AROUND as usize + size, "{begun}");
            }
        }
    }
}
