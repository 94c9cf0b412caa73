//! Personal API tokens: made, listed and revoked by their owner; sent by programs instead of a password.
//!
//! A change of the password ends tokens only if whoever changes it says so. A token does nothing while its account is disabled, and is gone with it. Nothing is remembered
//! outside of the database, so a revoked one is out everywhere at once.

use crate::clock::Clock;
use crate::random;
use sha2::{Digest, Sha256};
use store::main_db::{Account, ApiToken, MainDb};

/// What tokens begin with, so that they are recognised when they turn up where they should not.
pub const PREFIX: &str = "djs_";
/// How exact "last used" is.
const USED_EVERY_MS: i64 = 60_000;
/// More than anybody can look after.
const MOST: usize = 100;

/// What a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Read the collection.
    Read,
    /// Change the collection.
    Write,
    /// Read and change media files.
    Media,
    /// Manage users. Only tokens of staff have any use of it.
    Admin,
}

impl Scope {
    pub const ALL: [Self; 4] = [Self::Read, Self::Write, Self::Media, Self::Admin];

    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Media => "media",
            Self::Admin => "admin",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }
}

/// Why a token was not made.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    #[error("a token needs a name of 1 to 100 characters")]
    Name,
    #[error("a token needs at least one scope of read, write, media, admin")]
    Scopes,
    #[error("only staff can have tokens with the scope admin")]
    NotStaff,
    #[error("there are {MOST} tokens already; revoke one first")]
    TooMany,
    #[error("the moment at which the token expires is in the past")]
    Expired,
    #[error(transparent)]
    Store(#[from] store::StoreError),
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// A token as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedToken {
    /// What it is revoked by. Not the token.
    pub id: String,
    pub name: String,
    pub scopes: Vec<Scope>,
    /// These three are milliseconds since the epoch.
    pub created: i64,
    pub last_used: Option<i64>,
    pub expires: Option<i64>,
}

/// Makes a token and answers it. It cannot be found out again.
///
/// # Errors
/// [`TokenError`].
pub async fn create(
    main: &MainDb,
    clock: &Clock,
    account: &Account,
    name: &str,
    scopes: &[Scope],
    expires: Option<i64>,
) -> Result<(String, ListedToken), TokenError> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
        return Err(TokenError::Name);
    }
    if scopes.is_empty() {
        return Err(TokenError::Scopes);
    }
    if scopes.contains(&Scope::Admin) && !account.is_staff && !account.is_superuser {
        return Err(TokenError::NotStaff);
    }
    let now = clock.now_ms();
    if expires.is_some_and(|expires| expires <= now) {
        return Err(TokenError::Expired);
    }
    if main.api_tokens(account.id).await?.len() >= MOST {
        return Err(TokenError::TooMany);
    }
    let token = format!("{PREFIX}{}", random::token()?);
    let words: Vec<&str> = Scope::ALL.into_iter().filter(|scope| scopes.contains(scope)).map(Scope::name).collect();
    let stored = ApiToken {
        digest: digest(&token),
        account: account.id,
        name: name.to_owned(),
        scopes: words.join(" "),
        created: now,
        last_used: None,
        expires,
    };
    main.add_api_token(&stored).await?;
    tracing::info!(account = %account.username, scopes = %stored.scopes, "made an API token");
    Ok((token, listed(&stored)))
}

/// The tokens of an account, the newest first.
///
/// # Errors
/// When the database fails.
pub async fn list(main: &MainDb, account: i64) -> store::Result<Vec<ListedToken>> {
    Ok(main.api_tokens(account).await?.iter().map(listed).collect())
}

/// One of an account's tokens, by itself. Does not count as a use of it.
///
/// # Errors
/// When the database fails.
pub async fn listed_as(main: &MainDb, account: i64, token: &str) -> store::Result<Option<ListedToken>> {
    let digest = digest(token);
    Ok(main.api_tokens(account).await?.iter().find(|stored| stored.digest == digest).map(listed))
}

/// Revokes a token of an account by its id, at once and everywhere. Answers whether there was one.
///
/// # Errors
/// When the database fails.
pub async fn revoke(main: &MainDb, account: i64, id: &str) -> store::Result<bool> {
    for token in main.api_tokens(account).await? {
        if listed(&token).id == id {
            return main.revoke_api_token(account, &token.digest).await;
        }
    }
    Ok(false)
}

/// Whose token this is, and what it may do. None for one that is unknown, revoked or expired, or whose account is disabled.
///
/// # Errors
/// When the database fails, which is not a "no".
pub async fn find(main: &MainDb, clock: &Clock, token: &str) -> store::Result<Option<(Account, ListedToken)>> {
    let now = clock.now_ms();
    let digest = digest(token);
    let Some((stored, account)) = main.api_token(&digest, now).await? else { return Ok(None) };
    if stored.last_used.is_none_or(|used| now - used >= USED_EVERY_MS)
        && let Err(error) = main.api_token_used(&digest, now).await
    {
        tracing::warn!(account = %account.username, %error, "cannot note when a token was last used");
    }
    let mut token = listed(&stored);
    if !account.is_staff && !account.is_superuser {
        token.scopes.retain(|scope| *scope != Scope::Admin);
    }
    Ok(Some((account, token)))
}

fn listed(token: &ApiToken) -> ListedToken {
    ListedToken {
        id: token.digest.chars().take(16).collect(),
        name: token.name.clone(),
        scopes: token.scopes.split(' ').filter_map(Scope::from_name).collect(),
        created: token.created,
        last_used: token.last_used,
        expires: token.expires,
    }
}

fn digest(token: &str) -> String {
    hex::encode(Sha256::digest(token))
}
