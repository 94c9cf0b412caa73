//! Quotas are enforced where data comes in, and never keep anybody from making it less.

use crate::media::{batch, sane, upload};
use crate::support::{BASIC, NOW, TestServer, card_row, collection, note_row};
use anki::file::Schema;
use serde_json::json;
use store::main_db::AccountChange;

impl TestServer {
    async fn limit(&self, name: &str, collection: Option<i64>, media: Option<i64>) {
        let account = self.app.accounts.find_by_id(self.account(name).await).await.unwrap();
        let change = AccountChange {
            email: String::new(),
            is_staff: false,
            is_superuser: false,
            quota_collection_bytes: collection,
            quota_media_bytes: media,
        };
        self.app.accounts.change(&account, &change, "test").await.unwrap();
    }
}

#[tokio::test]
async fn a_full_collection() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    server.limit("a", Some(10_000), None).await;
    let told = a.upload(&collection(Schema::V18, 3, NOW)).await;
    assert!(told.contains("at most"), "{told}");
    assert_eq!(a.meta().await["mod"], 0);
    // The file would do, but not what becomes of it.
    server.limit("a", Some(150_000), None).await;
    let file = collection(Schema::V18, 3, NOW);
    assert!(file.len() < 150_000, "{}", file.len());
    let told = a.upload(&file).await;
    assert!(told.contains("at most"), "{told}");
    assert_eq!((a.meta().await["mod"].clone(), server.schemas().await.len()), (json!(0), 0));
    server.limit("a", None, None).await;
    assert_eq!(a.upload(&file).await, "OK");
    let schema = server.schema("a").await;
    let size = server.app.user.schema_size(&schema).await.unwrap();
    assert!(size > 0);
    server.limit("a", Some(size + 100), None).await;
    a.start(0).await;
    let changes = json!({"changes": {"models": [], "decks": [[], []], "tags": [], "conf": {"x": 1}, "crt": 1}});
    assert_eq!(a.status("sync/applyChanges", changes).await, 200);
    let rows = json!({"chunk": {"done": true, "notes": [note_row(9, BASIC, 7, &format!("{}\u{1f}b", "long ".repeat(100)))], "cards": [card_row(90, 9, 7)]}});
    assert_eq!(a.status("sync/applyChunk", rows.clone()).await, 413);
    assert_eq!(a.status("sync/applyChunk", json!({"chunk": {"done": true}})).await, 200);
    server.limit("a", Some(size + 100_000), None).await;
    assert_eq!(a.status("sync/applyChunk", rows).await, 200);
    server.end().await;
}

#[tokio::test]
async fn full_media() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    server.limit("a", None, Some(1000)).await;
    upload(&a, &[("a.jpg", Some(&[1; 600]))]).await;
    let too_much = batch(&[("b.jpg", Some(&[2; 401]))]);
    assert_eq!(a.raw("msync/uploadChanges", &too_much).await.0, 413);
    assert!(sane(&a, 1).await);
    // What takes the place of something, or goes, counts as such.
    upload(&a, &[("a.jpg", Some(&[3; 900])), ("b.jpg", Some(&[2; 100]))]).await;
    assert_eq!(a.raw("msync/uploadChanges", &too_much).await.0, 413);
    server.limit("a", None, Some(10)).await;
    upload(&a, &[("a.jpg", None)]).await;
    assert!(sane(&a, 1).await);
    assert_eq!(server.app.user.media_state(server.account("a").await).await.unwrap().unwrap().bytes, 100);
    server.end().await;
}
