//! The audit log: who changed what about accounts.

use super::MainDb;
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
        let entry = |row: &crate::engine::Row| {
            Ok(AuditEntry {
                at: row.int(0)?,
                actor: row.text(1)?,
                address: row.text(2)?,
                account: row.opt_int(3)?,
                action: row.text(4)?,
                detail: row.text(5)?,
            })
        };
        rows.iter().map(entry).collect()
    }
}
