//! Notes as tools ask for them.

use crate::api::ankiconnect::args::{text_of, texts, wrong};
use crate::api::ankiconnect::attachments::{self, Append, Attachment};
use crate::api::ankiconnect::failed::{Result, said};
use serde_json::{Map, Value};

/// Notes in one request.
const MOST: usize = 10_000;

/// A note as it was asked for.
pub struct Wanted {
    pub deck: String,
    pub model: String,
    /// The first of a name counts, whatever its case.
    pub fields: Vec<(String, String)>,
    pub tags: Vec<String>,
    pub attachments: Vec<Attachment>,
    /// What is wrong with them is said after what is wrong with names.
    pub rules: Result<Rules>,
    /// What attachments add to fields.
    pub appends: Vec<Append>,
}

/// What counts as a duplicate.
#[derive(Default)]
pub struct Rules {
    pub allow: bool,
    pub in_deck: bool,
    pub deck: Option<String>,
    pub with_children: bool,
    pub all_models: bool,
}

/// Each of the notes, or what is wrong with it.
///
/// # Errors
/// When there are too many.
pub fn parse_all(notes: &[Value]) -> Result<Vec<Result<Wanted>>> {
    if notes.len() > MOST {
        return Err(said(format!("at most {MOST} notes can be sent in one request")));
    }
    Ok(notes.iter().map(parse).collect())
}

fn parse(note: &Value) -> Result<Wanted> {
    let note = note.as_object().ok_or_else(|| wrong("note", "an object"))?;
    let model = text_of(note, "modelName")?.to_owned();
    let deck = text_of(note, "deckName")?.to_owned();
    let tags = match note.get("tags") {
        None | Some(Value::Null) => Vec::new(),
        Some(tags) => texts(tags).ok_or_else(|| wrong("tags", "a list of texts"))?,
    };
    Ok(Wanted {
        deck,
        model,
        fields: field_texts(note)?,
        tags,
        attachments: attachments::of_note(note)?,
        rules: rules(note.get("options")),
        appends: Vec::new(),
    })
}

/// The property `fields`.
///
/// # Errors
/// When it is missing or holds anything but texts.
pub fn field_texts(note: &Map<String, Value>) -> Result<Vec<(String, String)>> {
    let fields = note.get("fields").ok_or_else(|| said("'fields' is missing"))?;
    let fields = fields.as_object().ok_or_else(|| wrong("fields", "an object"))?;
    let one = |(name, text): (&String, &Value)| match text {
        Value::String(text) => Ok((name.clone(), text.clone())),
        _ => Err(said(format!("the field `{name:.100}` has to be a text"))),
    };
    fields.iter().map(one).collect()
}

fn rules(options: Option<&Value>) -> Result<Rules> {
    let options = match options {
        None | Some(Value::Null) => return Ok(Rules::default()),
        Some(options) => options.as_object().ok_or_else(|| wrong("options", "an object"))?,
    };
    let flag = |object: &Map<String, Value>, key: &str, called: &str| match object.get(key) {
        None => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(said(format!("option parameter \"{called}\" must be boolean"))),
    };
    let mut rules = Rules {
        allow: flag(options, "allowDuplicate", "allowDuplicate")?,
        in_deck: options.get("duplicateScope").is_some_and(|scope| scope == "deck"),
        ..Rules::default()
    };
    if let Some(Value::Object(scope)) = options.get("duplicateScopeOptions") {
        rules.deck = scope.get("deckName").and_then(Value::as_str).map(str::to_owned);
        rules.with_children = flag(scope, "checkChildren", "duplicateScopeOptions.checkChildren")?;
        rules.all_models = flag(scope, "checkAllModels", "duplicateScopeOptions.checkAllModels")?;
    }
    Ok(rules)
}
