//! The user database: which generation of each collection is current, running syncs, media.
//!
//! The row of a collection in `collections` is its lock. [`UserDb::lock`] takes it as the first thing of a transaction and so learns the
//! state of that moment; whoever writes to a collection holds it.

mod answers;
pub mod check;
mod edits;
pub mod generations;
pub mod media;
mod media_unnamed;
mod migrations;
pub mod overview;
mod queue;
pub mod sessions;
pub mod staging;
pub mod state;
mod totals;

pub use edits::Occupied;
pub use generations::{Generation, GenerationState, is_plain_undo};
pub use migrations::ACCOUNT_TABLES;
pub use state::{CollectionState, Counts, Current, Locked, MADE_HERE};
pub use totals::Totals;

use crate::engine::{ConnectTo, Db};
use crate::error::{Result, StoreError};
use crate::params;
use queue::Queue;
use std::sync::Arc;

/// The user database of an installation.
#[derive(Clone)]
pub struct UserDb {
    db: Db,
    /// Eight hexadecimal digits that all names of schemas of this installation begin with.
    schema_prefix: Arc<str>,
    /// Of those who want to lock a collection, and of those who want to lock media.
    collections: Queue,
    media: Queue,
}

/// The parts of the tables, and how many steps this version knows of each.
pub fn steps() -> Vec<(&'static str, usize)> {
    vec![("user", migrations::STEPS.len())]
}

/// Brings the tables to an earlier version's step only. For tests of updates.
pub async fn migrate_to(db: &Db, step: usize, now_ms: i64) -> Result<usize> {
    let steps = migrations::STEPS.get(..step).unwrap_or(migrations::STEPS);
    crate::migrations::run(db, "user", steps, migrations::OLDEST.min(step), now_ms).await
}

impl UserDb {
    /// Connects, brings the shared tables up to date, and makes sure that both databases belong together.
    ///
    /// # Errors
    /// [`StoreError::Unsuitable`] when this database belongs to another installation than `installation`, the id in the main database.
    pub async fn open(to: &ConnectTo, installation: &str, now_ms: i64) -> Result<Self> {
        let db = Db::connect(to).await?;
        crate::migrations::run(&db, "user", migrations::STEPS, migrations::OLDEST, now_ms).await?;
        let insert = "INSERT INTO {s}.user_installation (id, installation) VALUES (1, ?)";
        match db.execute(insert, params![installation]).await {
            Ok(_) | Err(StoreError::AlreadyExists(_)) => {}
            Err(e) => return Err(e),
        }
        let row = db.query_opt("SELECT installation FROM {s}.user_installation WHERE id = 1", vec![]).await?;
        let found = row.map(|row| row.text(0)).transpose()?.unwrap_or_default();
        if found != installation {
            return Err(StoreError::Unsuitable(format!(
                "the user database belongs to installation {found}, the main database to {installation}: \
                 two installations have been mixed up; check the MAINDB and USERDB settings"
            )));
        }
        let digits: String = installation.chars().filter(char::is_ascii_hexdigit).take(8).collect();
        Ok(Self { db, schema_prefix: format!("djs_{digits}").into(), collections: Queue::new(), media: Queue::new() })
    }

    /// The connection pool, for the parts of this crate that work on a collection's schema.
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// Names of the schemas of this installation's collections that exist.
    pub async fn schemas(&self) -> Result<Vec<String>> {
        self.db.schemas(&format!("{}_", self.schema_prefix)).await
    }

    /// What there is to know about the database itself.
    pub async fn about(&self) -> Result<crate::about::About> {
        crate::about::about(&self.db, "user", migrations::STEPS.len()).await
    }

    /// Answers when the database does.
    pub async fn ping(&self) -> Result<()> {
        self.db.query("SELECT 1", vec![]).await.map(drop)
    }
}
