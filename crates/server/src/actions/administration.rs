//! What administrators do to accounts beyond what the command line can: roles, quotas, devices, older versions of a collection.

use super::accounts::{AccountError, Accounts, Result, check_email};
use super::actor::Actor;
use std::fmt::Write as _;
use store::StoreError;
use store::main_db::{Account, AccountChange};

/// Whether somebody may change another account. Staff look after users; who may use the administration pages is decided by superusers.
pub fn may_change(who: &Account, whom: &Account) -> bool {
    who.is_superuser || (who.is_staff && !whom.is_staff && !whom.is_superuser)
}

/// Whether somebody may give and take roles.
pub fn may_give_roles(who: &Account) -> bool {
    who.is_superuser
}

impl Accounts {
    /// The account with this id.
    ///
    /// # Errors
    /// [`AccountError::NoSuchUser`].
    pub async fn find_by_id(&self, id: i64) -> Result<Account> {
        self.main.account_by_id(id).await?.ok_or_else(|| AccountError::NoSuchUser(id.to_string()))
    }

    /// Changes e-mail address, roles and quotas.
    ///
    /// # Errors
    /// [`AccountError::NoSuchUser`], [`AccountError::BadEmail`].
    pub async fn change(&self, account: &Account, new: &AccountChange, actor: impl Into<Actor>) -> Result<()> {
        let differences = differences(account, new);
        if differences.is_empty() {
            return Ok(());
        }
        // One that came from elsewhere may stay as it is.
        if account.email != new.email {
            check_email(&new.email)?;
        }
        if !self.main.change_account(account.id, new).await? {
            return Err(AccountError::NoSuchUser(account.username.clone()));
        }
        self.cache.forget(account.id);
        self.record(&actor.into(), Some(account.id), "account.change", format!("changed `{}`: {differences}", account.username)).await;
        Ok(())
    }

    /// Logs one device out. Answers whether there was such a device.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn revoke_device(&self, account: &Account, digest: &str, actor: impl Into<Actor>) -> Result<bool> {
        let revoked = self.main.revoke_host_key(account.id, digest).await?;
        if revoked {
            self.cache.forget(account.id);
            self.record(&actor.into(), Some(account.id), "device.revoke", format!("logged out a device of `{}`", account.username)).await;
        }
        Ok(revoked)
    }

    /// Logs all devices and browsers out, and revokes all API tokens. Answers how many devices and tokens those were.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn log_out_everywhere(&self, account: &Account, actor: impl Into<Actor>) -> Result<(u64, u64)> {
        let (devices, tokens) = self.revoke_keys(account.id).await?;
        let browsers = self.main.remove_web_sessions(account.id, None).await?;
        self.cache.forget(account.id);
        let detail = format!("logged out {devices} devices and {browsers} browsers of `{}`, revoked {tokens} API tokens", account.username);
        self.record(&actor.into(), Some(account.id), "account.logout", detail).await;
        Ok((devices, tokens))
    }

    /// Brings a kept older version of a collection back. False when there is no such version.
    ///
    /// # Errors
    /// When the database fails, or an upload is still being loaded.
    pub async fn restore_collection(&self, account: &Account, number: i32, actor: impl Into<Actor>) -> Result<bool> {
        match self.user.restore(account.id, number, self.clock.now_ms()).await {
            Ok(_) => {}
            Err(StoreError::Gone(_)) => return Ok(false),
            Err(e) => return Err(e.into()),
        }
        let detail = format!("brought version {number} of the collection of `{}` back", account.username);
        self.record(&actor.into(), Some(account.id), "collection.restore", detail).await;
        Ok(true)
    }

    /// Deletes an account as [`Accounts::delete`] does, but does not wait until its data is gone.
    ///
    /// # Errors
    /// [`AccountError::NoSuchUser`].
    pub async fn begin_deletion(&self, account: &Account, actor: impl Into<Actor>) -> Result<()> {
        self.mark_deleted(account, &actor.into()).await?;
        let (accounts, id) = (self.clone(), account.id);
        tokio::spawn(async move {
            // What fails here is done by housekeeping.
            if let Err(error) = accounts.finish_deletion(id).await {
                tracing::warn!(account = id, %error, "the data of a deleted account is not removed yet; trying again later");
            }
        });
        Ok(())
    }
}

/// What would change, for the audit log.
fn differences(old: &Account, new: &AccountChange) -> String {
    let mut out = String::new();
    let mut note = |what: &str, from: String, to: String| {
        if from != to {
            let comma = if out.is_empty() { "" } else { ", " };
            let _ = write!(out, "{comma}{what} from {from} to {to}");
        }
    };
    let quota = |bytes: Option<i64>| bytes.map_or_else(|| "none".to_owned(), |bytes| format!("{bytes} bytes"));
    note("e-mail", format!("`{}`", old.email), format!("`{}`", new.email));
    note("staff", old.is_staff.to_string(), new.is_staff.to_string());
    note("superuser", old.is_superuser.to_string(), new.is_superuser.to_string());
    note("collection quota", quota(old.quota_collection_bytes), quota(new.quota_collection_bytes));
    note("media quota", quota(old.quota_media_bytes), quota(new.quota_media_bytes));
    out
}
