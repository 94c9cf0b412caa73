//! Judging rows takes the processor from others, so it happens beside the threads that answer requests, on all but one core.

use crate::error::{Result, StoreError};
use std::sync::LazyLock;
use std::time::Instant;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::Semaphore;

static TURNS: LazyLock<Semaphore> = LazyLock::new(|| {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Semaphore::new(cores.saturating_sub(1).max(1))
});

/// Looks at some rows, when it is its turn.
///
/// # Errors
/// [`StoreError::Busy`] when it is not before `ends`, and those of `work`.
pub(super) async fn judge<T>(ends: Instant, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let turn = tokio::time::timeout_at(ends.into(), TURNS.acquire()).await;
    let Ok(Ok(_turn)) = turn else { return Err(too_long()) };
    // A runtime of one thread has nobody who could take over.
    if Handle::current().runtime_flavor() == RuntimeFlavor::MultiThread { tokio::task::block_in_place(work) } else { work() }
}

pub(super) fn too_long() -> StoreError {
    StoreError::Busy("a search took too long".into())
}
