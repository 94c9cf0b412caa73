//! The operating system's account that runs PostgreSQL: ourselves, unless we are root, which PostgreSQL refuses to run as.

use super::error::{At, EmbeddedError};
use nix::unistd::{Gid, Uid, User, geteuid};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Whom PostgreSQL's processes run as. None for "as ourselves".
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RunAs(Option<Other>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Other {
    name: String,
    uid: Uid,
    gid: Gid,
}

impl RunAs {
    /// Chooses the account. The owner of an existing cluster stays its owner.
    pub(super) fn choose(data: &Path) -> Result<Self, EmbeddedError> {
        if !geteuid().is_root() {
            return Ok(Self(None));
        }
        let owner = std::fs::metadata(data).ok().map(|meta| (Uid::from_raw(meta.uid()), Gid::from_raw(meta.gid())));
        if let Some((uid, gid)) = owner.filter(|(uid, _)| !uid.is_root()) {
            let name = User::from_uid(uid).ok().flatten().map_or_else(|| uid.to_string(), |user| user.name);
            return Ok(Self(Some(Other { name, uid, gid })));
        }
        let user = User::from_name("postgres").ok().flatten().ok_or(EmbeddedError::NoAccount)?;
        Ok(Self(Some(Other { name: user.name, uid: user.uid, gid: user.gid })))
    }

    /// The user's number.
    pub(super) fn uid(&self) -> u32 {
        self.0.as_ref().map_or_else(|| geteuid().as_raw(), |other| other.uid.as_raw())
    }

    /// Gives a file or folder to the account.
    pub(super) fn give(&self, path: &Path) -> Result<(), EmbeddedError> {
        let Some(other) = &self.0 else { return Ok(()) };
        std::os::unix::fs::chown(path, Some(other.uid.as_raw()), Some(other.gid.as_raw())).at("cannot give to another account:", path)
    }

    /// A command that runs as the account, in `folder`, with nothing of our environment: it may hold passwords, and `PG…` variables
    /// would redirect PostgreSQL's programs.
    pub(super) fn command(&self, program: impl AsRef<Path>, folder: &Path) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(program.as_ref());
        command.env_clear().env("LC_ALL", "C").current_dir(folder);
        for name in ["PATH", "HOME", "TZ", "LD_LIBRARY_PATH"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        if let Some(other) = &self.0 {
            command.uid(other.uid.as_raw()).gid(other.gid.as_raw()).env("HOME", folder);
        }
        command
    }

    /// Makes sure that the account can enter all folders on the way to `path`.
    pub(super) fn check_can_enter(&self, path: &Path) -> Result<(), EmbeddedError> {
        let Some(other) = &self.0 else { return Ok(()) };
        for folder in path.ancestors() {
            let meta = std::fs::metadata(folder).at("cannot look at", folder)?;
            let bit = match () {
                () if meta.uid() == other.uid.as_raw() => 0o100,
                () if meta.gid() == other.gid.as_raw() => 0o010,
                () => 0o001,
            };
            if meta.mode() & bit == 0 {
                return Err(EmbeddedError::NotEnterable { account: other.name.clone(), folder: folder.to_owned() });
            }
        }
        Ok(())
    }
}
