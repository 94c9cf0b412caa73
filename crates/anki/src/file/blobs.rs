//! The protobuf blobs of schema 18, from and to the model's JSON.

use prost::Message;
use serde_json::{Map, Value};

use super::extra::{Extra, Shape};
use crate::{
    model::{Deck, Notetype, Preset, Usn},
    names,
    schema11::{
        self, SchemaError,
        deck::{self, TypedDeck},
        messages::{DeckCommon, DeckKind, FieldConfig, Kind, NotetypeConfig, PresetConfig, TemplateConfig},
        notetype::{self, TypedNotetype},
        preset::{self, TypedPreset},
    },
};

const FLAT: Shape = Shape(&[]);
/// The kind's `normal` and `filtered`, and the day limits inside `normal`.
const DECK_KIND: Shape = Shape(&[(1, Shape(&[(8, FLAT), (9, FLAT)])), (2, FLAT)]);

/// How the blobs of an object are numbered in its extra fields.
mod blob {
    pub(super) const COMMON: u32 = 0;
    pub(super) const KIND: u32 = 1;
    pub(super) const CONFIG: u32 = 0;

    pub(super) fn field(ord: u32) -> u32 {
        ord * 2 + 1
    }

    pub(super) fn template(ord: u32) -> u32 {
        ord * 2 + 2
    }
}

/// A blob as the JSON form of an object gives it.
#[derive(Debug)]
pub(super) struct Blob {
    pub(super) number: u32,
    pub(super) bytes: Vec<u8>,
    pub(super) shape: &'static Shape,
}

/// The blobs that a deck's JSON gives.
pub(super) fn of_deck(deck: &Deck) -> Result<Vec<Blob>, SchemaError> {
    let typed = deck::read(&mut parse(&deck.json)?)?;
    Ok(vec![
        Blob { number: blob::COMMON, bytes: typed.common.encode_to_vec(), shape: &FLAT },
        Blob { number: blob::KIND, bytes: typed.kind.encode_to_vec(), shape: &DECK_KIND },
    ])
}

/// The blob that a preset's JSON gives.
pub(super) fn of_preset(preset: &Preset) -> Result<Vec<Blob>, SchemaError> {
    let typed = preset::read(&mut parse(&preset.json)?)?;
    Ok(vec![Blob { number: blob::CONFIG, bytes: typed.config.encode_to_vec(), shape: &FLAT }])
}

/// The blobs that a notetype's JSON gives.
pub(super) fn of_notetype(notetype: &Notetype) -> Result<Vec<Blob>, SchemaError> {
    let typed = notetype::read(&mut parse(&notetype.json)?)?;
    let config = Blob { number: blob::CONFIG, bytes: typed.config.encode_to_vec(), shape: &FLAT };
    let part = |number, bytes| Blob { number, bytes, shape: &FLAT };
    let fields = (0..).zip(&typed.fields).map(|(ord, (_, config))| part(blob::field(ord), config.encode_to_vec()));
    let templates = (0..).zip(&typed.templates).map(|(ord, (_, config))| part(blob::template(ord), config.encode_to_vec()));
    Ok([config].into_iter().chain(fields).chain(templates).collect())
}

/// The number of a notetype's blob after its fields and templates have moved to these places. None when it is gone.
pub(super) fn moved_part(number: u32, fields: &[Option<u32>], templates: &[Option<u32>]) -> Option<u32> {
    let place = |places: &[Option<u32>], ord: u32| usize::try_from(ord).ok().and_then(|ord| places.get(ord).copied().flatten());
    match number {
        blob::CONFIG => Some(blob::CONFIG),
        odd if odd % 2 == 1 => place(fields, odd / 2).map(blob::field),
        even => place(templates, even / 2 - 1).map(blob::template),
    }
}

/// A row of a table that has an id, a name, stamps and one blob or two.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row<B> {
    pub(super) id: i64,
    /// Deck names have U+001F between their levels.
    pub(super) name: String,
    pub(super) mtime: i64,
    pub(super) usn: Usn,
    pub(super) blobs: B,
}

/// `decks.common` and `decks.kind`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct DeckBlobs {
    pub(super) common: Vec<u8>,
    pub(super) kind: Vec<u8>,
}

/// `notetypes.config` and the name and `config` of its `fields` and `templates`, in the order of their ordinals.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct NotetypeBlobs {
    pub(super) config: Vec<u8>,
    pub(super) fields: Vec<(String, Vec<u8>)>,
    pub(super) templates: Vec<(String, Vec<u8>)>,
}

pub(super) fn read_deck(row: &Row<DeckBlobs>) -> Result<Deck, SchemaError> {
    let typed = TypedDeck {
        id: row.id,
        name: names::to_human_deck_name(&row.name),
        mtime: row.mtime,
        usn: row.usn,
        common: decode::<DeckCommon>("common", &row.blobs.common)?,
        kind: decode::<DeckKind>("kind", &row.blobs.kind)?,
    };
    let mut object = deck::write(&typed);
    let from_json = deck::read(&mut object)?;
    let mut extra = Extra::default();
    extra.compare(blob::COMMON, &row.blobs.common, &from_json.common.encode_to_vec(), &FLAT);
    extra.compare(blob::KIND, &row.blobs.kind, &from_json.kind.encode_to_vec(), &DECK_KIND);
    extra.keep_present(blob::KIND);
    extra.forget(blob::KIND, if matches!(from_json.kind.kind, Some(Kind::Filtered(_))) { 1 } else { 2 });
    Ok(Deck { extra: extra.store(), ..schema11::any_deck(object)? })
}

