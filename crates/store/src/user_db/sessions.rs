//! The running sync of an account: one row, made by `start` and gone with `finish` or `abort`.

use super::state::{self, put_current};
use super::{Current, Locked, UserDb};
use crate::engine::Row;
use crate::error::{Result, StoreError};
use crate::params;
use crate::repeat::repeat;

/// What the sanity check said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The client did not ask (yet).
    None,
    Ok,
    /// It was asked and then sent more.
    Stale,
}

impl Verdict {
    /// The word that the table holds.
    fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Ok => "ok",
            Self::Stale => "stale",
        }
    }
}

/// A running sync.
#[derive(Debug, Clone)]
pub struct Session {
    pub account: i64,
    /// The client's id of this sync.
    pub session_key: String,
    /// Hash of the host key that started it.
    pub host_key: String,
    /// The client's description of itself, for logs.
    pub client: String,
    /// Generation, modification stamp and usn that the sync is based on.
    pub generation: i32,
    pub base_modified: i64,
    pub base_usn: i32,
    /// The usn from which on the client has to hear of changes.
    pub client_usn: i32,
    pub client_is_newer: bool,
    /// Milliseconds since the epoch.
    pub started: i64,
    /// Milliseconds since the epoch of its last request.
    pub last_seen: i64,
    /// Staged pieces and their bytes so far.
    pub pieces: i32,
    pub staged_bytes: i64,
    pub staged_graves: bool,
    /// Field count and sort field of notetypes that are staged, as JSON that the sync surface makes and reads.
    pub notetype_shapes: String,
    /// How far the answers to `chunk` have come, as text that the sync surface makes and reads.
    pub send_position: String,
    pub verdict: Verdict,
    /// The row counts that the verdict rests on, as JSON that the sync surface makes and reads.
    pub expected_counts: String,
}

const COLUMNS: &str = "s.account, s.session_key, s.host_key, s.client, s.generation, s.base_modified, s.base_usn, s.client_usn, \
     s.client_is_newer, s.started, s.last_seen, s.pieces, s.staged_bytes, s.staged_graves, s.notetype_shapes, s.send_position, s.verdict, \
     s.expected_counts";

const END_SESSION: &str = "DELETE FROM {s}.sync_sessions WHERE account = ?";
const END_STAGING: &str = "DELETE FROM {s}.sync_staged WHERE account = ?";

impl UserDb {
    /// Takes the collection's lock, as [`UserDb::lock`], and reads the running sync with that session key under it.
    pub async fn lock_with_session(&self, account: i64, session_key: &str) -> Result<(Locked, Option<Session>)> {
        let sql = format!("SELECT {COLUMNS} FROM {{s}}.sync_sessions s WHERE s.account = ? AND s.session_key = ?");
        let (locked, answer) = self.lock_and_read(account, vec![(&sql, params![account, session_key])]).await?;
        let session = answer.first().and_then(|rows| rows.first()).map(from_row).transpose()?;
        Ok((locked, session))
    }

    /// The running sync with that session key, and the schema it works on. None when there is no such sync (any more).
    pub async fn session(&self, account: i64, session_key: &str) -> Result<Option<(Session, String)>> {
        let sql = format!(
            "SELECT {COLUMNS}, g.schema_name FROM {{s}}.sync_sessions s JOIN {{s}}.generations g ON g.account = s.account AND g.number = s.generation \
             WHERE s.account = ? AND s.session_key = ?"
        );
        let row = self.db.query_opt(&sql, params![account, session_key]).await?;
        row.map(|row| Ok((from_row(&row)?, row.text(18)?))).transpose()
    }

    /// The running sync of an account, whoever runs it.
    pub async fn any_session(&self, account: i64) -> Result<Option<Session>> {
        let sql = format!("SELECT {COLUMNS} FROM {{s}}.sync_sessions s WHERE s.account = ?");
        self.db.query_opt(&sql, params![account]).await?.as_ref().map(from_row).transpose()
    }

    /// Stores how far `chunk` has come. False when the sync is no longer running.
    pub async fn put_send_position(&self, session: &Session, position: &str, now_ms: i64) -> Result<bool> {
        let changed = self
            .db
            .execute(
                "UPDATE {s}.sync_sessions SET send_position = ?, last_seen = ? WHERE account = ? AND session_key = ?",
                params![position, now_ms, session.account, session.session_key.as_str()],
            )
            .await?;
        Ok(changed == 1)
    }

    /// Stores that the client counts as we do, for what is staged so far. False when the sync is no longer running or more was staged meanwhile.
    pub async fn put_counts_agree(&self, session: &Session, expected_counts: &str, now_ms: i64) -> Result<bool> {
        let changed = self
            .db
            .execute(
                "UPDATE {s}.sync_sessions SET verdict = 'ok', expected_counts = ?, last_seen = ? WHERE account = ? AND session_key = ? AND pieces = ?",
                params![expected_counts, now_ms, session.account, session.session_key.as_str(), session.pieces],
            )
            .await?;
        Ok(changed == 1)
    }

    /// Removes a session and what it staged, if it is still the running one.
    pub async fn drop_session(&self, account: i64, session_key: &str) -> Result<bool> {
        repeat("ending a sync", || async {
            let tx = self.db.begin().await?;
            let gone =
                tx.execute("DELETE FROM {s}.sync_sessions WHERE account = ? AND session_key = ?", params![account, session_key]).await?;
            if gone > 0 {
                tx.execute(END_STAGING, params![account]).await?;
            }
            tx.commit().await?;
            Ok(gone > 0)
        })
        .await
    }

