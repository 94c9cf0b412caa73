//! The protobuf of schema 18 without a file around it, for the fuzzer (see `fuzz/`). No other build has this.

use super::blobs::{DeckBlobs, NotetypeBlobs, Row, read_deck, read_notetype, read_preset, write_deck, write_notetype, write_preset};
use crate::schema11::stock;

/// Reads a deck, a preset or a notetype from its parts, and writes it. Whatever can be read must be the same when it comes back.
pub fn blobs(kind: u8, parts: &[&[u8]]) {
    let part = |index: usize| parts.get(index).map_or_else(Vec::new, |part| part.to_vec());
    match kind % 3 {
        0 => {
            let row = Row { id: 5, name: "a".to_owned(), mtime: 6, usn: 7, blobs: DeckBlobs { common: part(0), kind: part(1) } };
            let Ok(deck) = read_deck(&row) else { return };
            let back = write_deck(&deck).expect("what was read can be written");
            assert_eq!(read_deck(&back).as_ref(), Ok(&deck));
        }
        1 => {
            let Ok(preset) = read_preset(&Row { id: 5, name: "a".to_owned(), mtime: 6, usn: 7, blobs: part(0) }) else { return };
            let back = write_preset(&preset).expect("what was read can be written");
            assert_eq!(read_preset(&back).as_ref(), Ok(&preset));
        }
        _ => {
            let named = |from: usize| (from..parts.len()).step_by(2).map(|index| (format!("n{index}"), part(index))).collect();
            let blobs = NotetypeBlobs { config: part(0), fields: named(1), templates: named(2) };
            let Ok(notetype) = read_notetype(&Row { id: 5, name: "a".to_owned(), mtime: 6, usn: 7, blobs }) else { return };
            let back = write_notetype(&notetype).expect("what was read can be written");
            assert_eq!(read_notetype(&back).as_ref(), Ok(&notetype));
        }
    }
}

/// What [`blobs`] can begin with.
pub fn blob_seeds() -> Vec<(u8, Vec<Vec<u8>>)> {
    let mut seeds = Vec::new();
    if let Ok(row) = write_deck(&stock::default_deck()) {
        seeds.push((0, vec![row.blobs.common, row.blobs.kind]));
    }
    if let Ok(row) = write_preset(&stock::default_preset()) {
        seeds.push((1, vec![row.blobs]));
    }
    for row in stock::notetypes(1, &mut || 5).iter().filter_map(|notetype| write_notetype(notetype).ok()) {
        let (mut fields, mut templates) = (row.blobs.fields.into_iter(), row.blobs.templates.into_iter());
        let mut parts = vec![row.blobs.config];
        while fields.len() > 0 || templates.len() > 0 {
            parts.push(fields.next().map_or_else(Vec::new, |(_, blob)| blob));
            parts.push(templates.next().map_or_else(Vec::new, |(_, blob)| blob));
        }
        seeds.push((2, parts));
    }
    seeds
}