pub(super) fn write_deck(model: &Deck) -> Result<Row<DeckBlobs>, SchemaError> {
    let typed = deck::read(&mut parse(&model.json)?)?;
    let extra = Extra::load(model.extra.as_deref());
    let blobs = DeckBlobs {
        common: extra.apply(blob::COMMON, typed.common.encode_to_vec()),
        kind: extra.apply(blob::KIND, typed.kind.encode_to_vec()),
    };
    Ok(Row { id: model.id, name: names::to_native_deck_name(&model.name), mtime: model.mtime, usn: model.usn, blobs })
}

pub(super) fn read_preset(row: &Row<Vec<u8>>) -> Result<Preset, SchemaError> {
    let typed = TypedPreset {
        id: row.id,
        name: row.name.clone(),
        mtime: row.mtime,
        usn: row.usn,
        config: decode::<PresetConfig>("config", &row.blobs)?,
    };
    let mut object = preset::write(&typed);
    let from_json = preset::read(&mut object)?;
    let mut extra = Extra::default();
    extra.compare(blob::CONFIG, &row.blobs, &from_json.config.encode_to_vec(), &FLAT);
    Ok(Preset { extra: extra.store(), ..schema11::any_preset(object)? })
}

/// A preset of schema 15, in which 250 stood for an ease of 2.5, or for new ones by mistake 2.5.
pub(super) fn read_preset_15(row: &Row<Vec<u8>>) -> Result<Preset, SchemaError> {
    let mut config = decode::<PresetConfig>("config", &row.blobs)?;
    config.initial_ease /= 100.0;
    if config.initial_ease <= 1.3 {
        config.initial_ease = 2.5;
    }
    read_preset(&Row { id: row.id, name: row.name.clone(), mtime: row.mtime, usn: row.usn, blobs: config.encode_to_vec() })
}

pub(super) fn write_preset(model: &Preset) -> Result<Row<Vec<u8>>, SchemaError> {
    let typed = preset::read(&mut parse(&model.json)?)?;
    let extra = Extra::load(model.extra.as_deref());
    let blobs = extra.apply(blob::CONFIG, typed.config.encode_to_vec());
    Ok(Row { id: model.id, name: model.name.clone(), mtime: model.mtime, usn: model.usn, blobs })
}

pub(super) fn read_notetype(row: &Row<NotetypeBlobs>) -> Result<Notetype, SchemaError> {
    let typed = TypedNotetype {
        id: row.id,
        name: row.name.clone(),
        mtime: row.mtime,
        usn: row.usn,
        config: decode::<NotetypeConfig>("config", &row.blobs.config)?,
        fields: decode_each::<FieldConfig>("fields", &row.blobs.fields)?,
        templates: decode_each::<TemplateConfig>("templates", &row.blobs.templates)?,
    };
    let mut object = notetype::write(&typed);
    let from_json = notetype::read(&mut object)?;
    let mut extra = Extra::default();
    extra.compare(blob::CONFIG, &row.blobs.config, &from_json.config.encode_to_vec(), &FLAT);
    for (ord, ((_, original), (_, from_json))) in (0..).zip(row.blobs.fields.iter().zip(&from_json.fields)) {
        extra.compare(blob::field(ord), original, &from_json.encode_to_vec(), &FLAT);
    }
    for (ord, ((_, original), (_, from_json))) in (0..).zip(row.blobs.templates.iter().zip(&from_json.templates)) {
        extra.compare(blob::template(ord), original, &from_json.encode_to_vec(), &FLAT);
    }
    Ok(Notetype { extra: extra.store(), ..schema11::any_notetype(object)? })
}

pub(super) fn write_notetype(model: &Notetype) -> Result<Row<NotetypeBlobs>, SchemaError> {
    let typed = notetype::read(&mut parse(&model.json)?)?;
    let extra = Extra::load(model.extra.as_deref());
    let fields = (0..).zip(typed.fields).map(|(ord, (name, config))| (name, extra.apply(blob::field(ord), config.encode_to_vec())));
    let templates =
        (0..).zip(typed.templates).map(|(ord, (name, config))| (name, extra.apply(blob::template(ord), config.encode_to_vec())));
    let blobs = NotetypeBlobs {
        config: extra.apply(blob::CONFIG, typed.config.encode_to_vec()),
        fields: fields.collect(),
        templates: templates.collect(),
    };
    Ok(Row { id: model.id, name: model.name.clone(), mtime: model.mtime, usn: model.usn, blobs })
}

/// The object in a model's JSON text.
pub(super) fn parse(json: &str) -> Result<Map<String, Value>, SchemaError> {
    serde_json::from_str(json).map_err(|error| SchemaError::new("", format!("not a JSON object: {error}")))
}

fn decode<M: Message + Default>(column: &str, bytes: &[u8]) -> Result<M, SchemaError> {
    M::decode(bytes).map_err(|error| SchemaError::new(column, format!("not readable as protobuf: {error}")))
}

fn decode_each<M: Message + Default>(table: &str, rows: &[(String, Vec<u8>)]) -> Result<Vec<(String, M)>, SchemaError> {
    let rows = rows.iter().enumerate();
    rows.map(|(ord, (name, config))| Ok((name.clone(), decode(&format!("{table}[{ord}]"), config)?))).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
#[path = "blobs_tests.rs"]
mod tests;
