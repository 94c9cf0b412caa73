//! A postmaster whose owner was killed. It works on without us; before a new one can start, it has to stop.

use super::cluster::Cluster;
use super::error::{At, EmbeddedError};
use super::lock::UsersLock;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::path::Path;
use std::time::Duration;
use tokio::time::Instant;

/// Commands that still use a leftover database get this long to end.
const PATIENCE_WITH_USERS: Duration = Duration::from_secs(10);
/// A fast shutdown writes everything to disk first.
const PATIENCE_WITH_SHUTDOWN: Duration = Duration::from_secs(60);

/// Stops the postmaster that an earlier run left behind, if there is one, and removes lock files that would keep ours from starting.
/// Only to be called by the owner.
pub(super) async fn clear(cluster: &Cluster) -> Result<(), EmbeddedError> {
    let data = cluster.data();
    if let Some(pid) = cluster.postmaster().map(|state| state.pid)
        && works_in(pid, &data)
    {
        tracing::warn!(pid, "stopping the PostgreSQL that an earlier run left behind");
        let _quiet = UsersLock::exclude_others(cluster.folder(), PATIENCE_WITH_USERS).await?;
        let _ = kill(Pid::from_raw(pid), Signal::SIGINT);
        if !is_gone(pid, &data, PATIENCE_WITH_SHUTDOWN).await {
            let _ = kill(Pid::from_raw(pid), Signal::SIGQUIT);
            if !is_gone(pid, &data, Duration::from_secs(10)).await {
                return Err(EmbeddedError::LeftoverStays { pid });
            }
        }
    }
    // PostgreSQL trusts the numbers in such files: if another process of the same user has it by now (or a zombie, in a container that
    // reaps none), it would refuse to start. We hold the owner's lock, so once no process works in the folder the files mean nothing.
    let [socket, socket_lock] = cluster.sockets();
    let files = [data.join("postmaster.pid"), socket_lock, socket];
    if files.iter().any(|file| file.exists()) && wait_until_nobody_works_in(&data).await {
        tracing::info!("removing the lock files of a PostgreSQL that does not run any more");
        for file in files {
            match std::fs::remove_file(&file) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e).at("cannot remove", file),
                _ => {}
            }
        }
    }
    Ok(())
}

/// Whether a process runs and its working folder is `data`: PostgreSQL's processes all work in their data folder.
fn works_in(pid: i32, data: &Path) -> bool {
    if cfg!(target_os = "linux") {
        return std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == data);
    }
    kill(Pid::from_raw(pid), None).is_ok()
}

async fn is_gone(pid: i32, data: &Path, patience: Duration) -> bool {
    let until = Instant::now() + patience;
    while works_in(pid, data) {
        if Instant::now() > until {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    true
}

/// The children of a killed postmaster end by themselves, though not at once.
async fn wait_until_nobody_works_in(data: &Path) -> bool {
    if !cfg!(target_os = "linux") {
        return false;
    }
    for _ in 0..100 {
        let Ok(processes) = std::fs::read_dir("/proc") else { return false };
        let mut pids = processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        if !pids.any(|pid| works_in(pid, data)) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    false
}
