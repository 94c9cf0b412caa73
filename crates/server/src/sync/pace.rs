//! A request's body has to keep moving: a client that is gone, or sends a byte a second on purpose, is not waited for.

use super::error::{SyncError, SyncResult};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// A client that sends nothing for so long is gone.
const IDLE: Duration = Duration::from_secs(60);
/// From then on it must have sent [`SLOWEST`] bytes a second on average. The worst mobile connections manage ten times that.
const GRACE: Duration = Duration::from_secs(60);
const SLOWEST: u64 = 256;

/// Hands on the pieces of a body for as long as they come fast enough.
///
/// # Errors
/// 408 when they do not; what comes after an error does not matter.
pub fn keep(pieces: impl Stream<Item = SyncResult<Bytes>> + Send + 'static) -> impl Stream<Item = SyncResult<Bytes>> + Send + 'static {
    let state = (Box::pin(pieces), Instant::now(), 0_u64);
    futures_util::stream::unfold(state, |(mut pieces, begun, mut received)| async move {
        let piece = match timeout(IDLE, pieces.next()).await {
            Ok(None) => return None,
            Ok(Some(Ok(piece))) => {
                received += piece.len() as u64;
                let taken = begun.elapsed();
                if taken > GRACE && received < taken.as_secs() * SLOWEST {
                    Err(SyncError::timed_out(format!("the client sent {received} bytes in {} seconds", taken.as_secs())))
                } else {
                    Ok(piece)
                }
            }
            Ok(Some(Err(e))) => Err(e),
            Err(_) => Err(SyncError::timed_out("the client stopped sending its request")),
        };
        Some((piece, (pieces, begun, received)))
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use futures_util::TryStreamExt;

    /// What comes of pieces of `size` bytes, one every `pause`, for five minutes.
    async fn sent(size: usize, pause: Duration) -> SyncResult<usize> {
        let begun = Instant::now();
        let pieces = futures_util::stream::unfold((), move |()| async move {
            tokio::time::sleep(pause).await;
            (begun.elapsed() < Duration::from_secs(300)).then(|| (Ok(Bytes::from(vec![0; size])), ()))
        });
        keep(pieces).try_fold(0, |sum, piece| async move { Ok(sum + piece.len()) }).await
    }

    #[tokio::test(start_paused = true)]
    async fn slow_is_fine_but_there_are_limits() {
        assert_eq!(sent(300, Duration::from_secs(1)).await.unwrap(), 300 * 299);
        assert_eq!(sent(30_000, Duration::from_secs(59)).await.unwrap(), 30_000 * 5);
        for (size, pause) in [(1, 1), (100, 1), (1, 59), (1 << 20, 61)] {
            let begun = Instant::now();
            assert_eq!(sent(size, Duration::from_secs(pause)).await.unwrap_err().status, 408, "{size} bytes every {pause} s");
            assert!(begun.elapsed() <= Duration::from_secs(120));
        }
    }
}
