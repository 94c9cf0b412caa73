//! How busy a pool is, for the operator.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The state of a pool, and what has happened to it since the process began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolUse {
    /// Connections in use.
    pub used: usize,
    /// Connections that are open.
    pub open: usize,
    /// The most there may be.
    pub most: usize,
    /// Tasks that wait for a connection.
    pub waiting: usize,
    /// How often a connection was taken.
    pub taken: u64,
    /// How often none could be had.
    pub failed: u64,
    /// How long all that took together.
    pub waited: Duration,
}

/// Counts what is taken from a pool.
#[derive(Default)]
pub(super) struct Takes {
    taken: AtomicU64,
    failed: AtomicU64,
    nanoseconds: AtomicU64,
}

impl Takes {
    /// Waits for a connection and counts that.
    pub(super) async fn count<T, E>(&self, take: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let since = Instant::now();
        let outcome = take.await;
        let took = u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(took, Ordering::Relaxed);
        let counter = if outcome.is_ok() { &self.taken } else { &self.failed };
        counter.fetch_add(1, Ordering::Relaxed);
        outcome
    }

    pub(super) fn with(&self, status: &deadpool::Status) -> PoolUse {
        PoolUse {
            used: status.size.saturating_sub(status.available),
            open: status.size,
            most: status.max_size,
            waiting: status.waiting,
            taken: self.taken.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            waited: Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed)),
        }
    }
}
