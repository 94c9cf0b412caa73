//! Answers to requests that may be sent again: see the API's `Idempotency-Key`.

use super::{Locked, UserDb};
use crate::error::Result;
use crate::params;

impl Locked {
    /// Digest of the request and answer that belong to a key.
    pub async fn answered(&self, key: &str) -> Result<Option<(String, String)>> {
        let sql = "SELECT request, answer FROM {s}.api_answers WHERE account = ? AND key_digest = ?";
        let row = self.tx.query_opt(sql, params![self.state.account, key]).await?;
        row.map(|row| Ok((row.text(0)?, row.text(1)?))).transpose()
    }

    /// Remembers an answer, with the change that it tells of.
    pub async fn remember_answer(&self, key: &str, request: &str, answer: &str, now_ms: i64) -> Result<()> {
        let sql = "INSERT INTO {s}.api_answers (account, key_digest, request, answer, created) VALUES (?, ?, ?, ?, ?)";
        self.tx.execute(sql, params![self.state.account, key, request, answer, now_ms]).await.map(drop)
    }
}

impl UserDb {
    /// Forgets the answers that were given before then.
    pub async fn forget_answers(&self, before_ms: i64) -> Result<u64> {
        self.db.execute("DELETE FROM {s}.api_answers WHERE created < ?", params![before_ms]).await
    }
}