    /// How a sync that is not running any more ended: its modification stamp, or 0 when another device took over.
    pub async fn ended_session(&self, account: i64, session_key: &str) -> Result<Option<i64>> {
        let sql = "SELECT modified FROM {s}.sync_finished WHERE account = ? AND session_key = ?";
        let row = self.db.query_opt(sql, params![account, session_key]).await?;
        row.map(|row| row.int(0)).transpose()
    }

    /// Removes sessions without a request since `idle_since`, and the memory of syncs that ended before `ended_before`. Answers how many sessions.
    pub async fn sweep_sessions(&self, idle_since: i64, ended_before: i64) -> Result<u64> {
        self.db.execute("DELETE FROM {s}.sync_finished WHERE ended < ?", params![ended_before]).await?;
        let gone = self.db.execute("DELETE FROM {s}.sync_sessions WHERE last_seen < ?", params![idle_since]).await?;
        self.remove_stray_pieces().await?;
        Ok(gone)
    }

    /// Removes staged pieces that belong to no running sync.
    pub async fn remove_stray_pieces(&self) -> Result<()> {
        let sql = "SELECT DISTINCT g.account FROM {s}.sync_staged g LEFT JOIN {s}.sync_sessions s ON s.account = g.account \
                   WHERE s.account IS NULL LIMIT 1000";
        for row in self.db.query(sql, vec![]).await? {
            let account = row.int(0)?;
            repeat("sweeping what was staged", || self.sweep_staged(account)).await?;
        }
        Ok(())
    }

    /// Removes what an account has staged, if it has no session. One statement that looks for both could miss a session that began while
    /// it ran; under the collection's lock none can begin.
    async fn sweep_staged(&self, account: i64) -> Result<()> {
        let lock = (state::LOCK, params![account]);
        let session = ("SELECT account FROM {s}.sync_sessions WHERE account = ?", params![account]);
        let (tx, answers) = self.db.begin_with(vec![lock, session]).await?;
        if answers.last().is_some_and(Vec::is_empty) {
            tx.execute(END_STAGING, params![account]).await?;
        }
        tx.commit().await
    }
}

impl Locked {
    /// Makes `session` the running sync, in place of whatever ran before. Commits.
    ///
    /// That one was taken over is remembered, so that a late `abort` of it does not end the one that follows.
    pub async fn start_session(self, session: &Session) -> Result<()> {
        let account = session.account;
        let statements = vec![
            (
                "DELETE FROM {s}.sync_finished WHERE account = ? AND session_key IN (SELECT session_key FROM {s}.sync_sessions WHERE account = ?)",
                params![account, account],
            ),
            (
                "INSERT INTO {s}.sync_finished (account, session_key, host_key, modified, ended) \
                 SELECT account, session_key, host_key, 0, ? FROM {s}.sync_sessions WHERE account = ?",
                params![session.started, account],
            ),
            (END_SESSION, params![account]),
            (END_STAGING, params![account]),
            (
                "INSERT INTO {s}.sync_sessions (account, session_key, host_key, client, generation, base_modified, base_usn, client_usn, \
                 client_is_newer, started, last_seen, pieces, staged_bytes, staged_graves, notetype_shapes, send_position, verdict, expected_counts) \
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, '', '', 'none', '')",
                params![
                    account,
                    session.session_key.as_str(),
                    session.host_key.as_str(),
                    session.client.as_str(),
                    session.generation,
                    session.base_modified,
                    session.base_usn,
                    session.client_usn,
                    session.client_is_newer,
                    session.started,
                    session.last_seen
                ],
            ),
        ];
        self.tx.commit_with(statements).await.map(drop)
    }

    /// Ends the running sync, which has been applied: writes what has become of the collection and remembers the stamp, so that a
    /// repeated `finish` gets the same answer. Commits.
    pub async fn finish_session(self, session: &Session, current: &Current, now_ms: i64) -> Result<()> {
        let account = self.state.account;
        let key = session.session_key.as_str();
        let statements = vec![
            put_current(account, current),
            ("DELETE FROM {s}.sync_finished WHERE account = ? AND session_key = ?", params![account, key]),
            (
                "INSERT INTO {s}.sync_finished (account, session_key, host_key, modified, ended) VALUES (?, ?, ?, ?, ?)",
                params![account, key, session.host_key.as_str(), current.stamps.modified, now_ms],
            ),
            (END_SESSION, params![account]),
            (END_STAGING, params![account]),
        ];
        self.tx.commit_with(statements).await.map(drop)
    }

    /// Removes the running sync and what it staged.
    pub async fn end_session(&self) -> Result<()> {
        self.tx.execute(END_SESSION, params![self.state.account]).await?;
        self.tx.execute(END_STAGING, params![self.state.account]).await.map(drop)
    }
}

fn from_row(row: &Row) -> Result<Session> {
    let verdict = row.text(16)?;
    Ok(Session {
        account: row.int(0)?,
        session_key: row.text(1)?,
        host_key: row.text(2)?,
        client: row.text(3)?,
        generation: row.int32(4)?,
        base_modified: row.int(5)?,
        base_usn: row.int32(6)?,
        client_usn: row.int32(7)?,
        client_is_newer: row.bool(8)?,
        started: row.int(9)?,
        last_seen: row.int(10)?,
        pieces: row.int32(11)?,
        staged_bytes: row.int(12)?,
        staged_graves: row.bool(13)?,
        notetype_shapes: row.text(14)?,
        send_position: row.text(15)?,
        verdict: [Verdict::None, Verdict::Ok, Verdict::Stale]
            .into_iter()
            .find(|v| v.name() == verdict)
            .ok_or_else(|| StoreError::Internal(format!("unknown verdict {verdict:?}")))?,
        expected_counts: row.text(17)?,
    })
}
