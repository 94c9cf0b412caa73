//! Runs the server as a child: starts it, notices when it dies, starts it again, stops it.

use super::binaries::Binaries;
use super::cluster::Cluster;
use super::error::{At, EmbeddedError};
use super::leftover;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Child;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Recovery after a power cut can take minutes.
const PATIENCE_WITH_START: Duration = Duration::from_secs(300);
/// A fast shutdown writes a checkpoint.
const PATIENCE_WITH_STOP: Duration = Duration::from_secs(60);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A server that has run this long is healthy, so the next restart need not wait long.
const HEALTHY_AFTER: Duration = Duration::from_secs(60);

/// A running server and the task that watches it.
pub(super) struct Supervisor {
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Supervisor {
    /// Starts the server and waits until it accepts connections.
    pub(super) async fn start(cluster: Cluster, binaries: Binaries, max_connections: usize) -> Result<Self, EmbeddedError> {
        let server = Server { cluster, binaries, max_connections };
        let child = server.start().await?;
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(server.watch(child, stopped));
        Ok(Self { stop: Some(stop), task })
    }

    /// Stops the server in order.
    pub(super) async fn stop(mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        let _ = self.task.await;
    }
}

struct Server {
    cluster: Cluster,
    binaries: Binaries,
    max_connections: usize,
}

impl Server {
    async fn start(&self) -> Result<Child, EmbeddedError> {
        let path = self.cluster.start_log();
        let log = std::fs::File::create(&path).at("cannot write", &path)?;
        let also = log.try_clone().at("cannot write", &path)?;
        let mut command = self.cluster.server(&self.binaries, self.max_connections);
        command.stdout(Stdio::from(log)).stderr(Stdio::from(also));
        let mut child = Guarded(Some(command.spawn().at("cannot run", self.binaries.program("postgres"))?));
        self.wait_until_ready(child.get()).await?;
        child.0.take().ok_or_else(|| self.does_not_start("it vanished"))
    }

    async fn wait_until_ready(&self, child: Option<&mut Child>) -> Result<(), EmbeddedError> {
        let Some(child) = child else { return Err(self.does_not_start("it vanished")) };
        let pid = child.id().and_then(|id| i32::try_from(id).ok());
        let begin = Instant::now();
        let mut next_word = Duration::from_secs(10);
        loop {
            if let Some(status) = child.try_wait().at("cannot wait for", self.binaries.program("postgres"))? {
                return Err(self.does_not_start(&status.to_string()));
            }
            if self.cluster.postmaster().is_some_and(|state| Some(state.pid) == pid && state.is_ready) {
                return Ok(());
            }
            let waited = begin.elapsed();
            if waited > PATIENCE_WITH_START {
                return Err(self.does_not_start("it is not ready after five minutes"));
            }
            if waited > next_word {
                tracing::info!(seconds = waited.as_secs(), "the embedded database is still starting, perhaps recovering from a crash");
                next_word += Duration::from_secs(10);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Runs until told to stop.
    async fn watch(self, mut child: Child, mut stopped: oneshot::Receiver<()>) {
        let mut pause = Duration::from_secs(1);
        let mut since = Instant::now();
        loop {
            // An error of the channel means that the supervisor was dropped, which is a wish to stop as well.
            let status = tokio::select! {
                _ = &mut stopped => break,
                status = child.wait() => status,
            };
            let status = status.map_or_else(|e| e.to_string(), |s| s.to_string());
            tracing::error!(%status, log = %self.cluster.log().display(), "the embedded database has ended unexpectedly");
            if since.elapsed() > HEALTHY_AFTER {
                pause = Duration::from_secs(1);
            }
            loop {
                tokio::select! {
                    _ = &mut stopped => return,
                    () = tokio::time::sleep(pause) => {}
                }
                pause = (pause * 2).min(LONGEST_PAUSE);
                match self.restart().await {
                    Ok(new) => {
                        child = new;
                        since = Instant::now();
                        tracing::info!("the embedded database runs again");
                        break;
                    }
                    Err(e) => tracing::error!("cannot start the embedded database again: {e}"),
                }
            }
        }
        self.shut_down(child).await;
    }

    async fn restart(&self) -> Result<Child, EmbeddedError> {
        leftover::clear(&self.cluster).await?;
        self.start().await
    }

    /// Fast shutdown: sessions are ended, changes are written. If that takes too long, an immediate one, after which the next start recovers.
    async fn shut_down(&self, mut child: Child) {
        for (signal, patience) in [(Signal::SIGINT, PATIENCE_WITH_STOP), (Signal::SIGQUIT, Duration::from_secs(10))] {
            let Some(pid) = child.id().and_then(|id| i32::try_from(id).ok()) else { return };
            let _ = kill(Pid::from_raw(pid), signal);
            if tokio::time::timeout(patience, child.wait()).await.is_ok() {
                tracing::debug!("the embedded database has stopped");
                return;
            }
            tracing::warn!(?signal, "the embedded database does not stop");
        }
    }

    fn does_not_start(&self, why: &str) -> EmbeddedError {
        let text = std::fs::read_to_string(self.cluster.start_log()).unwrap_or_default();
        let newest = newest_log(&self.cluster).and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().chain(newest.lines()).collect();
        let tail = lines.get(lines.len().saturating_sub(12)..).unwrap_or_default();
        EmbeddedError::DoesNotStart { why: why.to_owned(), log: self.cluster.log(), last_words: tail.join("\n") }
    }
}

/// The log file that PostgreSQL wrote to last.
fn newest_log(cluster: &Cluster) -> Option<std::path::PathBuf> {
    let entries = std::fs::read_dir(cluster.log()).ok()?.flatten();
    let logs = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("postgresql-"));
    logs.max_by_key(|entry| entry.metadata().and_then(|meta| meta.modified()).ok()).map(|entry| entry.path())
}

/// A child that is told to stop when the start is abandoned half-way.
struct Guarded(Option<Child>);

impl Guarded {
    fn get(&mut self) -> Option<&mut Child> {
        self.0.as_mut()
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        if let Some(pid) = self.0.as_ref().and_then(Child::id).and_then(|id| i32::try_from(id).ok()) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGINT);
        }
    }
}
