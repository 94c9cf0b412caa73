use std::io::{Cursor, Write};

use proptest::prelude::*;
use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, ZipWriter};

use super::*;

const LIMITS: UploadLimits = UploadLimits { max_file_bytes: 1000, max_total_bytes: 1500 };

/// A zip made by another implementation.
fn zip(method: CompressionMethod, members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer.start_file(*name, SimpleFileOptions::default().compression_method(method)).expect("a member");
        writer.write_all(bytes).expect("memory");
    }
    writer.finish().expect("memory").into_inner()
}

fn read(bytes: Vec<u8>) -> Result<UploadBatch<Cursor<Vec<u8>>>, UploadError> {
    UploadBatch::read(Cursor::new(bytes), &LIMITS)
}

fn refused(meta: &str, members: &[(&str, &[u8])]) -> String {
    let members = [members, &[("_meta", meta.as_bytes())]].concat();
    read(zip(CompressionMethod::Stored, &members)).expect_err(meta).to_string()
}

#[test]
fn additions_and_deletions_in_any_order_and_compression() {
    let meta: &[u8] = r#"[["b.jpg","0"],["gone.mp3",null],["ä","x"],["droid",""],["b.jpg","x"]]"#.as_bytes();
    for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
        for members in [
            [("0", &b"hello"[..]), ("x", b"aaaaaaaaaaaaaaaa"), ("_meta", meta)],
            [("_meta", meta), ("x", b"aaaaaaaaaaaaaaaa"), ("0", b"hello")],
        ] {
            let mut batch = read(zip(method, &members)).expect("valid");
            assert_eq!(batch.entries(), 5);
            let changes = batch.changes().to_vec();
            let sizes: Vec<_> =
                changes.iter().map(|change| (change.name.as_str(), change.content.as_ref().map(|content| content.size))).collect();
            assert_eq!(sizes, [("b.jpg", Some(5)), ("gone.mp3", None), ("ä", Some(16)), ("droid", None), ("b.jpg", Some(16))]);
            let content = changes[0].content.as_ref().expect("an addition");
            assert_eq!(content.sha1[..4], [0xaa, 0xf4, 0xc6, 0x1d]);
            assert_eq!(content.sha256[..4], [0x2c, 0xf2, 0x4d, 0xba]);
            let mut bytes = Vec::new();
            batch.open(content).expect("a member").read_to_end(&mut bytes).expect("memory");
            assert_eq!(bytes, b"hello");
        }
    }
}

/// Java puts sizes and checksums behind the members, as AnkiDroid did before it took over Anki's own code.
#[test]
fn a_zip_written_by_java() {
    let batch = read(include_bytes!("java.zip").to_vec()).expect("valid");
    let sizes: Vec<_> =
        batch.changes().iter().map(|change| (change.name.as_str(), change.content.as_ref().map(|content| content.size))).collect();
    assert_eq!(sizes, [("a.jpg", Some(11)), ("x", None)]);
}

#[test]
fn an_empty_batch_is_valid() {
    let batch = read(zip(CompressionMethod::Stored, &[("_meta", b"[]")])).expect("valid");
    assert_eq!((batch.entries(), batch.changes().len()), (0, 0));
}

#[test]
fn a_deletion_of_what_cannot_exist_is_counted_only() {
    let batch = read(zip(CompressionMethod::Stored, &[("_meta", br#"[["a\u0000b",null],["../x",""],["ok",null]]"#)])).expect("valid");
    assert_eq!(batch.entries(), 3);
    assert_eq!(batch.changes(), [UploadChange { name: "ok".to_owned(), content: None }]);
}

#[test]
fn refused_batches() {
    let many = format!("[{}]", vec![r#"["a",null]"#; 26].join(","));
    let long = format!("[{}]", " ".repeat(51 * 1024));
    let large = vec![1; 1001];
    let thousand = vec![1; 1000];
    for (meta, members, wanted) in [
        ("{", vec![], "_meta of the media zip is not a list"),
        ("{}", vec![], "_meta of the media zip is not a list"),
        (r#"[["a"]]"#, vec![], "_meta of the media zip is not a list"),
        (&many, vec![], "26 files in a media zip"),
        (&long, vec![], "more than 51200 bytes"),
        (r#"[["a","7"]]"#, vec![("0", &b"x"[..])], "media file 0 is missing"),
        (r#"[["x",null],["a","0"]]"#, vec![("0", &b""[..])], "media file 1 is empty"),
        (r#"[["../a","0"]]"#, vec![("0", &b"x"[..])], "bad name of media file 0: it has a path separator"),
        (r#"[["a","0"]]"#, vec![("0", large.as_slice())], "media file 0 has more than 1000 bytes"),
        (r#"[["a","0"],["b","0"]]"#, vec![("0", thousand.as_slice())], "more than 1500 bytes"),
    ] {
        let error = refused(meta, &members);
        assert!(error.contains(wanted), "{error}");
    }
    assert!(matches!(read(zip(CompressionMethod::Stored, &[("0", b"x")])), Err(UploadError::NoMeta)));
    for bytes in [vec![], b"PK".to_vec(), vec![0; 5000]] {
        assert!(matches!(read(bytes), Err(UploadError::Zip("not a zip"))));
    }
    let members: Vec<_> = (0..101).map(|index| index.to_string()).collect();
    let members: Vec<_> = members.iter().map(|name| (name.as_str(), &b"x"[..])).collect();
    assert!(matches!(read(zip(CompressionMethod::Stored, &members)), Err(UploadError::Zip("too many members"))));
}

#[test]
fn bombs_are_refused_and_silence_is_none() {
    let zipped = |mib: usize| zip(CompressionMethod::Deflated, &[("0", &vec![0; mib << 20]), ("_meta", br#"[["a","0"]]"#)]);
    let read = |limits: &UploadLimits, zip: Vec<u8>| UploadBatch::read(Cursor::new(zip), limits);
    // A recording of silence, as AnkiDroid of before 2023 sends it: compressed.
    assert!(read(&UploadLimits::default(), zipped(12)).is_ok());
    assert!(matches!(read(&UploadLimits::default(), zipped(101)), Err(UploadError::TooLarge { .. })));
    assert!(matches!(read(&LIMITS, zipped(11)), Err(UploadError::TooLarge { .. })));
}

#[test]
fn a_wrong_size_in_the_directory_is_not_believed() {
    let mut bytes = zip(CompressionMethod::Deflated, &[("0", &[7; 900]), ("_meta", br#"[["a","0"]]"#)]);
    let at = bytes.windows(4).position(|window| window == b"PK\x01\x02").expect("a directory");
    bytes[at + 24..at + 28].copy_from_slice(&1_u32.to_le_bytes());
    let batch = read(bytes).expect("valid");
    assert_eq!(batch.changes()[0].content.as_ref().map(|content| content.size), Some(900));
}

proptest! {
    /// Whatever happens to its bytes, a zip is read or refused: no panic, and no content other than what was put in.
    #[test]
    fn damage_is_noticed(flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4), cut in any::<prop::sample::Index>()) {
        let mut bytes = zip(CompressionMethod::Deflated, &[("0", b"hello hello hello"), ("_meta", br#"[["a","0"]]"#)]);
        for (index, value) in &flips {
            let at = index.index(bytes.len());
            bytes[at] = *value;
        }
        if flips.len() == 3 {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(batch) = read(bytes) {
            for content in batch.changes().iter().filter_map(|change| change.content.as_ref()) {
                prop_assert!(content.size < 100);
            }
        }
    }
}
