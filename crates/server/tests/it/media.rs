//! Media in raw protocol: what real clients never send, and what becomes of files that the disk has lost.

use crate::support::{Device, TestServer};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};
use std::path::PathBuf;

const MIB: usize = 1 << 20;

/// A batch; None deletes.
pub fn batch(files: &[(&str, Option<&[u8]>)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let mut meta = Vec::new();
    for (index, (name, content)) in files.iter().enumerate() {
        meta.push(json!([name, content.map(|_| index.to_string())]));
        if let Some(content) = content {
            zip.start_file(index.to_string(), options).unwrap();
            zip.write_all(content).unwrap();
        }
    }
    zip.start_file("_meta", options).unwrap();
    zip.write_all(Value::Array(meta).to_string().as_bytes()).unwrap();
    zip.finish().unwrap().into_inner()
}

pub async fn upload(device: &Device, files: &[(&str, Option<&[u8]>)]) -> Value {
    let (status, body) = device.raw("msync/uploadChanges", &batch(files)).await;
    assert_eq!(status, 200);
    serde_json::from_slice::<Value>(&body).unwrap()["data"].clone()
}

/// Status and files of an answer to `downloadFiles`.
async fn download(device: &Device, names: &[&str]) -> (u16, BTreeMap<String, Vec<u8>>) {
    let (status, body) = device.raw("msync/downloadFiles", json!({"files": names}).to_string().as_bytes()).await;
    let mut files = BTreeMap::new();
    if status == 200 {
        let mut zip = zip::ZipArchive::new(Cursor::new(body)).unwrap();
        let meta: BTreeMap<String, String> = serde_json::from_reader(zip.by_name("_meta").unwrap()).unwrap();
        assert_eq!(zip.len(), meta.len() + 1);
        for (member, name) in meta {
            let mut content = Vec::new();
            zip.by_name(&member).unwrap().read_to_end(&mut content).unwrap();
            assert!(files.insert(name, content).is_none(), "no name twice");
        }
    }
    (status.as_u16(), files)
}

async fn usn(device: &Device) -> i64 {
    device.json("msync/begin", json!({"v": "anki,26.09.3 (0),linux"})).await["data"]["usn"].as_i64().unwrap()
}

pub async fn sane(device: &Device, files: usize) -> bool {
    device.json("msync/mediaSanity", json!({"local": files})).await["data"] == "OK"
}

async fn names(device: &Device) -> Vec<String> {
    let rows = device.json("msync/mediaChanges", json!({"lastUsn": 0})).await["data"].clone();
    rows.as_array().unwrap().iter().map(|row| row[0].as_str().unwrap().to_owned()).collect()
}

/// The files of an account's contents.
async fn stored(server: &TestServer, name: &str) -> Vec<PathBuf> {
    let account = server.account(name).await;
    if !server.app.media.has_account(account) {
        return Vec::new();
    }
    let all = server.app.media.keys_older_than(account, std::time::Duration::ZERO).unwrap();
    all.iter().map(|key| server.app.config.data_root.media().join(account.to_string()).join(key)).collect()
}

#[tokio::test]
async fn a_damaged_zip_is_refused_as_a_whole() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    let good = batch(&[("a.jpg", Some(b"one")), ("b.jpg", Some(b"twotwotwo"))]);
    let at = good.windows(9).position(|bytes| bytes == b"twotwotwo").unwrap();
    let mut wrong_sum = good.clone();
    wrong_sum[at] ^= 1;
    let mut deflated = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    deflated.start_file("0", options).unwrap();
    deflated.write_all(&(0..4000_u32).flat_map(|n| (n * n).to_le_bytes()).collect::<Vec<_>>()).unwrap();
    deflated.start_file("_meta", options).unwrap();
    deflated.write_all(br#"[["a.jpg", "0"]]"#).unwrap();
    let mut broken = deflated.finish().unwrap().into_inner();
    broken[100..200].fill(0xFF);
    // A member that goes on beyond the end of the zip.
    let mut cut = good.clone();
    let directory = good.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
    cut[directory + 20..directory + 24].copy_from_slice(&1_000_000_u32.to_le_bytes());
    for (what, body) in [("checksum", wrong_sum), ("compression", broken), ("length", cut), ("half", good[..good.len() / 2].to_vec())] {
        assert_eq!(a.raw("msync/uploadChanges", &body).await.0, 400, "{what}");
    }
    assert_eq!((usn(&a).await, stored(&server, "a").await.len()), (0, 0), "and nothing is kept of it");
    assert_eq!(upload(&a, &[("a.jpg", Some(b"one"))]).await, json!([1, 1]));
    server.end().await;
}

#[tokio::test]
async fn a_file_that_the_disk_has_lost_comes_back_from_a_device() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    upload(&a, &[("a.jpg", Some(b"one")), ("b.jpg", Some(b"two"))]).await;
    let lost = stored(&server, "a").await.into_iter().find(|path| std::fs::read(path).unwrap() == b"one").unwrap();
    std::fs::remove_file(&lost).unwrap();
    assert_eq!(download(&a, &["b.jpg", "a.jpg"]).await.0, 409);
    // The device without the file goes on; the one with it sees that the numbers differ, and sends it again.
    assert_eq!(names(&a).await, ["b.jpg"], "it was not deleted: it is not there");
    assert!(sane(&a, 1).await && !sane(&a, 2).await);
    assert_eq!(download(&a, &["b.jpg"]).await.1["b.jpg"], b"two");
    upload(&a, &[("a.jpg", Some(b"one")), ("b.jpg", Some(b"two"))]).await;
    assert!(sane(&a, 2).await);
    let (status, files) = download(&a, &["a.jpg", "b.jpg"]).await;
    assert_eq!((status, files["a.jpg"].as_slice(), files["b.jpg"].as_slice()), (200, &b"one"[..], &b"two"[..]));
    // Sent again before anybody has noticed.
    for path in stored(&server, "a").await {
        std::fs::write(path, b"").unwrap();
    }
    let before = usn(&a).await;
    upload(&a, &[("a.jpg", Some(b"one"))]).await;
    assert_eq!(usn(&a).await, before, "the same file, for the devices");
    assert_eq!(download(&a, &["a.jpg"]).await.1["a.jpg"], b"one");
    server.end().await;
}

