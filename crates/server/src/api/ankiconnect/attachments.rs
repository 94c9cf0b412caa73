//! Files that come with a note: `audio`, `video`, `picture`, each an object or a list, to be stored and shown in fields.

use super::args::{text_of, texts};
use super::context::Context;
use super::failed::{Failed, Result, said};
use super::media::{self, Source};
use crate::actions::api_tokens::Scope;
use anki::media::usable_name;
use serde_json::{Map, Value};

const KINDS: [&str; 3] = ["audio", "video", "picture"];
/// In one note.
const MOST: usize = 100;

/// A file to store.
pub struct Attachment {
    is_picture: bool,
    /// Both are checked when it is stored: what is wrong with it is written into the fields, as the add-on does.
    filename: Result<String>,
    source: Result<Source>,
    skip_hash: Option<String>,
    replace: bool,
    fields: Vec<String>,
}

/// Text that fields, by their exact names, get at their ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Append {
    pub fields: Vec<String>,
    pub text: String,
}

/// The files of a note.
///
/// # Errors
/// When there are too many.
pub fn of_note(note: &Map<String, Value>) -> Result<Vec<Attachment>> {
    let mut all = Vec::new();
    for kind in KINDS {
        let given = match note.get(kind) {
            Some(Value::Array(list)) => list.as_slice(),
            Some(one @ Value::Object(_)) => std::slice::from_ref(one),
            _ => &[],
        };
        all.extend(given.iter().filter_map(Value::as_object).map(|object| Attachment::new(kind, object)));
    }
    if all.len() > MOST { Err(said(format!("a note can come with at most {MOST} files"))) } else { Ok(all) }
}

impl Attachment {
    fn new(kind: &str, object: &Map<String, Value>) -> Self {
        let text = |name: &str| object.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        Self {
            is_picture: kind == "picture",
            filename: text_of(object, "filename").map(str::to_owned),
            source: Source::of(text("data"), text("path"), text("url")),
            skip_hash: text("skipHash").map(str::to_owned),
            replace: object.get("deleteExisting").and_then(Value::as_bool).unwrap_or(false),
            fields: object.get("fields").and_then(texts).unwrap_or_default(),
        }
    }

    /// What fields will get if nothing goes wrong.
    pub fn assumed(&self) -> Append {
        let text = match &self.filename {
            Ok(name) => self.shown(&usable_name(name).unwrap_or_default()),
            Err(failed) => escaped(failed),
        };
        Append { fields: self.fields.clone(), text }
    }

    fn shown(&self, name: &str) -> String {
        if self.is_picture { format!("<img src=\"{name}\">") } else { format!("[sound:{name}]") }
    }

    async fn store(self, cx: &Context<'_>) -> Append {
        let outcome = match (&self.filename, self.source) {
            (Ok(name), Ok(source)) => media::put(cx, name, source, self.skip_hash.as_deref(), self.replace).await,
            (Err(failed), _) => Err(failed.again()),
            (_, Err(failed)) => Err(failed),
        };
        let is_picture = self.is_picture;
        let text = match outcome {
            Ok(None) => String::new(),
            Ok(Some(name)) if is_picture => format!("<img src=\"{name}\">"),
            Ok(Some(name)) => format!("[sound:{name}]"),
            Err(failed) => escaped(&failed),
        };
        Append { fields: self.fields, text }
    }
}

/// Stores files and answers what to write into the fields.
///
/// # Errors
/// When the token does not allow it. What goes wrong with a file is not an error but text for the fields.
pub async fn store(cx: &Context<'_>, attachments: Vec<Attachment>) -> Result<Vec<Append>> {
    if !attachments.is_empty() && !cx.caller.may(Scope::Media) {
        return Err(said("this key does not allow to store media: it needs the scope `media`"));
    }
    let mut all = Vec::with_capacity(attachments.len());
    for attachment in attachments {
        all.push(attachment.store(cx).await);
    }
    Ok(all)
}

fn escaped(failed: &Failed) -> String {
    failed.0.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
