//! Who waits for an account's lock waits here first, without a connection: otherwise the requests of one account whose lock is held for
//! long would take all connections of the process, and everybody would wait with them.

use crate::error::{Result, StoreError};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long to wait. Less than for the lock itself, which is waited for twice: with it, that is as long as a client waits.
const PATIENCE: Duration = Duration::from_secs(5);

/// The queues of all accounts. Only of this process; between processes, the lock decides.
#[derive(Default)]
pub(super) struct Queue {
    accounts: Mutex<HashMap<i64, Arc<Semaphore>>>,
}

/// The first place in the queue of an account, for as long as it is held.
pub(super) struct Place {
    /// None while it is waited for.
    permit: Option<OwnedSemaphorePermit>,
    account: i64,
    queue: Arc<Queue>,
}

impl Queue {
    /// Waits until nobody is before us.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when that takes too long.
    pub(super) async fn enter(self: &Arc<Self>, account: i64) -> Result<Place> {
        let semaphore = {
            let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
            accounts.entry(account).or_insert_with(|| Arc::new(Semaphore::new(1))).clone()
        };
        let mut place = Place { permit: None, account, queue: self.clone() };
        match tokio::time::timeout(PATIENCE, semaphore.acquire_owned()).await {
            Ok(Ok(permit)) => place.permit = Some(permit),
            _ => return Err(StoreError::Busy("others have been waiting for the same collection for too long".into())),
        }
        Ok(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(self.permit.take());
        let mut accounts = self.queue.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        // Held by nobody but the map: nobody is in the queue.
        if accounts.get(&self.account).is_some_and(|semaphore| Arc::strong_count(semaphore) == 1) {
            accounts.remove(&self.account);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_after_the_other_and_accounts_apart() {
        let queue = Arc::new(Queue::default());
        let first = queue.enter(1).await;
        assert!(matches!(queue.enter(1).await.map(drop), Err(StoreError::Busy(_))));
        assert!(queue.enter(2).await.is_ok());
        let (second, ()) = tokio::join!(queue.enter(1), async { drop(first) });
        assert!(second.is_ok());
        drop(second);
        assert!(queue.accounts.lock().unwrap_or_else(PoisonError::into_inner).is_empty(), "who does not wait is forgotten");
    }
}
