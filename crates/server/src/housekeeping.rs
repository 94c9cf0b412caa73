//! What has to be tidied up now and then, by any process, at any time, and again after a crash.

use crate::app::App;
use crate::metrics::{HOUSEKEEPING, HOUSEKEEPING_DONE, REMOVED};
use std::fs;
use std::sync::Arc;
use std::time::Duration;

/// How often sessions and generations are looked at.
const OFTEN: Duration = Duration::from_secs(60);
/// How often folders are read: every so many rounds.
const RARELY: u32 = 60;
/// Answers to requests with an `Idempotency-Key` are kept for a day.
const ANSWERS_MS: i64 = 24 * 60 * 60 * 1000;
/// A client waits 30 seconds, or a minute or two where the user has set so. After this, its sync will not go on.
const IDLE_SESSION_MS: i64 = 10 * 60 * 1000;
/// How long a repeated `finish` is answered.
const FINISHED_MS: i64 = 60 * 60 * 1000;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Files for downloads that nobody asked for in so long are removed, and all that exceed this size.
const UNUSED_DOWNLOAD: Duration = Duration::from_secs(3 * 24 * 60 * 60);
const DOWNLOAD_BYTES: u64 = 4 << 30;

/// Runs until the process ends. One round failing is logged and does not end it.
pub async fn run(app: Arc<App>) {
    let mut round: u32 = 0;
    loop {
        if let Err(error) = counted("often", &app, often(&app)).await {
            tracing::warn!(%error, "housekeeping failed; trying again in a minute");
        }
        if round.is_multiple_of(RARELY)
            && let Err(error) = counted("rarely", &app, rarely(&app)).await
        {
            tracing::warn!(%error, "housekeeping failed; trying again in an hour");
        }
        round = round.wrapping_add(1);
        tokio::time::sleep(OFTEN).await;
    }
}

async fn counted(kind: &'static str, app: &App, round: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let outcome = round.await;
    HOUSEKEEPING.count([kind, if outcome.is_ok() { "ok" } else { "failed" }]);
    if outcome.is_ok() {
        HOUSEKEEPING_DONE.set([kind], app.clock.now_secs());
    }
    outcome
}

/// Removes sessions that have been idle, and generations that are given up, outdated or too many.
///
/// # Errors
/// When the database fails; the next round goes on where this one stopped.
pub async fn often(app: &Arc<App>) -> anyhow::Result<()> {
    let now = app.clock.now_ms();
    app.user.forget_answers(now - ANSWERS_MS).await?;
    let idle = app.user.sweep_sessions(now - IDLE_SESSION_MS, now - FINISHED_MS).await?;
    REMOVED.add(["syncs"], idle);
    if idle > 0 {
        tracing::info!(idle, "removed syncs that did not go on");
    }
    let limits = &app.config.limits;
    let kept_since = now - i64::from(limits.kept_days) * 24 * 60 * 60 * 1000;
    for generation in app.user.outdated_generations(now, kept_since, i64::from(limits.kept_count)).await? {
        tracing::info!(account = generation.account, number = generation.number, state = generation.state.name(), "removing a generation");
        // One that is still being read cannot go yet; the others can.
        if let Err(error) = app.user.remove_generation(&generation).await.inspect(|()| REMOVED.count(["generations"])) {
            tracing::warn!(account = generation.account, number = generation.number, %error, "cannot remove a generation now; trying again in a minute");
        }
    }
    while crate::sync::import::resume_one(app).await.map_err(anyhow::Error::msg)? {}
    Ok(())
}

/// Finishes deletions, and removes files that nothing names.
///
/// # Errors
/// When a database or the disk fails.
pub async fn rarely(app: &Arc<App>) -> anyhow::Result<()> {
    app.accounts.finish_deletions().await?;
    app.accounts.tidy().await?;
    crate::actions::unnamed_media::sweep(app).await?;
    crate::sync::import::sweep(app).await?;
    let app = app.clone();
    tokio::task::spawn_blocking(move || {
        app.downloads.sweep(UNUSED_DOWNLOAD, DOWNLOAD_BYTES)?;
        for entry in fs::read_dir(&app.temporary)? {
            let entry = entry?;
            let changed = entry.metadata().and_then(|m| m.modified());
            // A request that was cut off by a crash leaves its file; none takes a day.
            if changed.is_ok_and(|changed| changed.elapsed().is_ok_and(|age| age > DAY)) {
                let removed = if entry.path().is_dir() { fs::remove_dir_all(entry.path()) } else { fs::remove_file(entry.path()) };
                if let Err(error) = removed {
                    tracing::warn!(%error, path = %entry.path().display(), "cannot remove a left-over file");
                }
            }
        }
        Ok::<_, std::io::Error>(())
    })
    .await??;
    Ok(())
}
