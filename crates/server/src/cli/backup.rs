//! `backup` and `restore`.

use super::support::open::Open;
use super::support::{output, progress};
use crate::actions::backup::{self, Target};
use crate::actions::username::Username;
use crate::app::App;
use crate::config::Config;
use anyhow::{Context, bail};
use std::sync::Arc;

/// Write a backup of all accounts, collections and media to a folder or a bucket
///
/// Safe while servers run and devices sync; what belongs to one user is of one moment. Media files that the place has from earlier runs
/// are not copied again. The result does not depend on the kind of database. Not in it: sessions of browsers, invitations and older
/// versions of collections. `serve` makes backups by itself when DJANKISERV_BACKUP_TO is set.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example, for a nightly job:\n  djankiserv backup /backups/anki --keep 14")]
pub struct BackupArgs {
    /// A folder, made if it is missing, or s3://bucket/prefix?endpoint=…&region=… [keys: DJANKISERV_BACKUP_ACCESS_KEY, _SECRET_KEY]
    #[arg(value_name = "PLACE")]
    to: String,
    /// Only this user; the run then holds nobody else
    #[arg(long, value_name = "USERNAME")]
    user: Option<String>,
    /// Remove all but the newest so many runs afterwards; runs of one user take no place from runs of all
    #[arg(long, value_name = "RUNS", value_parser = clap::value_parser!(u32).range(1..))]
    keep: Option<u32>,
}

/// Bring back what `backup` has written
///
/// Also into an empty installation on another kind of database. Users who are missing are made again, with password and devices; users who
/// exist keep theirs, and what their collection was before is kept for some days. At the next sync every device is asked for a direction,
/// as it may have been ahead of the backup: choose "upload" on the device that has everything, or else "download".
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  djankiserv restore /backups/anki\n  djankiserv restore /backups/anki --user ann --run 2026-01-31T04-00-00Z"
)]
pub struct RestoreArgs {
    /// The folder or bucket of the backups, as for `backup`
    #[arg(value_name = "PLACE")]
    from: String,
    /// Only this user
    #[arg(long, value_name = "USERNAME")]
    user: Option<String>,
    /// Which run; by default the newest that holds all users, or the one user
    #[arg(long, value_name = "NAME")]
    run: Option<String>,
    /// List the runs, and change nothing
    #[arg(long)]
    list: bool,
}

pub async fn backup(config: Config, args: BackupArgs) -> anyhow::Result<()> {
    let place = config.backups.place(&args.to).map_err(anyhow::Error::msg)?;
    with_app(config, async |app| {
        let target = tokio::task::spawn_blocking(move || Target::create(&place)).await??;
        let accounts = match &args.user {
            Some(name) => vec![app.accounts.find(&Username::new(name)?).await?],
            None => app.accounts.list().await?,
        };
        let bar = progress::count("backup", accounts.len() as u64);
        let outcome = backup::backup(app, &target, &accounts, args.user.is_none(), |done| bar.set_position(done)).await;
        bar.finish_and_clear();
        // Also after a failure, as otherwise what cut-off runs have left would fill the place.
        let retained = match args.keep {
            Some(keep) => Some(tokio::task::spawn_blocking(move || backup::retain(&target, keep as usize)).await?),
            None => None,
        };
        let written = outcome?;
        output::line(&format!(
            "{}: {} users, {} collections, {} media files, of which {} were new ({} bytes)",
            written.run, written.accounts, written.collections, written.media, written.new_contents, written.new_bytes
        ));
        for lost in &written.lost {
            output::error(&format!("not in the backup, as its content is lost or damaged: {lost}"));
        }
        for failed in &written.failed {
            output::error(&format!("not in the backup: {failed}"));
        }
        if let Some((runs, contents)) = retained.transpose()? {
            output::line(&format!("{runs} old runs and {contents} media files that only they needed are removed"));
        }
        if !written.failed.is_empty() {
            bail!("{} of {} users are not in the backup; the others are", written.failed.len(), accounts.len());
        }
        Ok(())
    })
    .await
}

pub async fn restore(config: Config, args: RestoreArgs) -> anyhow::Result<()> {
    let place = config.backups.place(&args.from).map_err(anyhow::Error::msg)?;
    let look = tokio::task::spawn_blocking(move || {
        let target = Target::open(&place)?;
        let runs = target.runs()?;
        anyhow::Ok((target, runs))
    });
    let (target, runs) = look.await??;
    if args.list {
        runs.iter().for_each(|run| output::line(&run.to_string()));
        return Ok(());
    }
    let user = args.user.as_deref().map(Username::new).transpose()?;
    let run = match &args.run {
        Some(name) => runs.iter().find(|run| run.name == *name).cloned(),
        None => {
            let (place, user) = (target.clone(), user.clone());
            Some(tokio::task::spawn_blocking(move || place.newest(user.as_ref())).await??)
        }
    };
    let run = run.with_context(|| format!("there is no complete run {}; --list shows all", args.run.unwrap_or_default()))?;
    for newer in runs.iter().filter(|newer| user.is_none() && newer.name > run.name) {
        output::line(&format!("Not everybody is in this newer run: {newer}"));
    }
    with_app(config, async |app| {
        output::line(&format!("Restoring {run}"));
        backup::restore(app, &target, &run.name, user.as_ref(), |restored| {
            let name = &restored.username;
            let how = if restored.existed { "collection and media brought back" } else { "made again" };
            let (notes, cards, reviews) = restored.counts.map_or((0, 0, 0), |counts| (counts.notes, counts.cards, counts.revlog));
            let media = restored.media.stored + restored.media.known;
            output::line(&format!("{name}: {how}: {notes} notes, {cards} cards, {reviews} reviews, {media} media files"));
            for (file, why) in &restored.media.skipped {
                output::error(&format!("{name}: left out: {file}: {why}"));
            }
            for warning in &restored.warnings {
                output::line(&format!("{name}: warning: {warning}"));
            }
        })
        .await
    })
    .await
}

async fn with_app(config: Config, work: impl AsyncFnOnce(&Arc<App>) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let config = Arc::new(config);
    Open::run(&config.clone(), async |open| {
        let app = App::new(config, open.clock.clone(), open.main.clone(), open.user.clone(), open.accounts.clone());
        work(&Arc::new(app.context("cannot use the data folder")?)).await
    })
    .await
}
