//! How often somebody tried to log in lately. Counted in the database, so that the limit holds across all processes.

use super::MainDb;
use crate::error::{Result, StoreError};
use crate::params;

/// The attempts of one subject (an account's name, an address) within its window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempts {
    /// Including the one that was just counted.
    pub count: i64,
    /// When the window ends and counting begins anew.
    pub window_ends: i64,
}

impl MainDb {
    /// Counts an attempt before it is made, so that many at once cannot slip through. `subject` should be of limited length.
    pub async fn count_login_attempt(&self, subject: &str, window_ms: i64, now_ms: i64) -> Result<Attempts> {
        // A window that begins in the future was written by a clock that was wrong.
        let (too_old, too_new) = (now_ms - window_ms, now_ms + window_ms);
        let update = "UPDATE {s}.login_attempts \
             SET attempts = CASE WHEN window_start <= ? OR window_start > ? THEN 1 ELSE attempts + 1 END, \
                 window_start = CASE WHEN window_start <= ? OR window_start > ? THEN ? ELSE window_start END \
             WHERE subject = ?";
        let insert = "INSERT INTO {s}.login_attempts (subject, window_start, attempts) VALUES (?, ?, 1)";
        let params = || params![too_old, too_new, too_old, too_new, now_ms, subject];
        if self.db.execute(update, params()).await? == 0 {
            match self.db.execute(insert, params![subject, now_ms]).await {
                Ok(_) => {}
                Err(StoreError::AlreadyExists(_)) => self.db.execute(update, params()).await.map(drop)?,
                Err(e) => return Err(e),
            }
        }
        let select = "SELECT attempts, window_start FROM {s}.login_attempts WHERE subject = ?";
        match self.db.query_opt(select, params![subject]).await? {
            Some(row) => Ok(Attempts { count: row.int(0)?, window_ends: row.int(1)? + window_ms }),
            // Another process's login succeeded between the two statements.
            None => Ok(Attempts { count: 1, window_ends: now_ms + window_ms }),
        }
    }

    /// Forgets the attempts of a subject, after a login that succeeded.
    pub async fn forget_login_attempts(&self, subject: &str) -> Result<()> {
        self.db.execute("DELETE FROM {s}.login_attempts WHERE subject = ?", params![subject]).await.map(drop)
    }

    /// Takes one attempt back: it succeeded, but says nothing about the others of that subject.
    pub async fn uncount_login_attempt(&self, subject: &str) -> Result<()> {
        let sql = "UPDATE {s}.login_attempts SET attempts = attempts - 1 WHERE subject = ? AND attempts > 0";
        self.db.execute(sql, params![subject]).await.map(drop)
    }

    /// Removes what has no effect any more and answers how much that was.
    pub async fn remove_old_login_attempts(&self, before_ms: i64) -> Result<u64> {
        self.db.execute("DELETE FROM {s}.login_attempts WHERE window_start < ?", params![before_ms]).await
    }
}
