//! Exports: what real clients do with them is tested in `e2e/test_export.py`.

use crate::media;
use crate::support::{self, NOW, TestServer};
use anki::file::Schema;
use anki::package::{Form, MediaEntries};
use djankiserv::actions::export::{self, Exported};
use prost::Message;
use std::collections::BTreeMap;
use std::io::{Cursor, Read};

/// All members of a package, unpacked where they are zstd frames.
fn members(package: Vec<u8>, zstd: bool) -> BTreeMap<String, Vec<u8>> {
    let mut archive = zip::ZipArchive::new(Cursor::new(package)).unwrap();
    let mut all = BTreeMap::new();
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).unwrap();
        let (name, mut content) = (member.name().unwrap().into_owned(), Vec::new());
        member.read_to_end(&mut content).unwrap();
        if zstd && !["meta", "collection.anki2"].contains(&name.as_str()) {
            content = zstd::decode_all(&content[..]).unwrap();
        }
        all.insert(name, content);
    }
    all
}

async fn export(server: &TestServer, name: &str, form: Form) -> (Exported, BTreeMap<String, Vec<u8>>) {
    let account = server.app.main.account_by_username(name).await.unwrap().unwrap();
    let export = export::prepare(&server.app, &account, form).await.unwrap();
    assert_eq!(export.file_name(), format!("{name}-2026-09-21.colpkg"));
    let estimate = export.estimate();
    let (mut pieces, outcome) = export.start();
    let mut package = Vec::new();
    while let Some(piece) = pieces.recv().await {
        package.extend(piece.unwrap());
    }
    assert!((estimate / 2..estimate * 2).contains(&(package.len() as u64)), "{estimate} is not about {}", package.len());
    (outcome.await.unwrap(), members(package, form.is_zstd()))
}

#[tokio::test]
async fn both_forms_hold_the_snapshot() {
    let server = TestServer::new().await;
    let device = server.device("ann").await;
    assert_eq!(device.upload(&support::collection(Schema::V18, 5, NOW)).await, "OK");
    let mut random = fastrand::Rng::with_seed(1);
    let large: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(3 << 20).collect();
    media::upload(&device, &[("a.jpg", Some(b"one")), ("gone", Some(b"x")), ("large", Some(&large))]).await;
    media::upload(&device, &[("gone", None)]).await;
    for form in [Form::Current, Form::Legacy] {
        let (exported, all) = export(&server, "ann", form).await;
        assert_eq!(exported, Exported { media: 2, lost: vec![] });
        assert_eq!(all["0"], b"one");
        assert_eq!(all["1"], large);
        let list = match form {
            Form::Current => MediaEntries::decode(&all["media"][..]).unwrap().entries.into_iter().map(|e| e.name).collect(),
            Form::Legacy => {
                let names: BTreeMap<String, String> = serde_json::from_slice(&all["media"]).unwrap();
                names.into_values().collect::<Vec<_>>()
            }
        };
        assert_eq!(list, ["a.jpg", "large"]);
        let (stamps, notes) = support::read(&all[form.collection()]);
        assert_eq!((stamps.modified, notes.len()), (NOW, 5));
        assert_eq!(support::read(&all["collection.anki2"]).1.len(), 1);
    }
    // While it is made, the collection may change and nobody waits: no connection is held.
    let account = server.app.main.account_by_username("ann").await.unwrap().unwrap();
    let begun = export::prepare(&server.app, &account, Form::Current).await.unwrap();
    let (mut pieces, outcome) = begun.start();
    assert_eq!(device.upload(&support::collection(Schema::V18, 9, NOW + 1)).await, "OK");
    media::upload(&device, &[("a.jpg", None)]).await;
    let mut package = Vec::new();
    while let Some(piece) = pieces.recv().await {
        package.extend(piece.unwrap());
    }
    assert_eq!(outcome.await.unwrap().media, 2);
    assert_eq!(support::read(&members(package, true)["collection.anki21b"]).1.len(), 5);
    server.end().await;
}

#[tokio::test]
async fn lost_and_damaged_media_is_named_and_left_out() {
    let server = TestServer::new().await;
    let device = server.device("ann").await;
    media::upload(&device, &[("lost", Some(b"1")), ("damaged", Some(b"2")), ("well", Some(b"3"))]).await;
    let account = server.account("ann").await;
    for file in server.app.user.media_files(account, &["lost".into(), "damaged".into()]).await.unwrap() {
        let path = server.app.config.data_root.media().join(account.to_string()).join(&file.content_key);
        if file.name == "lost" { std::fs::remove_file(path).unwrap() } else { std::fs::write(path, b"X").unwrap() }
    }
    let (exported, all) = export(&server, "ann", Form::Current).await;
    assert_eq!(exported, Exported { media: 1, lost: vec!["lost".into(), "damaged".into()] });
    assert_eq!(all["0"], b"3");
    assert_eq!(MediaEntries::decode(&all["media"][..]).unwrap().entries[0].name, "well");
    assert!(!all.contains_key("1"));
    server.end().await;
}
