//! What people do with their own account.

use super::accounts::{Accounts, Result, check_password};
use super::actor::Actor;
use store::main_db::{Account, WebSession};
use store::user_db::{Generation, GenerationState, is_plain_undo};

/// What a new password ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogOut {
    pub devices: bool,
    /// API tokens: their programs have to be given new ones.
    pub tokens: bool,
    /// All browsers but the one that asks.
    pub browsers: bool,
}

/// How much a new password has ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ended {
    pub devices: u64,
    pub browsers: u64,
    pub tokens: u64,
}

/// A version of a collection that can be brought back.
#[derive(Debug, Clone)]
pub struct Kept {
    pub generation: Generation,
    /// Whether bringing it back only undoes the last upload. Otherwise every device has to make a one-way sync.
    pub is_plain_undo: bool,
}

impl Accounts {
    /// Whether the account has a password. Without one, no client can log in.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn has_password(&self, account: &Account) -> Result<bool> {
        Ok(self.main.has_password(account.id).await?)
    }

    /// Sets the password of somebody's own account, and ends what they chose.
    ///
    /// # Errors
    /// [`super::accounts::AccountError::BadPassword`].
    pub async fn change_own_password(
        &self,
        account: &Account,
        here: &WebSession,
        password: String,
        log_out: LogOut,
        actor: Actor,
    ) -> Result<Ended> {
        check_password(&password)?;
        let hash = self.passwords.hash(password).await?;
        self.main.set_password_hash(account.id, &hash).await?;
        let devices = if log_out.devices { self.main.revoke_host_keys(account.id).await? } else { 0 };
        let tokens = if log_out.tokens { self.main.revoke_api_tokens(account.id).await? } else { 0 };
        let browsers = if log_out.browsers { self.main.remove_web_sessions(account.id, Some(&here.digest)).await? } else { 0 };
        self.cache.forget(account.id);
        let detail = format!(
            "changed the password of `{}`, logged out {devices} devices and {browsers} browsers, revoked {tokens} API tokens",
            account.username
        );
        self.record(&actor, Some(account.id), "account.password", detail).await;
        Ok(Ended { devices, browsers, tokens })
    }

    /// Logs all devices out, but no browser. Answers how many those were.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn revoke_devices(&self, account: &Account, actor: Actor) -> Result<u64> {
        let devices = self.main.revoke_host_keys(account.id).await?;
        self.cache.forget(account.id);
        self.record(&actor, Some(account.id), "device.revoke", format!("logged out {devices} devices of `{}`", account.username)).await;
        Ok(devices)
    }

    /// Ends one of the account's sessions of browsers. Answers whether there was such a session.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_browser(&self, account: &Account, digest: &str, actor: Actor) -> Result<bool> {
        let ended = self.main.remove_web_session(account.id, digest).await?;
        if ended {
            self.record(&actor, Some(account.id), "browser.logout", format!("logged out a browser of `{}`", account.username)).await;
        }
        Ok(ended)
    }

    /// Ends all sessions of browsers but the one that asks. Answers how many those were.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_other_browsers(&self, account: &Account, here: &WebSession, actor: Actor) -> Result<u64> {
        let browsers = self.main.remove_web_sessions(account.id, Some(&here.digest)).await?;
        self.record(&actor, Some(account.id), "browser.logout", format!("logged out {browsers} browsers of `{}`", account.username)).await;
        Ok(browsers)
    }

    /// The version of the collection that is in use, if any, and those that can be brought back, the newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn versions(&self, account: i64) -> Result<(Option<Generation>, Vec<Kept>)> {
        let all = self.user.generations(account).await?;
        let is_used = |g: &&Generation| matches!(g.state, GenerationState::Current | GenerationState::Importing);
        let kept = all.iter().filter(|g| g.state == GenerationState::Kept);
        let kept = kept.map(|g| Kept { is_plain_undo: is_plain_undo(&all, g), generation: g.clone() }).collect();
        Ok((all.iter().find(is_used).cloned(), kept))
    }
}
