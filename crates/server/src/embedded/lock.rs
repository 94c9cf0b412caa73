//! Who runs the embedded database, and who uses it.
//!
//! One process owns it: it starts and stops PostgreSQL, and holds an exclusive lock on `owner.lock` all that time. Others use it, each
//! with a shared lock on `users.lock`; the owner waits for them before it stops. The operating system releases a dead process's locks.

use super::error::{At, EmbeddedError};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;
use tokio::time::Instant;

/// What an owner is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// `serve`, which stays.
    Server,
    /// Some other command, which ends soon.
    Command,
}

/// Held by the process that runs PostgreSQL, until dropped.
#[derive(Debug)]
pub(super) struct OwnerLock(#[expect(dead_code, reason = "held for its lock")] File);

/// The process that holds the owner's lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Holder {
    pub(super) role: Option<Role>,
    pub(super) pid: String,
}

/// Held while a process uses the database (shared) or wants nobody to use it (exclusive), until dropped.
#[derive(Debug)]
pub(super) struct UsersLock(#[expect(dead_code, reason = "held for its lock")] File);

impl OwnerLock {
    /// Becomes the owner, unless somebody else is.
    pub(super) fn try_take(folder: &Path, role: Role) -> Result<Result<Self, Holder>, EmbeddedError> {
        let path = folder.join("owner.lock");
        let mut file = open(&path)?;
        match file.try_lock() {
            Ok(()) => {
                let name = if role == Role::Server { "serve" } else { "command" };
                file.set_len(0).at("cannot write", &path)?;
                write!(file, "{name} {}", std::process::id()).at("cannot write", &path)?;
                Ok(Ok(Self(file)))
            }
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                file.rewind().and_then(|()| file.read_to_string(&mut text)).at("cannot read", &path)?;
                let (role, pid) = text.split_once(' ').unwrap_or(("", "?"));
                let role = match role {
                    "serve" => Some(Role::Server),
                    "command" => Some(Role::Command),
                    _ => None,
                };
                Ok(Err(Holder { role, pid: pid.to_owned() }))
            }
            Err(TryLockError::Error(e)) => Err(e).at("cannot lock", path),
        }
    }
}

impl UsersLock {
    /// Becomes a user, unless the owner is about to stop the database.
    pub(super) fn try_share(folder: &Path) -> Result<Option<Self>, EmbeddedError> {
        let path = folder.join("users.lock");
        let file = open(&path)?;
        match file.try_lock_shared() {
            Ok(()) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(e)) => Err(e).at("cannot lock", path),
        }
    }

    /// Waits until nobody uses the database and keeps others from beginning to. None when they take longer than `patience`.
    pub(super) async fn exclude_others(folder: &Path, patience: Duration) -> Result<Option<Self>, EmbeddedError> {
        let path = folder.join("users.lock");
        let file = open(&path)?;
        let until = Instant::now() + patience;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Some(Self(file))),
                Err(TryLockError::WouldBlock) if Instant::now() < until => tokio::time::sleep(Duration::from_millis(50)).await,
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(e)) => return Err(e).at("cannot lock", path),
            }
        }
    }
}

fn open(path: &Path) -> Result<File, EmbeddedError> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path).at("cannot open", path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_owner_many_users() -> Result<(), EmbeddedError> {
        let folder = std::env::temp_dir().join(format!("djankiserv-lock-{}", std::process::id()));
        std::fs::create_dir_all(&folder).at("create", &folder)?;

        let owner = OwnerLock::try_take(&folder, Role::Server)?.expect("nobody else");
        let holder = OwnerLock::try_take(&folder, Role::Command)?.expect_err("taken");
        assert_eq!(holder, Holder { role: Some(Role::Server), pid: std::process::id().to_string() });

        let first = UsersLock::try_share(&folder)?.expect("no owner stops");
        let second = UsersLock::try_share(&folder)?.expect("no owner stops");
        assert!(UsersLock::exclude_others(&folder, Duration::from_millis(60)).await?.is_none());
        drop((first, second));
        let stopping = UsersLock::exclude_others(&folder, Duration::ZERO).await?.expect("no users left");
        assert!(UsersLock::try_share(&folder)?.is_none());
        drop(stopping);
        drop(owner);
        assert!(OwnerLock::try_take(&folder, Role::Command)?.is_ok());
        std::fs::remove_dir_all(&folder).at("remove", &folder)
    }
}
