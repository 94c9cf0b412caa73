//! Personal API tokens: what programs of an account's owner send instead of a password.

use super::{Account, MainDb};
use crate::engine::Row;
use crate::error::Result;
use crate::params;

/// A token as it is listed. The token itself is only known to whoever it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// SHA-256 of the token, in hexadecimal digits.
    pub digest: String,
    pub account: i64,
    /// What its owner calls it.
    pub name: String,
    /// Words separated by spaces, which `actions::api_tokens` makes and reads.
    pub scopes: String,
    pub created: i64,
    /// To within a minute or so.
    pub last_used: Option<i64>,
    pub expires: Option<i64>,
}

const COLUMNS: &str = "t.digest, t.account, t.name, t.scopes, t.created, t.last_used, t.expires";

impl MainDb {
    /// Writes down a token that is given out.
    pub async fn add_api_token(&self, token: &ApiToken) -> Result<()> {
        let sql = "INSERT INTO {s}.api_tokens (digest, account, name, scopes, created, last_used, expires) VALUES (?, ?, ?, ?, ?, ?, ?)";
        let ApiToken { digest, account, name, scopes, created, last_used, expires } = token.clone();
        self.db.execute(sql, params![digest, account, name, scopes, created, last_used, expires]).await.map(drop)
    }

    /// A token that is valid now, of an account that may log in.
    pub async fn api_token(&self, digest: &str, now_ms: i64) -> Result<Option<(ApiToken, Account)>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM {{s}}.api_tokens t JOIN {{s}}.accounts a ON a.id = t.account WHERE t.digest = ? \
             AND (t.expires IS NULL OR t.expires > ?) AND a.is_active = 1 AND a.deleted_at IS NULL"
        );
        let Some(row) = self.db.query_opt(&sql, params![digest, now_ms]).await? else { return Ok(None) };
        let token = from_row(&row)?;
        let account = self.account_by_id(token.account).await?.filter(|account| account.is_active);
        Ok(account.map(|account| (token, account)))
    }

    /// Notes that a token was used.
    pub async fn api_token_used(&self, digest: &str, now_ms: i64) -> Result<()> {
        self.db.execute("UPDATE {s}.api_tokens SET last_used = ? WHERE digest = ?", params![now_ms, digest]).await.map(drop)
    }

    /// The tokens of an account, the newest first, expired ones too.
    pub async fn api_tokens(&self, account: i64) -> Result<Vec<ApiToken>> {
        let sql = format!("SELECT {COLUMNS} FROM {{s}}.api_tokens t WHERE t.account = ? ORDER BY t.created DESC, t.digest");
        self.db.query(&sql, params![account]).await?.iter().map(from_row).collect()
    }

    /// Makes a token invalid at once. Answers whether the account had it.
    pub async fn revoke_api_token(&self, account: i64, digest: &str) -> Result<bool> {
        let sql = "DELETE FROM {s}.api_tokens WHERE account = ? AND digest = ?";
        Ok(self.db.execute(sql, params![account, digest]).await? > 0)
    }

    /// Makes all tokens of an account invalid at once, and answers how many those were.
    pub async fn revoke_api_tokens(&self, account: i64) -> Result<u64> {
        self.db.execute("DELETE FROM {s}.api_tokens WHERE account = ?", params![account]).await
    }

    /// An account by its id, with its password's hash.
    pub async fn account_by_id_with_password(&self, id: i64) -> Result<Option<(Account, String)>> {
        let Some(account) = self.account_by_id(id).await? else { return Ok(None) };
        let row = self.db.query_opt("SELECT password_hash FROM {s}.accounts WHERE id = ? AND deleted_at IS NULL", params![id]).await?;
        row.map(|row| Ok((account, row.text(0)?))).transpose()
    }
}

fn from_row(row: &Row) -> Result<ApiToken> {
    Ok(ApiToken {
        digest: row.text(0)?,
        account: row.int(1)?,
        name: row.text(2)?,
        scopes: row.text(3)?,
        created: row.int(4)?,
        last_used: row.opt_int(5)?,
        expires: row.opt_int(6)?,
    })
}
