use serde_json::{Map, Value, json};

use super::{
    SchemaError,
    fields::{Fields, FromJson, add_other, other_bytes, other_keys, position},
    messages::{CardRequirement, FieldConfig, NotetypeConfig, TemplateConfig},
};
use crate::model::Usn;

/// A notetype in its typed form: the rows of schema 18.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TypedNotetype {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) mtime: i64,
    pub(crate) usn: Usn,
    pub(crate) config: NotetypeConfig,
    /// In the order of their ordinals.
    pub(crate) fields: Vec<(String, FieldConfig)>,
    /// In the order of their ordinals.
    pub(crate) templates: Vec<(String, TemplateConfig)>,
}

#[rustfmt::skip]
const NOTETYPE_KEYS: &[&str] = &[
    "id", "name", "type", "mod", "usn", "sortf", "did", "tmpls", "flds", "css", "latexPre", "latexPost", "latexsvg", "req",
    "originalStockKind", "originalId",
];

#[rustfmt::skip]
const FIELD_KEYS: &[&str] = &[
    "name", "ord", "sticky", "rtl", "font", "size", "description", "plainText", "collapsed", "excludeFromSearch", "id", "tag",
    "preventDeletion",
];

const TEMPLATE_KEYS: &[&str] = &["name", "ord", "qfmt", "afmt", "bqfmt", "bafmt", "did", "bfont", "bsize", "id"];

/// Reads a notetype object, and puts right in it what Anki's parser would put right.
pub(crate) fn read(object: &mut Map<String, Value>) -> Result<TypedNotetype, SchemaError> {
    let mut fields = Fields::new(object);
    let id = fields.number_or_digits("id")?;
    let kind: u8 = fields.required("type")?;
    if kind > 1 {
        return Err(SchemaError::new("type", "expected 0 or 1"));
    }
    let config = NotetypeConfig {
        kind: kind.into(),
        sort_field_idx: fields.required::<u16>("sortf")?.into(),
        css: fields.present("css", String::new())?,
        target_deck_id_unused: fields.present("did", None)?.unwrap_or(0),
        latex_pre: fields.optional("latexPre", String::new())?,
        latex_post: fields.optional("latexPost", String::new())?,
        latex_svg: fields.lenient("latexsvg", false),
        reqs: fields.lenient("req", Requirements::default()).0,
        original_stock_kind: fields.optional("originalStockKind", 0)?,
        original_id: fields.optional("originalId", None)?,
        other: other_bytes(&fields.unknown(NOTETYPE_KEYS)),
    };
    Ok(TypedNotetype {
        id,
        name: fields.required("name")?,
        mtime: fields.required("mod")?,
        usn: fields.required("usn")?,
        config,
        fields: read_each(&mut fields, "flds", read_field)?,
        templates: read_each(&mut fields, "tmpls", read_template)?,
    })
}

