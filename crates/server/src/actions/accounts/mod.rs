//! Accounts: making and changing them here, [`logins`] and [`deletion`] beside it.
//!
//! What takes a login away: changing a password ends the sessions of browsers and revokes the host keys, unless the devices are to be
//! kept; disabling makes them invalid for as long as it lasts; deleting removes them. Every process notices within five seconds.

mod deletion;
mod logins;

use super::actor::Actor;
use super::email;
use super::key_cache::KeyCache;
use super::own_account::Ended;
use super::username::{Username, UsernameError};
use crate::clock::Clock;
use crate::config::{DataRoot, LoginLimits};
use crate::media_store::MediaStore;
use crate::network;
use crate::passwords::{LONGEST_PASSWORD, PasswordError, Passwords};
use crate::random;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use store::StoreError;
use store::main_db::{Account, AuditEntry, MainDb, NewAccount};
use store::user_db::UserDb;

/// The rules about accounts, with all that they work on. Clones share everything.
#[derive(Clone)]
pub struct Accounts {
    pub(super) main: MainDb,
    pub(super) user: UserDb,
    pub(super) passwords: Passwords,
    limits: LoginLimits,
    /// Where files of accounts lie, but for media.
    files: DataRoot,
    media: MediaStore,
    pub(super) clock: Clock,
    pub(super) cache: Arc<KeyCache>,
}

/// What somebody asked for when making an account.
#[derive(Debug, Clone)]
pub struct NewUser {
    pub username: Username,
    pub email: String,
    pub password: String,
    /// May use the administration pages.
    pub is_staff: bool,
    /// May do everything there.
    pub is_superuser: bool,
}

/// Somebody who comes from another server.
#[derive(Debug, Clone)]
pub struct AdoptedUser {
    pub username: Username,
    pub email: String,
    /// In a form that this server can check, or one that matches no password.
    pub password_hash: String,
    pub is_active: bool,
    pub is_staff: bool,
    pub is_superuser: bool,
}

