//! An installation that can be killed: a database, a data folder, a process of the server, and a look into all of it.

use crate::cluster::{Cluster, Loss, short_folder};
use crate::databases::connect_to;
use crate::device::{Device, is_ready};
use crate::it::PASSWORD;
use crate::look::Look;
use crate::process::{Installation, Process};
use djankiserv::actions::accounts::{Accounts, NewUser};
use djankiserv::actions::username::Username;
use djankiserv::clock::Clock;
use djankiserv::config::{DataRoot, LoginLimits};
use djankiserv::media_store::MediaStore;
use djankiserv::passwords::Passwords;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use store::engine::ConnectTo;
use tempfile::TempDir;

/// What dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Blow {
    Process,
    Database(Loss),
}

const DATABASE: &str = "djk";

pub struct World {
    pub installation: Installation,
    pub look: Look,
    pub accounts: Accounts,
    cluster: Mutex<Cluster>,
    process: Mutex<Option<Process>>,
    /// How each process is started.
    arguments: Vec<&'static str>,
    blows: Mutex<HashMap<Blow, usize>>,
    _folder: TempDir,
}

impl World {
    pub async fn new(arguments: &[&'static str]) -> Arc<Self> {
        Self::with(arguments, |_| {}, |_| {}).await
    }

    /// One whose data folder and whose database's folder are prepared before anything lies in them.
    pub async fn with(arguments: &[&'static str], prepare_root: impl FnOnce(&Path), prepare_database: impl FnOnce(&Path)) -> Arc<Self> {
        let folder = short_folder("djk-");
        let root = folder.path().join("data");
        std::fs::create_dir(&root).unwrap();
        prepare_root(&root);
        let cluster = Cluster::start(prepare_database);
        cluster.create_database(DATABASE);
        let installation = Installation { root, database: cluster.url(DATABASE), log: folder.path().join("log") };
        let process = Process::start(&installation, arguments);
        let to = |url: &str| ConnectTo { max_connections: 4, ..connect_to(url) };
        let look = Look::open(&to(&installation.database), &to(&cluster.admin_url(DATABASE))).await;
        let limits = LoginLimits { attempts: 1000, window_ms: 1000 };
        let files = DataRoot::new(&installation.root).unwrap();
        let (passwords, media) = (Passwords::new().unwrap(), MediaStore::open(files.media()).unwrap());
        let accounts = Accounts::new(look.main.clone(), look.user.clone(), passwords, limits, files, media, Clock::system());
        Arc::new(Self {
            installation,
            look,
            accounts,
            cluster: Mutex::new(cluster),
            process: Mutex::new(Some(process)),
            arguments: arguments.to_vec(),
            blows: Mutex::default(),
            _folder: folder,
        })
    }

    /// Makes an account and logs a device in.
    pub async fn device(self: &Arc<Self>, name: &str) -> Device {
        let username = Username::new(name).unwrap();
        let new = NewUser { username, email: String::new(), password: PASSWORD.into(), is_staff: false, is_superuser: false };
        self.accounts.create(new, "test").await.unwrap();
        Device::log_in(self, name).await
    }

    pub async fn account(&self, name: &str) -> i64 {
        self.accounts.find(&Username::new(name).unwrap()).await.unwrap().id
    }

    /// The port of the running process. None while there is none.
    pub fn port(&self) -> Option<u16> {
        self.process.lock().unwrap().as_ref().map(|process| process.port)
    }

    pub fn cluster(&self) -> MutexGuard<'_, Cluster> {
        self.cluster.lock().unwrap()
    }

    pub fn strike(&self, blow: Blow) {
        *self.blows.lock().unwrap().entry(blow).or_default() += 1;
        match blow {
            Blow::Process => self.process.lock().unwrap().take().unwrap().kill(),
            Blow::Database(loss) => self.cluster().lose(loss),
        }
    }

    /// Starts what does not run, and waits until everything can be used.
    pub async fn revive(&self) {
        self.cluster().restart();
        if self.port().is_none() {
            let process = Process::start(&self.installation, &self.arguments);
            *self.process.lock().unwrap() = Some(process);
        }
        self.until("the server is ready", async || self.port().is_some_and(is_ready)).await;
    }

    /// Waits until nobody works on the database any more: what was killed may have left work to it that goes on.
    pub async fn quiet(&self) {
        self.until("the database is quiet", async || self.look.is_quiet().await).await;
    }

    /// Waits for something that takes a moment.
    pub async fn until(&self, what: &str, condition: impl AsyncFn() -> bool) {
        let until = Instant::now() + Duration::from_secs(60);
        while !condition().await {
            assert!(Instant::now() < until, "not so after a minute: {what}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What was killed how often, for people.
    pub fn tally(&self) -> String {
        format!("{:?}", self.blows.lock().unwrap())
    }

    /// Lets a week pass, tidies up, and looks whether anything is left that nobody needs.
    pub async fn expect_nothing_left_behind(&self) {
        self.revive().await;
        self.quiet().await;
        age(&self.installation.root);
        self.installation.run(&["housekeeping"]);
        let week = (8 * 24 * 60 * 60).to_string();
        self.installation.run(&["housekeeping", "--ahead", &week]);
        assert_eq!(self.look.left_behind(&self.installation.root).await, Vec::<String>::new());
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let database = self.cluster.lock().map(|cluster| cluster.last_words()).unwrap_or_default();
            crate::say(&format!(
                "{}\n--- the log of the server:\n{}\n--- of the database:\n{database}",
                self.tally(),
                self.installation.last_words()
            ));
        }
    }
}

/// Makes files look as if they had been written long ago.
fn age(folder: &Path) {
    let long_ago = std::time::UNIX_EPOCH + Duration::from_secs(1_600_000_000);
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        if entry.path().is_dir() {
            age(&entry.path());
        }
        std::fs::File::open(entry.path()).unwrap().set_modified(long_ago).unwrap();
    }
}
