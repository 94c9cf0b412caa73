//! Arguments and settings that cannot be used.

use crate::support::Folder;
use std::process::Stdio;

#[test]
fn wrong_use_is_told_from_failure() {
    let folder = Folder::new("usage");
    folder.run(&["nonsense"]).expect_failure(2, "unrecognized subcommand");
    folder.run(&["user", "add", "ann", "--password", "pw"]).expect_failure(2, "unexpected argument");
    folder.run(&["user", "add", "ann"]).expect_failure(1, "use --password-stdin");
    let bad = |name: &str, value: &str| folder.command(&["config", "show"]).env(name, value).output().unwrap().into();
    let bad = |name, value| -> crate::support::Finished { bad(name, value) };
    bad("DJANKISERV_LISTEN_PORT", "x").expect_failure(2, "DJANKISERV_LISTEN_PORT: `x` is not usable");
    bad("DJANKISERV_MAINDB_NAME", "x").expect_failure(2, "DJANKISERV_MAINDB_PASSWORD: is missing");
    assert!(!folder.path().join("postgres").exists(), "nothing has been started");
}

#[test]
fn settings_are_shown_without_secrets() {
    let folder = Folder::new("show");
    let run = folder
        .command(&["config", "show"])
        .env("DJANKISERV_MAINDB_URL", "postgresql://me:hunter2@db/anki")
        .env("DJANKISERV_LISTENPORT", "1")
        .output()
        .unwrap();
    let text = String::from_utf8([run.stdout, run.stderr].concat()).unwrap();
    assert!(text.contains("* DJANKISERV_MAINDB_URL=********") && text.contains("  DJANKISERV_MAX_UPLOAD_MB=4096"), "{text}");
    assert!(text.contains("did you mean DJANKISERV_LISTEN_PORT?"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn an_unreachable_database_is_told_with_its_place() {
    let folder = Folder::new("away");
    let run = folder
        .command(&["user", "list"])
        .env("DJANKISERV_MAINDB_URL", "postgresql://me:hunter2@127.0.0.1:1/anki")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8(run.stderr).unwrap();
    assert_eq!(run.status.code(), Some(1), "{text}");
    assert!(text.contains("cannot use the main database") && text.contains("127.0.0.1"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn a_taken_port_is_told_at_once() {
    let folder = Folder::new("port");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    folder.run(&["serve", "--listen-port", &port]).expect_failure(1, &format!("cannot listen on 127.0.0.1 port {port}"));
    assert!(!folder.path().join("postgres").exists(), "nothing has been started");
}
