//! Sessions of browsers: beginning, recognising and ending them, and what they remember.
//!
//! A session is valid while its account is active, for two weeks after it was last used, and never for more than ninety days. Nothing is
//! remembered outside of the database, so every process knows at once when one has ended.

use super::accounts::digest;
use super::username::Username;
use crate::clock::Clock;
use crate::network;
use crate::random;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use store::main_db::{Account, MainDb, WebSession};
use subtle::ConstantTimeEq;

const IDLE_MS: i64 = 14 * DAY_MS;
const LONGEST_MS: i64 = 90 * DAY_MS;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// How exact "last seen" is: writing it at each request would be a write for each request.
const SEEN_EVERY_MS: i64 = 60_000;
/// How long after typing the password dangerous steps are open.
const CONFIRMED_MS: i64 = 15 * 60 * 1000;

/// How long a browser keeps its cookies, in seconds; the database has the last word.
pub const COOKIE_SECONDS: i64 = IDLE_MS / 1000;

/// The rules about sessions, with what they work on. Clones share everything.
#[derive(Clone)]
pub struct WebSessions {
    main: MainDb,
    clock: Clock,
}

/// How somebody proved who they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Via {
    #[default]
    Password,
    /// By a provider of OpenID Connect.
    Provider,
    /// By a proxy, which says so with every request again.
    Proxy,
}

/// What a session remembers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// When the password was last typed, in milliseconds since the epoch.
    #[serde(default)]
    pub confirmed: i64,
    #[serde(default)]
    pub via: Via,
    /// What the next page has to tell, once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
}

/// A valid session and whose it is.
#[derive(Debug, Clone)]
pub struct Active {
    pub account: Account,
    pub session: WebSession,
    pub memory: Memory,
    /// What forms and scripts of this session have to send along with every change.
    pub csrf_token: String,
}

impl WebSessions {
    pub fn new(main: MainDb, clock: Clock) -> Self {
        Self { main, clock }
    }

    /// Begins a session for somebody who has just proved who they are, and answers its key, which only the browser keeps.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin(&self, account: i64, address: Option<IpAddr>) -> store::Result<String> {
        self.begin_via(account, address, Via::Password).await
    }

    /// The same for somebody who came by another way than the password. For dangerous steps that does not count as having typed it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin_via(&self, account: i64, address: Option<IpAddr>, via: Via) -> store::Result<String> {
        let now = self.clock.now_ms();
        let key = random::token().map_err(|e| store::StoreError::Internal(e.to_string()))?;
        let session = WebSession {
            digest: digest(&key),
            account,
            created: now,
            last_seen: now,
            expires: now + IDLE_MS,
            last_address: network::as_text(address),
            data: written(&Memory { confirmed: if via == Via::Password { now } else { 0 }, via, notice: None }),
        };
        self.main.add_web_session(&session).await?;
        Ok(key)
    }

    /// The session with this key. None when it is unknown or over, or its account is disabled or deleted.
    ///
    /// # Errors
    /// When the database fails, which is not a "no".
    pub async fn find(&self, key: &str, address: Option<IpAddr>) -> store::Result<Option<Active>> {
        let now = self.clock.now_ms();
        let Some((mut session, account)) = self.main.web_session(&digest(key), now).await? else { return Ok(None) };
        if now - session.last_seen >= SEEN_EVERY_MS {
            session.last_seen = now;
            session.expires = (now + IDLE_MS).min(session.created + LONGEST_MS);
            self.main.web_session_seen(&session.digest, &network::as_text(address), now, session.expires).await?;
        }
        let memory = serde_json::from_str(&session.data).unwrap_or_default();
        Ok(Some(Active { account, session, memory, csrf_token: csrf_token(key) }))
    }

    /// Ends a session.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end(&self, session: &WebSession) -> store::Result<()> {
        self.main.remove_web_session(session.account, &session.digest).await.map(drop)
    }

    /// Whether the password was typed so lately that dangerous steps are open.
    pub fn is_confirmed(&self, active: &Active) -> bool {
        let age = self.clock.now_ms() - active.memory.confirmed;
        (0..CONFIRMED_MS).contains(&age)
    }

    /// Notes that the password was typed just now.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn confirm(&self, active: &Active) -> store::Result<()> {
        let memory = Memory { confirmed: self.clock.now_ms(), ..active.memory.clone() };
        self.remember(active, &memory).await
    }

    /// Replaces what a session remembers.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remember(&self, active: &Active, memory: &Memory) -> store::Result<()> {
        self.main.put_web_session_data(&active.session.digest, &written(memory)).await
    }
}

impl Active {
    /// Where a proxy says who somebody is, it has the last word: a session of anybody else does not count, nor one that rests on what
    /// the proxy no longer says.
    pub fn is_still_named(&self, proxy_user: Option<&str>) -> bool {
        let key = |name: &str| Username::new(name).ok().map(|name| name.key().to_owned());
        match proxy_user {
            Some(name) => key(name).is_some_and(|name| key(&self.account.username) == Some(name)),
            None => self.memory.via != Via::Proxy,
        }
    }

    /// Whether a request carries this session's token.
    pub fn accepts(&self, csrf_token: &str) -> bool {
        self.csrf_token.as_bytes().ct_eq(csrf_token.as_bytes()).into()
    }
}

/// Made from the key, so that it belongs to the session and nothing has to be stored; the key cannot be found from it.
pub fn csrf_token(key: &str) -> String {
    digest(&format!("csrf token of {key}"))
}

fn written(memory: &Memory) -> String {
    serde_json::to_string(memory).unwrap_or_default()
}
