//! Two versions side by side: tables move forward while syncs go on, and a program of before can still be started.

use crate::databases::connect_to;
use crate::program::program;
use crate::support::{BASIC, Device, NOW, TestServer, admin, collection, note_row};
use anki::file::Schema;
use serde_json::json;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};
use store::StoreError;
use store::engine::Db;
use store::main_db::{self, MainDb};
use store::migrations::{self, Step};
use store::params;
use store::user_db;

/// Syncs again and again until told to stop. Answers how many syncs there were.
async fn sync_on(device: Device, stop: Arc<AtomicBool>) -> i64 {
    let mut rounds = 0;
    while !stop.load(Ordering::Relaxed) {
        let mut device = device.clone();
        device.session = format!("s{rounds}");
        device.start(1 + rounds).await;
        let notes = json!([note_row(1000 + rounds, BASIC, 9, "a\u{1f}b")]);
        device.json("sync/applyChunk", json!({"chunk": {"notes": notes}})).await;
        device.json("sync/finish", json!({})).await;
        rounds += 1;
    }
    rounds
}

/// The steps that are known, which have been run, and one that comes later: what the rule of docs/upgrading.md allows.
fn with_a_later_step(known: usize, sql: &'static str) -> Vec<Step> {
    let mut steps: Vec<Step> = (0..known).map(|_| Step { sql: "" }).collect();
    steps.push(Step { sql });
    steps
}

const LATER_FOR_USERS: &str = "
ALTER TABLE {s}.collections ADD COLUMN later BIGINT;
ALTER TABLE {s}.generations ADD COLUMN later KEY_T;
ALTER TABLE {s}.sync_sessions ADD COLUMN later INTEGER NOT NULL DEFAULT 0;
ALTER TABLE {s}.sync_staged ADD COLUMN later BIGINT;
ALTER TABLE {s}.media_state ADD COLUMN later BIGINT;
CREATE TABLE IF NOT EXISTS {s}.later (account BIGINT PRIMARY KEY);
CREATE INDEX IF NOT EXISTS generations_later ON {s}.generations (account, later);
";
const LATER_FOR_MAIN: &str = "
ALTER TABLE {s}.accounts ADD COLUMN later BIGINT;
ALTER TABLE {s}.host_keys ADD COLUMN later KEY_T;
CREATE INDEX IF NOT EXISTS host_keys_later ON {s}.host_keys (account, later);
";

