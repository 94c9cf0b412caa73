//! Removing accounts and what has no use any more.

use super::{AccountError, Accounts, Result};
use crate::actions::actor::Actor;
use crate::actions::username::Username;
use crate::media_store::SHARED_IMPORTS;
use std::path::Path;
use std::time::Duration;
use store::main_db::Account;

/// Host keys that nobody has used for so long are removed. Such a device has to log in again.
const UNUSED_KEY_MS: i64 = 400 * 24 * 60 * 60 * 1000;
/// Longer than any process remembers a host key.
const UNTIL_FORGOTTEN: Duration = Duration::from_secs(5);

impl Accounts {
    /// Deletes an account with its collection, the kept older ones, and its media. Takes some seconds, until no process remembers a key.
    ///
    /// # Errors
    /// [`AccountError::NoSuchUser`]. After any other error the account cannot be used any more, and what is left of its data is removed
    /// by [`Accounts::finish_deletions`].
    pub async fn delete(&self, username: &Username, actor: impl Into<Actor>) -> Result<()> {
        let account = self.find(username).await?;
        self.mark_deleted(&account, &actor.into()).await?;
        self.finish_deletion(account.id).await
    }

    /// From here on the account cannot be used any more.
    pub(in crate::actions) async fn mark_deleted(&self, account: &Account, actor: &Actor) -> Result<()> {
        if !self.main.mark_account_deleted(account.id, self.clock.now_ms()).await? {
            return Err(AccountError::NoSuchUser(account.username.clone()));
        }
        self.cache.forget(account.id);
        self.record(actor, Some(account.id), "account.delete", format!("deleted `{}`", account.username)).await;
        Ok(())
    }

    /// Removes the data of an account that is marked as deleted, once no process remembers a key of it.
    pub(in crate::actions) async fn finish_deletion(&self, id: i64) -> Result<()> {
        tokio::time::sleep(UNTIL_FORGOTTEN).await;
        self.remove_data(id).await
    }

    /// Finishes deletions that were interrupted.
    ///
    /// # Errors
    /// When a database or the disk fails; worth trying again later.
    pub async fn finish_deletions(&self) -> Result<()> {
        for id in self.main.deleted_accounts().await? {
            self.remove_data(id).await?;
        }
        Ok(())
    }

    /// Removes what has no use any more: login attempts outside of their window, host keys that nobody has used for more than a year,
    /// sessions of browsers that are over, links that are too old.
    ///
    /// # Errors
    /// When the database fails; worth trying again later.
    pub async fn tidy(&self) -> Result<()> {
        let now = self.clock.now_ms();
        self.main.remove_old_login_attempts(now - self.limits.window_ms).await?;
        self.main.remove_unused_host_keys(now - UNUSED_KEY_MS).await?;
        self.main.remove_expired_web_sessions(now).await?;
        self.main.remove_old_one_time_links(now).await?;
        Ok(())
    }

    async fn remove_data(&self, id: i64) -> Result<()> {
        self.user.delete_collection(id, self.clock.now_ms()).await?;
        self.media.remove_account(id).await?;
        // Whole collections in files, which would go by themselves, but days later.
        remove_files(&self.files.downloads(), &format!("{id:x}-")).await?;
        remove_files(&self.files.imports(), &format!("{id}-")).await?;
        let (media, start) = (self.media.clone(), format!("{SHARED_IMPORTS}/{id}-"));
        let unshare =
            move || media.shared(SHARED_IMPORTS)?.iter().filter(|name| name.starts_with(&start)).try_for_each(|name| media.unshare(name));
        tokio::task::spawn_blocking(unshare).await.map_err(std::io::Error::other)??;
        self.main.remove_account(id).await?;
        Ok(())
    }
}

/// Removes the files of a folder whose names begin with `start`. That there is no such folder is no error.
async fn remove_files(folder: &Path, start: &str) -> std::io::Result<()> {
    let mut entries = match tokio::fs::read_dir(folder).await {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    while let Some(entry) = entries.next_entry().await? {
        if entry.file_name().to_string_lossy().starts_with(start) {
            match tokio::fs::remove_file(entry.path()).await {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
                _ => {}
            }
        }
    }
    Ok(())
}
