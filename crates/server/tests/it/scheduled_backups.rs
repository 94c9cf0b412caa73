//! Backups that the server makes by itself, and what comes back from them beside collections.

use crate::support::{NOW, TestServer, collection};
use anki::file::Schema;
use djankiserv::actions::backup::{Target, restore, schedule};
use djankiserv::config::{BackupPlace, BackupPlan};
use store::main_db::{AccountChange, ApiToken, AuditEntry, Identity, Rhythm};
use tempfile::TempDir;

const HOUR: i64 = 60 * 60 * 1000;

fn plan(place: &BackupPlace) -> BackupPlan {
    BackupPlan { to: place.clone(), every_ms: 24 * HOUR, keep: 2 }
}

#[tokio::test]
async fn one_process_makes_each_when_it_is_due() {
    let server = TestServer::new().await;
    let folder = TempDir::new().unwrap();
    let place = BackupPlace::Folder(folder.path().join("backups"));
    let runs = || Target::open(&place).unwrap().runs().unwrap();
    let plan = plan(&place);
    let a = server.device("a").await;
    assert_eq!(a.upload(&collection(Schema::V18, 3, NOW)).await, "OK");

    // Of several at the same moment, one.
    let rounds = futures_util::future::join_all((0..5).map(|_| schedule::round(&server.app, &plan))).await;
    assert_eq!(rounds.into_iter().filter(|round| *round.as_ref().unwrap()).count(), 1);
    assert_eq!(runs().len(), 1);
    server.clock.set(NOW + 23 * HOUR);
    assert!(!schedule::round(&server.app, &plan).await.unwrap());
    for day in 1..4 {
        server.clock.set(NOW + day * 25 * HOUR);
        assert!(schedule::round(&server.app, &plan).await.unwrap());
    }
    assert_eq!(runs().len(), 2, "as many as are to be kept");

    // One who died is followed after the lease.
    let now = NOW + 200 * HOUR;
    let rhythm = Rhythm { every: plan.every_ms, after_failure: HOUR };
    assert!(server.app.main.take_duty(schedule::DUTY, "dead", rhythm, now, now + HOUR / 2).await.unwrap());
    server.clock.set(now + HOUR / 4);
    assert!(!schedule::round(&server.app, &plan).await.unwrap());
    server.clock.set(now + HOUR);
    assert!(schedule::round(&server.app, &plan).await.unwrap());
    assert!(!server.app.main.hold_duty(schedule::DUTY, "dead", now + 2 * HOUR).await.unwrap());
    server.end().await;
}

#[tokio::test]
async fn a_failure_is_written_down_and_tried_again_in_an_hour() {
    let server = TestServer::new().await;
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("backups");
    std::fs::write(&path, "a file").unwrap();
    let plan = plan(&BackupPlace::Folder(path.clone()));
    assert!(schedule::round(&server.app, &plan).await.unwrap());
    let duty = server.app.main.duty(schedule::DUTY).await.unwrap().unwrap();
    assert_eq!((duty.succeeded, duty.failed), (None, Some(NOW)));
    assert!(duty.problem.contains("backups"), "{}", duty.problem);
    std::fs::remove_file(&path).unwrap();
    server.clock.set(NOW + HOUR / 2);
    assert!(!schedule::round(&server.app, &plan).await.unwrap());
    server.clock.set(NOW + HOUR);
    assert!(schedule::round(&server.app, &plan).await.unwrap());
    let duty = server.app.main.duty(schedule::DUTY).await.unwrap().unwrap();
    assert_eq!((duty.succeeded, duty.failed, duty.problem.as_str()), (Some(NOW + HOUR), None, ""));
    server.end().await;
}

#[tokio::test]
async fn quotas_tokens_and_the_audit_log_come_back() {
    let server = TestServer::new().await;
    let folder = TempDir::new().unwrap();
    let place = BackupPlace::Folder(folder.path().join("backups"));
    server.device("a").await;
    let (id, main) = (server.account("a").await, &server.app.main);
    let change = AccountChange {
        email: "a@example.com".into(),
        is_staff: true,
        is_superuser: false,
        quota_collection_bytes: Some(5_000_000),
        quota_media_bytes: Some(7_000_000),
    };
    main.change_account(id, &change).await.unwrap();
    let token = ApiToken {
        digest: "ab".repeat(32),
        account: id,
        name: "script".into(),
        scopes: "notes:read".into(),
        created: NOW,
        last_used: None,
        expires: Some(NOW + HOUR),
    };
    main.add_api_token(&token).await.unwrap();
    let identity = Identity {
        digest: "cd".repeat(32),
        account: id,
        issuer: "https://id.example.com".into(),
        subject: "1234".into(),
        label: "a@id".into(),
        created: NOW,
        last_used: NOW,
    };
    main.add_identity(&identity).await.unwrap();
    for number in 0..2_500 {
        let entry = AuditEntry {
            at: NOW + number / 10,
            actor: "ü".into(),
            address: "192.0.2.1".into(),
            account: Some(id),
            action: "test.entry".into(),
            detail: number.to_string(),
        };
        main.write_audit(number - 1000, &entry).await.unwrap();
    }
    assert!(schedule::round(&server.app, &plan(&place)).await.unwrap());
    let log = main.audit(None, 10_000).await.unwrap();

    let other = TestServer::new().await;
    let target = Target::open(&place).unwrap();
    let run = target.newest(None).unwrap().name;
    for _ in 0..2 {
        restore(&other.app, &target, &run, None, |_| ()).await.unwrap();
    }
    let main = &other.app.main;
    let account = main.account_by_id(id).await.unwrap().unwrap();
    assert_eq!((account.quota_collection_bytes, account.quota_media_bytes), (Some(5_000_000), Some(7_000_000)));
    assert_eq!((account.email.as_str(), account.is_staff), ("a@example.com", true));
    assert_eq!(main.api_tokens(id).await.unwrap(), [token]);
    assert_eq!(main.identities(id).await.unwrap(), [identity]);
    let restored = main.audit(None, 10_000).await.unwrap();
    assert!(log.len() > 2_500 && log.iter().all(|entry| restored.contains(entry)));
    server.end().await;
    other.end().await;
}
