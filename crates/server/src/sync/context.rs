//! Who asks, and what every step works with.

use super::error::{SyncError, SyncResult};
use super::incoming::Envelope;
use crate::app::App;
use crate::http::peer::Peer;
use anki::wire::client::ClientVersion;
use anki::wire::version::SyncVersion;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::user_db::CollectionState;
use store::user_db::sessions::Session;

/// All waits of a request together: less than the 30 seconds after which a client gives up.
const PATIENCE: Duration = Duration::from_secs(25);
/// What the rest of a request may need of that after an import was waited for.
const AFTER_IMPORT: Duration = Duration::from_secs(5);

/// An authenticated request.
pub struct Context {
    pub app: Arc<App>,
    pub account: i64,
    pub username: String,
    /// Hash of the host key, which tells one device from another.
    pub device: String,
    pub session_key: String,
    pub version: SyncVersion,
    pub client: ClientVersion,
    /// Nothing is waited for any longer from then on.
    answer_by: Instant,
    /// The most that the account's collection and media may take, in bytes.
    pub quota_collection: Option<i64>,
    pub quota_media: Option<i64>,
}

/// The running sync that a request belongs to.
pub struct Running {
    pub session: Session,
    /// The schema of the generation that the sync is based on.
    pub schema: String,
}

impl Context {
    /// Finds out whose request it is, by its host key.
    ///
    /// # Errors
    /// 403 for an unknown key; 503 when that cannot be found out.
    pub async fn identify(app: &Arc<App>, envelope: &Envelope, peer: Peer) -> SyncResult<Self> {
        let owner = app.accounts.host_key_owner(&envelope.host_key, &envelope.client, peer.0).await;
        let owner = owner.map_err(|e| SyncError::unavailable(e.to_string()))?;
        let owner = owner.ok_or_else(|| {
            SyncError::forbidden(
                "unknown host key: the device was logged out, or the password was changed, or the account is disabled or gone",
            )
        })?;
        Ok(Self {
            app: app.clone(),
            account: owner.account,
            username: owner.username,
            quota_collection: owner.quota_collection_bytes,
            quota_media: owner.quota_media_bytes,
            device: hex::encode(Sha256::digest(&envelope.host_key)),
            session_key: envelope.session_key.clone(),
            version: envelope.version,
            client: envelope.client.clone(),
            answer_by: Instant::now() + PATIENCE,
        })
    }

    /// A long body has come: the client waits from now on.
    pub fn body_has_come(&mut self) {
        self.answer_by = Instant::now() + PATIENCE;
    }

    /// How long may still be waited for something.
    pub fn patience(&self) -> Duration {
        self.answer_by.saturating_duration_since(Instant::now())
    }

    /// Milliseconds since the epoch.
    pub fn now_ms(&self) -> i64 {
        self.app.clock.now_ms()
    }

    /// The running sync, which must be this client's.
    ///
    /// # Errors
    /// 409 when it is not.
    pub async fn running(&self) -> SyncResult<Running> {
        match self.app.user.session(self.account, &self.session_key).await? {
            Some((session, schema)) => Ok(Running { session, schema }),
            None => Err(self.not_running().await),
        }
    }

    /// Waits for a large upload of this account whose rows are still being loaded.
    ///
    /// # Errors
    /// 503 when that takes longer than a client waits, or can never end.
    pub async fn wait_for_import(&self) -> SyncResult<()> {
        if self.wait_until_replaceable().await? {
            return Err(SyncError::unavailable(
                "the file of the last upload is lost or damaged: a device has to upload again, or the operator to restore an earlier version",
            ));
        }
        Ok(())
    }

    /// The same for an upload, which may take the place of an import that can never end. Answers whether there is such a one.
    ///
    /// # Errors
    /// 503 when loading takes longer than a client waits.
    pub async fn wait_until_replaceable(&self) -> SyncResult<bool> {
        loop {
            let state = self.app.user.state(self.account).await?;
            if !state.as_ref().is_some_and(CollectionState::is_import_running) {
                return Ok(state.is_some_and(|state| state.is_stuck));
            }
            if self.patience() <= AFTER_IMPORT {
                return Err(SyncError::unavailable("the last upload is large and still being loaded"));
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// Why a sync is not running: taken over, finished, or never begun.
    pub async fn not_running(&self) -> SyncError {
        match self.app.user.ended_session(self.account, &self.session_key).await {
            Ok(Some(0)) => SyncError::conflict("another device of this account took over"),
            Ok(Some(_)) => SyncError::conflict("this sync has finished"),
            Ok(None) => SyncError::conflict("no such sync is running: it was aborted, has been idle for too long, or never began"),
            Err(e) => e.into(),
        }
    }
}
