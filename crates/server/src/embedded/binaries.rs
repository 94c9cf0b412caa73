//! Finds the installed PostgreSQL programs.

use super::error::{EmbeddedError, OLDEST_MAJOR};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The programs of one PostgreSQL version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binaries {
    folder: PathBuf,
    pub(super) major: u32,
}

impl Binaries {
    /// The path of one program, such as `initdb`. The client programs may be installed somewhere else: then PATH decides.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        let path = self.folder.join(name);
        if path.exists() { path } else { name.into() }
    }

    /// All usable versions, the newest first.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn find() -> Result<Vec<Self>, EmbeddedError> {
        let mut found: Vec<Self> = candidates().iter().filter_map(|folder| look_into(folder)).collect();
        // The first of each version, in the order in which the folders were looked at.
        found.sort_by_key(|b| std::cmp::Reverse(b.major));
        found.dedup_by_key(|b| b.major);
        let newest = found.first().map(|b| b.major);
        found.retain(|b| b.major >= OLDEST_MAJOR);
        match (newest, found.is_empty()) {
            (None, _) => Err(EmbeddedError::NotInstalled),
            (Some(found), true) => Err(EmbeddedError::TooOld { found }),
            _ => Ok(found),
        }
    }

    /// The version that made a cluster, or else the reason why there is none.
    pub(super) fn for_major(found: Vec<Self>, made_by: u32, data: &Path, dumps: &Path) -> Result<Self, EmbeddedError> {
        let names: Vec<String> = found.iter().map(|b| b.major.to_string()).collect();
        found.into_iter().find(|b| b.major == made_by).ok_or_else(|| EmbeddedError::OtherMajor {
            data: data.to_owned(),
            dumps: dumps.to_owned(),
            made_by,
            found: names.join(", "),
        })
    }
}

/// Folders in which distributions put the server's programs; most keep them out of PATH.
fn candidates() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default();
    // Debian; Fedora and the PostgreSQL project's own packages; Alpine; Homebrew on both kinds of Mac.
    for (parent, prefix, below) in [
        ("/usr/lib/postgresql", "", "bin"),
        ("/usr", "pgsql-", "bin"),
        ("/usr/libexec", "postgresql", ""),
        ("/opt/homebrew/opt", "postgresql", "bin"),
        ("/usr/local/opt", "postgresql", "bin"),
        ("/usr/local", "pgsql", "bin"),
    ] {
        let Ok(entries) = std::fs::read_dir(parent) else { continue };
        let names = entries.flatten().map(|entry| entry.file_name());
        folders
            .extend(names.filter(|name| name.to_string_lossy().starts_with(prefix)).map(|name| Path::new(parent).join(name).join(below)));
    }
    folders
}

fn look_into(folder: &Path) -> Option<Binaries> {
    // A link in PATH leads to the folder with all of them.
    let folder = folder.join("initdb").canonicalize().ok()?.parent()?.to_owned();
    let output = Command::new(folder.join("postgres")).arg("--version").output().ok()?;
    let major = major_of(&String::from_utf8_lossy(&output.stdout))?;
    Some(Binaries { folder, major })
}

/// The major version in text such as `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)` or `… 18beta1`.
fn major_of(version: &str) -> Option<u32> {
    let number = version.split_once("(PostgreSQL) ")?.1;
    let end = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
    number.get(..end)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        let cases = [
            ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", Some(15)),
            ("postgres (PostgreSQL) 18beta1", Some(18)),
            ("postgres (PostgreSQL) 9.6.24", Some(9)),
            ("something else", None),
            ("postgres (PostgreSQL) x", None),
        ];
        for (text, want) in cases {
            assert_eq!(major_of(text), want, "{text}");
        }
    }

    #[test]
    fn a_cluster_needs_its_own_major_version() {
        let found = || [18, 15].map(|major| Binaries { folder: "/x".into(), major }).to_vec();
        let pick = |made_by| Binaries::for_major(found(), made_by, Path::new("/data"), Path::new("/dumps"));
        assert!(pick(15).is_ok_and(|b| b.major == 15));
        let message = pick(14).expect_err("14 is not there").to_string();
        assert!(message.contains("postgresql-14") && message.contains("18, 15") && message.contains("mv '/data' '/data.14'"), "{message}");
    }
}
