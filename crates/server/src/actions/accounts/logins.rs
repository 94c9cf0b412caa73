//! Logging in, and whom a host key belongs to.

use super::{AccountError, Accounts, Result, digest};
use crate::actions::username::Username;
use crate::metrics::LOGINS;
use crate::network;
use crate::passwords::Verdict;
use crate::random;
use anki::wire::client::ClientVersion;
use std::net::IpAddr;
use store::StoreError;
use store::main_db::{Account, Client, HostKeyOwner};
use tokio::time::Instant;

/// One address may fail for several accounts: a family or a school behind one router.
const ADDRESS_FACTOR: i64 = 10;
/// How exact the "last seen" of a device is. Writing it at each request would be a write for each request.
const SEEN_EVERY_MS: i64 = 60_000;

impl Accounts {
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
        let by_address = address.map(|address| format!("address:{}", network::network_of(address)));
        self.count(by_address.as_deref(), ADDRESS_FACTOR, Some(&by_name), now).await?;
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
        self.main.add_host_key(&digest(&key), account.id, &describe(client), &network::as_text(address), now).await?;
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
            if let Err(error) = self.main.host_key_seen(&digest, client.as_ref(), &network::as_text(address), now).await {
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
        let by_name = name.map(|name| format!("{what} name:{}", digest(name)));
        let by_address = address.map(|address| format!("{what} address:{}", network::network_of(address)));
        self.count(by_address.as_deref(), 1, by_name.as_deref(), self.clock.now_ms()).await
    }

    /// Counts an attempt for its address, and then for the name. An address that is refused counts for no name, or it could lock everybody
    /// out; and whoever is refused by the name has not tried anything that says something about the address.
    async fn count(&self, address: Option<&str>, factor: i64, name: Option<&str>, now: i64) -> Result<()> {
        let limit = i64::from(self.limits.attempts);
        if let Some(address) = address {
            self.count_attempt(address, limit * factor, now).await?;
        }
        let Some(name) = name else { return Ok(()) };
        let counted = self.count_attempt(name, limit, now).await;
        if let (Err(AccountError::TryLater(_)), Some(address)) = (&counted, address) {
            self.main.uncount_login_attempt(address).await?;
        }
        counted
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

    async fn count_attempt(&self, subject: &str, limit: i64, now: i64) -> Result<()> {
        let attempts = self.main.count_login_attempt(subject, self.limits.window_ms, now).await?;
        if attempts.count > limit {
            return Err(AccountError::TryLater((attempts.window_ends - now).max(1000) / 1000));
        }
        Ok(())
    }
}

fn describe(client: &ClientVersion) -> Client {
    Client { name: client.program.clone(), version: client.text.clone(), platform: client.platform.clone().unwrap_or_default() }
}
