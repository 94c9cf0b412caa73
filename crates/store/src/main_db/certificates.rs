//! What ACME needs to keep for all processes: accounts at authorities, certificates with their keys, and challenges under way.

use super::MainDb;
use crate::engine::{ConnectTo, Db, Row};
use crate::error::Result;
use crate::params;

/// A certificate with its key. It has no `Debug`, so that the key cannot get into a log.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    /// What it was ordered for: see [`MainDb::certificate`].
    pub subject: String,
    /// In PEM form, with the certificates between it and the authority behind it.
    pub chain: String,
    /// In PEM form.
    pub key: String,
    pub not_before: i64,
    pub not_after: i64,
    /// When to order the next one.
    pub renew_at: i64,
    pub obtained: i64,
}

const COLUMNS: &str = "subject, chain, private_key, not_before, not_after, renew_at, obtained";

impl MainDb {
    /// The certificate that was ordered for `subject`, which stands for an authority and a set of names. If there is none, the one that
    /// was obtained last for whatever it was, as that may be of use until there is a better one.
    pub async fn certificate(&self, subject: &str) -> Result<Option<Certificate>> {
        certificate(&self.db, subject).await
    }

    /// Keeps a certificate instead of the one for the same subject, and forgets those that had expired before `now_ms`.
    pub async fn keep_certificate(&self, new: &Certificate, now_ms: i64) -> Result<()> {
        let insert = format!("INSERT INTO {{s}}.certificates ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)");
        let values =
            params![new.subject.as_str(), new.chain.as_str(), new.key.as_str(), new.not_before, new.not_after, new.renew_at, new.obtained];
        let delete = "DELETE FROM {s}.certificates WHERE subject = ? OR not_after < ?";
        self.db.together(vec![(delete, params![new.subject.as_str(), now_ms]), (&insert, values)]).await.map(drop)
    }

    /// Has the certificate for `subject` renewed as soon as a process looks. Answers whether there is one.
    pub async fn renew_certificate(&self, subject: &str) -> Result<bool> {
        Ok(self.db.execute("UPDATE {s}.certificates SET renew_at = 0 WHERE subject = ?", params![subject]).await? > 0)
    }

    /// How to log in at an authority, as text of whoever kept it.
    pub async fn acme_account(&self, authority: &str) -> Result<Option<String>> {
        let row = self.db.query_opt("SELECT credentials FROM {s}.acme_accounts WHERE authority = ?", params![authority]).await?;
        row.map(|row| row.text(0)).transpose()
    }

    /// Keeps how to log in at an authority.
    pub async fn keep_acme_account(&self, authority: &str, credentials: &str, now_ms: i64) -> Result<()> {
        let delete = ("DELETE FROM {s}.acme_accounts WHERE authority = ?", params![authority]);
        let insert = "INSERT INTO {s}.acme_accounts (authority, credentials, created) VALUES (?, ?, ?)";
        self.db.together(vec![delete, (insert, params![authority, credentials, now_ms])]).await.map(drop)
    }

    /// Puts an answer where every process finds it when the authority asks.
    pub async fn put_challenge(&self, token: &str, name: &str, answer: &str, expires: i64) -> Result<()> {
        let delete = ("DELETE FROM {s}.acme_challenges WHERE token = ?", params![token]);
        let insert = "INSERT INTO {s}.acme_challenges (token, name, answer, expires) VALUES (?, ?, ?, ?)";
        self.db.together(vec![delete, (insert, params![token, name, answer, expires])]).await.map(drop)
    }

    /// The answer to a challenge by its token.
    pub async fn challenge(&self, token: &str, now_ms: i64) -> Result<Option<String>> {
        let sql = "SELECT answer FROM {s}.acme_challenges WHERE token = ? AND expires > ?";
        self.db.query_opt(sql, params![token, now_ms]).await?.map(|row| row.text(0)).transpose()
    }

    /// The answer to the newest challenge for a host name.
    pub async fn challenge_for(&self, name: &str, now_ms: i64) -> Result<Option<String>> {
        let sql = "SELECT answer FROM {s}.acme_challenges WHERE name = ? AND expires > ? ORDER BY expires DESC, token LIMIT 1";
        self.db.query_opt(sql, params![name, now_ms]).await?.map(|row| row.text(0)).transpose()
    }

    /// Takes away the answers to some challenges, and all that are too old.
    pub async fn drop_challenges(&self, tokens: &[String], now_ms: i64) -> Result<()> {
        let sql = "DELETE FROM {s}.acme_challenges WHERE token IN ?? OR expires <= ?";
        self.db.execute(sql, params![tokens.to_vec(), now_ms]).await.map(drop)
    }
}

/// As [`MainDb::certificate`], in a database of any version, in which nothing is changed.
///
/// # Errors
/// When the database cannot be reached, or its version knows no certificates.
pub async fn certificate_in(to: &ConnectTo, subject: &str) -> Result<Option<Certificate>> {
    certificate(&Db::connect(to).await?, subject).await
}

async fn certificate(db: &Db, subject: &str) -> Result<Option<Certificate>> {
    let sql = format!("SELECT {COLUMNS} FROM {{s}}.certificates ORDER BY CASE WHEN subject = ? THEN 0 ELSE 1 END, obtained DESC LIMIT 1");
    db.query_opt(&sql, params![subject]).await?.as_ref().map(from_row).transpose()
}

fn from_row(row: &Row) -> Result<Certificate> {
    Ok(Certificate {
        subject: row.text(0)?,
        chain: row.text(1)?,
        key: row.text(2)?,
        not_before: row.int(3)?,
        not_after: row.int(4)?,
        renew_at: row.int(5)?,
        obtained: row.int(6)?,
    })
}
