//! MariaDB.

use super::{Place, Product};
use std::path::PathBuf;
use std::process::Command;
use store::StoreError;
use store::engine::Db;

/// Durable, and small enough for a small disk.
const SETTINGS: &[&str] = &[
    "--skip-networking",
    "--innodb-flush-log-at-trx-commit=1",
    "--innodb-doublewrite=1",
    "--innodb-log-file-size=32M",
    "--innodb-buffer-pool-size=64M",
    "--max-connections=100",
];

pub struct MariaDb;

impl Product for MariaDb {
    fn account(&self) -> &'static str {
        "nobody"
    }

    fn initialise(&self, place: &Place) -> Command {
        let mut install = place.command(&program("mariadb-install-db"));
        // A server that starts removes the temporary tables of all others from the folder that it uses.
        install.env("TMPDIR", place.path());
        install.args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"]);
        install.args(["--innodb-log-file-size=32M", "--innodb-flush-method=nosync"]).arg(format!("--datadir={}", place.data().display()));
        install
    }

    fn serve(&self, place: &Place) -> Command {
        let mut mariadbd = place.command(&program("mariadbd"));
        mariadbd.arg("--no-defaults");
        // Temporary files too are on the small disk, if there is one.
        let folder = place.path().display();
        mariadbd.args([format!("--datadir={folder}/data"), format!("--tmpdir={folder}"), format!("--socket={folder}/socket")]);
        mariadbd.arg(format!("--pid-file={folder}/pid")).args(SETTINGS);
        mariadbd
    }

    fn client(&self, place: &Place, sql: &str) -> Command {
        let mut mariadb = place.command(&program("mariadb"));
        mariadb.args(["--no-defaults", "--user=root", "--batch", "--skip-column-names"]);
        mariadb.arg(format!("--socket={}/socket", place.path().display())).arg(format!("--execute={sql}"));
        mariadb
    }

    fn creation(&self, name: &str) -> Vec<String> {
        crate::databases::documented(name)
    }

    fn url(&self, place: &Place, name: &str) -> String {
        let password = crate::databases::PASSWORD.replace(' ', "%20");
        format!("mysql://{name}:{password}@localhost/{name}?socket={}/socket", place.path().display())
    }

    fn admin_url(&self, place: &Place, name: &str) -> String {
        format!("mysql://root@localhost/{name}?socket={}/socket", place.path().display())
    }

    fn stop_signal(&self) -> &'static str {
        "TERM"
    }

    fn lose_connection(&self, place: &Place, _: i32) {
        let others = "SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND user NOT IN ('root', 'system user')";
        let listed = self.client(place, others).output().unwrap();
        let ids = String::from_utf8(listed.stdout).unwrap();
        // One that has ended by itself meanwhile is no error.
        let kills: String = ids.lines().map(|id| format!("KILL {id};")).collect();
        let _ = self.client(place, &kills).arg("--force").output().unwrap();
    }

    fn is_worked_in(&self, _: &Place) -> bool {
        // It is one process, and that one has ended.
        false
    }
}

pub async fn at_work(admin: &Db) -> Result<usize, StoreError> {
    let statements = "SELECT CAST(COUNT(*) AS SIGNED) FROM information_schema.processlist WHERE id <> CONNECTION_ID() \
                      AND command NOT IN ('Sleep', 'Daemon')";
    let running = usize::try_from(admin.query(statements, vec![]).await?[0].int(0)?).unwrap();
    // Not `information_schema.innodb_trx`, which is a copy that becomes no newer while somebody keeps looking at it. Those that are
    // undone after a crash are among them.
    let status = admin.query("SHOW ENGINE INNODB STATUS", vec![]).await?[0].text(2)?;
    let transactions = status.lines().filter(|line| line.starts_with("---TRANSACTION") && line.contains(", ACTIVE")).count();
    Ok(running + transactions)
}

/// The path of an installed program.
fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let others = ["/usr/sbin", "/usr/libexec", "/usr/local/sbin"].map(PathBuf::from);
    let mut places = std::env::split_paths(&path).chain(others).map(|folder| folder.join(name));
    places
        .find(|path| path.exists())
        .unwrap_or_else(|| panic!("MariaDB is not installed: scripts/install-deps.sh test ({name} is missing)"))
}
