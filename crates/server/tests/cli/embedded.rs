//! The embedded database: one owner, many users, and what happens when somebody is killed.

use crate::support::{Folder, signal, wait_until};
use std::os::unix::fs::PermissionsExt;

#[test]
fn commands_work_with_and_without_a_server() {
    let folder = Folder::new("attach");
    folder.run_with_password(&["user", "add", "ann"], "pw");
    assert_eq!(folder.postmaster(), None, "a command stops what it started");

    let server = folder.serve();
    assert_eq!(server.status("/health"), 200);
    folder.run_with_password(&["user", "add", "bob"], "pw");
    let list = folder.run(&["user", "list"]).expect_success().stdout;
    assert!(list.contains("ann") && list.contains("bob"), "{list}");
    folder.run(&["serve"]).expect_failure(1, "another `djankiserv serve`");

    assert_eq!(server.stop("TERM"), Some(0));
    assert_eq!(folder.postmaster(), None, "the server stops its database");
}

#[test]
fn several_commands_at_once_share_a_new_database() {
    let folder = Folder::new("together");
    std::thread::scope(|scope| {
        for name in ["ann", "bob", "cem", "dan"] {
            let folder = &folder;
            scope.spawn(move || folder.run_with_password(&["user", "add", name], "pw"));
        }
    });
    let list = folder.run(&["user", "list"]).expect_success().stdout;
    assert_eq!(list.lines().count(), 5, "{list}");
    assert_eq!(folder.postmaster(), None);
}

#[test]
fn a_killed_server_leaves_nothing_that_keeps_the_next_from_starting() {
    let folder = Folder::new("killed");
    let server = folder.serve();
    folder.run_with_password(&["user", "add", "ann"], "pw");
    server.stop("KILL");
    let left_behind = folder.postmaster().expect("the database runs on");

    let server = folder.serve();
    assert_ne!(folder.postmaster(), Some(left_behind));
    assert!(folder.run(&["user", "list"]).expect_success().stdout.contains("ann"));
    // Server and database at once, as in a power cut.
    signal(folder.postmaster().unwrap(), "KILL");
    server.stop("KILL");
    assert!(folder.run(&["user", "list"]).expect_success().stdout.contains("ann"));
}

#[test]
fn a_killed_database_is_started_again() {
    let folder = Folder::new("restarted");
    let server = folder.serve();
    let first = folder.postmaster().unwrap();
    signal(first, "KILL");
    wait_until("another database runs", || folder.postmaster().is_some_and(|pid| pid != first));
    wait_until("the server is ready again", || server.status("/health/ready") == 200);
    assert_eq!(server.stop("INT"), Some(0));
}

#[test]
fn a_lock_file_that_names_somebody_else_is_no_obstacle() {
    let folder = Folder::new("stale");
    folder.run(&["migrate"]).expect_success();
    let file = folder.path().join("postgres/data/postmaster.pid");
    // Our own process: it runs, but is no database.
    std::fs::write(&file, format!("{}\n{}\n", std::process::id(), folder.path().display())).unwrap();
    folder.run(&["migrate"]).expect_success();
}

#[test]
fn a_long_path_is_no_obstacle() {
    let folder = Folder::new("long");
    let deep = folder.path().join("x".repeat(120));
    let run = folder.command(&["migrate"]).env("DJANKISERV_DATA_ROOT", &deep).output().unwrap();
    assert!(run.status.success(), "{run:?}");
    let socket = std::fs::read_dir("/tmp").unwrap().flatten().map(|entry| entry.path());
    let text = std::fs::read_to_string(deep.join("postgres/data/postmaster.opts")).unwrap();
    for path in socket.filter(|path| text.contains(&*path.to_string_lossy()) && path != folder.path()) {
        std::fs::remove_dir_all(path).unwrap();
    }
}

#[test]
fn nothing_can_be_read_by_others() {
    let folder = Folder::new("modes");
    let root = folder.path().join("on/the/way");
    let run = folder.command(&["migrate"]).env("DJANKISERV_DATA_ROOT", &root).output().unwrap();
    assert!(run.status.success(), "{run:?}");
    let mut to_do = vec![root];
    while let Some(path) = to_do.pop() {
        let mode = std::fs::symlink_metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o066, 0, "{mode:o} {}", path.display());
        // What lies in a closed folder is closed, whatever its own mode.
        if path.is_dir() && mode & 0o011 != 0 {
            to_do.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
}

#[test]
fn a_dump_brings_everything_back() {
    let folder = Folder::new("dump");
    folder.run_with_password(&["user", "add", "ann"], "pw");
    let printed = folder.run(&["database", "dump"]).expect_success().stdout;
    let file = printed.trim().strip_prefix("Dumped to ").and_then(|rest| rest.strip_suffix('.')).unwrap().to_owned();
    folder.run(&["database", "restore", &file]).expect_failure(1, "pg_restore failed");
    assert!(folder.run(&["user", "list"]).expect_success().stdout.contains("ann"), "nothing is lost by trying");

    std::fs::rename(folder.path().join("postgres/data"), folder.path().join("postgres/data.old")).unwrap();
    let restored = folder.run(&["database", "restore", &file]).expect_success().stdout;
    assert!(restored.contains("is asked for a one-way sync"), "{restored}");
    folder.run(&["database", "restored"]).expect_success();
    assert!(folder.run(&["user", "list"]).expect_success().stdout.contains("ann"));
    folder.run_with_password(&["user", "add", "bob"], "pw");
}

#[test]
fn the_doctor_looks_at_the_embedded_database_and_leaves_it_as_it_was() {
    let folder = Folder::new("doctor");
    let found = folder.run(&["doctor"]).stdout;
    assert!(found.contains("it has not been made yet"), "{found}");
    assert!(!folder.path().join("postgres").exists(), "nothing is made by looking");
    folder.run(&["migrate"]).expect_success();
    let found = folder.run(&["doctor", "--json"]).expect_success().stdout;
    for part in ["it was started to look at it", "commits wait for the disk", "the user tables are up to date", "there is no dump"] {
        assert!(found.contains(part), "{part} in {found}");
    }
    assert_eq!(folder.postmaster(), None);
    folder.run(&["database", "dump"]).expect_success();
    let server = folder.serve();
    let found = folder.run(&["doctor"]).expect_success().stdout;
    assert!(found.contains("it runs, with the server") && found.contains("the newest dump is of"), "{found}");
    assert_eq!(server.stop("TERM"), Some(0));
}
