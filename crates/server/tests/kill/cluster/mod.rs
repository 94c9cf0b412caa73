//! A database server of the test's own, which writes to the disk as it should, and can be killed.
//!
//! What differs between the engines is in a file for each.

mod mariadb;
mod postgres;

use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use store::StoreError;
use store::engine::{Db, Engine};
use tempfile::TempDir;

/// Ways to lose a database server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Loss {
    /// SIGKILL. PostgreSQL's children notice, some sooner, some later, and may still commit until then.
    Server,
    /// It is told to stop and not to wait for anybody. PostgreSQL: SIGQUIT, everybody stops where they are, and it has to recover.
    /// MariaDB: SIGTERM, it ends all connections, undoes what they have begun, and stops in good order.
    Stop,
    /// Connections end in the middle of what they do. PostgreSQL: SIGKILL of a backend; all others have to end with it, and it recovers
    /// by itself. MariaDB: KILL of all connections; the server goes on.
    Connection,
}

/// What differs between the engines.
trait Product: Send {
    /// The Unix account that it runs as when we are root, which is no account for a database to run as.
    fn account(&self) -> &'static str;
    /// The command that makes its data folder.
    fn initialise(&self, place: &Place) -> Command;
    /// The command that is the server.
    fn serve(&self, place: &Place) -> Command;
    /// The command that runs SQL with all rights.
    fn client(&self, place: &Place, sql: &str) -> Command;
    /// What an operator would run to make a database.
    fn creation(&self, name: &str) -> Vec<String>;
    /// The address of a database that was made like that, as djankiserv is told it.
    fn url(&self, place: &Place, name: &str) -> String;
    /// The same with all rights.
    fn admin_url(&self, place: &Place, name: &str) -> String;
    /// The signal for [`Loss::Stop`].
    fn stop_signal(&self) -> &'static str;
    /// Carries out [`Loss::Connection`] on the server with this process id.
    fn lose_connection(&self, place: &Place, server: i32);
    /// Whether a process of it is left, although the one that was started has ended.
    fn is_worked_in(&self, place: &Place) -> bool;
}

/// Where it lives, and as whom.
struct Place {
    folder: TempDir,
    owner: Option<(u32, u32)>,
}

/// A database server with its folder, removed with it.
pub struct Cluster {
    place: Place,
    product: Box<dyn Product>,
    server: Option<Child>,
}

/// The engine under test.
pub fn engine() -> Engine {
    let (main, user) = crate::databases::engines();
    assert_eq!(main, user, "killing is tested on postgresql or on mysql, not on both at once");
    main
}

/// Whether what a sync has staged survives the database. PostgreSQL's tables for it are UNLOGGED.
pub fn keeps_staged() -> bool {
    engine() == Engine::Mysql
}

/// How many others are in a transaction or run a statement, as the administrator sees it.
pub async fn at_work(admin: &Db) -> Result<usize, StoreError> {
    match engine() {
        Engine::Postgres => postgres::at_work(admin).await,
        Engine::Mysql => mariadb::at_work(admin).await,
    }
}

impl Cluster {
    /// Makes one and starts it. `prepare` may put something else in the place of its folder, such as a small disk.
    pub fn start(prepare: impl FnOnce(&Path)) -> Self {
        let product: Box<dyn Product> = match engine() {
            Engine::Postgres => Box::new(postgres::Postgres::new()),
            Engine::Mysql => Box::new(mariadb::MariaDb),
        };
        let place = Place { folder: short_folder("djk-db-"), owner: owner(product.account()) };
        prepare(place.path());
        if let Some((uid, gid)) = place.owner {
            chown(place.path(), Some(uid), Some(gid)).unwrap();
        }
        let made = product.initialise(&place).output().unwrap();
        assert!(made.status.success(), "making the data folder: {made:?}");
        let mut cluster = Self { place, product, server: None };
        cluster.restart();
        cluster
    }

    /// Makes a database and, where it takes one, an account of this name.
    pub fn create_database(&self, name: &str) {
        for statement in self.product.creation(name) {
            self.sql(&statement);
        }
    }

    /// The address of one of its databases, as djankiserv is told it.
    pub fn url(&self, database: &str) -> String {
        self.product.url(&self.place, database)
    }

    /// The same with all rights.
    pub fn admin_url(&self, database: &str) -> String {
        self.product.admin_url(&self.place, database)
    }

    /// Kills it, and comes back when nothing of it is running any more, or, where it goes on or recovers by itself, when it can be used.
    pub fn lose(&mut self, how: Loss) {
        let mut server = self.server.take().unwrap();
        let pid = i32::try_from(server.id()).unwrap();
        match how {
            Loss::Server => signal(pid, "KILL"),
            Loss::Stop => signal(pid, self.product.stop_signal()),
            Loss::Connection => {
                self.product.lose_connection(&self.place, pid);
                self.server = Some(server);
                self.wait_until_ready();
                return;
            }
        }
        server.wait().unwrap();
        let until = Instant::now() + Duration::from_secs(20);
        while self.product.is_worked_in(&self.place) {
            assert!(Instant::now() < until, "the children of a killed server do not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Starts it, with whatever recovery that takes. Nothing happens when it is running.
    pub fn restart(&mut self) {
        if self.is_running() {
            return;
        }
        let log = std::fs::File::options().append(true).create(true).open(self.log()).unwrap();
        let mut server = self.product.serve(&self.place);
        self.server = Some(server.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap());
        self.wait_until_ready();
    }

    /// Whether the server has not ended by itself.
    pub fn is_running(&mut self) -> bool {
        self.server.as_mut().is_some_and(|server| server.try_wait().unwrap().is_none())
    }

    /// Runs SQL with all rights.
    pub fn sql(&self, sql: &str) {
        let ran = self.product.client(&self.place, sql).output().unwrap();
        assert!(ran.status.success(), "{sql}: {ran:?}");
    }

    /// Runs SQL with all rights, if that is possible.
    pub fn try_sql(&self, sql: &str) {
        let _ = self.product.client(&self.place, sql).output().unwrap();
    }

    /// The end of its log, for a failed test.
    pub fn last_words(&self) -> String {
        let text = std::fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    fn wait_until_ready(&mut self) {
        let until = Instant::now() + Duration::from_secs(60);
        while !self.product.client(&self.place, "SELECT 1").output().unwrap().status.success() {
            assert!(self.is_running() && Instant::now() < until, "the database does not start:\n{}", self.last_words());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn log(&self) -> PathBuf {
        // Beside the folder, which may be a full disk.
        self.place.path().with_extension("log")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.take() {
            signal(i32::try_from(server.id()).unwrap_or(0), self.product.stop_signal());
            let _ = server.wait();
        }
        let _ = std::fs::remove_file(self.log());
    }
}

impl Place {
    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    /// A command as its owner, with nothing of our environment but where programs are found.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("LC_ALL", "C").env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.current_dir(self.path()).stdin(Stdio::null());
        if let Some((uid, gid)) = self.owner {
            command.uid(uid).gid(gid);
        }
        command
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

fn owner(account: &str) -> Option<(u32, u32)> {
    if !nix::unistd::geteuid().is_root() {
        return None;
    }
    let user = nix::unistd::User::from_name(account).unwrap().unwrap_or_else(|| panic!("there is no account `{account}`"));
    Some((user.uid.as_raw(), user.gid.as_raw()))
}
