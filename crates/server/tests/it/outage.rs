use crate::support::{NOW, TestServer, admin, collection, counts};
use anki::file::Schema;
use serde_json::json;

/// The database goes away in the middle of a sync: everything is "try later", and afterwards all goes on without a restart.
#[tokio::test]
async fn a_database_that_is_away_is_a_passing_fault() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    a.upload(&collection(Schema::V18, 3, NOW - 5)).await;
    a.start(1).await;
    let admin = admin().await;
    server.allow_connections(&admin, false).await;
    server.cut_connections(&admin).await;
    for (path, message) in [
        ("sync/meta", json!({"v": 11, "cv": ""})),
        ("sync/start", json!({"minUsn": 1, "lnewer": false})),
        ("sync/applyChunk", json!({"chunk": {"done": true}})),
        ("sync/sanityCheck2", counts(3, 0)),
        ("sync/finish", json!({})),
        ("sync/abort", json!({})),
        ("sync/download", json!({})),
        ("sync/hostKey", json!({"u": "a", "p": "x"})),
        ("msync/mediaChanges", json!({"lastUsn": 0})),
    ] {
        assert_eq!(a.status(path, message).await, 503, "{path}");
    }
    assert_eq!(a.raw("sync/upload", &collection(Schema::V18, 1, NOW)).await.0, 503);
    server.allow_connections(&admin, true).await;
    assert_eq!(a.meta().await["mod"], NOW - 5);
    assert_eq!(a.json("sync/sanityCheck2", counts(3, 0)).await["status"], "ok", "the session outlived it");
    a.json("sync/finish", json!({})).await;
    server.end().await;
}
