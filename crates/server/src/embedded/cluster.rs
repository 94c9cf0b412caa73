//! The folders of the embedded database, how a new one is made, and how its server is told to run.

use super::account::RunAs;
use super::binaries::Binaries;
use super::error::{At, EmbeddedError};
use crate::config::DataRoot;
use sha2::{Digest, Sha256};
use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use store::engine::{ConnectTo, Encryption, Engine, Host};
use tokio::io::AsyncWriteExt;

/// The role that the server works as: owner of its database, not a superuser.
const ROLE: &str = "djankiserv";
/// The role for administration, such as dumps.
pub(super) const SUPERUSER: &str = "postgres";
pub(super) const DATABASE: &str = "djankiserv";
/// Part of the socket's name; nothing listens on TCP.
pub(super) const PORT: u16 = 5432;
/// A socket's path has 107 bytes at most; this is what PostgreSQL appends to the folder, with a little to spare for its lock file.
const LONGEST_SOCKET_FOLDER: usize = 107 - "/.s.PGSQL.5432.lock".len();

/// Another process may be making the folders at this moment. A folder is there a little before its mode is the right one.
const MOST_TRIES: u32 = 20;
const BETWEEN_TRIES: Duration = Duration::from_millis(50);

/// A cluster, in PostgreSQL's sense: one server's databases.
#[derive(Debug, Clone)]
pub(super) struct Cluster {
    folder: PathBuf,
    dumps: PathBuf,
    socket_folder: PathBuf,
    pub(super) run_as: RunAs,
}

/// What `postmaster.pid` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Postmaster {
    pub(super) pid: i32,
    pub(super) is_ready: bool,
}

impl Cluster {
    /// Makes the folders that are missing, not the database.
    pub(super) fn prepare(root: &DataRoot) -> Result<Self, EmbeddedError> {
        root.create().at("cannot use the data folder", root.path())?;
        let folder = root.postgres();
        make_folder(&folder, if nix::unistd::geteuid().is_root() { 0o711 } else { 0o700 })?;
        // The running server's working folder is compared with this one, so it must not contain symbolic links.
        let folder = folder.canonicalize().at("cannot look at", folder)?;
        let run_as = RunAs::choose(&folder.join("data"))?;
        let mut tries = 0;
        while let Err(e) = run_as.check_can_enter(&folder) {
            tries += 1;
            if tries > MOST_TRIES {
                return Err(e);
            }
            std::thread::sleep(BETWEEN_TRIES);
        }
        let socket_folder = socket_folder(&folder);
        Ok(Self { folder, dumps: root.dumps(), socket_folder, run_as })
    }