async fn migrate_later(db: &Db, part: &str, known: usize, sql: &'static str, oldest: usize) -> Result<usize, StoreError> {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        // As a start does: a lock that is not to be had is waited for again.
        match migrations::run(db, part, &with_a_later_step(known, sql), oldest, NOW).await {
            Err(e) if e.is_passing() && Instant::now() < until => tokio::time::sleep(Duration::from_millis(100)).await,
            outcome => return outcome,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_move_forward_while_two_processes_of_the_version_before_serve_syncs() {
    let server = TestServer::new().await;
    let other = server.second().await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut syncing = Vec::new();
    for (n, name) in ["ann", "bob", "cem", "dan"].into_iter().enumerate() {
        let device = server.device(name).await;
        device.upload(&collection(Schema::V18, 3, NOW - 5)).await;
        let device = if n % 2 == 0 { device } else { device.at(&other) };
        syncing.push(tokio::spawn(sync_on(device, stop.clone())));
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let (main, user) = (server.main_database.connect().await, server.user_database.connect().await);
    let (main_known, user_known) = (main_db::steps()[0].1, user_db::steps()[0].1);
    assert_eq!(migrate_later(&user, "user", user_known, LATER_FOR_USERS, 1).await.unwrap(), 1);
    assert_eq!(migrate_later(&main, "main", main_known, LATER_FOR_MAIN, 1).await.unwrap(), 1);
    tokio::time::sleep(Duration::from_millis(300)).await;

    // A process of the version before is started again, as happens when a machine restarts in the middle of an update.
    let restarted = server.second().await;
    let device = restarted.device("eve").await;
    device.upload(&collection(Schema::V18, 3, NOW - 5)).await;
    assert_eq!(device.notes().await.len(), 3);
    stop.store(true, Ordering::Relaxed);
    for (task, name) in syncing.into_iter().zip(["ann", "bob", "cem", "dan"]) {
        let rounds = task.await.unwrap();
        assert!(rounds > 2, "{name} synced {rounds} times");
        assert_eq!(server.log_in(name).await.notes().await.len() as i64, 3 + rounds, "{name} has all that was synced");
    }

    // Once a later version has taken something away, what is too old is refused with a reason.
    assert_eq!(
        migrate_later(&main, "main", main_known + 1, "CREATE TABLE IF NOT EXISTS {s}.final (id BIGINT PRIMARY KEY)", main_known + 2)
            .await
            .unwrap(),
        1
    );
    let refused = MainDb::open(&connect_to(&server.main_database.url()), "f00", NOW).await.map(drop).unwrap_err();
    assert!(refused.to_string().contains("run the newer version"), "{refused}");
    drop((other, restarted, main, user));
    server.end().await;
}

/// A real process, killed when dropped.
struct Process(Child);

impl Process {
    /// Starts and waits until it listens. Answers the port and how long that took.
    fn start(server: &TestServer) -> (Self, u16, Duration) {
        let begun = Instant::now();
        let mut command = program(server, &["serve", "--listen-port", "0"]);
        let mut child = command.stderr(Stdio::inherit()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = |line: std::io::Result<String>| line.ok()?.trim().strip_prefix("http://127.0.0.1:")?.strip_suffix('/')?.parse().ok();
        let port = lines.find_map(address).expect("the process prints its address");
        let took = begun.elapsed();
        std::thread::spawn(move || lines.for_each(drop));
        (Self(child), port, took)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn processes_that_start_together_bring_older_tables_up_to_date_once() {
    // Only for its databases: they are emptied again by being made anew.
    let server = TestServer::new().await;
    let admin = admin().await;
    admin.empty(&server.main_database).await;
    if server.user_database != server.main_database {
        admin.empty(&server.user_database).await;
    }
    let (main, user) = (server.main_database.connect().await, server.user_database.connect().await);
    let (main_known, user_known) = (main_db::steps()[0].1, user_db::steps()[0].1);
    main_db::migrate_to(&main, main_known - 1, NOW).await.unwrap();
    user_db::migrate_to(&user, user_known - 1, NOW).await.unwrap();
    for (id, email) in [(1, "Ann@Example.com"), (2, "bob@example.com"), (3, "\u{212a}im@example.com"), (4, "")] {
        let sql = "INSERT INTO {s}.accounts (id, username, username_key, email, password_hash, is_active, is_staff, is_superuser, created) \
                   VALUES (?, ?, ?, ?, 'x', 1, 0, 0, 0)";
        main.execute(sql, params![id, format!("u{id}"), format!("u{id}"), email]).await.unwrap();
    }
    let server = &server;
    let ports: Vec<(Process, u16, Duration)> = std::thread::scope(|scope| {
        let starting: Vec<_> = (0..3).map(|_| scope.spawn(|| Process::start(server))).collect();
        starting.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(ports.len(), 3);
    // Nothing is left to do.
    assert_eq!(main_db::migrate_to(&main, main_known, NOW).await.unwrap(), 0);
    assert_eq!(user_db::migrate_to(&user, user_known, NOW).await.unwrap(), 0);
    // Addresses from before there were keys are found in any case; a letter that Unicode merely folds to another is another.
    for (email, wanted) in
        [("ann@EXAMPLE.com", Some(1)), ("BOB@example.com", Some(2)), ("kim@example.com", None), ("\u{212a}IM@example.com", Some(3))]
    {
        let found = server.app.main.accounts_by_email(email).await.unwrap();
        assert_eq!(found.first().map(|account| account.id), wanted, "{email}");
    }
    let migrated = program(server, &["migrate", "--all"]).output().unwrap();
    let text = String::from_utf8(migrated.stdout).unwrap();
    assert!(migrated.status.success() && text.contains("all 0 collections are up to date"), "{text}");
}

#[tokio::test]
async fn ten_thousand_accounts_do_not_make_a_start_slow() {
    const ACCOUNTS: i64 = 10_000;
    let server = TestServer::new().await;
    let (_, _, empty) = Process::start(&server);
    let next = AtomicI64::new(1);
    let (main, user) = (server.main_database.connect().await, server.user_database.connect().await);
    while next.load(Ordering::Relaxed) <= ACCOUNTS {
        let first = next.fetch_add(1000, Ordering::Relaxed);
        let rows = |row: &dyn Fn(i64) -> String| (first..first + 1000).map(row).collect::<Vec<_>>().join(", ");
        let accounts = rows(&|n| format!("({n}, 'user{n}', 'user{n}', '', 'x', 1, 0, 0, 0)"));
        let sql = "INSERT INTO {s}.accounts (id, username, username_key, email, password_hash, is_active, is_staff, is_superuser, created) VALUES ";
        main.execute(&format!("{sql}{accounts}"), vec![]).await.unwrap();
        let collections = rows(&|n| format!("({n}, 1, 2, 0, 0, 0)"));
        let sql = "INSERT INTO {s}.collections (account, generation, next_generation, empty_schema_modified, ahead_schema_modified, created) VALUES ";
        user.execute(&format!("{sql}{collections}"), vec![]).await.unwrap();
        let generations =
            rows(&|n| format!("({n}, 1, 'djs_0_{n}', 'current', 0, 0, 0, 'upload', 0, 1, 0, 0, 0, 1, 0, 2, 1, 9, 9, 9, 2, 2, 1)"));
        let sql = "INSERT INTO {s}.generations (account, number, schema_name, state, lease_until, created, replaced, origin, loaded_modified, \
             schema_version, crt, modified, schema_modified, usn, last_sync, scheduler_version, creation_offset, notes, cards, revlog, \
             notetypes, decks, presets) VALUES ";
        user.execute(&format!("{sql}{generations}"), vec![]).await.unwrap();
    }
    let (_process, _, full) = Process::start(&server);
    let begun = Instant::now();
    assert_eq!(server.app.user.totals().await.unwrap().collections, ACCOUNTS);
    let sums = begun.elapsed();
    assert!(sums < Duration::from_secs(1), "the sums for metrics took {sums:?}");
    assert!(full < empty + Duration::from_secs(2), "{empty:?} without accounts, {full:?} with {ACCOUNTS}");
    drop((_process, main, user));
    server.end().await;
}