fn read_each<T>(
    fields: &mut Fields<'_>,
    key: &str,
    read: impl Fn(&mut Fields<'_>) -> Result<T, SchemaError>,
) -> Result<Vec<T>, SchemaError> {
    let items = fields.list(key)?.iter_mut().enumerate();
    items
        .map(|(index, item)| {
            let path = position(key, index);
            read(&mut Fields::of(item, &path)?).map_err(|error| error.inside(&path))
        })
        .collect()
}

fn read_field(fields: &mut Fields<'_>) -> Result<(String, FieldConfig), SchemaError> {
    fields.optional::<Option<u16>>("ord", None)?;
    let config = FieldConfig {
        sticky: fields.truth("sticky")?,
        rtl: fields.truth("rtl")?,
        font_name: fields.required("font")?,
        font_size: fields.required::<u16>("size")?.into(),
        description: fields.lenient("description", String::new()),
        plain_text: fields.lenient("plainText", false),
        collapsed: fields.lenient("collapsed", false),
        exclude_from_search: fields.lenient("excludeFromSearch", false),
        id: fields.lenient("id", None),
        tag: fields.lenient("tag", None),
        prevent_deletion: fields.lenient("preventDeletion", false),
        other: other_bytes(&fields.unknown(FIELD_KEYS)),
    };
    Ok((fields.required("name")?, config))
}

fn read_template(fields: &mut Fields<'_>) -> Result<(String, TemplateConfig), SchemaError> {
    fields.optional::<Option<u16>>("ord", None)?;
    let config = TemplateConfig {
        q_format: fields.required("qfmt")?,
        a_format: fields.optional("afmt", String::new())?,
        q_format_browser: fields.optional("bqfmt", String::new())?,
        a_format_browser: fields.optional("bafmt", String::new())?,
        target_deck_id: fields.lenient::<Option<i64>>("did", None).unwrap_or(0),
        browser_font_name: fields.lenient("bfont", String::new()),
        browser_font_size: fields.lenient("bsize", 0_u8).into(),
        id: fields.lenient("id", None),
        other: other_bytes(&fields.unknown(TEMPLATE_KEYS)),
    };
    Ok((fields.required("name")?, config))
}

/// Writes a notetype as clients do.
pub(crate) fn write(notetype: &TypedNotetype) -> Map<String, Value> {
    let config = &notetype.config;
    let mut object = Map::new();
    let mut set = |key: &str, value: Value| object.insert(key.to_owned(), value);
    set("id", notetype.id.into());
    set("name", notetype.name.as_str().into());
    set("type", u8::from(config.kind == 1).into());
    set("mod", notetype.mtime.into());
    set("usn", notetype.usn.into());
    set("sortf", short(config.sort_field_idx).into());
    set("did", deck_or_null(config.target_deck_id_unused));
    set("tmpls", notetype.templates.iter().zip(0_u16..).map(|((name, config), ord)| write_template(name, ord, config)).collect());
    set("flds", notetype.fields.iter().zip(0_u16..).map(|((name, config), ord)| write_field(name, ord, config)).collect());
    set("css", config.css.as_str().into());
    set("latexPre", config.latex_pre.as_str().into());
    set("latexPost", config.latex_post.as_str().into());
    set("latexsvg", config.latex_svg.into());
    set("req", Requirements(config.reqs.clone()).to_json());
    if config.original_stock_kind != 0 {
        set("originalStockKind", config.original_stock_kind.into());
    }
    if let Some(id) = config.original_id {
        set("originalId", id.into());
    }
    add_other(&mut object, other_keys(&config.other), NOTETYPE_KEYS);
    object
}

fn write_field(name: &str, ord: u16, config: &FieldConfig) -> Value {
    let mut object = Map::new();
    let mut set = |key: &str, value: Value| object.insert(key.to_owned(), value);
    set("name", name.into());
    set("ord", ord.into());
    set("sticky", config.sticky.into());
    set("rtl", config.rtl.into());
    set("font", config.font_name.as_str().into());
    set("size", short(config.font_size).into());
    set("description", config.description.as_str().into());
    set("plainText", config.plain_text.into());
    set("collapsed", config.collapsed.into());
    set("excludeFromSearch", config.exclude_from_search.into());
    set("id", config.id.to_json());
    set("tag", config.tag.to_json());
    set("preventDeletion", config.prevent_deletion.into());
    add_other(&mut object, other_keys(&config.other), FIELD_KEYS);
    object.into()
}

fn write_template(name: &str, ord: u16, config: &TemplateConfig) -> Value {
    let mut object = Map::new();
    let mut set = |key: &str, value: Value| object.insert(key.to_owned(), value);
    set("name", name.into());
    set("ord", ord.into());
    set("qfmt", config.q_format.as_str().into());
    set("afmt", config.a_format.as_str().into());
    set("bqfmt", config.q_format_browser.as_str().into());
    set("bafmt", config.a_format_browser.as_str().into());
    // Clients tell no negative ids here, though they do for the notetype.
    set("did", deck_or_null(config.target_deck_id.max(0)));
    set("bfont", config.browser_font_name.as_str().into());
    set("bsize", u8::try_from(config.browser_font_size).unwrap_or(0).into());
    set("id", config.id.to_json());
    add_other(&mut object, other_keys(&config.other), TEMPLATE_KEYS);
    object.into()
}

fn deck_or_null(id: i64) -> Value {
    if id == 0 { Value::Null } else { id.into() }
}

/// The nearest number that the JSON form takes.
fn short(number: u32) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

/// Which fields a card needs to come into being, as old clients compute it: `[[ord, "none" | "any" | "all", [field ords]], …]`.
#[derive(Default)]
struct Requirements(Vec<CardRequirement>);

const REQUIREMENT_KINDS: [&str; 3] = ["none", "any", "all"];

impl FromJson for Requirements {
    const EXPECTED: &'static str = "a list of requirements";

    fn from_json(value: &Value) -> Option<Self> {
        let read = |item: &Value| {
            let [ord, kind, fields] = item.as_array()?.as_slice() else { return None };
            Some(CardRequirement {
                card_ord: u16::from_json(ord)?.into(),
                kind: i32::try_from(REQUIREMENT_KINDS.iter().position(|name| kind == name)?).ok()?,
                field_ords: Vec::<u16>::from_json(fields)?.into_iter().map(u32::from).collect(),
            })
        };
        value.as_array()?.iter().map(read).collect::<Option<_>>().map(Self)
    }

    fn to_json(&self) -> Value {
        let write = |item: &CardRequirement| {
            let kind = usize::try_from(item.kind).ok().and_then(|kind| REQUIREMENT_KINDS.get(kind)).unwrap_or(&"none");
            let fields: Vec<u16> = item.field_ords.iter().map(|ord| short(*ord)).collect();
            json!([short(item.card_ord), kind, fields])
        };
        self.0.iter().map(write).collect()
    }
}
