//! A database server of the test's own, which writes to the disk as it should, and can be killed.
//!
//! All that a test needs of an engine is in this one struct.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Ways to lose a database server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Loss {
    /// SIGKILL of the postmaster. Its children notice, some sooner, some later, and may still commit until then.
    Postmaster,
    /// SIGQUIT: everybody stops where they are.
    AtOnce,
    /// SIGKILL of a backend: the postmaster stops all others and recovers by itself.
    Backend,
}

/// Counts the others who are in a transaction.
pub const AT_WORK: &str = "SELECT CAST(COUNT(*) AS BIGINT) FROM pg_stat_activity WHERE pid <> pg_backend_pid() \
     AND datname = current_database() AND backend_type = 'client backend' AND state <> 'idle'";

/// A PostgreSQL with its folder, removed with it.
pub struct Cluster {
    folder: TempDir,
    programs: PathBuf,
    /// Whom it runs as, when we are root, as whom PostgreSQL refuses to run.
    owner: Option<(u32, u32)>,
    server: Option<Child>,
}

impl Cluster {
    /// Makes one and starts it. `prepare` may put something else in the place of its folder, such as a small disk.
    pub fn start(prepare: impl FnOnce(&Path)) -> Self {
        let mut cluster = Self { folder: short_folder("djk-pg-"), programs: programs(), owner: owner(), server: None };
        prepare(cluster.folder());
        cluster.give(cluster.folder());
        let mut initdb = cluster.command("initdb");
        initdb.args(["--no-sync", "--encoding=UTF8", "--locale=C", "--auth=trust", "-U", "postgres", "-D"]).arg(cluster.data());
        let made = initdb.output().unwrap();
        assert!(made.status.success(), "initdb: {made:?}");
        cluster.restart();
        cluster
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The address of one of its databases, with the rights of a superuser.
    pub fn url(&self, database: &str) -> String {
        format!("postgresql:///{database}?host={}&user=postgres", self.folder().display())
    }

    /// Kills it, and comes back when nothing of it is running any more, or, where it recovers by itself, when it has.
    pub fn lose(&mut self, how: Loss) {
        let mut server = self.server.take().unwrap();
        let pid = i32::try_from(server.id()).unwrap();
        match how {
            Loss::Postmaster => signal(pid, "KILL"),
            Loss::AtOnce => signal(pid, "QUIT"),
            Loss::Backend => {
                if let Some(backend) = self.backend(pid) {
                    signal(backend, "KILL");
                    // The log says that it happened; that it is over is seen by who connects.
                    std::thread::sleep(Duration::from_millis(50));
                }
                self.server = Some(server);
                self.wait_until_ready();
                return;
            }
        }
        server.wait().unwrap();
        let until = Instant::now() + Duration::from_secs(20);
        while self.is_worked_in() {
            assert!(Instant::now() < until, "the children of a killed postmaster do not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Starts it, with whatever recovery that takes. Nothing happens when it is running.
    pub fn restart(&mut self) {
        if self.is_running() {
            return;
        }
        let log = std::fs::File::options().append(true).create(true).open(self.log()).unwrap();
        let mut postgres = self.command("postgres");
        postgres.arg("-D").arg(self.data());
        // Durable, and small enough for a small disk.
        for setting in [
            "listen_addresses=",
            &format!("unix_socket_directories={}", self.folder().display()),
            "fsync=on",
            "synchronous_commit=on",
            "full_page_writes=on",
            "max_connections=100",
            "max_locks_per_transaction=256",
            "max_wal_size=64MB",
            "min_wal_size=32MB",
            "shared_buffers=64MB",
        ] {
            postgres.arg("-c").arg(setting);
        }
        self.server = Some(postgres.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap());
        self.wait_until_ready();
    }

    /// Whether the server has not ended by itself.
    pub fn is_running(&mut self) -> bool {
        self.server.as_mut().is_some_and(|server| server.try_wait().unwrap().is_none())
    }

    /// Runs SQL as the superuser.
    pub fn sql(&self, database: &str, sql: &str) {
        self.try_sql(database, sql).unwrap();
    }

    /// Makes it need room for its log soon, if it can.
    pub fn use_up_log(&self) {
        // On a full disk, this is what it dies of.
        let _ = self.try_sql("postgres", "SELECT pg_switch_wal()");
    }

    fn try_sql(&self, database: &str, sql: &str) -> Result<(), String> {
        let mut psql = self.command("psql");
        psql.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", "-c", sql, &self.url(database)]);
        let ran = psql.output().unwrap();
        if ran.status.success() { Ok(()) } else { Err(format!("{sql}: {ran:?}")) }
    }

    /// The end of its log, for a failed test.
    pub fn last_words(&self) -> String {
        let text = std::fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    fn wait_until_ready(&mut self) {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let mut psql = self.command("psql");
            psql.args(["--no-psqlrc", "-c", "SELECT 1", &self.url("postgres")]);
            if psql.output().unwrap().status.success() {
                return;
            }
            assert!(self.is_running() && Instant::now() < until, "the database does not start:\n{}", self.last_words());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// A process that serves a connection, preferably one that is doing something.
    fn backend(&self, postmaster: i32) -> Option<i32> {
        let children = std::fs::read_to_string(format!("/proc/{postmaster}/task/{postmaster}/children")).ok()?;
        let title = |pid: &i32| std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let pids: Vec<i32> =
            children.split_whitespace().filter_map(|pid| pid.parse().ok()).filter(|pid| title(pid).contains("[local]")).collect();
        pids.iter().find(|pid| !title(pid).contains("idle")).or(pids.first()).copied()
    }

    /// Whether any process of it is left: all of them work in its data folder.
    fn is_worked_in(&self) -> bool {
        let data = self.data();
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        processes.into_iter().any(|process| std::fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd == data))
    }

    fn data(&self) -> PathBuf {
        self.folder().join("data")
    }

    fn log(&self) -> PathBuf {
        // Beside the folder, which may be a full disk.
        self.folder().with_extension("log")
    }

    fn give(&self, path: &Path) {
        if let Some((uid, gid)) = self.owner {
            chown(path, Some(uid), Some(gid)).unwrap();
        }
    }

    fn command(&self, program: &str) -> Command {
        use std::os::unix::process::CommandExt;
        let mut command = Command::new(self.programs.join(program));
        command.env_clear().env("LC_ALL", "C").env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.current_dir(self.folder()).stdin(Stdio::null());
        if let Some((uid, gid)) = self.owner {
            command.uid(uid).gid(gid);
        }
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.take() {
            signal(i32::try_from(server.id()).unwrap_or(0), "QUIT");
            let _ = server.wait();
        }
        let _ = std::fs::remove_file(self.log());
    }
}

/// A folder with a path short enough for a socket, which other accounts can enter.
pub fn short_folder(start: &str) -> TempDir {
    let folder = tempfile::Builder::new().prefix(start).tempdir_in("/tmp").unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

pub fn signal(pid: i32, name: &str) {
    assert!(pid > 0, "never a group of processes");
    let name: nix::sys::signal::Signal = format!("SIG{name}").parse().unwrap();
    let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), name);
}

/// The account that PostgreSQL runs as.
fn owner() -> Option<(u32, u32)> {
    if !nix::unistd::geteuid().is_root() {
        return None;
    }
    let user = nix::unistd::User::from_name("postgres").unwrap().expect("the package of PostgreSQL makes the account `postgres`");
    Some((user.uid.as_raw(), user.gid.as_raw()))
}

/// The folder of the newest installed programs.
fn programs() -> PathBuf {
    let below = |parent: &str| {
        let mut versions: Vec<PathBuf> = std::fs::read_dir(parent).map(|d| d.flatten().map(|e| e.path()).collect()).unwrap_or_default();
        versions.sort_by_key(|path| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok()));
        versions.into_iter().rev().map(|path| path.join("bin"))
    };
    let in_path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = below("/usr/lib/postgresql").chain(std::env::split_paths(&in_path));
    folders
        .find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
        .expect("PostgreSQL is installed: scripts/install-deps.sh")
}
