//! Batches of media files, up and down, broken in every way.

use crate::cluster::Loss;
use crate::device::{Break, Device, Moment, Plan};
use crate::world::{Blow, World};
use crate::{goes_on, say, seeded};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};
use std::time::Instant;

/// Files of a batch.
const FILES: usize = 20;

pub fn batch(files: &BTreeMap<String, Option<Vec<u8>>>) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let mut meta = Vec::new();
    for (index, (name, content)) in files.iter().enumerate() {
        meta.push(json!([name, content.as_ref().map(|_| index.to_string())]));
        if let Some(content) = content {
            zip.start_file(index.to_string(), options).unwrap();
            zip.write_all(content).unwrap();
        }
    }
    zip.start_file("_meta", options).unwrap();
    zip.write_all(Value::Array(meta).to_string().as_bytes()).unwrap();
    zip.finish().unwrap().into_inner()
}

pub fn unpack(zip: Vec<u8>) -> BTreeMap<String, Vec<u8>> {
    let mut zip = zip::ZipArchive::new(Cursor::new(zip)).unwrap();
    let meta: BTreeMap<String, String> = serde_json::from_reader(zip.by_name("_meta").unwrap()).unwrap();
    let content = |member: &str| {
        let mut content = Vec::new();
        zip.by_name(member).unwrap().read_to_end(&mut content).unwrap();
        content
    };
    let mut content = content;
    meta.into_iter().map(|(member, name)| (name, content(&member))).collect()
}

/// New files, other content for some, and some that go.
fn changes(held: &BTreeMap<String, Vec<u8>>, rng: &mut fastrand::Rng) -> BTreeMap<String, Option<Vec<u8>>> {
    let mut content = || {
        let (byte, length) = (rng.u8(..), rng.usize(1..60_000));
        let mut content = vec![byte; length];
        rng.fill(&mut content[..length.min(64)]);
        content
    };
    let mut changes: BTreeMap<String, Option<Vec<u8>>> =
        (0..FILES - 6).map(|n| (format!("{n}-{}.jpg", held.len()), Some(content()))).collect();
    for (number, name) in held.keys().take(6).enumerate() {
        changes.insert(name.clone(), (number % 2 == 0).then(&mut content));
    }
    changes
}

async fn download(device: &Device, names: &[&String]) -> Result<BTreeMap<String, Vec<u8>>, String> {
    match device.ask("msync/downloadFiles", json!({"files": names}).to_string().as_bytes()).await {
        Ok((200, zip)) => Ok(unpack(zip)),
        other => Err(format!("{:?}", other.map(|(status, _)| status))),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_of_media() {
    let (mut rng, begun) = (seeded(), Instant::now());
    let world = World::new(&[]).await;
    let (real, twin) = (world.device("real").await, world.device("twin").await);
    let (real_id, twin_id) = (world.account("real").await, world.account("twin").await);
    let mut held: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let (mut up, mut applied, mut down) = (0, 0, 0);
    let mut losses = [Loss::Server, Loss::Stop, Loss::Connection].into_iter().cycle();
    for round in 0.. {
        if !goes_on(begun, round) {
            break;
        }
        let mut ways = vec![Break::CutBody, Break::CutAnswer(rng.f64()), Break::CutAnswer(rng.f64() * 1.1), Break::Unheard];
        for part in [rng.f64() * 0.5, 0.4 + rng.f64() * 0.4, 0.7 + rng.f64() * 0.4] {
            let moment = Moment::During(part);
            ways.push(Break::Killed { moment, blow: Blow::Process, back_at_once: rng.bool() });
            ways.push(Break::Killed { moment, blow: Blow::Database(losses.next().unwrap()), back_at_once: rng.bool() });
        }
        ways.push(Break::KilledInBody(Blow::Process));
        ways.push(Break::KilledInBody(Blow::Database(Loss::Stop)));
        for how in ways {
            let changes = changes(&held, &mut rng);
            let zip = batch(&changes);
            let before = world.look.rows(real_id).await;
            twin.json_of("msync/uploadChanges", &zip).await;
            let after = world.look.rows(twin_id).await;
            *real.plan.lock().unwrap() = Some(Plan { path: "msync/uploadChanges", how });
            let heard = matches!(real.ask("msync/uploadChanges", &zip).await, Ok((200, _)));
            up += 1;
            world.revive().await;
            world.quiet().await;
            let now = world.look.rows(real_id).await;
            let (old, new) = (now.differences(&before), now.differences(&after));
            assert!(old.is_empty() || new.is_empty(), "{how:?}: neither as before:\n{old}nor as after:\n{new}");
            assert!(new.is_empty() || !heard, "{how:?}: answered, but not done");
            applied += usize::from(new.is_empty());
            // The client sends it again, which changes nothing if it was done already.
            real.json_of("msync/uploadChanges", &zip).await;
            assert_eq!(world.look.rows(real_id).await.differences(&after), "", "{how:?}: done twice");
            for (name, content) in changes {
                match content {
                    Some(content) => drop(held.insert(name, content)),
                    None => drop(held.remove(&name)),
                }
            }
            let names: Vec<&String> = held.keys().rev().take(FILES).collect();
            *real.plan.lock().unwrap() = Some(Plan { path: "msync/downloadFiles", how });
            let broken = download(&real, &names).await;
            down += 1;
            world.revive().await;
            for files in [broken, Ok(download(&real, &names).await.unwrap())].into_iter().flatten() {
                assert!(!files.is_empty() && files.iter().all(|(name, content)| held[name] == *content), "{how:?}: other content");
            }
        }
    }
    let sane = real.json("msync/mediaSanity", json!({"local": held.len()})).await;
    assert_eq!(sane["data"], "OK");
    say(&format!("{up} batches up, of which {applied} took place, {down} down, in {:?}; {}", begun.elapsed(), world.tally()));
    assert!((1..up).contains(&applied), "both ends have been seen");
    world.expect_nothing_left_behind().await;
}
