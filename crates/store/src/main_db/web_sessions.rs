//! Sessions of the web pages: who is logged in with which browser. Of a session's key only the digest is stored.

use super::MainDb;
use super::accounts::{self, Account};
use crate::engine::Row;
use crate::error::Result;
use crate::params;

/// A browser that is logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebSession {
    pub digest: String,
    pub account: i64,
    pub created: i64,
    /// To within a minute or so.
    pub last_seen: i64,
    pub expires: i64,
    pub last_address: String,
    /// What the pages remember, as text that they make and read.
    pub data: String,
}

/// Columns of the session, to be read after those of an account.
const COLUMNS: &str = "w.digest, w.account, w.created, w.last_seen, w.expires, w.last_address, w.data";

impl MainDb {
    /// Writes down a session that begins.
    pub async fn add_web_session(&self, session: &WebSession) -> Result<()> {
        let sql =
            "INSERT INTO {s}.web_sessions (digest, account, created, last_seen, expires, last_address, data) VALUES (?, ?, ?, ?, ?, ?, ?)";
        let params = params![
            session.digest.as_str(),
            session.account,
            session.created,
            session.last_seen,
            session.expires,
            session.last_address.as_str(),
            session.data.as_str()
        ];
        self.db.execute(sql, params).await.map(drop)
    }

    /// The session with that digest, and whose it is. None when it is unknown or over, or its account is disabled or deleted.
    pub async fn web_session(&self, digest: &str, now_ms: i64) -> Result<Option<(WebSession, Account)>> {
        let sql = format!(
            "SELECT {}, {COLUMNS} FROM {{s}}.web_sessions w JOIN {{s}}.accounts a ON a.id = w.account \
             WHERE w.digest = ? AND w.expires > ? AND a.is_active = 1 AND a.deleted_at IS NULL",
            accounts::COLUMNS
        );
        let row = self.db.query_opt(&sql, params![digest, now_ms]).await?;
        row.map(|row| Ok((from_row(&row, accounts::COLUMN_COUNT)?, accounts::from_row(&row)?))).transpose()
    }

    /// Notes that a session was used, from where, and until when it goes on.
    pub async fn web_session_seen(&self, digest: &str, address: &str, now_ms: i64, expires: i64) -> Result<()> {
        let sql = "UPDATE {s}.web_sessions SET last_seen = ?, last_address = ?, expires = ? WHERE digest = ?";
        self.db.execute(sql, params![now_ms, address, expires, digest]).await.map(drop)
    }

    /// Replaces what the pages remember in a session.
    pub async fn put_web_session_data(&self, digest: &str, data: &str) -> Result<()> {
        self.db.execute("UPDATE {s}.web_sessions SET data = ? WHERE digest = ?", params![data, digest]).await.map(drop)
    }

    /// The sessions of an account that are not over, the most recently used first.
    pub async fn web_sessions(&self, account: i64, now_ms: i64) -> Result<Vec<WebSession>> {
        let sql =
            format!("SELECT {COLUMNS} FROM {{s}}.web_sessions w WHERE w.account = ? AND w.expires > ? ORDER BY w.last_seen DESC, w.digest");
        self.db.query(&sql, params![account, now_ms]).await?.iter().map(|row| from_row(row, 0)).collect()
    }

    /// Ends one session of an account. Answers whether there was such a session.
    pub async fn remove_web_session(&self, account: i64, digest: &str) -> Result<bool> {
        let sql = "DELETE FROM {s}.web_sessions WHERE account = ? AND digest = ?";
        Ok(self.db.execute(sql, params![account, digest]).await? > 0)
    }

    /// Ends all sessions of an account but the one with the digest `except`, and answers how many those were.
    pub async fn remove_web_sessions(&self, account: i64, except: Option<&str>) -> Result<u64> {
        let sql = "DELETE FROM {s}.web_sessions WHERE account = ? AND digest <> ?";
        self.db.execute(sql, params![account, except.unwrap_or_default()]).await
    }

    /// Removes the sessions that are over and answers how many those were.
    pub async fn remove_expired_web_sessions(&self, now_ms: i64) -> Result<u64> {
        self.db.execute("DELETE FROM {s}.web_sessions WHERE expires <= ?", params![now_ms]).await
    }
}

fn from_row(row: &Row, first: usize) -> Result<WebSession> {
    Ok(WebSession {
        digest: row.text(first)?,
        account: row.int(first + 1)?,
        created: row.int(first + 2)?,
        last_seen: row.int(first + 3)?,
        expires: row.int(first + 4)?,
        last_address: row.text(first + 5)?,
        data: row.text(first + 6)?,
    })
}