/// Why something about an account was not done.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    #[error("there is no user `{0}`; `djankiserv user list` shows all")]
    NoSuchUser(String),
    #[error("there is a user `{0}` already")]
    NameTaken(String),
    #[error(transparent)]
    Username(#[from] UsernameError),
    #[error("`{0}` is not an e-mail address")]
    BadEmail(String),
    #[error("{0}")]
    BadPassword(&'static str),
    #[error("wrong username or password")]
    WrongLogin,
    #[error("the account is disabled")]
    Disabled,
    #[error("too many attempts to log in; the next are possible in {0} seconds")]
    TryLater(i64),
    #[error(transparent)]
    Hashing(#[from] PasswordError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// The result of an action on an account.
pub type Result<T, E = AccountError> = std::result::Result<T, E>;

impl Accounts {
    /// Puts the parts together.
    pub fn new(
        main: MainDb,
        user: UserDb,
        passwords: Passwords,
        limits: LoginLimits,
        files: DataRoot,
        media: MediaStore,
        clock: Clock,
    ) -> Self {
        Self { main, user, passwords, limits, files, media, clock, cache: Arc::default() }
    }

    /// Where the contents of media are.
    pub fn media(&self) -> &MediaStore {
        &self.media
    }

    /// Makes an account and its empty collection.
    ///
    /// # Errors
    /// [`AccountError::NameTaken`], [`AccountError::BadPassword`], [`AccountError::BadEmail`].
    pub async fn create(&self, new: NewUser, actor: impl Into<Actor>) -> Result<Account> {
        check_password(&new.password)?;
        check_email(&new.email)?;
        if self.main.account_by_username(new.username.key()).await?.is_some() {
            return Err(AccountError::NameTaken(new.username.typed().to_owned()));
        }
        let id = random::account_id()?;
        let row = NewAccount {
            id,
            username: new.username.typed().to_owned(),
            username_key: new.username.key().to_owned(),
            email: new.email,
            password_hash: self.passwords.hash(new.password).await?,
            is_staff: new.is_staff,
            is_superuser: new.is_superuser,
        };
        let now = self.clock.now_ms();
        self.main.create_account(&row, now).await.map_err(|e| taken(e, &new.username))?;
        self.user.create_collection(id, now).await?;
        let what = if new.is_superuser { "a superuser" } else { "a user" };
        self.record(&actor.into(), Some(id), "account.create", format!("made {what} `{}`", new.username.typed())).await;
        self.find(&new.username).await
    }

    /// Makes an account for somebody who comes from another server, with the hash of their password there. Clients go on as they are
    /// with host keys that are adopted too.
    ///
    /// # Errors
    /// [`AccountError::NameTaken`].
    pub async fn adopt(&self, user: AdoptedUser, actor: &str) -> Result<Account> {
        let id = random::account_id()?;
        let row = NewAccount {
            id,
            username: user.username.typed().to_owned(),
            username_key: user.username.key().to_owned(),
            email: user.email,
            password_hash: user.password_hash,
            is_staff: user.is_staff,
            is_superuser: user.is_superuser,
        };
        let now = self.clock.now_ms();
        self.main.create_account(&row, now).await.map_err(|e| taken(e, &user.username))?;
        if !user.is_active {
            self.main.set_active(id, false).await?;
        }
        self.user.create_collection(id, now).await?;
        self.record(&actor.into(), Some(id), "account.adopt", format!("took over `{}`", user.username.typed())).await;
        self.find(&user.username).await
    }

    /// The account with this username.
    ///
    /// # Errors
    /// [`AccountError::NoSuchUser`].
    pub async fn find(&self, username: &Username) -> Result<Account> {
        let account = self.main.account_by_username(username.key()).await?;
        account.ok_or_else(|| AccountError::NoSuchUser(username.typed().to_owned()))
    }

    /// Makes all keys of devices and all tokens of programs invalid, and answers how many those were.
    pub(super) async fn revoke_keys(&self, account: i64) -> Result<(u64, u64)> {
        Ok((self.main.revoke_host_keys(account).await?, self.main.revoke_api_tokens(account).await?))
    }

    /// Sets a password. All devices of the account have to log in again, and its API tokens are revoked, unless `keep_devices`.
    ///
    /// # Errors
    /// [`AccountError::NoSuchUser`], [`AccountError::BadPassword`].
    pub async fn set_password(&self, username: &Username, password: String, keep_devices: bool, actor: impl Into<Actor>) -> Result<Ended> {
        check_password(&password)?;
        let account = self.find(username).await?;
        let hash = self.passwords.hash(password).await?;
        self.main.set_password_hash(account.id, &hash).await?;
        let (revoked, tokens) = if keep_devices { (0, 0) } else { self.revoke_keys(account.id).await? };
        self.main.remove_web_sessions(account.id, None).await?;
        self.cache.forget(account.id);
        self.record(
            &actor.into(),
            Some(account.id),
            "account.password",
            format!("set the password of `{}`, logged out {revoked} devices, revoked {tokens} API tokens", account.username),
        )
        .await;
        Ok(Ended { devices: revoked, browsers: 0, tokens })
    }

    /// Disables or enables an account. A disabled one cannot log in, and its devices cannot sync; enabled again, they can as before.
    ///
    /// # Errors
    /// [`AccountError::NoSuchUser`].
    pub async fn set_active(&self, username: &Username, active: bool, actor: impl Into<Actor>) -> Result<()> {
        let account = self.find(username).await?;
        self.main.set_active(account.id, active).await?;
        self.cache.forget(account.id);
        let (action, done) = if active { ("account.enable", "enabled") } else { ("account.disable", "disabled") };
        self.record(&actor.into(), Some(account.id), action, format!("{done} `{}`", account.username)).await;
        Ok(())
    }

    /// Gives an account another username. Its devices stay logged in.
    ///
    /// # Errors
    /// [`AccountError::NoSuchUser`], [`AccountError::NameTaken`].
    pub async fn rename(&self, username: &Username, new: &Username, actor: impl Into<Actor>) -> Result<()> {
        let account = self.find(username).await?;
        self.main.rename_account(account.id, new.typed(), new.key()).await.map_err(|e| taken(e, new))?;
        self.cache.forget(account.id);
        self.record(&actor.into(), Some(account.id), "account.rename", format!("renamed `{}` to `{}`", account.username, new.typed()))
            .await;
        Ok(())
    }

    /// All accounts, by username.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list(&self) -> Result<Vec<Account>> {
        Ok(self.main.accounts().await?)
    }

    /// Whether there is any account.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn any(&self) -> Result<bool> {
        Ok(self.main.has_accounts().await?)
    }

    /// Writes down what was done. The change is done when this is called, so a failure here must not look like a failure of the change.
    pub async fn record(&self, actor: &Actor, account: Option<i64>, action: &str, detail: String) {
        let entry = AuditEntry {
            at: self.clock.now_ms(),
            actor: actor.name.clone(),
            address: network::as_text(actor.address),
            account,
            action: action.to_owned(),
            detail,
        };
        tracing::info!(actor = entry.actor, address = entry.address, account, action, "{}", entry.detail);
        let written = match random::account_id() {
            Ok(id) => self.main.write_audit(id, &entry).await,
            Err(e) => Err(StoreError::Internal(e.to_string())),
        };
        if let Err(error) = written {
            tracing::warn!(%error, action, "cannot write to the audit log");
        }
    }
}

fn taken(error: StoreError, username: &Username) -> AccountError {
    match error {
        StoreError::AlreadyExists(_) => AccountError::NameTaken(username.typed().to_owned()),
        other => other.into(),
    }
}

pub(super) fn check_password(password: &str) -> Result<()> {
    match password {
        "" => Err(AccountError::BadPassword("a password cannot be empty")),
        long if long.len() > LONGEST_PASSWORD => Err(AccountError::BadPassword("a password can have at most 4096 bytes")),
        _ => Ok(()),
    }
}

pub(super) fn check_email(address: &str) -> Result<()> {
    if email::is_fine(address) { Ok(()) } else { Err(AccountError::BadEmail(address.chars().take(100).collect())) }
}

/// SHA-256 in hexadecimal digits.
pub(super) fn digest(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_have_limits() {
        assert!(check_password("").is_err());
        assert!(check_password(" ").is_ok());
        assert!(check_password(&"x".repeat(4097)).is_err());
    }
}