    /// The folder with all that belongs to the embedded database.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn dumps(&self) -> &Path {
        &self.dumps
    }

    pub(super) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// What the server says before it writes its own log.
    pub(super) fn start_log(&self) -> PathBuf {
        self.log().join("start.log")
    }

    pub(super) fn socket_folder(&self) -> &Path {
        &self.socket_folder
    }

    pub(super) fn connect_to(&self, max_connections: usize) -> ConnectTo {
        ConnectTo {
            engine: Engine::Postgres,
            host: Host::Socket(self.socket_folder.clone()),
            port: PORT,
            user: ROLE.into(),
            password: None,
            database: DATABASE.into(),
            max_connections,
            encryption: Encryption::default(),
        }
    }

    /// What the server's lock file says. None when there is none, as after an orderly stop.
    pub(super) fn postmaster(&self) -> Option<Postmaster> {
        parse_postmaster(&fs::read_to_string(self.data().join("postmaster.pid")).ok()?)
    }

    /// The server's socket, and the lock file beside it.
    pub(super) fn sockets(&self) -> [PathBuf; 2] {
        [format!(".s.PGSQL.{PORT}"), format!(".s.PGSQL.{PORT}.lock")].map(|name| self.socket_folder.join(name))
    }

    /// Whether a server accepts connections.
    pub(super) fn answers(&self) -> bool {
        let [socket, _] = self.sockets();
        self.postmaster().is_some_and(|state| state.is_ready) && UnixStream::connect(socket).is_ok()
    }

    /// Chooses the programs that fit the cluster; for a cluster that does not exist yet, the newest.
    pub(super) fn binaries(&self) -> Result<Binaries, EmbeddedError> {
        let mut found = Binaries::find()?;
        let Ok(made_by) = fs::read_to_string(self.data().join("PG_VERSION")) else { return Ok(found.swap_remove(0)) };
        Binaries::for_major(found, made_by.trim().parse().unwrap_or(0), &self.data(), &self.dumps)
    }

    /// Makes the cluster if there is none. It is built beside its place and moved there when it is complete, so that an interrupted
    /// first start leaves nothing half made. Answers whether it was made.
    pub(super) async fn initialise(&self, binaries: &Binaries) -> Result<bool, EmbeddedError> {
        self.make_private(&self.socket_folder)?;
        self.make_private(&self.log())?;
        let data = self.data();
        if data.join("PG_VERSION").exists() {
            return Ok(false);
        }
        tracing::info!(folder = %data.display(), version = binaries.major, "making the embedded database");
        let draft = self.folder.join("data.new");
        if draft.exists() {
            fs::remove_dir_all(&draft).at("cannot remove", &draft)?;
        }
        self.make_private(&draft)?;
        let mut initdb = self.run_as.command(binaries.program("initdb"), &draft);
        initdb.args(["--encoding=UTF8", "--locale=C", "--data-checksums", "--auth=trust", "-U", SUPERUSER, "-D"]).arg(&draft);
        run("initdb", initdb, "").await?;

        write(&draft.join("pg_hba.conf"), HBA)?;
        let settings = draft.join("postgresql.conf");
        let defaults = fs::read_to_string(&settings).at("cannot read", &settings)?;
        write(&settings, &format!("{defaults}\n{HOUSEHOLD_SETTINGS}"))?;

        let mut single = self.run_as.command(binaries.program("postgres"), &draft);
        single.arg("--single").arg("-D").arg(&draft).arg("postgres");
        let output = run(
            "postgres --single",
            single,
            &format!("CREATE ROLE {ROLE} LOGIN\nCREATE DATABASE {DATABASE} OWNER {ROLE} TEMPLATE template0\n"),
        )
        .await?;
        // In this mode PostgreSQL goes on after an error and ends well.
        if output.contains("ERROR:") || output.contains("FATAL:") {
            return Err(EmbeddedError::Command { command: "postgres --single", status: "errors".into(), output });
        }
        fs::rename(&draft, &data).at("cannot move the new database to", &data)?;
        fs::File::open(&self.folder).and_then(|folder| folder.sync_all()).at("cannot write", &self.folder)?;
        Ok(true)
    }

    /// The command that runs the server in the foreground. What must be so is said here, where it cannot be edited away.
    pub(super) fn server(&self, binaries: &Binaries, max_connections: usize) -> tokio::process::Command {
        let data = self.data();
        let mut command = self.run_as.command(binaries.program("postgres"), &data);
        command.arg("-D").arg(&data);
        let mut set = |name: &str, value: &str| {
            command.arg("-c").arg(format!("{name}={value}"));
        };
        set("listen_addresses", "");
        // Quoted, because the value is a list: a comma in a path would divide it.
        set("unix_socket_directories", &format!("\"{}\"", self.socket_folder.display()));
        set("unix_socket_permissions", "0700");
        set("port", &PORT.to_string());
        set("max_connections", &max_connections.to_string());
        set("fsync", "on");
        set("full_page_writes", "on");
        set("cluster_name", "djankiserv");
        set("logging_collector", "on");
        set("log_directory", &self.log().display().to_string());
        set("log_filename", "postgresql-%a.log");
        set("log_rotation_age", "1d");
        set("log_rotation_size", "0");
        set("log_truncate_on_rotation", "on");
        set("log_file_mode", "0600");
        // A failing statement and the details of an error can hold what users wrote.
        set("log_min_error_statement", "panic");
        set("log_error_verbosity", "terse");
        if shared_memory_is_small() {
            set("max_parallel_maintenance_workers", "0");
        }
        // A group of its own: ctrl-c at the terminal reaches us alone, and we stop it when our requests are done.
        command.process_group(0).stdin(Stdio::null());
        command
    }

    /// Makes a folder that only the database's account can enter.
    fn make_private(&self, folder: &Path) -> Result<(), EmbeddedError> {
        make_folder(folder, 0o700)?;
        let meta = fs::symlink_metadata(folder).at("cannot look at", folder)?;
        let (ours, theirs) = (nix::unistd::geteuid().as_raw(), self.run_as.uid());
        if !meta.is_dir() || (meta.uid() != ours && meta.uid() != theirs) {
            return Err(EmbeddedError::ForeignSocketFolder(folder.to_owned()));
        }
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).at("cannot change the mode of", folder)?;
        self.run_as.give(folder)
    }
}

