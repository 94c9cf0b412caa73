//! Backups that the server makes by itself. Of several processes one does each, by a lease in the main database.

use super::{Target, Written, backup, retain};
use crate::app::App;
use crate::config::BackupPlan;
use crate::metrics::{BACKUP_DONE, BACKUPS};
use anyhow::bail;
use std::sync::Arc;
use std::time::Duration;
use store::main_db::Rhythm;

/// The name of the lease, under which `doctor` finds how the last one went.
pub const DUTY: &str = "backup";
/// How often each process looks whether one is due.
const LOOK: Duration = Duration::from_secs(60);
/// After this without a sign of life, another process takes over.
const LEASE_MS: i64 = 5 * 60 * 1000;
const AFTER_FAILURE_MS: i64 = 60 * 60 * 1000;

/// Runs until the process ends.
pub async fn run(app: Arc<App>) {
    let Some(plan) = app.config.backups.plan.clone() else { return };
    loop {
        if let Err(error) = round(&app, &plan).await {
            tracing::warn!(%error, "cannot ask whether a backup is due; trying again in a minute");
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Makes a backup if one is due and no other process makes it. Answers whether it did.
///
/// # Errors
/// When the main database fails. That the backup failed is no error here: it is logged, counted, and written down.
pub async fn round(app: &Arc<App>, plan: &BackupPlan) -> anyhow::Result<bool> {
    let (began, holder) = (app.clock.now_ms(), crate::random::token()?);
    let rhythm = Rhythm { every: plan.every_ms, after_failure: AFTER_FAILURE_MS };
    let is_ours = app.main.take_duty(DUTY, &holder, rhythm, began, began + LEASE_MS).await?;
    if is_ours {
        let outcome = tokio::select! {
            outcome = write(app, plan) => outcome,
            outcome = hold(app, &holder) => outcome,
        };
        match outcome {
            Ok(written) => {
                BACKUPS.count(["done"]);
                app.main.duty_succeeded(DUTY, &holder, began, app.clock.now_ms()).await?;
                tracing::info!(
                    run = written.run,
                    accounts = written.accounts,
                    new_bytes = written.new_bytes,
                    "backup written to {}",
                    plan.to
                );
            }
            Err(error) => {
                BACKUPS.count(["failed"]);
                let problem = format!("{error:#}");
                tracing::error!(error = problem, "the backup to {} has failed; trying again in an hour", plan.to);
                app.main.duty_failed(DUTY, &holder, &problem, app.clock.now_ms()).await?;
            }
        }
    }
    // Every process tells of the last one, whoever made it.
    if let Some(succeeded) = app.main.duty(DUTY).await?.and_then(|duty| duty.succeeded) {
        BACKUP_DONE.set([], succeeded / 1000);
    }
    Ok(is_ours)
}

async fn write(app: &Arc<App>, plan: &BackupPlan) -> anyhow::Result<Written> {
    let to = plan.to.clone();
    let target = tokio::task::spawn_blocking(move || Target::create(&to)).await??;
    let accounts = app.accounts.list().await?;
    let outcome = backup(app, &target, &accounts, true, |_| ()).await;
    // Also after a failure, as otherwise what cut-off runs have left would fill the place.
    let keep = plan.keep;
    let retained = tokio::task::spawn_blocking(move || retain(&target, keep)).await?;
    let written = outcome?;
    let (runs, contents) = retained?;
    tracing::debug!(runs, contents, "removed old backups");
    for lost in &written.lost {
        tracing::warn!(lost, "not in the backup, as its content is lost or damaged");
    }
    if let Some(failed) = written.failed.first() {
        bail!("the run {} is without {} of {} users: {failed}", written.run, written.failed.len(), accounts.len());
    }
    Ok(written)
}

/// Only ends when the lease is lost.
async fn hold(app: &App, holder: &str) -> anyhow::Result<Written> {
    loop {
        tokio::time::sleep(LOOK).await;
        match app.main.hold_duty(DUTY, holder, app.clock.now_ms() + LEASE_MS).await {
            Ok(true) => {}
            Ok(false) => bail!("another process took it over, as this one could not reach the main database for minutes"),
            Err(error) => tracing::warn!(%error, "cannot tell the others that a backup goes on; trying again in a minute"),
        }
    }
}
