//! What one process at a time does for all of them, now and then, such as backups. Whoever does it holds a lease, so that a process that
//! dies is followed by another one.

use super::MainDb;
use crate::engine::{ConnectTo, Db, Row};
use crate::error::{Result, StoreError};
use crate::params;

/// How a duty stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duty {
    /// When the last success began, and ended.
    pub began: Option<i64>,
    pub succeeded: Option<i64>,
    /// The last failure after that, and what it was.
    pub failed: Option<i64>,
    pub problem: String,
}

/// How often a duty is done, and how long it is left alone after a failure, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct Rhythm {
    pub every: i64,
    pub after_failure: i64,
}

const READ: &str = "SELECT began, succeeded, failed, problem FROM {s}.duties WHERE name = ?";

impl MainDb {
    /// Takes a duty that is due and that nobody holds. Answers whether that was so; it is then held until `until`.
    pub async fn take_duty(&self, name: &str, holder: &str, rhythm: Rhythm, now_ms: i64, until: i64) -> Result<bool> {
        if self.duty(name).await?.is_none() {
            let sql = "INSERT INTO {s}.duties (name, holder, held_until, problem) VALUES (?, '', 0, '')";
            match self.db.execute(sql, params![name]).await {
                // Another process was faster.
                Ok(_) | Err(StoreError::AlreadyExists(_)) => {}
                Err(e) => return Err(e),
            }
        }
        let sql = "UPDATE {s}.duties SET holder = ?, held_until = ? WHERE name = ? AND held_until <= ? \
                   AND (began IS NULL OR began <= ?) AND (failed IS NULL OR failed <= ?)";
        let (began, failed) = (now_ms - rhythm.every, now_ms - rhythm.after_failure);
        Ok(self.db.execute(sql, params![holder, until, name, now_ms, began, failed]).await? > 0)
    }

    /// Goes on holding a duty. Answers false when it has gone to somebody else.
    pub async fn hold_duty(&self, name: &str, holder: &str, until: i64) -> Result<bool> {
        let sql = "UPDATE {s}.duties SET held_until = ? WHERE name = ? AND holder = ?";
        Ok(self.db.execute(sql, params![until, name, holder]).await? > 0)
    }

    /// Notes that a duty which began at `began` is done, unless it has gone to somebody else.
    pub async fn duty_succeeded(&self, name: &str, holder: &str, began: i64, now_ms: i64) -> Result<()> {
        let sql = "UPDATE {s}.duties SET holder = '', held_until = 0, began = ?, succeeded = ?, failed = NULL, failures = 0, problem = '' \
                   WHERE name = ? AND holder = ?";
        self.db.execute(sql, params![began, now_ms, name, holder]).await.map(drop)
    }

    /// Notes that a duty could not be done, unless it has gone to somebody else.
    pub async fn duty_failed(&self, name: &str, holder: &str, problem: &str, now_ms: i64) -> Result<()> {
        let sql = "UPDATE {s}.duties SET holder = '', held_until = 0, failed = ?, failures = failures + 1, problem = ? \
                   WHERE name = ? AND holder = ?";
        self.db.execute(sql, params![now_ms, problem, name, holder]).await.map(drop)
    }

    /// Gives back a duty that has not been begun, for whoever looks next.
    pub async fn leave_duty(&self, name: &str, holder: &str) -> Result<()> {
        let sql = "UPDATE {s}.duties SET holder = '', held_until = 0 WHERE name = ? AND holder = ?";
        self.db.execute(sql, params![name, holder]).await.map(drop)
    }

    /// How often a duty has failed since it last succeeded.
    pub async fn duty_failures(&self, name: &str) -> Result<u32> {
        let row = self.db.query_opt("SELECT failures FROM {s}.duties WHERE name = ?", params![name]).await?;
        Ok(row.map(|row| row.int(0)).transpose()?.map_or(0, |failures| u32::try_from(failures).unwrap_or(u32::MAX)))
    }

    /// Forgets that a duty has failed, so that it need not wait.
    pub async fn forget_failures(&self, name: &str) -> Result<()> {
        let sql = "UPDATE {s}.duties SET failed = NULL, failures = 0, problem = '' WHERE name = ?";
        self.db.execute(sql, params![name]).await.map(drop)
    }

    /// How a duty stands. None if nobody has ever taken it.
    pub async fn duty(&self, name: &str) -> Result<Option<Duty>> {
        self.db.query_opt(READ, params![name]).await?.as_ref().map(from_row).transpose()
    }
}

/// How a duty stands in a database of any version, in which nothing is changed.
///
/// # Errors
/// When the database cannot be reached, or its version knows no duties.
pub async fn duty_in(to: &ConnectTo, name: &str) -> Result<Option<Duty>> {
    Db::connect(to).await?.query_opt(READ, params![name]).await?.as_ref().map(from_row).transpose()
}

fn from_row(row: &Row) -> Result<Duty> {
    Ok(Duty { began: row.opt_int(0)?, succeeded: row.opt_int(1)?, failed: row.opt_int(2)?, problem: row.text(3)? })
}
