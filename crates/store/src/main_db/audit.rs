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
        let sql = "INSERT INTO {s}.audit_log (at, id, actor, account, action, detail) VALUES (?, ?, ?, ?, ?, ?)";
        let params = params![entry.at, id, entry.actor.as_str(), entry.account, entry.action.as_str(), entry.detail.as_str()];
        self.db.execute(sql, params).await.map(drop)
    }

    /// The newest entries, newest first, of one account or of all.
    pub async fn audit(&self, account: Option<i64>, limit: i64) -> Result<Vec<AuditEntry>> {
        let columns = "SELECT at, actor, account, action, detail FROM {s}.audit_log";
        let rows = match account {
            Some(account) => {
                let sql = format!("{columns} WHERE account = ? ORDER BY at DESC, id DESC LIMIT ?");
                self.db.query(&sql, params![account, limit]).await?
            }
            None => self.db.query(&format!("{columns} ORDER BY at DESC, id DESC LIMIT ?"), params![limit]).await?,
        };
        let entry = |row: &crate::engine::Row| {
            Ok(AuditEntry { at: row.int(0)?, actor: row.text(1)?, account: row.opt_int(2)?, action: row.text(3)?, detail: row.text(4)? })
        };
        rows.iter().map(entry).collect()
    }
}
