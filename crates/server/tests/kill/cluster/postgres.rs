//! PostgreSQL.

use super::{Place, Product, signal};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use store::StoreError;
use store::engine::Db;

/// Durable, and small enough for a small disk.
const SETTINGS: &[&str] = &[
    "listen_addresses=",
    "fsync=on",
    "synchronous_commit=on",
    "full_page_writes=on",
    "max_connections=100",
    "max_locks_per_transaction=256",
    "max_wal_size=64MB",
    "min_wal_size=32MB",
    "shared_buffers=64MB",
];

pub struct Postgres {
    programs: PathBuf,
}

impl Postgres {
    pub fn new() -> Self {
        Self { programs: programs() }
    }

    fn command(&self, place: &Place, program: &str) -> Command {
        place.command(&self.programs.join(program))
    }
}

impl Product for Postgres {
    fn account(&self) -> &'static str {
        "postgres"
    }

    fn initialise(&self, place: &Place) -> Command {
        let mut initdb = self.command(place, "initdb");
        initdb.args(["--no-sync", "--encoding=UTF8", "--locale=C", "--auth=trust", "-U", "postgres", "-D"]).arg(place.data());
        initdb
    }

    fn serve(&self, place: &Place) -> Command {
        let mut postgres = self.command(place, "postgres");
        postgres.arg("-D").arg(place.data()).arg("-c").arg(format!("unix_socket_directories={}", place.path().display()));
        for setting in SETTINGS {
            postgres.arg("-c").arg(setting);
        }
        postgres
    }

    fn client(&self, place: &Place, sql: &str) -> Command {
        let mut psql = self.command(place, "psql");
        psql.args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "-c", sql, &self.admin_url(place, "postgres")]);
        psql
    }

    fn creation(&self, name: &str) -> Vec<String> {
        vec![format!("CREATE DATABASE {name}")]
    }

    fn url(&self, place: &Place, name: &str) -> String {
        self.admin_url(place, name)
    }

    fn admin_url(&self, place: &Place, name: &str) -> String {
        format!("postgresql:///{name}?host={}&user=postgres", place.path().display())
    }

    fn stop_signal(&self) -> &'static str {
        "QUIT"
    }

    fn lose_connection(&self, _: &Place, server: i32) {
        if let Some(backend) = backend(server) {
            signal(backend, "KILL");
            // The log says that it happened; that it is over is seen by who connects.
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn is_worked_in(&self, place: &Place) -> bool {
        // All of its processes work in the data folder.
        let data = place.data();
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        processes.into_iter().any(|process| std::fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd == data))
    }
}

pub async fn at_work(admin: &Db) -> Result<usize, StoreError> {
    let sql = "SELECT CAST(COUNT(*) AS BIGINT) FROM pg_stat_activity WHERE pid <> pg_backend_pid() \
               AND datname = current_database() AND backend_type = 'client backend' AND state <> 'idle'";
    let rows = admin.query(sql, vec![]).await?;
    Ok(usize::try_from(rows[0].int(0)?).unwrap())
}

/// A process that serves a connection, preferably one that is doing something.
fn backend(postmaster: i32) -> Option<i32> {
    let children = std::fs::read_to_string(format!("/proc/{postmaster}/task/{postmaster}/children")).ok()?;
    let title = |pid: &i32| std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let pids: Vec<i32> =
        children.split_whitespace().filter_map(|pid| pid.parse().ok()).filter(|pid| title(pid).contains("[local]")).collect();
    pids.iter().find(|pid| !title(pid).contains("idle")).or(pids.first()).copied()
}

/// The folder of the newest installed programs.
fn programs() -> PathBuf {
    let below = |parent: &str| {
        let mut versions: Vec<PathBuf> = std::fs::read_dir(parent).map(|d| d.flatten().map(|e| e.path()).collect()).unwrap_or_default();
        versions.sort_by_key(|path| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok()));
        versions.into_iter().rev().map(|path| path.join("bin"))
    };
    let in_path = std::env::var_os("PATH").unwrap_or_default();
    let has = |folder: &Path, program: &str| folder.join(program).exists();
    let mut folders = below("/usr/lib/postgresql").chain(std::env::split_paths(&in_path));
    folders.find(|folder| has(folder, "initdb") && has(folder, "postgres")).expect("PostgreSQL is installed: scripts/install-deps.sh")
}
