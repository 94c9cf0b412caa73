//! The program itself, on the databases under test.

use crate::support::{PASSWORD, TestServer};
use std::io::Write;
use std::process::{Command, Output, Stdio};

pub fn program(server: &TestServer, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_djankiserv"));
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).args(arguments);
    command.env("DJANKISERV_DATA_ROOT", server.app.config.data_root.path());
    command.env("DJANKISERV_MAINDB_URL", server.main_database.url()).env("DJANKISERV_USERDB_URL", server.user_database.url());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test]
async fn commands_work_on_databases_elsewhere() {
    let server = TestServer::new().await;
    for arguments in [&["migrate"][..], &["housekeeping"]] {
        let output = program(&server, arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", text(&output));
    }
    let mut adding = program(&server, &["user", "add", "ann", "--password-stdin"]).stdin(Stdio::piped()).spawn().unwrap();
    adding.stdin.take().unwrap().write_all(PASSWORD.as_bytes()).unwrap();
    let added = adding.wait_with_output().unwrap();
    assert!(added.status.success(), "{}", text(&added));
    let device = server.log_in("ann").await;
    assert_eq!(device.meta().await["empty"], true);
    let listed = program(&server, &["user", "list"]).output().unwrap();
    assert!(text(&listed).contains("ann"), "{}", text(&listed));

    let shown = program(&server, &["config", "show"]).output().unwrap();
    let engines = [server.main_database.engine, server.user_database.engine].map(|engine| engine.to_string());
    assert!(engines.iter().all(|engine| text(&shown).contains(engine)), "{}", text(&shown));
    assert!(!text(&shown).contains("a long password"), "{}", text(&shown));
    let dumped = program(&server, &["database", "dump"]).output().unwrap();
    assert!(!dumped.status.success() && text(&dumped).contains("its own tools"), "{}", text(&dumped));
    server.end().await;
}
