//! Accounts: making, changing and removing them, logging in, and whom a host key belongs to.
//!
//! What takes a login away: changing a password ends the sessions of browsers and revokes the host keys, unless the devices are to be
//! kept; disabling makes
//! them invalid for as long as it lasts; deleting removes them. Every process notices within five seconds.

use super::actor::Actor;
use super::key_cache::KeyCache;
use super::username::{Username, UsernameError};
use crate::clock::Clock;
use crate::config::{DataRoot, LoginLimits};
use crate::media_store::MediaStore;
use crate::metrics::LOGINS;
use crate::passwords::{LONGEST_PASSWORD, PasswordError, Passwords, Verdict};
use crate::random;
use anki::wire::client::ClientVersion;
use sha2::{Digest, Sha256};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use store::StoreError;
use store::main_db::{Account, AuditEntry, Client, HostKeyOwner, MainDb, NewAccount};
use store::user_db::UserDb;
use tokio::time::Instant;

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

/// One address may fail for several accounts: a family or a school behind one router.
const ADDRESS_FACTOR: i64 = 10;
/// How exact the "last seen" of a device is. Writing it at each request would be a write for each request.
const SEEN_EVERY_MS: i64 = 60_000;
/// Host keys that nobody has used for so long are removed. Such a device has to log in again.
const UNUSED_KEY_MS: i64 = 400 * 24 * 60 * 60 * 1000;
/// Longer than any process remembers a host key.
const UNTIL_FORGOTTEN: Duration = Duration::from_secs(5);

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
    /// [`AccountError::NameTaken`], [`AccountError::BadPassword`].
    pub async fn create(&self, new: NewUser, actor: impl Into<Actor>) -> Result<Account> {
        check_password(&new.password)?;
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
        self.audit(&actor.into(), Some(id), "account.create", format!("made {what} `{}`", new.username.typed())).await;
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
        self.audit(&actor.into(), Some(id), "account.adopt", format!("took over `{}`", user.username.typed())).await;
        self.find(&user.username).await
    }

    /// Makes a host key valid that another server gave out. Answers whether it was not yet.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn adopt_host_key(&self, account: i64, key: &str) -> Result<bool> {
        let added = self.main.add_host_key(&digest(key), account, &Client::default(), "", self.clock.now_ms()).await;
        match added {
            Ok(()) => Ok(true),
            Err(StoreError::AlreadyExists(_)) => Ok(false),
            Err(e) => Err(e.into()),
        }
    }

    /// The account with this username.
    ///
    /// # Errors
    /// [`AccountError::NoSuchUser`].
    pub async fn find(&self, username: &Username) -> Result<Account> {
        let account = self.main.account_by_username(username.key()).await?;
        account.ok_or_else(|| AccountError::NoSuchUser(username.typed().to_owned()))
    }

    /// Sets a password. All devices of the account have to log in again, unless `keep_devices`.
    ///
    /// # Errors
    /// [`AccountError::NoSuchUser`], [`AccountError::BadPassword`].
    pub async fn set_password(&self, username: &Username, password: String, keep_devices: bool, actor: impl Into<Actor>) -> Result<()> {
        check_password(&password)?;
        let account = self.find(username).await?;
        let hash = self.passwords.hash(password).await?;
        self.main.set_password_hash(account.id, &hash).await?;
        let revoked = if keep_devices { 0 } else { self.main.revoke_host_keys(account.id).await? };
        self.main.remove_web_sessions(account.id, None).await?;
        self.cache.forget(account.id);
        self.audit(
            &actor.into(),
            Some(account.id),
            "account.password",
            format!("set the password of `{}`, logged out {revoked} devices", account.username),
        )
        .await;
        Ok(())
    }

    /// Disables or enables an account. A disabled one cannot log in, and its devices cannot sync; enabled again, they can as before.
    ///
    /// # Errors
    /// [`AccountError::NoSuchUser`].
    pub async fn set_active(&self, username: &Username, active: bool, actor: impl Into<Actor>) -> Result<()> {
        let account = self.find(username).await?;
        self.main.set_active(account.id, active).await?;
        self.cache.forget(account.id);
        let action = if active { "account.enable" } else { "account.disable" };
        self.audit(&actor.into(), Some(account.id), action, format!("{action} `{}`", account.username)).await;
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
        self.audit(&actor.into(), Some(account.id), "account.rename", format!("renamed `{}` to `{}`", account.username, new.typed())).await;
        Ok(())
    }

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
    pub(super) async fn mark_deleted(&self, account: &Account, actor: &Actor) -> Result<()> {
        if !self.main.mark_account_deleted(account.id, self.clock.now_ms()).await? {
            return Err(AccountError::NoSuchUser(account.username.clone()));
        }
        self.cache.forget(account.id);
        self.audit(actor, Some(account.id), "account.delete", format!("deleted `{}`", account.username)).await;
        Ok(())
    }

    /// Removes the data of an account that is marked as deleted, once no process remembers a key of it.
    pub(super) async fn finish_deletion(&self, id: i64) -> Result<()> {
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

    /// Checks a login. `address` is None for a login that did not come over the network.
    ///
    /// # Errors
    /// [`AccountError::WrongLogin`] and [`AccountError::Disabled`], between which the one who tries should see no difference;
    /// [`AccountError::TryLater`], and passing ones, which are not a "no".
    pub async fn verify_login(&self, username: &str, password: String, address: Option<IpAddr>) -> Result<Account> {
        let verdict = self.check_login(username, password, address).await;
        LOGINS.count([match &verdict {
            Ok(_) => "ok",
            Err(AccountError::WrongLogin | AccountError::Username(_)) => "wrong",
            Err(AccountError::Disabled) => "disabled",
            Err(AccountError::TryLater(_)) => "limited",
            Err(_) => "failed",
        }]);
        verdict
    }

    async fn check_login(&self, username: &str, password: String, address: Option<IpAddr>) -> Result<Account> {
        let now = self.clock.now_ms();
        let username = Username::new(username).ok();
        let by_name = format!("name:{}", digest(username.as_ref().map_or("", Username::key)));
        let by_address = address.map(|address| format!("address:{}", network(address)));
        self.count_attempt(&by_name, i64::from(self.limits.attempts), now).await?;
        if let Some(by_address) = &by_address {
            self.count_attempt(by_address, i64::from(self.limits.attempts) * ADDRESS_FACTOR, now).await?;
        }
        let found = match &username {
            Some(username) => self.main.account_with_password(username.key()).await?,
            None => None,
        };
        let (account, stored) = found.unzip();
        let verdict = self.passwords.verify(password.clone(), stored.clone()).await?;
        let (Some(account), Some(stored)) = (account, stored) else { return Err(AccountError::WrongLogin) };
        if verdict == Verdict::Wrong {
            return Err(AccountError::WrongLogin);
        }
        if !account.is_active {
            return Err(AccountError::Disabled);
        }
        self.main.forget_login_attempts(&by_name).await?;
        if let Some(by_address) = &by_address {
            self.main.uncount_login_attempt(by_address).await?;
        }
        if verdict == Verdict::RightButOutdated {
            let new = self.passwords.hash(password).await?;
            self.main.renew_password_hash(account.id, &stored, &new).await?;
        }
        self.main.set_last_login(account.id, now).await?;
        Ok(account)
    }

    /// Whether this is the account's name, as it is typed at a login.
    pub fn is_called(&self, account: &Account, username: &str) -> bool {
        let key = |name: &str| Username::new(name).ok().map(|name| name.key().to_owned());
        key(username).is_some() && key(username) == key(&account.username)
    }

    /// The stored hash of a password, from which logins that rest on it are told to be over.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn password_hash(&self, username: &str) -> Result<Option<String>> {
        let Ok(username) = Username::new(username) else { return Ok(None) };
        Ok(self.main.account_with_password(username.key()).await?.map(|(_, hash)| hash))
    }

    /// Checks a login and gives out a host key for the client.
    ///
    /// # Errors
    /// As [`Accounts::verify_login`].
    pub async fn log_in(
        &self,
        username: &str,
        password: String,
        client: &ClientVersion,
        address: Option<IpAddr>,
    ) -> Result<(Account, String)> {
        let account = self.verify_login(username, password, address).await?;
        let now = self.clock.now_ms();
        // Normally there already; missing after a crash in the middle of making the account.
        self.user.create_collection(account.id, now).await?;
        let key = random::token()?;
        self.main.add_host_key(&digest(&key), account.id, &describe(client), &text(address), now).await?;
        Ok((account, key))
    }

    /// Whom a host key belongs to. None for one that is unknown or revoked, or whose account is disabled or deleted.
    ///
    /// # Errors
    /// When the database fails, which is not a "no".
    pub async fn host_key_owner(&self, key: &str, client: &ClientVersion, address: Option<IpAddr>) -> Result<Option<HostKeyOwner>> {
        let digest = digest(key);
        if let Some(owner) = self.cache.get(&digest) {
            return Ok(Some(owner));
        }
        let since = Instant::now();
        let Some(owner) = self.main.host_key_owner(&digest).await? else { return Ok(None) };
        let now = self.clock.now_ms();
        if now - owner.last_seen >= SEEN_EVERY_MS {
            let client = (!client.text.is_empty()).then(|| describe(client));
            if let Err(error) = self.main.host_key_seen(&digest, client.as_ref(), &text(address), now).await {
                tracing::warn!(account = owner.account, %error, "cannot note when a device was last seen");
            }
        }
        self.cache.put(&digest, owner.clone(), since);
        Ok(Some(owner))
    }

    /// Counts something that anybody can ask for, such as a mail, as logins are counted: for whom, and from where.
    ///
    /// # Errors
    /// [`AccountError::TryLater`].
    pub async fn slow_down(&self, what: &str, name: Option<&str>, address: Option<IpAddr>) -> Result<()> {
        let now = self.clock.now_ms();
        let limit = i64::from(self.limits.attempts);
        if let Some(name) = name {
            self.count_attempt(&format!("{what} name:{}", digest(name)), limit, now).await?;
        }
        match address {
            Some(address) => self.count_attempt(&format!("{what} address:{}", network(address)), limit, now).await,
            None => Ok(()),
        }
    }

    /// Writes down something that was done elsewhere.
    pub async fn record(&self, actor: &Actor, account: Option<i64>, action: &str, detail: String) {
        self.audit(actor, account, action, detail).await;
    }

    async fn count_attempt(&self, subject: &str, limit: i64, now: i64) -> Result<()> {
        let attempts = self.main.count_login_attempt(subject, self.limits.window_ms, now).await?;
        if attempts.count > limit {
            return Err(AccountError::TryLater((attempts.window_ends - now).max(1000) / 1000));
        }
        Ok(())
    }

    async fn remove_data(&self, id: i64) -> Result<()> {
        self.user.delete_collection(id, self.clock.now_ms()).await?;
        self.media.remove_account(id).await?;
        // Whole collections in files, which would go by themselves, but days later.
        remove_files(&self.files.downloads(), &format!("{id:x}-")).await?;
        remove_files(&self.files.imports(), &format!("{id}-")).await?;
        self.main.remove_account(id).await?;
        Ok(())
    }

    /// Writes to the audit log what else was done to an account.
    pub async fn note(&self, actor: &str, account: &Account, action: &str, what: &str) {
        self.audit(&actor.into(), Some(account.id), action, format!("`{}`: {what}", account.username)).await;
    }

    /// The change is done when this is called, so a failure here must not look like a failure of the change.
    pub(super) async fn audit(&self, actor: &Actor, account: Option<i64>, action: &str, detail: String) {
        let entry = AuditEntry {
            at: self.clock.now_ms(),
            actor: actor.name.clone(),
            address: text(actor.address),
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

/// SHA-256 in hexadecimal digits.
pub(super) fn digest(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

/// Whom to count attempts for: an IPv4 address, or the first half of an IPv6 address, as one customer gets all of the second half.
fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("{}/64", std::net::Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
    }
}

fn text(address: Option<IpAddr>) -> String {
    address.map(|address| address.to_canonical().to_string()).unwrap_or_default()
}

fn describe(client: &ClientVersion) -> Client {
    Client { name: client.program.clone(), version: client.text.clone(), platform: client.platform.clone().unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_counted_by_customer() -> Result<(), std::net::AddrParseError> {
        for (address, want) in
            [("192.0.2.7", "192.0.2.7"), ("::ffff:192.0.2.7", "192.0.2.7"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"), ("::1", "::/64")]
        {
            assert_eq!(network(address.parse()?), want);
        }
        Ok(())
    }

    #[test]
    fn passwords_have_limits() {
        assert!(check_password("").is_err());
        assert!(check_password(" ").is_ok());
        assert!(check_password(&"x".repeat(4097)).is_err());
    }
}
