//! Links that are good for one use: to set the server up, to join, to choose a new password. Of their secret only the digest is stored.

use super::MainDb;
use crate::engine::Row;
use crate::error::Result;
use crate::params;

/// A link that has not been used yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneTimeLink {
    pub digest: String,
    /// What it is for.
    pub kind: String,
    /// The account that it is about, if there is one already.
    pub account: Option<i64>,
    /// Who made it, for people.
    pub maker: String,
    pub created: i64,
    pub expires: i64,
    /// What else belongs to it, as text that its maker and its user agree on.
    pub data: String,
}

const COLUMNS: &str = "digest, kind, account, maker, created, expires, data";

impl MainDb {
    /// Writes down a link that is given out.
    pub async fn add_one_time_link(&self, link: &OneTimeLink) -> Result<()> {
        let sql = format!("INSERT INTO {{s}}.one_time_links ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)");
        let params = params![
            link.digest.as_str(),
            link.kind.as_str(),
            link.account,
            link.maker.as_str(),
            link.created,
            link.expires,
            link.data.as_str()
        ];
        self.db.execute(&sql, params).await.map(drop)
    }

    /// The link with that digest, if it has not been used and is not too old.
    pub async fn one_time_link(&self, kind: &str, digest: &str, now_ms: i64) -> Result<Option<OneTimeLink>> {
        let sql = format!("SELECT {COLUMNS} FROM {{s}}.one_time_links WHERE digest = ? AND kind = ? AND expires > ?");
        self.db.query_opt(&sql, params![digest, kind, now_ms]).await?.as_ref().map(from_row).transpose()
    }

    /// Uses a link up. Of several who try at the same time, one is answered true.
    pub async fn use_one_time_link(&self, kind: &str, digest: &str, now_ms: i64) -> Result<bool> {
        let sql = "DELETE FROM {s}.one_time_links WHERE digest = ? AND kind = ? AND expires > ?";
        Ok(self.db.execute(sql, params![digest, kind, now_ms]).await? > 0)
    }

    /// The links of a kind that can still be used, the newest first.
    pub async fn one_time_links(&self, kind: &str, now_ms: i64) -> Result<Vec<OneTimeLink>> {
        let sql =
            format!("SELECT {COLUMNS} FROM {{s}}.one_time_links WHERE kind = ? AND expires > ? ORDER BY created DESC, digest LIMIT 500");
        self.db.query(&sql, params![kind, now_ms]).await?.iter().map(from_row).collect()
    }

    /// Makes the links of a kind useless: those about an account, or all.
    pub async fn remove_one_time_links(&self, kind: &str, account: Option<i64>) -> Result<u64> {
        match account {
            Some(account) => {
                let sql = "DELETE FROM {s}.one_time_links WHERE kind = ? AND account = ?";
                self.db.execute(sql, params![kind, account]).await
            }
            None => self.db.execute("DELETE FROM {s}.one_time_links WHERE kind = ?", params![kind]).await,
        }
    }

    /// Removes links that are too old and answers how many those were.
    pub async fn remove_old_one_time_links(&self, now_ms: i64) -> Result<u64> {
        self.db.execute("DELETE FROM {s}.one_time_links WHERE expires <= ?", params![now_ms]).await
    }
}

fn from_row(row: &Row) -> Result<OneTimeLink> {
    Ok(OneTimeLink {
        digest: row.text(0)?,
        kind: row.text(1)?,
        account: row.opt_int(2)?,
        maker: row.text(3)?,
        created: row.int(4)?,
        expires: row.int(5)?,
        data: row.text(6)?,
    })
}
