//! The databases of the original djankiserv, version 0.0.9, a Django project. Read only.
//!
//! Accounts are Django's own tables. Each user's collection is a schema (MySQL: a database) with the user's name, in tables that
//! follow Anki's schema 11; notetypes, decks, presets, tags and configuration are JSON in the one row of `col`.

use crate::collection::{card_from_row, review_from_row};
use crate::engine::{ConnectTo, Db, Row, Tx};
use crate::error::Result;
use futures_util::{Stream, StreamExt};

/// A user of the original.
#[derive(Debug, Clone)]
pub struct OldUser {
    pub username: String,
    pub email: String,
    /// In a form of Django's.
    pub password: String,
    pub is_active: bool,
    pub is_staff: bool,
    pub is_superuser: bool,
}

/// A session of Django's: a browser's or, if the data says so, a device's.
#[derive(Debug, Clone)]
pub struct OldSession {
    pub key: String,
    pub data: String,
    /// `2026-01-31 12:00:00`, in the time zone of the database.
    pub expires: String,
}

/// The main database.
pub struct OldMain {
    db: Db,
}

/// The user database.
pub struct OldCollections {
    db: Db,
}

/// One collection, seen at one moment.
pub struct OldCollection {
    tx: Tx,
    schema: String,
}

/// The row of `col`.
#[derive(Debug, Clone)]
pub struct OldCol {
    pub created: i64,
    pub modified: i64,
    pub schema_modified: i64,
    pub usn: i64,
    pub last_sync: i64,
    /// `conf`, `models`, `decks`, `dconf` and `tags`.
    pub json: [String; 5],
}

/// A row of `media`.
#[derive(Debug, Clone)]
pub struct OldMedia {
    pub name: String,
    pub usn: i64,
    pub deleted: bool,
}

impl OldMain {
    /// Connects.
    ///
    /// # Errors
    /// When there is no such database.
    pub async fn connect(to: &ConnectTo) -> Result<Self> {
        Ok(Self { db: Db::connect(to).await? })
    }

    /// All users.
    pub async fn users(&self) -> Result<Vec<OldUser>> {
        let sql = "SELECT username, email, password, is_active, is_staff, is_superuser FROM auth_user ORDER BY id";
        let user = |row: &Row| {
            Ok(OldUser {
                username: row.text(0)?,
                email: row.text(1)?,
                password: row.text(2)?,
                is_active: row.bool(3)?,
                is_staff: row.bool(4)?,
                is_superuser: row.bool(5)?,
            })
        };
        self.db.query(sql, vec![]).await?.iter().map(user).collect()
    }

    /// All sessions, also those that are over.
    pub async fn sessions(&self) -> Result<Vec<OldSession>> {
        let sql = "SELECT session_key, session_data, LEFT(CAST(expire_date AS CHAR(26)), 19) FROM django_session ORDER BY session_key";
        let session = |row: &Row| Ok(OldSession { key: row.text(0)?, data: row.text(1)?, expires: row.text(2)? });
        self.db.query(sql, vec![]).await?.iter().map(session).collect()
    }
}

impl OldCollections {
    /// Connects.
    ///
    /// # Errors
    /// When there is no such database.
    pub async fn connect(to: &ConnectTo) -> Result<Self> {
        Ok(Self { db: Db::connect(to).await? })
    }

    /// The names of all schemas.
    pub async fn schemas(&self) -> Result<Vec<String>> {
        self.db.schemas("").await
    }

    /// Opens a collection. `schema` must consist of letters, digits and underscores: the original wrote it into its statements without
    /// quotation marks, and so do we.
    pub async fn open(&self, schema: &str) -> Result<OldCollection> {
        if schema.is_empty() || !schema.chars().all(|c| c.is_alphanumeric() || c == '_') {
            return Err(crate::StoreError::Internal(format!("{schema:?} cannot be the schema of a collection")));
        }
        Ok(OldCollection { tx: self.db.snapshot().await?, schema: schema.to_owned() })
    }
}