/// Only those who can enter the socket's folder can connect at all: the database's account and root.
const HBA: &str = "# Written by djankiserv. The only way in is a socket in a folder that nobody else can enter.\n\
local all postgres trust\n\
local djankiserv djankiserv trust\n";

/// Appended to postgresql.conf once, for the administrator to change.
const HOUSEHOLD_SETTINGS: &str = "\
# Written by djankiserv when it made this database: sizes for a household on a small machine. They may be changed here.
shared_buffers = 128MB
effective_cache_size = 1GB
work_mem = 16MB
maintenance_work_mem = 128MB
# An uploaded collection goes to the disk once instead of twice. Copies of this database are dumps, which do not need more.
wal_level = minimal
max_wal_senders = 0
max_wal_size = 2GB
random_page_cost = 1.1
max_locks_per_transaction = 256
max_parallel_workers_per_gather = 0
log_checkpoints = off
log_timezone = 'UTC'
timezone = 'UTC'
jit = off
";

/// Containers often have only 64 MB of it, too little for building an index with several workers.
fn shared_memory_is_small() -> bool {
    nix::sys::statvfs::statvfs("/dev/shm").is_ok_and(|stat| stat.blocks().saturating_mul(stat.fragment_size()) < 256 << 20)
}

/// The folder `run` below ours, or one with a short name if that is too long for a socket.
fn socket_folder(folder: &Path) -> PathBuf {
    let usual = folder.join("run");
    if usual.as_os_str().len() <= LONGEST_SOCKET_FOLDER {
        return usual;
    }
    let digest = hex::encode(Sha256::digest(folder.as_os_str().as_encoded_bytes()));
    Path::new("/tmp").join(format!("djankiserv-{}", digest.get(..20).unwrap_or(&digest)))
}

fn make_folder(folder: &Path, mode: u32) -> Result<(), EmbeddedError> {
    match fs::DirBuilder::new().mode(mode).create(folder) {
        Ok(()) => fs::set_permissions(folder, fs::Permissions::from_mode(mode)),
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(e) => Err(e),
    }
    .at("cannot create", folder)
}

fn write(path: &Path, text: &str) -> Result<(), EmbeddedError> {
    fs::write(path, text).and_then(|()| fs::File::open(path)?.sync_all()).at("cannot write", path)
}

/// Runs a program to its end and answers what it printed.
pub(super) async fn run(name: &'static str, mut command: tokio::process::Command, input: &str) -> Result<String, EmbeddedError> {
    let program = PathBuf::from(command.as_std().get_program());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().at("cannot run", &program)?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not read its input fails in its own words.
        let _ = stdin.write_all(input.as_bytes()).await;
    }
    let output = child.wait_with_output().await.at("cannot run", &program)?;
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    if output.status.success() {
        Ok(text)
    } else {
        Err(EmbeddedError::Command { command: name, status: output.status.to_string(), output: text.trim().to_owned() })
    }
}

/// The file's first line is the process, its eighth (since PostgreSQL 10) the state.
fn parse_postmaster(text: &str) -> Option<Postmaster> {
    let pid = text.lines().next()?.trim().parse().ok().filter(|pid| *pid > 0)?;
    let is_ready = text.lines().nth(7).is_some_and(|state| state.trim() == "ready");
    Some(Postmaster { pid, is_ready })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_of_a_postmaster() {
        let file = |state: &str| format!("123\n/data\n1795383881\n5432\n/run\n\n  5432001         0\n{state}\n");
        assert_eq!(parse_postmaster(&file("ready   ")), Some(Postmaster { pid: 123, is_ready: true }));
        assert_eq!(parse_postmaster(&file("starting")), Some(Postmaster { pid: 123, is_ready: false }));
        assert_eq!(parse_postmaster("77\n/data\n"), Some(Postmaster { pid: 77, is_ready: false }));
        assert_eq!(parse_postmaster(""), None);
        assert_eq!(parse_postmaster("-5\n"), None, "a single-user server holds the file");
    }

    #[test]
    fn sockets_get_short_paths() {
        assert_eq!(socket_folder(Path::new("/var/lib/djankiserv/postgres")), Path::new("/var/lib/djankiserv/postgres/run"));
        let long = socket_folder(Path::new(&format!("/{}", "x".repeat(90))));
        assert!(long.starts_with("/tmp") && long.as_os_str().len() <= LONGEST_SOCKET_FOLDER, "{long:?}");
        assert_ne!(long, socket_folder(Path::new(&format!("/{}", "y".repeat(90)))));
    }
}
