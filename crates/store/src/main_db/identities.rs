//! Whom people are known as elsewhere: the subjects of a provider of logins, and the accounts that they belong to.

use super::MainDb;
use crate::error::Result;
use crate::params;

/// Somebody at a provider, and whose account that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Made from issuer and subject.
    pub digest: String,
    pub account: i64,
    pub issuer: String,
    /// The provider's own name for somebody, which it never gives to anybody else.
    pub subject: String,
    /// A name or address for people to recognise it by.
    pub label: String,
    pub created: i64,
    pub last_used: i64,
}

impl MainDb {
    /// Notes whose account somebody's is.
    ///
    /// # Errors
    /// [`crate::StoreError::AlreadyExists`] when it belongs to an account already.
    pub async fn add_identity(&self, identity: &Identity) -> Result<()> {
        let sql = "INSERT INTO {s}.identities (digest, account, issuer, subject, label, created, last_used) VALUES (?, ?, ?, ?, ?, ?, ?)";
        let Identity { digest, account, issuer, subject, label, created, last_used } = identity.clone();
        self.db.execute(sql, params![digest, account, issuer, subject, label, created, last_used]).await.map(drop)
    }

    /// The account that an identity belongs to.
    pub async fn identity_account(&self, digest: &str) -> Result<Option<i64>> {
        let row = self.db.query_opt("SELECT account FROM {s}.identities WHERE digest = ?", params![digest]).await?;
        row.map(|row| row.int(0)).transpose()
    }

    /// Notes that somebody came by it.
    pub async fn identity_used(&self, digest: &str, label: &str, now_ms: i64) -> Result<()> {
        let sql = "UPDATE {s}.identities SET last_used = ?, label = ? WHERE digest = ?";
        self.db.execute(sql, params![now_ms, label, digest]).await.map(drop)
    }

    /// The identities of an account, the oldest first.
    pub async fn identities(&self, account: i64) -> Result<Vec<Identity>> {
        let sql = "SELECT digest, account, issuer, subject, label, created, last_used FROM {s}.identities WHERE account = ? ORDER BY created, digest";
        let rows = self.db.query(sql, params![account]).await?;
        let identity = |row: &crate::engine::Row| {
            Ok(Identity {
                digest: row.text(0)?,
                account: row.int(1)?,
                issuer: row.text(2)?,
                subject: row.text(3)?,
                label: row.text(4)?,
                created: row.int(5)?,
                last_used: row.int(6)?,
            })
        };
        rows.iter().map(identity).collect()
    }

    /// Forgets one identity of an account. Answers whether there was such a one.
    pub async fn remove_identity(&self, account: i64, digest: &str) -> Result<bool> {
        let sql = "DELETE FROM {s}.identities WHERE account = ? AND digest = ?";
        Ok(self.db.execute(sql, params![account, digest]).await? > 0)
    }
}
