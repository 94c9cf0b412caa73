//! What a running sync has sent so far, in numbered pieces, until `finish` applies all of it in one transaction.

use super::UserDb;
use super::sessions::Session;
use crate::engine::{Row, Tx, Value};
use crate::error::{Result, StoreError};
use crate::params;

/// What a piece holds. The bytes are made and read by the sync surface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PieceKind {
    Graves,
    /// Notetypes, decks, presets, tags, config and the creation stamp.
    Changes,
    /// Cards, notes and reviews.
    Rows,
}

impl PieceKind {
    fn name(self) -> &'static str {
        match self {
            Self::Graves => "graves",
            Self::Changes => "changes",
            Self::Rows => "rows",
        }
    }

    fn from_name(name: &str) -> Result<Self> {
        [Self::Graves, Self::Changes, Self::Rows]
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| StoreError::Internal(format!("unknown kind of staged piece {name:?}")))
    }
}

/// One piece to be staged.
pub struct Piece {
    /// What the client sent.
    pub body: Vec<u8>,
    /// What the sanity check needs of it, made and read by the sync surface, which else parses the body once more.
    pub summary: Option<Vec<u8>>,
}

impl From<Vec<u8>> for Piece {
    fn from(body: Vec<u8>) -> Self {
        Self { body, summary: None }
    }
}

/// A piece, as the sanity check gets it.
pub enum Gist {
    /// [`Piece::summary`], where there is one.
    Summary(Vec<u8>),
    Body(Vec<u8>),
}

/// Pieces read at a time, so that a large sync does not have to fit into memory.
const PAGE: i64 = 16;

impl UserDb {
    /// Appends pieces and counts them in the session's row, in one transaction. `session` is what the caller has read before, with
    /// `staged_graves` and `notetype_shapes` as they shall be afterwards.
    ///
    /// False when the sync is no longer running, or another request of it came in between: nothing was staged then.
    pub async fn stage(&self, session: &Session, kind: PieceKind, pieces: Vec<impl Into<Piece>>, now_ms: i64) -> Result<bool> {
        let pieces: Vec<Piece> = pieces.into_iter().map(Into::into).collect();
        let bytes: usize = pieces.iter().map(|piece| piece.body.len()).sum();
        let count = i32::try_from(pieces.len()).map_err(|_| StoreError::Internal("too many pieces".into()))?;
        let (account, key) = (session.account, session.session_key.as_str());
        // A verdict was about what had been staged before, so it does not hold any more.
        let count_pieces = (
            "UPDATE {s}.sync_sessions SET pieces = pieces + ?, staged_bytes = staged_bytes + ?, staged_graves = ?, notetype_shapes = ?, \
             last_seen = ?, verdict = CASE WHEN verdict = 'none' THEN 'none' ELSE 'stale' END WHERE account = ? AND session_key = ? AND pieces = ?",
            params![count, bytes as i64, session.staged_graves, session.notetype_shapes.as_str(), now_ms, account, key, session.pieces],
        );
        // Writes nothing when the first statement found nothing to count.
        let insert = "INSERT INTO {s}.sync_staged (account, number, kind, body, summary) \
                      SELECT account, ?, ?, ?, ? FROM {s}.sync_sessions WHERE account = ? AND session_key = ? AND pieces = ?";
        let mut statements = vec![count_pieces];
        for (piece, number) in pieces.into_iter().zip(session.pieces..) {
            statements.push((insert, params![number, kind.name(), piece.body, piece.summary, account, key, session.pieces + count]));
        }
        let changed = match self.db.together(statements).await {
            // As many pieces came in between, under the same numbers.
            Err(StoreError::AlreadyExists(_)) => return Ok(false),
            changed => changed?,
        };
        match (changed.first(), changed.iter().all(|one| *one == 1)) {
            (Some(1), true) => Ok(true),
            (Some(1), false) => Err(StoreError::Internal("a piece was counted but not staged".into())),
            _ => Ok(false),
        }
    }

    /// The staged graves, or None when the sync is no longer running.
    pub async fn staged_graves(&self, session: &Session) -> Result<Option<Vec<Vec<u8>>>> {
        let sql = "SELECT g.body FROM {s}.sync_sessions s LEFT JOIN {s}.sync_staged g ON g.account = s.account AND g.kind = ? \
                   WHERE s.account = ? AND s.session_key = ? ORDER BY g.number";
        let rows = self.db.query(sql, params![PieceKind::Graves.name(), session.account, session.session_key.as_str()]).await?;
        if rows.is_empty() {
            return Ok(None);
        }
        let bodies = rows.iter().map(|row| row.opt_bytes(0).map(Option::unwrap_or_default));
        bodies.filter(|body| !matches!(body, Ok(body) if body.is_empty())).collect::<Result<_>>().map(Some)
    }

    /// What the sanity check needs of all staged pieces from `from` on, a page at a time. An empty page ends it, and is all there is once
    /// the sync no longer runs.
    pub async fn staged_gists(&self, session: &Session, from: i32) -> Result<Vec<(PieceKind, Gist)>> {
        let rows = self.db.query(STAGED_GISTS, staged_params(session, from)).await?;
        pieces(&rows, from, |row| match row.opt_bytes(3)? {
            Some(summary) => Ok(Gist::Summary(summary)),
            None => row.bytes(1).map(Gist::Body),
        })
    }

    /// All staged pieces from `from` on, likewise.
    pub async fn staged(&self, session: &Session, from: i32) -> Result<Vec<(PieceKind, Vec<u8>)>> {
        pieces(&self.db.query(STAGED, staged_params(session, from)).await?, from, |row| row.bytes(1))
    }

    /// The same, seen by the transaction that applies them.
    pub async fn staged_in(&self, tx: &Tx, session: &Session, from: i32) -> Result<Vec<(PieceKind, Vec<u8>)>> {
        pieces(&tx.query(STAGED, staged_params(session, from)).await?, from, |row| row.bytes(1))
    }
}

/// Asks for the session too: another device may have taken over a moment ago, and then these would be its pieces.
const STAGED: &str = "SELECT g.kind, g.body, g.number FROM {s}.sync_sessions s JOIN {s}.sync_staged g ON g.account = s.account \
     WHERE s.account = ? AND s.session_key = ? AND g.number >= ? ORDER BY g.number LIMIT ?";

const STAGED_GISTS: &str = "SELECT g.kind, CASE WHEN g.summary IS NULL THEN g.body END, g.number, g.summary \
     FROM {s}.sync_sessions s JOIN {s}.sync_staged g ON g.account = s.account \
     WHERE s.account = ? AND s.session_key = ? AND g.number >= ? ORDER BY g.number LIMIT ?";

fn staged_params(session: &Session, from: i32) -> Vec<Value> {
    params![session.account, session.session_key.as_str(), from, PAGE]
}

fn pieces<T>(rows: &[Row], from: i32, content: impl Fn(&Row) -> Result<T>) -> Result<Vec<(PieceKind, T)>> {
    let mut pieces = Vec::with_capacity(rows.len());
    for (row, expected) in rows.iter().zip(from..) {
        if row.int32(2)? != expected {
            return Err(StoreError::Internal(format!("staged piece {expected} is missing")));
        }
        pieces.push((PieceKind::from_name(&row.text(0)?)?, content(row)?));
    }
    Ok(pieces)
}
