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
    assert!(text.contains("PostgreSQL me@127.0.0.1:1/anki") && text.contains("djankiserv doctor"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn a_data_folder_that_cannot_be_used_is_told_once_with_what_to_do() {
    let folder = Folder::new("foreign");
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let list = |root: &std::path::Path| -> crate::support::Finished {
        folder.command(&["user", "list"]).env("DJANKISERV_DATA_ROOT", root).output().unwrap().into()
    };
    let told = list(&file.join("below"));
    assert_eq!((told.code, told.stderr.matches("Not a directory").count()), (Some(1), 1), "{told:?}");
    told.expect_failure(1, "set DJANKISERV_DATA_ROOT to a folder of your own");
    list(&file).expect_failure(1, "it is a file, not a folder");
    if !nix::unistd::geteuid().is_root() {
        return list(std::path::Path::new("/usr")).expect_failure(1, "belongs to root (mode 755)");
    }
    let of_another = folder.path().join("another");
    std::fs::create_dir(&of_another).unwrap();
    std::os::unix::fs::chown(&of_another, Some(65534), None).unwrap();
    list(&of_another).expect_failure(1, "it belongs to nobody, and this is root: run this as nobody");
    let left = std::fs::read_dir(&of_another).unwrap().count();
    assert_eq!(left, 0, "nothing has been left there");
}

#[test]
fn a_taken_port_is_told_at_once() {
    let folder = Folder::new("port");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    folder.run(&["serve", "--listen-port", &port]).expect_failure(1, &format!("cannot listen on 127.0.0.1 port {port}"));
    folder.run(&["serve", "--listen-port", &port]).expect_failure(1, "set DJANKISERV_LISTEN_PORT to another port");
    assert!(!folder.path().join("postgres").exists(), "nothing has been started");
}
