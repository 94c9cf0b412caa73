use crate::support::{NOW, TestServer, collection, read};
use anki::file::Schema;

#[tokio::test]
async fn what_goes_up_comes_down_in_every_form() {
    let server = TestServer::new().await;
    for (name, schema, legacy) in [("a", Schema::V18, false), ("b", Schema::V11, false), ("c", Schema::V11, true), ("d", Schema::V18, true)]
    {
        let mut device = server.device(name).await;
        device.legacy = legacy;
        let empty = device.meta().await;
        assert_eq!((empty["mod"].as_i64(), empty["usn"].as_i64(), empty["empty"].as_bool()), (Some(0), Some(0), Some(true)));
        let file = collection(schema, 300, NOW - 5);
        assert_eq!(device.upload(&file).await, "OK");
        let meta = device.meta().await;
        assert_eq!((meta["mod"].as_i64(), meta["scm"].as_i64(), meta["usn"].as_i64()), (Some(NOW - 5), Some(NOW - 5), Some(1)));
        assert_eq!(meta["empty"], false);
        let notes = read(&file).1;
        assert_eq!(notes.len(), 300);
        for legacy in [false, true, false] {
            device.legacy = legacy;
            let (_, body) = device.raw("sync/download", b"{}").await;
            let (stamps, downloaded) = read(&body);
            assert_eq!((stamps.modified, stamps.usn), (NOW - 5, 1), "meta and file agree");
            assert_eq!(downloaded, notes, "{name} {legacy}");
        }
    }
    server.end().await;
}

#[tokio::test]
async fn an_account_without_data_gives_a_collection_that_opens() {
    let server = TestServer::new().await;
    let device = server.device("a").await;
    let (status, body) = device.raw("sync/download", b"{}").await;
    assert_eq!(status, 200);
    let (stamps, notes) = read(&body);
    assert!(notes.is_empty());
    // A client that adds something to it has to upload: there is nothing here that a normal sync could build on.
    let meta = device.meta().await;
    assert_eq!((meta["mod"].as_i64(), meta["usn"].as_i64()), (Some(stamps.modified), Some(i64::from(stamps.usn))));
    assert_ne!(meta["scm"].as_i64(), Some(stamps.schema_modified));
    server.end().await;
}

/// A device that has synced since then may be at a usn that is given out anew, so that it would miss changes.
#[tokio::test]
async fn after_the_database_was_put_back_every_device_is_asked() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    a.upload(&collection(Schema::V18, 3, NOW - 5)).await;
    a.start(1).await;
    for (now, stamp) in [(NOW, NOW), (NOW - 100, NOW + 1)] {
        assert_eq!(server.app.user.renew_stamps(now).await.unwrap(), 1);
        let meta = a.meta().await;
        assert_eq!((meta["mod"].as_i64(), meta["scm"].as_i64(), meta["usn"].as_i64()), (Some(stamp), Some(stamp), Some(1)));
    }
    assert_eq!(a.status("sync/finish", serde_json::json!({})).await, 409);
    assert_eq!(a.notes().await.len(), 3);
    server.end().await;
}

#[tokio::test]
async fn an_upload_ends_the_running_sync_and_can_be_undone() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    a.upload(&collection(Schema::V18, 3, NOW - 5)).await;
    let mut b = server.log_in("a").await;
    b.session = "s2".into();
    b.start(1).await;
    a.upload(&collection(Schema::V18, 2, NOW - 4)).await;
    assert_eq!(b.status("sync/finish", serde_json::json!({})).await, 409);
    assert_eq!(a.notes().await.len(), 2);

    let account = server.account("a").await;
    let kept = server.app.user.generations(account).await.unwrap();
    assert_eq!(kept.len(), 2);
    let restored = server.app.user.restore(account, kept[1].number, NOW).await.unwrap();
    // Nobody has synced since: only the device that uploaded has to choose.
    assert_eq!(restored.schema_modified, NOW - 5);
    assert_eq!(a.meta().await["mod"], NOW);
    assert_eq!(a.notes().await.len(), 3);
    // Undone again, with a sync in between: everybody has to choose.
    a.start(1).await;
    a.json("sync/finish", serde_json::json!({})).await;
    let restored = server.app.user.restore(account, kept[0].number, NOW + 9).await.unwrap();
    assert!(restored.schema_modified > NOW, "{restored:?}");
    assert_eq!(a.notes().await.len(), 2);
    server.end().await;
}
