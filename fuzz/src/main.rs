//! One program for all targets: FUZZ_TARGET says which one, see scripts/fuzz.sh. With FUZZ_SEEDS it writes inputs to begin with into
//! that folder, and ends.
//!
//! Nothing may panic, hang or take much memory, and what is accepted has to be as good as what it is promised to be: it can be written
//! down and read again, and is the same then.
#![no_main]

mod file;
mod seeds;

use anki::media::{UploadBatch, UploadLimits};
use anki::model::{Deck, Notetype, Preset};
use anki::schema11::{self, Restamp, Restampable, SchemaError, restamp};
use anki::wire::changes::Changes;
use anki::wire::chunk::{Chunk, ChunkWriter};
use anki::wire::client::ClientVersion;
use anki::wire::graves::Graves;
use anki::wire::header::SyncHeader;
use anki::wire::{login, media, meta, sanity, start};
use anki::{names, text};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::fmt::Debug;
use std::io::{Cursor, Read};
use std::sync::OnceLock;

type Target = fn(&[u8]);

static TARGET: OnceLock<Target> = OnceLock::new();

fuzz_target!(
    init: {
        let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
        if let Ok(folder) = std::env::var("FUZZ_SEEDS") {
            seeds::write(&name, std::path::Path::new(&folder));
            std::process::exit(0);
        }
        let target: Target = match name.as_str() {
            "messages" => messages,
            "objects" => objects,
            "blobs" => blobs,
            "zip" => zip,
            "text" => texts,
            "file" => file::file,
            other => panic!("FUZZ_TARGET is {other:?}"),
        };
        let _ = TARGET.set(target);
    },
    |data: &[u8]| TARGET.get().unwrap()(data)
);

/// Header and bodies of all requests.
fn messages(data: &[u8]) {
    if let Ok(header) = SyncHeader::parse(data) {
        assert!(header.host_key.len() <= 200 && header.session.len() <= 100);
        // Not the key.
        assert!(header.host_key.len() < 20 || !format!("{header:?}").contains(&header.host_key));
    }
    if let Ok(chunk) = Chunk::parse(data) {
        let mut writer = ChunkWriter::new();
        chunk.reviews.iter().for_each(|row| writer.review(row));
        chunk.cards.iter().for_each(|row| writer.card(row));
        chunk.notes.iter().for_each(|row| writer.note(row));
        let written = writer.finish(chunk.done);
        let again = Chunk::parse(&[b"{\"chunk\":", &written[..], b"}"].concat()).expect("what we send can be read");
        assert_eq!(again, chunk);
    }
    if let Ok(changes) = Changes::parse(data) {
        let written = changes.to_json();
        let again = Changes::parse(&[b"{\"changes\":", &written[..], b"}"].concat()).expect("what we send can be read");
        assert_eq!(again, changes);
    }
    if let Ok(graves) = Graves::parse_apply(data) {
        let written = graves.to_json();
        assert_eq!(Graves::parse_apply(&[b"{\"chunk\":", &written[..], b"}"].concat()).as_ref(), Ok(&graves));
    }
    let _ = start::StartRequest::parse(data);
    let _ = sanity::Counts::parse(data);
    let _ = meta::MetaRequest::parse(data);
    let _ = login::LoginRequest::parse(data);
    let _ = media::parse_begin(data);
    let _ = media::parse_changes(data);
    let _ = media::parse_download(data);
    let _ = media::parse_sanity(data);
}

/// Notetypes, decks and presets as JSON.
fn objects(data: &[u8]) {
    let Ok(object) = serde_json::from_slice::<Map<String, Value>>(data) else { return };
    object_of(&object, schema11::notetype, |n: &Notetype| (n.json.clone(), n.id));
    object_of(&object, schema11::deck, |d: &Deck| (d.json.clone(), d.id));
    object_of(&object, schema11::preset, |p: &Preset| (p.json.clone(), p.id));
}