#[tokio::test]
async fn a_disk_that_is_missing_is_a_passing_fault() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    upload(&a, &[("a.jpg", Some(b"one"))]).await;
    let media = server.app.config.data_root.media();
    std::fs::rename(&media, media.with_extension("away")).unwrap();
    assert_eq!(download(&a, &["a.jpg"]).await.0, 503);
    std::fs::create_dir(&media).unwrap();
    assert_eq!(download(&a, &["a.jpg"]).await.0, 503, "an empty folder where a disk should be");
    std::fs::remove_dir(&media).unwrap();
    std::fs::rename(media.with_extension("away"), &media).unwrap();
    assert_eq!(download(&a, &["a.jpg"]).await.1["a.jpg"], b"one");
    server.end().await;
}

#[tokio::test]
async fn what_is_there_is_not_written_again() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    upload(&a, &[("a.jpg", Some(b"one"))]).await;
    upload(&a, &[("a.jpg", Some(b"one")), ("b.jpg", Some(b"one"))]).await;
    assert_eq!((usn(&a).await, stored(&server, "a").await.len()), (2, 2), "a name more, not a copy more");
    // Twice in one batch, and back to what it was.
    assert_eq!(upload(&a, &[("a.jpg", Some(b"two")), ("a.jpg", Some(b"one"))]).await, json!([2, 4]));
    assert_eq!(upload(&a, &[("a.jpg", None), ("a.jpg", Some(b"one"))]).await, json!([2, 6]));
    assert_eq!(download(&a, &["a.jpg"]).await.1["a.jpg"], b"one");
    server.end().await;
}

#[tokio::test]
async fn a_download_is_as_large_as_clients_expect() {
    let server = TestServer::new().await;
    let mut a = server.device("a").await;
    let (large, small) = (vec![7; 2 * MIB], vec![8; 10]);
    upload(&a, &[("l1", Some(&large)), ("l2", Some(&large)), ("s1", Some(&small)), ("s2", Some(&small))]).await;
    for legacy in [false, true] {
        a.legacy = legacy;
        let (_, files) = download(&a, &["l1", "l2", "s1", "s2"]).await;
        assert_eq!(files.keys().collect::<Vec<_>>(), ["l1", "l2"], "until there are 2.5 MiB");
        // What lies beyond is asked for again, so it need not be there; before, it has to.
        assert_eq!(download(&a, &["l1", "l2", "missing"]).await.0, 200);
        assert_eq!(download(&a, &["l1", "missing", "l2"]).await.0, 409);
        let (_, files) = download(&a, &["s1", "s1", "s2", "s1"]).await;
        assert_eq!(files.keys().collect::<Vec<_>>(), ["s1", "s2"]);
        let (status, files) = download(&a, &[]).await;
        assert_eq!((status, files.len()), (200, 0));
    }
    server.end().await;
}

#[tokio::test]
async fn a_file_may_have_a_hundred_mebibytes() {
    let server = TestServer::new().await;
    let mut a = server.device("a").await;
    let mut content = vec![5; 100 * MIB];
    upload(&a, &[("large.mp4", Some(&content))]).await;
    for legacy in [false, true] {
        a.legacy = legacy;
        assert!(download(&a, &["large.mp4"]).await.1["large.mp4"] == content);
    }
    content.push(5);
    assert_eq!(a.raw("msync/uploadChanges", &batch(&[("larger.mp4", Some(&content))])).await.0, 400);
    assert_eq!(names(&a).await, ["large.mp4"]);
    server.end().await;
}