impl OldCollection {
    /// The row of `col`. None when there is none, as in the schema of a user who has never synced.
    pub async fn col(&self) -> Result<Option<OldCol>> {
        let sql = self.sql("SELECT crt, modified, scm, usn, ls, conf, models, decks, dconf, tags FROM {c}.col ORDER BY id LIMIT 1");
        let row = self.tx.query_opt(&sql, vec![]).await?;
        row.map(|row| {
            let json = [row.text(5)?, row.text(6)?, row.text(7)?, row.text(8)?, row.text(9)?];
            Ok(OldCol {
                created: row.int(0)?,
                modified: row.int(1)?,
                schema_modified: row.int(2)?,
                usn: row.int(3)?,
                last_sync: row.int(4)?,
                json,
            })
        })
        .transpose()
    }

    /// All notes.
    pub async fn notes(&self) -> Result<impl Stream<Item = Result<anki::model::Note>> + Send + use<>> {
        let sql = self.sql("SELECT id, guid, mid, modified, usn, tags, flds, flags, data FROM {c}.notes ORDER BY id");
        Ok(self.tx.stream(&sql, vec![]).await?.map(|row| note(&row?)))
    }

    /// The cards that have a note: the original left cards behind when it deleted notes.
    pub async fn cards(&self) -> Result<impl Stream<Item = Result<anki::model::Card>> + Send + use<>> {
        let sql = self.sql(
            "SELECT id, nid, did, ord, modified, usn, type, queue, due, ivl, factor, reps, lapses, remaining, odue, odid, flags, data \
             FROM {c}.cards WHERE nid IN (SELECT id FROM {c}.notes) ORDER BY id",
        );
        Ok(self.tx.stream(&sql, vec![]).await?.map(|row| card_from_row(&row?)))
    }

    /// All reviews.
    pub async fn reviews(&self) -> Result<impl Stream<Item = Result<anki::model::Review>> + Send + use<>> {
        let sql = self.sql("SELECT id, cid, usn, ease, ivl, lastivl, factor, rtime, type FROM {c}.revlog ORDER BY id");
        Ok(self.tx.stream(&sql, vec![]).await?.map(|row| review_from_row(&row?)))
    }

    /// Ids, kinds and usns of graves.
    pub async fn graves(&self) -> Result<Vec<(i64, i64, i64)>> {
        let sql = self.sql("SELECT oid, type, usn FROM {c}.graves ORDER BY type, oid");
        self.tx.query(&sql, vec![]).await?.iter().map(|row| Ok((row.int(0)?, row.int(1)?, row.int(2)?))).collect()
    }

    /// How many cards have no note.
    pub async fn orphans(&self) -> Result<i64> {
        let sql = self.sql("SELECT COUNT(*) FROM {c}.cards WHERE nid NOT IN (SELECT id FROM {c}.notes)");
        self.tx.query_opt(&sql, vec![]).await?.map_or(Ok(0), |row| row.int(0))
    }

    /// The media index.
    pub async fn media(&self) -> Result<Vec<OldMedia>> {
        let sql = self.sql("SELECT fname, usn, CASE WHEN csum IS NULL THEN 1 ELSE 0 END FROM {c}.media ORDER BY usn, fname");
        let media = |row: &Row| Ok(OldMedia { name: row.text(0)?, usn: row.int(1)?, deleted: row.int(2)? == 1 });
        self.tx.query(&sql, vec![]).await?.iter().map(media).collect()
    }

    /// Ends the reading.
    pub async fn close(self) -> Result<()> {
        self.tx.rollback().await
    }

    fn sql(&self, sql: &str) -> String {
        sql.replace("{c}", &self.schema)
    }
}

/// Sort text and checksum are left out: the original's were sometimes wrong, and whoever reads the file computes them.
fn note(row: &Row) -> Result<anki::model::Note> {
    Ok(anki::model::Note {
        id: row.int(0)?,
        guid: row.text(1)?,
        notetype_id: row.int(2)?,
        mtime: row.int(3)?,
        usn: row.int32(4)?,
        tags: row.text(5)?,
        fields: row.text(6)?,
        flags: row.int(7)?,
        data: row.text(8)?,
        ..anki::model::Note::default()
    })
}