fn object_of<T: Restampable + PartialEq + Debug + Clone>(
    object: &Map<String, Value>,
    parse: fn(Map<String, Value>) -> Result<T, SchemaError>,
    json_and_id: fn(&T) -> (String, i64),
) {
    let Ok(mut parsed) = parse(object.clone()) else { return };
    let read = |parsed: &T| {
        let map = serde_json::from_str(&json_and_id(parsed).0).expect("stored JSON is JSON");
        parse(map).expect("what was accepted is accepted again")
    };
    assert_eq!(read(&parsed), parsed, "what was put right is right");
    // As it is stored.
    restamp(&mut parsed, &Restamp { id: None, name: Some("a\u{0}::\"b"), mtime: Some(i64::MAX), usn: Some(7) }).expect("an object");
    let again = read(&parsed);
    assert_eq!(json_and_id(&again).1, json_and_id(&parsed).1);
}

/// What schema 18 holds as protobuf. Fields are separated by a byte and its opposite.
fn blobs(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else { return };
    let parts: Vec<&[u8]> = split(rest);
    anki::file::fuzzing::blobs(*kind, &parts);
}

fn split(mut data: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    while let Some(at) = data.windows(2).position(|pair| pair == [0xFE, 0x01]) {
        parts.push(&data[..at]);
        data = &data[at + 2..];
    }
    parts.push(data);
    parts
}

/// Batches of media.
fn zip(data: &[u8]) {
    let limits = UploadLimits { max_file_bytes: 1 << 20, max_total_bytes: 2 << 20, ..UploadLimits::default() };
    let mut batch = match UploadBatch::read(Cursor::new(data), &limits) {
        Ok(batch) => batch,
        Err(error) => {
            // The disk is not to blame.
            assert!(error.is_refusal(), "{error}");
            return;
        }
    };
    assert!(batch.changes().len() <= batch.entries());
    let changes = batch.changes().to_vec();
    let mut total = 0;
    for content in changes.iter().filter_map(|change| change.content.as_ref()) {
        let mut bytes = Vec::new();
        batch.open(content).expect("was there").read_to_end(&mut bytes).expect("was readable");
        assert_eq!(bytes.len() as u64, content.size);
        assert!(content.size > 0);
        total += content.size;
    }
    assert!(total <= limits.max_total_bytes);
}

/// What is made of text: sort fields, names, tags.
fn texts(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (sort, checksum) = text::derive(&text, i32::from(data.first().copied().unwrap_or_default() % 3));
    assert!(sort.len() <= 3 * text.len() && (0..=i64::from(u32::MAX)).contains(&checksum));
    let plain = text::strip_html(&text);
    assert!(plain.len() <= 3 * text.len());
    let clean = text::strip_control_characters(&text);
    assert_eq!(text::strip_control_characters(&clean), clean);
    let _ = text::decode_entities(&text);
    let deck = names::normalize_deck_name(&text);
    assert_eq!(names::normalize_deck_name(&deck), deck);
    assert_eq!(names::to_human_deck_name(&names::to_native_deck_name(&deck)), deck);
    // As in Anki, once can leave empty levels where control characters were.
    let mut tag = names::normalize_tag(&text).into_owned();
    for _ in 0..text.len() {
        tag = match names::normalize_tag(&tag) {
            Cow::Borrowed(_) => break,
            Cow::Owned(again) => again,
        };
    }
    assert_eq!(names::normalize_tag(&tag), tag);
    let tags = names::rejoin_tags(&text);
    assert_eq!(names::rejoin_tags(&tags), tags);
    let joined = names::join_tags(names::split_tags(&text));
    assert_eq!(names::join_tags(names::split_tags(&joined)), joined);
    let _ = ClientVersion::parse(&text);
    let (a, b) = text.split_at(text.char_indices().nth(text.chars().count() / 2).map_or(0, |(at, _)| at));
    assert_eq!(names::fold(a).cmp(&names::fold(b)), names::compare(a, b));
    assert_eq!(names::same(a, b), names::key(a) == names::key(b));
}
