//! Name and password with each request. Checking a password costs 50 ms on purpose, so one that was right is remembered for a while,
//! under a digest with a key of this process only. Whether the account is still there, active, and has still that password is looked up
//! each time.

use super::AuthError;
use super::jwt::fingerprint;
use crate::app::App;
use crate::random;
use base64::Engine as _;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use store::main_db::Account;
use tokio::time::Instant;

/// After this, the password is checked again.
const LIFE: Duration = Duration::from_secs(300);
const ROOM: usize = 10_000;

/// Logins that were right.
pub struct Verified {
    key: [u8; 32],
    logins: Mutex<HashMap<[u8; 32], Login>>,
}

#[derive(Clone)]
struct Login {
    since: Instant,
    account: i64,
    /// Of the stored hash that the password was checked against.
    password: String,
}

impl Verified {
    /// # Errors
    /// When there is no randomness to be had.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self { key: random::bytes()?, logins: Mutex::default() })
    }

    fn digest(&self, login: &str) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        mac.update(login.as_bytes());
        mac.finalize().into_bytes().into()
    }

    fn get(&self, digest: &[u8; 32]) -> Option<Login> {
        let logins = self.logins.lock().unwrap_or_else(PoisonError::into_inner);
        logins.get(digest).filter(|login| login.since.elapsed() < LIFE).cloned()
    }

    fn put(&self, digest: [u8; 32], login: Login) {
        let mut logins = self.logins.lock().unwrap_or_else(PoisonError::into_inner);
        if logins.len() >= ROOM {
            logins.retain(|_, login| login.since.elapsed() < LIFE);
        }
        if logins.len() < ROOM {
            logins.insert(digest, login);
        }
    }
}

/// Checks the value of a Basic header.
///
/// # Errors
/// [`AuthError`].
pub(super) async fn log_in(app: &App, encoded: &str, address: Option<IpAddr>) -> Result<Account, AuthError> {
    let bad = AuthError::BadHeader("Invalid basic header. Credentials not correctly base64 encoded.");
    let Some(login) = base64::engine::general_purpose::STANDARD.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok()) else {
        return Err(bad);
    };
    let Some((username, password)) = login.split_once(':') else { return Err(bad) };
    let digest = app.api.verified.digest(&login);
    if let Some(known) = app.api.verified.get(&digest)
        && let Some((account, hash)) = app.main.account_by_id_with_password(known.account).await?
        && account.is_active
        && fingerprint(&hash) == known.password
        // The name may have become somebody else's.
        && app.accounts.is_called(&account, username)
    {
        return Ok(account);
    }
    let since = Instant::now();
    let before = app.accounts.password_hash(username).await?;
    let account = app.accounts.verify_login(username, password.to_owned(), address).await?;
    let after = app.accounts.password_hash(username).await?;
    // A password that is changed or hashed anew just now is checked again next time.
    if before == after
        && let Some(hash) = after
    {
        app.api.verified.put(digest, Login { since, account: account.id, password: fingerprint(&hash) });
    }
    Ok(account)
}
