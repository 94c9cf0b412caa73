//! A request's body has to keep moving: a client that is gone, or sends a byte a second on purpose, is not waited for.

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// A client that sends nothing for so long is gone.
const IDLE: Duration = Duration::from_secs(60);
/// Each time that we have waited so long in all, [`SLOWEST`] bytes a second must have come. The worst mobile connections manage ten times
/// that.
const WINDOW: Duration = Duration::from_secs(60);
const SLOWEST: u64 = 256;

/// Passes everything on for as long as it comes fast enough. Only the time counts during which somebody waits for the client.
pub struct Paced {
    body: Body,
    timer: Option<Pin<Box<Sleep>>>,
    /// Since when the next piece is waited for.
    since: Option<Instant>,
    /// In this window.
    waited: Duration,
    received: u64,
}

/// Why a body ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum TooSlow {
    #[error("the client stopped sending its request")]
    Stopped,
    #[error("the client sent {bytes} bytes in {seconds} seconds")]
    Trickles { bytes: u64, seconds: u64 },
}

impl Paced {
    /// Watches over `body`.
    pub fn body(body: Body) -> Body {
        Body::new(Self { body, timer: None, since: None, waited: Duration::ZERO, received: 0 })
    }

    /// Whether the client has stopped.
    fn poll_stopped(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let since = *self.since.get_or_insert_with(|| {
            if let Some(timer) = &mut self.timer {
                timer.as_mut().reset(Instant::now() + IDLE);
            }
            Instant::now()
        });
        self.timer.get_or_insert_with(|| Box::pin(sleep_until(since + IDLE))).as_mut().poll(cx)
    }

    /// Counts a piece.
    fn count(&mut self, bytes: usize) -> Result<(), TooSlow> {
        self.waited += self.since.take().map_or(Duration::ZERO, |since| since.elapsed());
        self.received += bytes as u64;
        if self.waited < WINDOW {
            return Ok(());
        }
        let (seconds, bytes) = (self.waited.as_secs(), self.received);
        if bytes < seconds * SLOWEST {
            return Err(TooSlow::Trickles { bytes, seconds });
        }
        (self.waited, self.received) = (Duration::ZERO, 0);
        Ok(())
    }
}

/// Whether an error says that a body was too slow. It comes wrapped in those of whoever has passed it on.
pub fn too_slow<'a>(mut error: &'a (dyn Error + 'static)) -> Option<&'a TooSlow> {
    loop {
        match error.downcast_ref() {
            Some(slow) => return Some(slow),
            None => error = error.source()?,
        }
    }
}

impl HttpBody for Paced {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        let polled = match Pin::new(&mut this.body).poll_frame(cx) {
            Poll::Pending => match this.poll_stopped(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(()) => Err(TooSlow::Stopped),
            },
            Poll::Ready(Some(Ok(frame))) => this.count(frame.data_ref().map_or(0, Bytes::len)).map(|()| frame),
            Poll::Ready(end) => return Poll::Ready(end),
        };
        Poll::Ready(Some(polled.map_err(axum::Error::new)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use futures_util::TryStreamExt;

    /// What comes of pieces of `size` bytes, one every `pause`, for ten minutes. The reader does something else for a while after each.
    async fn sent(first: usize, size: usize, pause: Duration, reads: Duration) -> Result<usize, axum::Error> {
        let begun = Instant::now();
        let first = futures_util::stream::iter([Ok::<_, std::io::Error>(Bytes::from(vec![0; first]))]);
        let pieces = futures_util::stream::unfold((), move |()| async move {
            tokio::time::sleep(pause).await;
            (begun.elapsed() < Duration::from_secs(600)).then(|| (Ok(Bytes::from(vec![0; size])), ()))
        });
        let body = Paced::body(Body::from_stream(futures_util::StreamExt::chain(first, pieces)));
        let counted = body.into_data_stream().try_fold(0, |sum, piece| async move {
            tokio::time::sleep(reads).await;
            Ok(sum + piece.len())
        });
        counted.await
    }

    #[tokio::test(start_paused = true)]
    async fn slow_is_fine_but_there_are_limits() {
        let seconds = Duration::from_secs;
        assert_eq!(sent(0, 300, seconds(1), seconds(0)).await.unwrap(), 300 * 599);
        assert_eq!(sent(0, 30_000, seconds(59), seconds(0)).await.unwrap(), 30_000 * 10);
        assert_eq!(sent(0, 2560, seconds(10), seconds(100)).await.unwrap(), 2560 * 5, "our own time does not count");
        // Having sent much at first is no excuse.
        for (first, size, pause) in [(0, 1, 1), (0, 100, 1), (0, 1, 59), (0, 1 << 20, 61), (1 << 30, 1, 1), (1 << 30, 1, 59)] {
            let begun = Instant::now();
            let refused = sent(first, size, seconds(pause), seconds(0)).await.unwrap_err();
            assert!(too_slow(&refused).is_some(), "{size} bytes every {pause} s: {refused}");
            assert!(begun.elapsed() <= seconds(240), "{first}, {size} bytes every {pause} s: {:?}", begun.elapsed());
        }
    }

    #[test]
    fn other_errors_are_told_apart() {
        let broken = axum::Error::new(std::io::Error::other("gone"));
        assert!(too_slow(&broken).is_none());
        assert!(too_slow(&axum::Error::new(axum::Error::new(TooSlow::Stopped))).is_some());
    }
}
