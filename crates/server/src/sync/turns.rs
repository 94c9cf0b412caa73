//! How many requests of one account are served at the same time, so that no account can take the server from the others.

use super::error::{SyncError, SyncResult};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a request waits for those before it.
const PATIENCE: Duration = Duration::from_secs(10);

/// Turns by account. Only of this process: it is the process's memory and processor that are shared out.
pub struct Turns {
    at_once: usize,
    accounts: Mutex<HashMap<i64, Arc<Semaphore>>>,
}

/// A turn, for as long as it is held.
pub struct Turn {
    /// None while it is waited for.
    permit: Option<OwnedSemaphorePermit>,
    account: i64,
    turns: Arc<Turns>,
}

impl Turns {
    /// At most `at_once` requests of an account.
    pub fn new(at_once: usize) -> Arc<Self> {
        Arc::new(Self { at_once, accounts: Mutex::default() })
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// 503 when that takes too long.
    pub async fn take(self: &Arc<Self>, account: i64) -> SyncResult<Turn> {
        let semaphore = self.semaphore(account);
        let mut turn = Turn { permit: None, account, turns: self.clone() };
        match tokio::time::timeout(PATIENCE, semaphore.acquire_owned()).await {
            Ok(Ok(permit)) => turn.permit = Some(permit),
            _ => return Err(SyncError::unavailable(format!("{} requests of this account are being served already", self.at_once))),
        }
        Ok(turn)
    }

    fn semaphore(&self, account: i64) -> Arc<Semaphore> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.entry(account).or_insert_with(|| Arc::new(Semaphore::new(self.at_once))).clone()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        drop(self.permit.take());
        let mut accounts = self.turns.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        // Held by nobody but the map: no permit is out and nobody waits.
        if accounts.get(&self.account).is_some_and(|semaphore| Arc::strong_count(semaphore) == 1) {
            accounts.remove(&self.account);
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
        assert_eq!(turns.take(1).await.err().unwrap().status, 503);
        let other = turns.take(2).await.unwrap();
        let (third, ()) = tokio::join!(turns.take(1), async { drop(one) });
        assert!(third.is_ok(), "waited until one was over");
        drop((third, other));
        assert_eq!(turns.accounts.lock().unwrap().len(), 1, "who has no request is forgotten");
    }
}
