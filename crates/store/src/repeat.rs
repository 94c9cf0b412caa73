//! Whole transactions again, when the database gave one up for the sake of others.

use crate::error::StoreError;
use std::time::Duration;

/// Whether a failed transaction is worth repeating, from its first statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Repetition {
    /// It would fail again, or nobody knows what became of it.
    #[default]
    Never,
    /// Somebody held a lock for as long as we wait for one. More than twice that is longer than a client waits.
    Once,
    /// It was the victim of a deadlock. Whoever it stood in the way of is done in a moment.
    Some,
}

/// An error that knows whether repeating helps.
pub trait Repeatable {
    /// Whether what failed with this error is worth repeating.
    fn repetition(&self) -> Repetition;
}

impl Repeatable for StoreError {
    fn repetition(&self) -> Repetition {
        match self {
            Self::Repeat(_) => Repetition::Some,
            Self::LockWait(_) => Repetition::Once,
            _ => Repetition::Never,
        }
    }
}

/// How often a victim of deadlocks is tried in all.
const ATTEMPTS: u32 = 5;
/// Grows with each attempt.
const PAUSE: Duration = Duration::from_millis(10);

/// Does `work`, a whole transaction, and again where its error says that this helps. What fails must leave no trace: a transaction that
/// is dropped is undone.
pub async fn repeat<T, E: Repeatable + std::fmt::Display, F: Future<Output = Result<T, E>>>(
    what: &str,
    work: impl Fn() -> F,
) -> Result<T, E> {
    let mut attempt = 1;
    loop {
        let error = match work().await {
            Err(error) if error.repetition() != Repetition::Never => error,
            outcome => return outcome,
        };
        let most = if error.repetition() == Repetition::Once { 2 } else { ATTEMPTS };
        if attempt >= most {
            return Err(error);
        }
        tracing::info!(what, attempt, %error, "repeating a transaction");
        tokio::time::sleep(PAUSE * attempt).await;
        attempt += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    async fn attempts(error: impl Fn() -> StoreError) -> u32 {
        let count = Cell::new(0);
        let outcome: Result<(), _> = repeat("test", async || {
            count.set(count.get() + 1);
            Err(error())
        })
        .await;
        assert_eq!(outcome.expect_err("it always fails").to_string(), error().to_string());
        count.get()
    }

    #[tokio::test]
    async fn repetition_is_bounded() {
        assert_eq!(attempts(|| StoreError::Repeat("deadlock".into())).await, ATTEMPTS);
        assert_eq!(attempts(|| StoreError::LockWait("lock".into())).await, 2);
        assert_eq!(attempts(|| StoreError::Unavailable("gone".into())).await, 1, "a commit may have happened");
        let count = Cell::new(0);
        let work = async || {
            count.set(count.get() + 1);
            if count.get() < 3 { Err(StoreError::Repeat("deadlock".into())) } else { Ok(7) }
        };
        assert_eq!(repeat("test", work).await.expect("the third attempt"), 7);
    }
}
