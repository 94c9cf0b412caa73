//! A dump of the embedded database every day, for the day on which the disk, an upgrade or a person breaks it.

use super::binaries::Binaries;
use super::cluster::{Cluster, DATABASE, PORT, SUPERUSER, run};
use super::error::{At, EmbeddedError};
use crate::clock::{Clock, file_name_time};
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// Not at once: a start is busy enough.
const FIRST_LOOK: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_secs(900);

/// Makes a dump whenever the newest is a day old, and keeps the newest `keep` ones. Does not end.
pub(super) async fn daily(cluster: Cluster, binaries: Binaries, keep: usize, clock: Clock) {
    let mut pause = FIRST_LOOK;
    loop {
        tokio::time::sleep(pause).await;
        pause = LOOK_EVERY;
        let newest = existing(cluster.dumps()).pop();
        let due_name = name_at(clock.now_ms() - DAY_MS);
        if newest.is_some_and(|path| path.file_name().is_some_and(|name| *name > *due_name)) {
            continue;
        }
        match dump(&cluster, &binaries, clock.now_ms()).await {
            Ok(path) => {
                tracing::info!(file = %path.display(), "dumped the embedded database");
                remove_old(cluster.dumps(), keep);
            }
            Err(e) => tracing::error!("the daily dump of the embedded database failed: {e}"),
        }
    }
}

/// Makes a dump and answers its file.
pub(super) async fn dump(cluster: &Cluster, binaries: &Binaries, now_ms: i64) -> Result<PathBuf, EmbeddedError> {
    let folder = cluster.dumps();
    match fs::DirBuilder::new().mode(0o700).create(folder) {
        Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => return Err(e).at("cannot create", folder),
        _ => {}
    }
    let draft = folder.join(".unfinished");
    let path = folder.join(name_at(now_ms));
    let mut command = tokio::process::Command::new(binaries.program("pg_dump"));
    command.env_clear().env("LC_ALL", "C").current_dir(folder);
    command.args(["--format=custom", "--no-unlogged-table-data", "--no-password", "-U", SUPERUSER, "-p", &PORT.to_string(), "-h"]);
    command.arg(cluster.socket_folder()).arg("-f").arg(&draft).arg(DATABASE);
    run("pg_dump", command, "").await?;
    fs::File::open(&draft).and_then(|file| file.sync_all()).at("cannot write", &draft)?;
    fs::rename(&draft, &path).at("cannot rename the dump to", &path)?;
    Ok(path)
}

/// Fills an empty database from a dump.
pub(super) async fn restore(cluster: &Cluster, binaries: &Binaries, file: &Path) -> Result<(), EmbeddedError> {
    let mut command = tokio::process::Command::new(binaries.program("pg_restore"));
    command.env_clear().env("LC_ALL", "C");
    command.args([
        "--exit-on-error",
        "--single-transaction",
        "--no-password",
        "-U",
        SUPERUSER,
        "-p",
        &PORT.to_string(),
        "-d",
        DATABASE,
        "-h",
    ]);
    command.arg(cluster.socket_folder()).arg(file);
    run("pg_restore", command, "").await.map(drop)
}

/// Names sort by time.
fn name_at(ms: i64) -> String {
    format!("djankiserv-{}.dump", file_name_time(ms))
}

/// The dumps, the oldest first.
fn existing(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let is_dump = |name: &str| name.starts_with("djankiserv-") && name.ends_with(".dump");
    let mut paths: Vec<PathBuf> = entries.filter(|e| is_dump(&e.file_name().to_string_lossy())).map(|e| e.path()).collect();
    paths.sort();
    paths
}

fn remove_old(folder: &Path, keep: usize) {
    let paths = existing(folder);
    for path in paths.iter().take(paths.len().saturating_sub(keep)) {
        if let Err(e) = fs::remove_file(path) {
            tracing::warn!(file = %path.display(), "cannot remove an old dump: {e}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_dumps_are_kept() -> std::io::Result<()> {
        let folder = std::env::temp_dir().join(format!("djankiserv-dumps-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        for day in 0..4 {
            fs::write(folder.join(name_at(day * DAY_MS)), "")?;
        }
        fs::write(folder.join("mine.dump"), "")?;
        remove_old(&folder, 2);
        assert_eq!(existing(&folder), [2, 3].map(|day| folder.join(name_at(day * DAY_MS))));
        assert!(folder.join("mine.dump").exists());
        fs::remove_dir_all(&folder)
    }
}
