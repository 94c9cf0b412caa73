//! The data folder: room, who can read it, what was left behind, the files of the embedded database.

use super::{Level, Observation};
use crate::clock::{Clock, readable_time};
use crate::config::{Config, DataRoot, Databases};
use nix::sys::statvfs::statvfs;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Below this share, a disk that has no plenty left will soon be full.
const LITTLE: f64 = 0.10;
const TOO_LITTLE: f64 = 0.03;
const PLENTY_OF_BYTES: u64 = 20 << 30;
const PLENTY_OF_FILES: u64 = 1_000_000;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

pub(super) fn look(config: &Config, clock: &Clock) -> Vec<Observation> {
    let root = config.data_root.path();
    let mut say = Vec::new();
    let Ok(metadata) = fs::metadata(root) else {
        let found = format!("{} is not there yet", root.display());
        return vec![Observation::new("folder", Level::Note, found, "`djankiserv serve` makes it")];
    };
    say.push(match crate::config::DataRoot::new(root).and_then(|folder| folder.create()) {
        Ok(()) => Observation::good("folder", format!("{} can be written to", root.display())),
        Err(e) => Observation::new(
            "folder",
            Level::Problem,
            format!("{} cannot be used: {e}", root.display()),
            format!("run this as the user of the server, or give it the folder: chown -R <user> {}", root.display()),
        ),
    });
    say.extend(room(root));
    say.push(permissions(root, &metadata));
    say.extend(secrets(config));
    say.push(left_behind(config, clock));
    if config.databases == Databases::Embedded {
        say.extend(embedded(config, clock));
    }
    say
}

#[cfg_attr(target_os = "linux", expect(clippy::unnecessary_cast, reason = "they are narrower on other systems"))]
fn room(root: &Path) -> Vec<Observation> {
    let Ok(disk) = statvfs(root) else { return Vec::new() };
    let size = disk.fragment_size() as u64;
    let (free, all) = (disk.blocks_available() as u64 * size, disk.blocks() as u64 * size);
    let mut say = vec![judge_room("disk_space", (free, all), PLENTY_OF_BYTES, &format!("{} of {} are free", in_gib(free), in_gib(all)))];
    // Some file systems make inodes as they need them and have no number of them.
    let (free, all) = (disk.files_available() as u64, disk.files() as u64);
    if all > 0 {
        say.push(judge_room("inodes", (free, all), PLENTY_OF_FILES, &format!("{free} more files can be made")));
    }
    say
}

fn judge_room(about: &'static str, (free, all): (u64, u64), plenty: u64, found: &str) -> Observation {
    let share = free as f64 / all.max(1) as f64;
    let advice = "make room or take a larger disk: when it is full, clients are told to come back later";
    match share {
        _ if free >= plenty => Observation::good(about, found),
        share if share < TOO_LITTLE => Observation::new(about, Level::Problem, found, advice),
        share if share < LITTLE => Observation::new(about, Level::Warning, found, advice),
        _ => Observation::good(about, found),
    }
}

fn in_gib(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30))
}

fn permissions(root: &Path, metadata: &fs::Metadata) -> Observation {
    let mode = metadata.mode() & 0o777;
    // Root's may be entered, as the embedded database then runs as another account; it may not be read. Our own group is that of the
    // account alone, as packages make it, or of the pod, to which Kubernetes gives the volume.
    let theirs = if metadata.gid() == nix::unistd::getegid().as_raw() { 0o006 } else { 0o066 };
    if mode & theirs != 0 {
        let found = format!("other users of this machine can read the data folder (mode {mode:o})");
        return Observation::new("permissions", Level::Warning, found, format!("chmod go-rw {}", root.display()));
    }
    Observation::good("permissions", "other users of this machine cannot read the data folder")
}

/// The generated key, and files that settings name.
fn secrets(config: &Config) -> Vec<Observation> {
    let mut files: Vec<PathBuf> = vec![config.data_root.path().join("secret_key")];
    files.extend(config.secret_files.iter().cloned());
    let readable = |path: &PathBuf| fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o004 != 0);
    let open: Vec<PathBuf> = files.into_iter().filter(readable).collect();
    if open.is_empty() {
        return vec![Observation::good("secrets", "no file with a secret can be read by everybody")];
    }
    let tell = |path: PathBuf| {
        let found = format!("everybody on this machine can read the secret in {}", path.display());
        Observation::new(
            "secrets",
            Level::Problem,
            found,
            format!("chmod 600 {}, and change the secret if others use this machine", path.display()),
        )
    };
    open.into_iter().map(tell).collect()
}

/// Files of requests that were cut off. Housekeeping removes them after a day, so old ones mean that no server runs here.
fn left_behind(config: &Config, clock: &Clock) -> Observation {
    let entries = fs::read_dir(config.data_root.temporary()).map(Iterator::collect::<Vec<_>>).unwrap_or_default();
    let is_old = |entry: &fs::DirEntry| entry.metadata().is_ok_and(|metadata| metadata.mtime() * 1000 < clock.now_ms() - 2 * DAY_MS);
    let old = entries.iter().flatten().filter(|entry| is_old(entry)).count();
    if old > 0 {
        let found = format!("{old} files of requests that were cut off are older than two days");
        return Observation::new(
            "leftovers",
            Level::Note,
            found,
            "`djankiserv housekeeping` removes them, and a running server does within an hour",
        );
    }
    Observation::good("leftovers", "no files of cut-off requests are left")
}

/// When the newest dump of the embedded database was made, in milliseconds since the epoch.
pub fn newest_dump(root: &DataRoot) -> Option<i64> {
    let names = fs::read_dir(root.dumps()).ok()?.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let newest = names.filter(|name| name.ends_with(".dump")).max()?;
    fs::metadata(root.dumps().join(newest)).ok().map(|metadata| metadata.mtime() * 1000)
}

fn embedded(config: &Config, clock: &Clock) -> Vec<Observation> {
    let mut say = Vec::new();
    let data = config.data_root.postgres().join("data");
    if !data.join("PG_VERSION").exists() {
        return say;
    }
    let newest = newest_dump(&config.data_root);
    let advice = "let the server run, or make one with `djankiserv database dump`; and copy dumps and media to another machine";
    say.push(match newest {
        _ if config.dumps_kept == 0 => {
            Observation::new("dumps", Level::Note, "daily dumps are switched off", "make sure that something else backs up the database")
        }
        Some(at) if at > clock.now_ms() - 2 * DAY_MS => Observation::good("dumps", format!("the newest dump is of {}", readable_time(at))),
        Some(at) => Observation::new("dumps", Level::Warning, format!("the newest dump is of {}", readable_time(at)), advice),
        None => Observation::new("dumps", Level::Note, "there is no dump of the embedded database yet", advice),
    });
    say
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_in_time() {
        let level = |free, all| judge_room("disk_space", (free, all), 30, "x").level;
        assert_eq!(level(50, 100), Level::Good);
        assert_eq!(level(9, 100), Level::Warning);
        assert_eq!(level(2, 100), Level::Problem);
        assert_eq!(level(30, 10_000), Level::Good);
        assert_eq!(level(0, 0), Level::Problem);
    }
}
