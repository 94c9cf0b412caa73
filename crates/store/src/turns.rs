//! Turns by key: how many of one account, or of whoever else, go on at the same time, so that nobody can take the server from the others.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a request waits for those before it, unless said otherwise.
const PATIENCE: Duration = Duration::from_secs(10);

/// So many requests of the account are being served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} requests of this account are being served already")]
pub struct TooMany(pub usize);

/// Turns by account, or by another key. Only of this process: it is the process's memory and processor that are shared out.
pub struct Turns<K: Eq + Hash = i64> {
    at_once: usize,
    patience: Duration,
    keys: Mutex<HashMap<K, Arc<Semaphore>>>,
}

/// A turn, for as long as it is held.
pub struct Turn<K: Eq + Hash = i64> {
    /// None while it is waited for.
    permit: Option<OwnedSemaphorePermit>,
    key: K,
    turns: Arc<Turns<K>>,
}

impl<K: Eq + Hash + Clone> Turns<K> {
    /// At most `at_once` requests of a key.
    pub fn new(at_once: usize) -> Arc<Self> {
        Self::with_patience(at_once, PATIENCE)
    }

    /// The same, where one waits for so long.
    pub fn with_patience(at_once: usize, patience: Duration) -> Arc<Self> {
        Arc::new(Self { at_once, patience, keys: Mutex::default() })
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// [`TooMany`] when that takes too long.
    pub async fn take(self: &Arc<Self>, key: K) -> Result<Turn<K>, TooMany> {
        let semaphore = self.semaphore(key.clone());
        let mut turn = Turn { permit: None, key, turns: self.clone() };
        match tokio::time::timeout(self.patience, semaphore.acquire_owned()).await {
            Ok(Ok(permit)) => turn.permit = Some(permit),
            _ => return Err(TooMany(self.at_once)),
        }
        Ok(turn)
    }

    fn semaphore(&self, key: K) -> Arc<Semaphore> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.entry(key).or_insert_with(|| Arc::new(Semaphore::new(self.at_once))).clone()
    }
}

impl<K: Eq + Hash> Drop for Turn<K> {
    fn drop(&mut self) {
        drop(self.permit.take());
        let mut keys = self.turns.keys.lock().unwrap_or_else(PoisonError::into_inner);
        // Held by nobody but the map: no permit is out and nobody waits.
        if keys.get(&self.key).is_some_and(|semaphore| Arc::strong_count(semaphore) == 1) {
            keys.remove(&self.key);
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn accounts_have_turns_of_their_own() {
        let turns = Turns::new(2);
        let (one, _two) = (turns.take(1).await.unwrap(), turns.take(1).await.unwrap());
        assert_eq!(turns.take(1).await.err(), Some(TooMany(2)));
        let other = turns.take(2).await.unwrap();
        let (third, ()) = tokio::join!(turns.take(1), async { drop(one) });
        assert!(third.is_ok(), "waited until one was over");
        drop((third, other));
        assert_eq!(turns.keys.lock().unwrap().len(), 1, "who has no request is forgotten");
    }
}
