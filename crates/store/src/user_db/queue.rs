//! Who waits for an account's lock waits here first, without a connection: otherwise the requests of one account whose lock is held for
//! long would take all connections of the process, and everybody would wait with them. Between processes, the lock decides.

use crate::error::{Result, StoreError};
use crate::turns::{Turn, Turns};
use std::sync::Arc;
use std::time::Duration;

/// How long to wait. Less than for the lock itself, which is waited for twice: with it, that is as long as a client waits.
const PATIENCE: Duration = Duration::from_secs(5);

/// The queues of all accounts.
#[derive(Clone)]
pub(super) struct Queue(Arc<Turns>);

impl Queue {
    pub(super) fn new() -> Self {
        Self(Turns::with_patience(1, PATIENCE))
    }

    /// Waits until nobody is before us. The place is ours for as long as it is held.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when that takes too long.
    pub(super) async fn enter(&self, account: i64) -> Result<Turn> {
        let turn = self.0.take(account).await;
        turn.map_err(|_| StoreError::Busy("others have been waiting for the same collection for too long".into()))
    }
}
