//! Brings a set of tables up to date, one numbered step after the other.

use crate::engine::{Db, Tx};
use crate::error::{Result, StoreError};
use crate::params;
use std::time::Duration;

/// How often the lock is used while a step runs. Databases end a transaction that is idle for a minute (see the settings of connections).
const SIGN_OF_LIFE: Duration = Duration::from_secs(20);

/// One step. Published steps are never edited: what comes later is a new step.
///
/// A step may be run again after it was cut off (MySQL commits each DDL statement by itself), so it says `IF NOT EXISTS` and the like.
pub struct Step {
    /// Several statements in the common DDL of [`crate::engine`].
    pub sql: &'static str,
}

/// Runs the steps of `part` that have not been run yet, in order, and answers how many those were.
///
/// Processes that start at the same time wait for each other: a row is locked on one connection while the steps run on another. Processes
/// of the version before may go on meanwhile and afterwards: a program that knows at least the first `oldest` steps works with the tables
/// that all of `steps` make. That number is kept beside the steps, for programs that find more steps than they know.
///
/// # Errors
/// [`StoreError::Unsuitable`] when the tables were made by a version that this one is too old for.
pub async fn run(db: &Db, part: &str, steps: &[Step], oldest: usize, now_ms: i64) -> Result<usize> {
    db.make_shared_schema().await?;
    db.script("CREATE TABLE IF NOT EXISTS {s}.migrations (part KEY_T NOT NULL, number INTEGER NOT NULL, applied BIGINT NOT NULL, PRIMARY KEY (part, number))")
        .await
        .or_else(|e| if matches!(e, StoreError::AlreadyExists(_)) { Ok(()) } else { Err(e) })?;
    let lock_row = db.execute("INSERT INTO {s}.migrations (part, number, applied) VALUES (?, 0, ?)", params![part, now_ms]).await;
    if let Err(e) = lock_row
        && !matches!(e, StoreError::AlreadyExists(_))
    {
        return Err(e);
    }
    let (lock, _) =
        db.begin_with(vec![("SELECT number FROM {s}.migrations WHERE part = ? AND number = 0 FOR UPDATE", params![part])]).await?;
    let done = db.query("SELECT number FROM {s}.migrations WHERE part = ? ORDER BY number", params![part]).await?;
    let newest = done.last().map_or(Ok(0), |row| row.int(0))?;
    let newest = usize::try_from(newest).unwrap_or(0);
    let floor = format!("{part}.oldest");
    let kept_floor = db.query("SELECT number FROM {s}.migrations WHERE part = ? ORDER BY number", params![floor.as_str()]).await?;
    let kept_floor = kept_floor.last().map(|row| row.int(0)).transpose()?;
    if newest > steps.len() {
        lock.rollback().await?;
        if kept_floor.is_some_and(|oldest| steps.len() as i64 >= oldest) {
            tracing::warn!(
                part,
                newest,
                known = steps.len(),
                "a newer version has changed the tables; this one can go on for the time of an update"
            );
            return Ok(0);
        }
        return Err(StoreError::Unsuitable(format!(
            "the {part} tables are at step {newest}, this version knows {}: run the newer version",
            steps.len()
        )));
    }
    // First, so that a program of before never finds steps without it.
    if kept_floor.is_none_or(|kept| kept < oldest as i64) {
        let row = db.execute("INSERT INTO {s}.migrations (part, number, applied) VALUES (?, ?, ?)", params![floor, oldest as i64, now_ms]);
        row.await?;
    }
    for (index, step) in steps.iter().enumerate().skip(newest) {
        holding(&lock, db.script(step.sql)).await?;
        db.execute("INSERT INTO {s}.migrations (part, number, applied) VALUES (?, ?, ?)", params![part, index as i64 + 1, now_ms]).await?;
    }
    // What was to be done is done, whatever becomes of the lock.
    if let Err(error) = lock.rollback().await {
        tracing::warn!(part, %error, "the lock of the tables' migration was lost at its end");
    }
    Ok(steps.len() - newest)
}

/// Does some work and keeps the transaction alive that holds the lock meanwhile.
///
/// # Errors
/// Those of the work; and that the lock was lost, as another process could be at the same step from then on.
async fn holding<T>(lock: &Tx, work: impl Future<Output = Result<T>>) -> Result<T> {
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            () = tokio::time::sleep(SIGN_OF_LIFE) => lock.query("SELECT 1", vec![]).await.map(drop)?,
        }
    }
}
