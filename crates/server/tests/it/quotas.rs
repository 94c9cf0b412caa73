//! Quotas are enforced where data comes in, and never keep anybody from making it less.

use crate::api::{send, token};
use crate::media::{batch, sane, upload};
use crate::support::{BASIC, NOW, TestServer, card_row, collection, note_row};
use anki::file::Schema;
use djankiserv::actions::api_tokens::Scope;
use djankiserv::actions::edit_collection::EditError;
use djankiserv::actions::edit_collection::merge::MergeOptions;
use djankiserv::actions::import::apkg::{self, Giver};
use djankiserv::actions::import::folder::MediaFolder;
use djankiserv::actions::import::media::{Index, import as import_media};
use djankiserv::actions::import::{self, ImportError, Stamping};
use djankiserv::actions::quota::Full;
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

#[tokio::test]
async fn programs_have_no_more_room_than_devices() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    assert_eq!(a.upload(&collection(Schema::V18, 3, NOW)).await, "OK");
    let auth = token(&server, "a", &[Scope::Read, Scope::Write, Scope::Media]).await;
    let call = async |method: &str, path: &str, body| send(&server, method, path, &auth, body).await;
    let front = "long ".repeat(200);
    let note = json!({"deck": "Default", "notetype": "Basic", "fields": {"Front": front}});
    let id = call("POST", "/api/v2/notes", Some(note)).await.json()["id"].as_i64().unwrap();
    let size = server.app.user.schema_size(&server.schema("a").await).await.unwrap();
    server.limit("a", Some(size + 1000), Some(1000)).await;
    // What is new, longer or more is refused as a whole,
    let long = json!({"deck": "Default", "notetype": "Basic", "fields": {"Front": "long ".repeat(300)}});
    let full = call("POST", "/api/v2/notes", Some(long.clone())).await;
    assert_eq!((full.status, full.json()["code"].as_str()), (413, Some("quota")), "{}", full.json());
    let preset = json!({"name": "x"});
    assert_eq!(call("POST", "/api/v2/presets", Some(preset)).await.status, 413);
    let longer = json!({"fields": {"Front": "longer ".repeat(400)}});
    assert_eq!(call("PATCH", &format!("/api/v2/notes/{id}"), Some(longer)).await.status, 413);
    let css = json!({"css": "x".repeat(2000)});
    let notetype = call("GET", "/api/v2/notetypes", None).await.json()["items"][0]["id"].as_i64().unwrap();
    assert_eq!(call("PATCH", &format!("/api/v2/notetypes/{notetype}"), Some(css)).await.status, 413);
    let key = json!("x".repeat(2000));
    assert_eq!(call("PUT", "/api/v2/collection/config/myKey", Some(key)).await.status, 413);
    let old = json!({"deck": "Default", "notes": [{"model": "Basic", "fields": [front, ""], "tags": []}]});
    assert_eq!(call("POST", "/djs/dapi/addNotes", Some(old)).await.status, 413);
    let key = auth.trim_start_matches("Bearer ");
    let anki = json!({"action": "addNote", "version": 6, "params": {"note": {"deckName": "Default", "modelName": "Basic", "fields": {"Front": format!("{front} other")}}}});
    let answer = call("POST", &format!("/ankiconnect/{key}"), Some(anki)).await.json();
    assert!(answer["error"].as_str().unwrap().contains("no room for more"), "{answer}");
    // what asks, shortens, moves or deletes is not.
    assert_eq!(call("POST", "/api/v2/notes/check", Some(json!({"notes": [long]}))).await.json()["notes"][0]["cards"], 1);
    let cards = call("GET", &format!("/api/v2/notes/{id}"), None).await.json()["cards"].clone();
    let suspend = json!({"cards": cards, "change": {"do": "suspend"}});
    assert_eq!(call("POST", "/api/v2/cards/change", Some(suspend)).await.status, 200);
    server.limit("a", Some(1), Some(1000)).await;
    let shorter = json!({"fields": {"Front": "short"}});
    assert_eq!(call("PATCH", &format!("/api/v2/notes/{id}"), Some(shorter)).await.status, 200);
    assert_eq!(call("DELETE", &format!("/api/v2/notes/{id}"), None).await.status, 204);
    assert_eq!(a.notes().await.len(), 3);
    // Media: two doors, one room.
    let file =
        |bytes: usize| json!({"action": "storeMediaFile", "version": 6, "params": {"filename": "a.txt", "data": "YWFh".repeat(bytes / 3)}});
    let store = async |bytes| call("POST", &format!("/ankiconnect/{key}"), Some(file(bytes))).await.json();
    assert_eq!(store(600).await["result"], "a.txt");
    assert!(store(1200).await["error"].as_str().unwrap().contains("at most"));
    let put = call("PUT", "/api/v2/media/b.txt", Some(json!("b".repeat(600)))).await;
    assert_eq!((put.status, put.json()["code"].as_str()), (413, Some("quota")), "{}", put.json());
    assert_eq!(call("PUT", "/api/v2/media/b.txt", Some(json!("b".repeat(300)))).await.status, 200);
    // In place of itself there is room.
    assert_eq!(call("PUT", "/api/v2/media/a.txt", Some(json!("b".repeat(500)))).await.status, 200);
    assert_eq!(call("DELETE", "/api/v2/media/a.txt", None).await.status, 204);
    server.end().await;
}

