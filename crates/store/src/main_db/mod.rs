//! The main database: accounts, the keys that clients log in with, login attempts, the audit log.
//!
//! Times are milliseconds since the epoch. Keys are stored as SHA-256 in hexadecimal digits, never as they are given out.

pub mod account_list;
pub mod accounts;
pub mod api_tokens;
pub mod audit;
pub mod certificates;
pub mod check;
pub mod duties;
pub mod host_keys;
pub mod identities;
pub mod login_attempts;
mod migrations;
pub mod one_time_links;
pub mod web_sessions;

pub use account_list::{AccountFilter, AccountOrder, AccountQuery, Totals};
pub use accounts::{Account, AccountChange, NewAccount, email_key};
pub use api_tokens::ApiToken;
pub use audit::AuditEntry;
pub use certificates::Certificate;
pub use duties::{Duty, Rhythm};
pub use host_keys::{Client, HostKey, HostKeyOwner};
pub use identities::Identity;
pub use login_attempts::Attempts;
pub use migrations::KEY_TABLES;
pub use one_time_links::OneTimeLink;
pub use web_sessions::WebSession;

use crate::engine::{ConnectTo, Db, PoolUse};
use crate::error::{Result, StoreError};
use crate::params;

/// The main database of an installation.
#[derive(Clone)]
pub struct MainDb {
    db: Db,
    installation: std::sync::Arc<str>,
}

/// The parts of the tables, and how many steps this version knows of each.
pub fn steps() -> Vec<(&'static str, usize)> {
    vec![("main", migrations::STEPS.len())]
}

/// Brings the tables to an earlier version's step only. For tests of updates.
pub async fn migrate_to(db: &Db, step: usize, now_ms: i64) -> Result<usize> {
    let steps = migrations::STEPS.get(..step).unwrap_or(migrations::STEPS);
    crate::migrations::run(db, "main", steps, migrations::OLDEST.min(step), now_ms).await
}

impl MainDb {
    /// Connects and brings the tables up to date. `new_installation` becomes the installation's id if it has none yet; it should be random
    /// and must begin with hexadecimal digits, as names of schemas are made from it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the server cannot be reached, [`StoreError::Unsuitable`] when the tables are of a newer version.
    pub async fn open(to: &ConnectTo, new_installation: &str, now_ms: i64) -> Result<Self> {
        let db = Db::connect(to).await?;
        crate::migrations::run(&db, "main", migrations::STEPS, migrations::OLDEST, now_ms).await?;
        Self::fill_email_keys(&db).await?;
        let installation = match installation(&db).await? {
            Some(installation) => installation,
            None => {
                let insert = "INSERT INTO {s}.installation (id, installation, created) VALUES (1, ?, ?)";
                match db.execute(insert, params![new_installation, now_ms]).await {
                    // Another process was faster: its id counts.
                    Ok(_) | Err(StoreError::AlreadyExists(_)) => {}
                    Err(e) => return Err(e),
                }
                installation(&db).await?.ok_or_else(|| StoreError::Internal("the row of the installation is missing".into()))?
            }
        };
        Ok(Self { db, installation: installation.into() })
    }

    /// The id that main and user database share.
    pub fn installation(&self) -> &str {
        &self.installation
    }

    /// How busy the connections are.
    pub fn pool_use(&self) -> PoolUse {
        self.db.pool_use()
    }

    /// What there is to know about the database itself.
    pub async fn about(&self) -> Result<crate::about::About> {
        crate::about::about(&self.db, "main", migrations::STEPS.len()).await
    }

    /// Answers when the database does.
    pub async fn ping(&self) -> Result<()> {
        self.db.query("SELECT 1", vec![]).await.map(drop)
    }
}

/// The id of the installation, read on a connection of its own, and no table is made for it.
///
/// # Errors
/// When the database cannot be reached, or has no such table yet.
pub async fn installation_in(to: &ConnectTo) -> Result<Option<String>> {
    installation(&Db::connect(to).await?).await
}

async fn installation(db: &Db) -> Result<Option<String>> {
    let row = db.query_opt("SELECT installation FROM {s}.installation WHERE id = 1", vec![]).await?;
    row.map(|row| row.text(0)).transpose()
}
