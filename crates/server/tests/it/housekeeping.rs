use crate::support::{NOW, TestServer, collection};
use anki::file::Schema;
use djankiserv::housekeeping;
use serde_json::json;
use store::user_db::GenerationState;

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

async fn schemas(server: &TestServer) -> usize {
    server.schemas().await.len()
}

#[tokio::test]
async fn what_was_cut_off_or_is_too_old_goes() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    let account = server.account("a").await;
    for day in 0..5 {
        server.clock.set(NOW + day * DAY);
        assert_eq!(a.upload(&collection(Schema::V18, 3, NOW + day)).await, "OK");
    }
    a.start(1).await;
    // A process died while it loaded another one.
    server.app.user.begin_generation(account, "upload", NOW + 4 * DAY, NOW + 4 * DAY + MINUTE).await.unwrap();
    assert_eq!(schemas(&server).await, 6);
    housekeeping::often(&server.app).await.unwrap();
    assert_eq!(schemas(&server).await, 4, "two kept, the current one, and the load, whose lease has not run out");
    a.json("sync/chunk", json!({})).await;
    server.clock.set(NOW + 4 * DAY + 30 * MINUTE);
    housekeeping::often(&server.app).await.unwrap();
    assert_eq!(schemas(&server).await, 3);
    assert_eq!(a.status("sync/chunk", json!({})).await, 409, "a sync that does not go on");
    server.clock.set(NOW + 30 * DAY);
    housekeeping::often(&server.app).await.unwrap();
    housekeeping::rarely(&server.app).await.unwrap();
    let left = server.app.user.generations(account).await.unwrap();
    assert_eq!(left.iter().map(|g| g.state).collect::<Vec<_>>(), [GenerationState::Current]);
    assert_eq!(schemas(&server).await, 1);
    assert_eq!(a.notes().await.len(), 3);
    server.end().await;
}

#[tokio::test]
async fn a_deleted_account_leaves_nothing() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    a.upload(&collection(Schema::V18, 3, NOW)).await;
    a.start(1).await;
    let account = server.account("a").await;
    server.app.user.delete_collection(account, NOW).await.unwrap();
    server.app.user.delete_collection(account, NOW).await.unwrap();
    assert_eq!(schemas(&server).await, 0);
    for table in ["collections", "generations", "sync_sessions", "sync_staged", "sync_finished", "media", "media_state"] {
        let rows = server.app.user.db().query(&format!("SELECT 1 FROM {{s}}.{table}"), vec![]).await.unwrap();
        assert!(rows.is_empty(), "{table}");
    }
    assert_eq!(a.status("sync/meta", json!({"v": 11, "cv": ""})).await, 503, "never recreated by a request");
    server.end().await;
}
