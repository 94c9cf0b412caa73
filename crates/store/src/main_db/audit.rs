//! The audit log: who changed what about accounts.

use super::MainDb;
use crate::engine::Row;
use crate::error::Result;
use crate::params;

/// One thing that was done. Contains no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    pub at: i64,
    /// Who did it: `command line`, or a username.
    pub actor: String,
    /// The address from which it was done; empty for what did not come over the network.
    pub address: String,
    /// The account that it was done to, if any.
    pub account: Option<i64>,
    /// What was done, such as `account.create`.
    pub action: String,
    /// The rest, as a sentence for people.
    pub detail: String,
}

impl MainDb {
    /// Appends an entry. `id` is a random number that keeps entries of the same millisecond apart.
    pub async fn write_audit(&self, id: i64, entry: &AuditEntry) -> Result<()> {
        let sql = "INSERT INTO {s}.audit_log (at, id, actor, address, account, action, detail) VALUES (?, ?, ?, ?, ?, ?, ?)";
        let (actor, address, action, detail) = (entry.actor.as_str(), entry.address.as_str(), entry.action.as_str(), entry.detail.as_str());
        let params = params![entry.at, id, actor, address, entry.account, action, detail];
        self.db.execute(sql, params).await.map(drop)
    }

    /// The newest entries, newest first, of one account or of all.
    pub async fn audit(&self, account: Option<i64>, limit: i64) -> Result<Vec<AuditEntry>> {
        let columns = "SELECT at, actor, address, account, action, detail FROM {s}.audit_log";
        let rows = match account {
            Some(account) => {
                let sql = format!("{columns} WHERE account = ? ORDER BY at DESC, id DESC LIMIT ?");
                self.db.query(&sql, params![account, limit]).await?
            }
            None => self.db.query(&format!("{columns} ORDER BY at DESC, id DESC LIMIT ?"), params![limit]).await?,
        };
        rows.iter().map(from_row).collect()
    }

    /// Entries after that of this time and id, or from the very first one, oldest first, with their ids.
    pub async fn audit_after(&self, last: Option<(i64, i64)>, limit: i64) -> Result<Vec<(i64, AuditEntry)>> {
        let sql = "SELECT at, actor, address, account, action, detail, id FROM {s}.audit_log \
                   WHERE at > ? OR (at = ? AND id > ?) ORDER BY at, id LIMIT ?";
        let (at, id) = last.unwrap_or((-1, 0));
        let rows = self.db.query(sql, params![at, at, id, limit]).await?;
        rows.iter().map(|row| Ok((row.int(6)?, from_row(row)?))).collect()
    }
}

fn from_row(row: &Row) -> Result<AuditEntry> {
    Ok(AuditEntry {
        at: row.int(0)?,
        actor: row.text(1)?,
        address: row.text(2)?,
        account: row.opt_int(3)?,
        action: row.text(4)?,
        detail: row.text(5)?,
    })
}
