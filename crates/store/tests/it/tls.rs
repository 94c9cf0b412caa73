//! Connections that are encrypted, on a server that demands it and on one that cannot.

use crate::support::{engine, fresh, fresh_at};
use crate::tls_server::{TlsServer, without_tls};
use bytes::Bytes;
use futures_util::stream;
use store::StoreError;
use store::engine::examine::{Level, Wanted, examine};
use store::engine::{ConnectTo, Db, Encryption, Engine, Host, Kind, RowEncoder, Table, TlsMode};

const NUMBERS: Table = Table { name: "numbers", columns: &[("id", Kind::Int), ("name", Kind::Text)], key: &["id"] };

fn with(mode: TlsMode, roots: Option<&str>, server: &TlsServer, to: &ConnectTo) -> ConnectTo {
    let roots = roots.map(|name| server.authority(name));
    ConnectTo { encryption: Encryption { mode, roots }, ..to.clone() }
}

/// What the doctor says of the encryption.
async fn said(to: &ConnectTo) -> Option<(Level, String, String)> {
    let wanted = Wanted { connections: 5, collections: false, scratch: "ab12".into() };
    let observations = examine(to, &wanted).await.unwrap().observations;
    observations.into_iter().find(|o| o.about == "encryption").map(|o| (o.level, o.found, o.advice))
}

async fn refusal(to: &ConnectTo) -> String {
    match Db::connect(to).await {
        Ok(_) => panic!("{:?} is not refused", to.encryption),
        Err(StoreError::Unavailable(text) | StoreError::Denied(text) | StoreError::Internal(text)) => text,
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_server_that_demands_tls() {
    let server = TlsServer::start().await;
    let account = fresh_at(&server.administrator(), "").await;
    let localhost = server.by_network("localhost", &account);
    let address = server.by_network("127.0.0.1", &account);

    for (mode, roots, to) in [
        (TlsMode::Prefer, None, &address),
        (TlsMode::Require, None, &address),
        (TlsMode::Require, Some("ca"), &address),
        (TlsMode::VerifyCa, Some("ca"), &address),
        (TlsMode::VerifyFull, Some("ca"), &localhost),
    ] {
        let to = with(mode, roots, &server, to);
        Db::connect(&to).await.unwrap_or_else(|e| panic!("{:?}: {e}", to.encryption)).query("SELECT 1", vec![]).await.unwrap();
        let (level, found, _) = said(&to).await.expect("it says something");
        assert!(level == Level::Good && found.contains("encrypted (TLSv1."), "{found}");
    }

    if engine() == Engine::Postgres {
        // The very certificate is trusted, as one that has signed itself would be.
        let itself = |to| with(TlsMode::VerifyFull, Some("server"), &server, to);
        Db::connect(&itself(&localhost)).await.unwrap();
        assert!(refusal(&itself(&address)).await.contains("verify-ca"));
    }

    for (mode, roots, to, part) in [
        (TlsMode::Off, None, &address, "sslmode=require"),
        (TlsMode::VerifyFull, Some("ca"), &address, "verify-ca"),
        (TlsMode::VerifyFull, Some("other"), &localhost, "sslrootcert"),
        (TlsMode::VerifyCa, Some("other"), &localhost, "sslrootcert"),
        (TlsMode::Require, Some("other"), &localhost, "sslrootcert"),
        (TlsMode::VerifyFull, Some("nowhere"), &localhost, "nowhere.pem"),
    ] {
        let to = with(mode, roots, &server, to);
        let text = refusal(&to).await;
        assert!(text.contains(part), "{:?}: {text}", to.encryption);
        assert!(!text.contains("a long password"), "{text}");
        let wanted = Wanted { connections: 5, collections: false, scratch: "ab12".into() };
        let text = examine(&to, &wanted).await.expect_err("the doctor cannot look either").to_string();
        assert!(text.contains(part), "{:?}: {text}", to.encryption);
    }

    // All ways of sending and getting rows.
    let db = Db::connect(&with(TlsMode::VerifyFull, Some("ca"), &server, &localhost)).await.unwrap();
    db.create_schema("djs_tls1_1").await.unwrap();
    let tx = db.begin().await.unwrap();
    tx.create_table("djs_tls1_1", &NUMBERS, "id BIGINT NOT NULL, name TEXT_T NOT NULL").await.unwrap();
    let mut rows = RowEncoder::default();
    let long = "x".repeat(200_000);
    for id in 0..50 {
        rows.int(id).text(&long);
        rows.end_row();
    }
    let block: Result<Bytes, StoreError> = Ok(rows.take());
    assert_eq!(tx.load("djs_tls1_1", &NUMBERS, stream::iter([block]), true).await.unwrap(), 50);
    tx.finish_table("djs_tls1_1", &NUMBERS, &[]).await.unwrap();
    tx.commit().await.unwrap();
    let rows = db.query("SELECT name FROM djs_tls1_1.numbers ORDER BY id", vec![]).await.unwrap();
    assert!(rows.len() == 50 && rows.iter().all(|row| row.text(0).unwrap() == long));
    db.drop_schema("djs_tls1_1").await.unwrap();
}

#[tokio::test]
async fn a_server_without_tls() {
    let socket = fresh().await;
    let to = ConnectTo { host: Host::Tcp("127.0.0.1".into()), port: without_tls().await, ..socket.clone() };
    let with = |mode| ConnectTo { encryption: Encryption { mode, roots: None }, ..to.clone() };
    for mode in [TlsMode::Off, TlsMode::Prefer] {
        Db::connect(&with(mode)).await.unwrap().query("SELECT 1", vec![]).await.unwrap();
        assert_eq!(said(&with(mode)).await, None, "it is on this machine");
    }
    let text = refusal(&with(TlsMode::Require)).await;
    assert!(text.contains("sslmode=disable"), "{text}");
    // What is demanded concerns the network only.
    let by_socket = ConnectTo { encryption: Encryption { mode: TlsMode::VerifyFull, roots: None }, ..socket };
    Db::connect(&by_socket).await.unwrap();
}

#[tokio::test]
async fn a_server_that_takes_us_only_without_tls() {
    if engine() == Engine::Mysql {
        return; // Its accounts cannot forbid TLS.
    }
    let server = TlsServer::start().await;
    let account = fresh_at(&server.administrator(), "").await;
    let admin = Db::connect(&server.administrator()).await.unwrap();
    admin.script(&format!("CREATE DATABASE plain OWNER {}", account.user)).await.unwrap();
    let to = ConnectTo { database: "plain".into(), ..server.by_network("127.0.0.1", &account) };
    Db::connect(&with(TlsMode::Prefer, None, &server, &to)).await.unwrap();
    assert!(refusal(&with(TlsMode::Require, None, &server, &to)).await.contains("pg_hba.conf"));
}