/// Who imports or restores decides about quotas too.
#[tokio::test]
async fn imports_pass_quotas_and_say_so() {
    let server = TestServer::new().await;
    server.device("a").await;
    server.limit("a", Some(10_000), Some(1000)).await;
    let account = server.app.accounts.find_by_id(server.account("a").await).await.unwrap();
    assert!(import::over_quota(&server.app, &account).await.unwrap().is_empty());
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.jpg"), vec![1; 600]).unwrap();
    std::fs::write(folder.path().join("b.jpg"), vec![2; 600]).unwrap();
    let source = MediaFolder(folder.path().to_owned());
    let entries = source.with_files(Vec::new()).unwrap();
    let outcome = import_media(&server.app, &account, source, entries, Index::Merge, |_| ()).await.unwrap();
    assert_eq!(outcome.stored, 2);
    let spooled = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(spooled.path(), collection(Schema::V18, 3, NOW)).unwrap();
    let opened = import::open(&server.app, spooled).await.unwrap();
    let imported = import::replace(&server.app, &account, opened, Stamping::Renew).await.unwrap();
    assert_eq!(imported.counts.notes, 3);
    let said = import::over_quota(&server.app, &account).await.unwrap();
    assert!(
        said.len() == 2 && said[0].starts_with("the media takes 1200 bytes") && said[1].starts_with("the collection takes "),
        "{said:?}"
    );
    server.end().await;
}

#[tokio::test]
async fn packages_of_users_are_held_to_quotas() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    assert_eq!(a.upload(&collection(Schema::V18, 1, NOW)).await, "OK");
    let package = tempfile::NamedTempFile::new().unwrap();
    let mut zip = zip::ZipWriter::new(package.as_file());
    for (name, content) in
        [("collection.anki21", collection(Schema::V11, 30, NOW)), ("media", br#"{"0": "_a.txt"}"#.to_vec()), ("0", b"static".to_vec())]
    {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        std::io::Write::write_all(&mut zip, &content).unwrap();
    }
    zip.finish().unwrap();
    let import = async |collection, media, giver| {
        server.limit("a", collection, media).await;
        let account = server.app.accounts.find_by_id(server.account("a").await).await.unwrap();
        let path = package.path().to_owned();
        apkg::import(&server.app, &account, path, MergeOptions::default(), giver).await
    };
    let size = server.app.user.schema_size(&server.schema("a").await).await.unwrap();
    let full = import(Some(size + 100), None, Giver::User).await;
    assert!(matches!(full, Err(ImportError::Edit(EditError::Full(_)))), "{full:?}");
    let full = import(None, Some(5), Giver::User).await;
    assert!(matches!(full, Err(ImportError::Edit(EditError::Full(Full::Media(5))))), "{full:?}");
    let account = server.account("a").await;
    assert_eq!((a.notes().await.len(), server.app.user.media_state(account).await.unwrap().unwrap().files), (1, 0));
    let merged = import(Some(size + 100), Some(5), Giver::Operator).await.unwrap();
    assert_eq!((merged.notes_added, merged.notes_unchanged, merged.media_added), (29, 1, 1));
    // What brings nothing new always fits. By AnkiConnect too: as data, and from among the media files, as with the add-on.
    let again = import(Some(1), Some(1), Giver::User).await.unwrap();
    let auth = token(&server, "a", &[Scope::Read, Scope::Write, Scope::Media]).await;
    let anki = async |action: &str, params: serde_json::Value| {
        let body = json!({"action": action, "version": 6, "params": params});
        send(&server, "POST", "/ankiconnect", &auth, Some(body)).await.json()
    };
    let data = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, std::fs::read(package.path()).unwrap());
    assert_eq!(anki("importPackage", json!({"data": data})).await, json!({"result": true, "error": null}));
    let missing = anki("importPackage", json!({"path": "deck.apkg"})).await;
    assert!(missing["error"].as_str().unwrap().contains("no media file `deck.apkg`"), "{missing}");
    server.limit("a", None, None).await;
    assert_eq!(anki("storeMediaFile", json!({"filename": "deck.apkg", "data": data})).await["result"], "deck.apkg");
    assert_eq!(anki("deleteNotes", json!({"notes": [a.notes().await[0].id]})).await["error"], json!(null));
    assert_eq!(anki("importPackage", json!({"path": "deck.apkg"})).await, json!({"result": true, "error": null}));
    let damaged = anki("importPackage", json!({"data": "bm8gcGFja2FnZQ=="})).await;
    assert!(damaged["result"].is_null() && !damaged["error"].as_str().unwrap().contains("its log says why"), "{damaged}");
    assert_eq!(a.notes().await.len(), 30);
    assert!(!again.is_something(), "{again:?}");
    server.end().await;
}
