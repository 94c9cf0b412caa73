//! Inputs that are right, to begin with.

use anki::file::{FileWriter, Schema};
use anki::model::{Card, Grave, GraveKind, Note, Review, Stamps, Tag};
use anki::schema11::stock;
use std::path::Path;

/// Writes the seeds of a target into a folder.
pub fn write(target: &str, folder: &Path) {
    let seeds: Vec<Vec<u8>> = match target {
        "messages" => messages(),
        "objects" => objects().into_iter().map(String::into_bytes).collect(),
        "blobs" => blobs(),
        "zip" => vec![include_bytes!("../../crates/anki/src/media/upload/java.zip").to_vec()],
        "text" => TEXTS.iter().map(|text| text.as_bytes().to_vec()).collect(),
        "file" => [Schema::V11, Schema::V18].map(|schema| pack(&collection(schema))).into(),
        other => panic!("FUZZ_TARGET is {other:?}"),
    };
    for (number, seed) in seeds.iter().enumerate() {
        std::fs::write(folder.join(format!("seed-{number}")), seed).unwrap();
    }
}

const TEXTS: &[&str] = &[
    "<b>x</b> a&nbsp;b &lt;i&gt; &#x41; &bogus;",
    "<img src=\"foo bar.jpg\"><audio src='a.mp3'>\u{1f}<style>a</style><script>b</script><!-- c -->",
    "<object data=x.swf><source src=a.ogg><video src=\"b.mp4\">[sound:c.mp3]",
    "a::b::c A::B \u{3000}::x a::::b stra\u{df}e STRASSE \u{130} e\u{301}",
    "anki,26.09.3 (29bb700b),linux:debian",
];

fn objects() -> Vec<String> {
    let mut id = 0;
    let notetypes = stock::notetypes(1000, &mut || {
        id += 1;
        id
    });
    let mut objects: Vec<String> = notetypes.into_iter().map(|notetype| notetype.json).collect();
    objects.push(stock::default_deck().json);
    objects.push(stock::default_preset().json);
    objects.push(
        r#"{"id":5,"mod":1,"name":"F","usn":0,"lrnToday":[0,0],"revToday":[0,0],"newToday":[0,0],"timeToday":[0,0],"collapsed":false,
        "browserCollapsed":false,"desc":"","dyn":1,"resched":true,"terms":[["deck:x",100,1]],"separate":true,"delays":null,"previewDelay":10}"#
            .to_owned(),
    );
    objects
}

fn messages() -> Vec<Vec<u8>> {
    let objects = objects();
    let changes = format!(
        r#"{{"changes":{{"models":[{}],"decks":[[{}],[{}]],"tags":["a::b","c"],"conf":{{"curDeck":1,"x":{{"y":[1.50]}}}},"crt":1500000000}}}}"#,
        objects[0],
        objects[objects.len() - 3],
        objects[objects.len() - 2]
    );
    let others = [
        r#"{"v":11,"k":"0123456789abcdef0123456789abcdef","c":"26.09.3,29bb700b,linux","s":"aB3xyZ"}"#,
        r#"{"chunk":{"done":true,"notes":[[50,"guid",7,9,-1," tag ","a\u001fb","","",0,""]],"cards":[[60,50,1,0,9,-1,0,0,1,0,0,0,0,0,0,0,0,"{}"]],
            "revlog":[[70,60,-1,3,1,0,2500,900,0]]}}"#,
        r#"{"chunk":{"cards":[1,2],"notes":[3],"decks":["4"]}}"#,
        r#"{"minUsn":5,"lnewer":true,"graves":{"cards":[1],"notes":[2],"decks":[3]},"offset":-60}"#,
        r#"{"client":[[1,2,3],4,5,6,7,8,9,10]}"#,
        r#"{"v":11,"cv":"anki,26.09.3 (0),linux"}"#,
        r#"{"u":"name","p":"password"}"#,
        r#"{"lastUsn":7}"#,
        r#"{"files":["a.jpg","b.png"]}"#,
        r#"{"local":2}"#,
    ];
    others.iter().map(|text| text.as_bytes().to_vec()).chain([changes.into_bytes()]).collect()
}

/// A byte that says what it is, and its parts.
fn blobs() -> Vec<Vec<u8>> {
    let joined = |kind: u8, parts: Vec<Vec<u8>>| [vec![kind], parts.join(&[0xFE, 0x01][..])].concat();
    anki::file::fuzzing::blob_seeds().into_iter().map(|(kind, parts)| joined(kind, parts)).collect()
}

fn collection(schema: Schema) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("collection");
    let stamps = Stamps { created: 1_500_000_000, modified: 2_000_000, schema_modified: 1_000_000, usn: 4, last_sync: 5 };
    let mut writer = FileWriter::create(&path, schema, &stamps).unwrap();
    let notetypes = stock::notetypes(100, &mut || 1);
    writer.put_notetypes(&notetypes[..1]).unwrap();
    writer.put_decks(&[stock::default_deck()]).unwrap();
    writer.put_presets(&[stock::default_preset()]).unwrap();
    writer.put_config(&stock::config(100, -60)).unwrap();
    writer.put_tags(&[Tag { name: "a::b".into(), usn: 1, collapsed: false }]).unwrap();
    writer.put_graves(&[Grave { id: 9, kind: GraveKind::Card, usn: 1 }]).unwrap();
    let note = Note { id: 1, guid: "g".into(), notetype_id: 100, fields: "front\u{1f}back".into(), ..Note::default() };
    writer.add_note(&note).unwrap();
    writer.add_card(&Card { id: 2, note_id: 1, deck_id: 1, data: "{}".into(), ..Card::default() }).unwrap();
    writer.add_review(&Review { id: 3, card_id: 2, ease: 3, ..Review::default() }).unwrap();
    writer.finish().unwrap();
    std::fs::read(path).unwrap()
}

/// Bytes of a run of zeroes that is written as one.
const RUN: usize = 16;

/// Without the long runs of zeroes that files are full of, so that changes hit what matters: each run of at least [`RUN`] becomes
/// 0xFD and its length. A 0xFD of the file itself becomes one with the length 0.
fn pack(file: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    let mut rest = file;
    while let Some(byte) = rest.first() {
        let zeroes = rest.iter().take(usize::from(u16::MAX)).take_while(|byte| **byte == 0).count();
        if zeroes >= RUN {
            packed.push(0xFD);
            packed.extend((zeroes as u16).to_le_bytes());
            rest = &rest[zeroes..];
            continue;
        }
        packed.push(*byte);
        if *byte == 0xFD {
            packed.extend([0, 0]);
        }
        rest = &rest[1..];
    }
    packed
}

/// The opposite, of anything.
pub fn unpack(packed: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut rest = packed;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match (byte, after) {
            (0xFD, [low, high, after @ ..]) => {
                match u16::from_le_bytes([*low, *high]) {
                    0 => file.push(0xFD),
                    zeroes => file.resize(file.len() + usize::from(zeroes), 0),
                }
                rest = after;
            }
            _ => file.push(*byte),
        }
        if file.len() > 4 << 20 {
            break;
        }
    }
    file
}
