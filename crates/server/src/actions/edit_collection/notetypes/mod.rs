//! Notetypes. Text of templates and CSS is an ordinary change. What adds, removes or moves fields or templates makes every device need a
//! one-way sync, so it has to be allowed explicitly.

mod create;
mod parts;
mod structure;

pub use create::{CreateNotetype, NewTemplate};
pub use structure::StructuralEdit;

use super::decks::{check_version, object};
use super::index::{self, NotetypeRef};
use super::notes::{add_missing_cards, delete_notes};
use super::{Change, Edit, Problem, Result};
use anki::cards::{self, CardRules};
use anki::file::Edited;
use anki::model::Notetype;
use anki::schema11::{Restamp, restamp};
use parts::{check_different, check_name, check_template, finished, part};
use serde_json::{Map, Value};
use std::collections::HashMap;
use structure::{derive_anew, structural};

/// New texts of a template. None leaves one alone.
#[derive(Debug, Clone, Default)]
pub struct TemplateEdit {
    /// The template's name.
    pub template: String,
    pub rename: Option<String>,
    pub question: Option<String>,
    pub answer: Option<String>,
}

/// How a field is shown where notes are edited. None leaves something alone.
#[derive(Debug, Clone, Default)]
pub struct FieldEdit {
    /// The field's name.
    pub field: String,
    pub font: Option<String>,
    pub size: Option<u16>,
    /// Shown in the field while it is empty.
    pub description: Option<String>,
}

/// Changes a notetype.
#[derive(Debug, Clone)]
pub struct UpdateNotetype {
    pub notetype: NotetypeRef,
    pub name: Option<String>,
    pub css: Option<String>,
    pub templates: Vec<TemplateEdit>,
    /// Old and new names.
    pub rename_fields: Vec<(String, String)>,
    pub field_settings: Vec<FieldEdit>,
    /// The devices will need a one-way sync.
    pub structural: Vec<StructuralEdit>,
    pub version: Option<String>,
}

impl UpdateNotetype {
    /// A change that changes nothing yet.
    pub fn of(notetype: NotetypeRef) -> Self {
        Self {
            notetype,
            name: None,
            css: None,
            templates: Vec::new(),
            rename_fields: Vec::new(),
            field_settings: Vec::new(),
            structural: Vec::new(),
            version: None,
        }
    }
}

impl Change for UpdateNotetype {
    type Done = Notetype;

    async fn make(&self, edit: &mut Edit) -> Result<Notetype> {
        let stored = find(&self.notetype, edit).await?;
        check_version("notetype", stored.id, &stored.json, self.version.as_ref())?;
        let mut json = object(&stored.json)?;
        if let Some(css) = &self.css {
            json.insert("css".into(), css.as_str().into());
        }
        for (at, change) in self.templates.iter().enumerate() {
            edit_template(&mut json, &format!("templates[{at}]"), change)?;
        }
        for (old, new) in &self.rename_fields {
            rename_field(&mut json, old, new)?;
        }
        for change in &self.field_settings {
            set_field(&mut json, change)?;
        }
        for change in &self.structural {
            structural(&mut json, change, stored.id, edit).await?;
            edit.needs_one_way = true;
        }
        for (list, what) in [("flds", "fields"), ("tmpls", "templates")] {
            let parts = json.get(list).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            check_different(what, parts.iter().map(|part| part["name"].as_str().unwrap_or_default()))?;
        }
        let mut notetype = finished(json).map_err(|e| Problem::invalid("notetype", e.to_string()))?;
        notetype.keep_extra_of(&stored)?;
        let name = self.name.as_deref().map(str::trim);
        if let Some(name) = name {
            check_name("name", name)?;
            if edit.stored().notetypes_by_name(&[name.to_owned()]).await?.iter().any(|other| other.id != stored.id) {
                return Err(Problem::NameTaken { field: "name".into(), name: name.to_owned() }.into());
            }
        }
        let mtime = Some(edit.stamp_after(stored.mtime));
        restamp(&mut notetype, &Restamp { id: None, name, mtime, usn: Some(edit.usn()) })?;
        edit.changed = true;
        edit.adds(notetype.json.len().saturating_sub(stored.json.len()));
        edit.stored().put_notetypes(vec![notetype.clone()]).await?;
        if !self.structural.is_empty() {
            derive_anew(&notetype, edit).await?;
        }
        if !self.templates.is_empty() || !self.structural.is_empty() {
            let ids = edit.stored().notes_of_notetype(notetype.id).await?;
            let notes = edit.stored().notes_by_id(&ids).await?;
            let rules = HashMap::from([(notetype.id, (notetype.sort_field, CardRules::new(&notetype)?))]);
            add_missing_cards(&notes, &rules, edit).await?;
        }
        Ok(notetype)
    }
}

/// Deletes a notetype with its notes. Devices need a one-way sync after this.
#[derive(Debug, Clone)]
pub struct DeleteNotetype(pub NotetypeRef);

impl Change for DeleteNotetype {
    type Done = ();

    async fn make(&self, edit: &mut Edit) -> Result<()> {
        let notetype = find(&self.0, edit).await?;
        if edit.current.counts.notetypes <= 1 {
            return Err(Problem::invalid("notetype", "the last notetype cannot be deleted").into());
        }
        let notes = edit.stored().notes_of_notetype(notetype.id).await?;
        delete_notes(&notes, edit).await?;
        edit.changed = true;
        edit.needs_one_way = true;
        edit.current.counts.notetypes -= edit.stored().delete_notetypes(&[notetype.id]).await?.cast_signed();
        Ok(())
    }
}

async fn find(reference: &NotetypeRef, edit: &Edit) -> Result<Notetype> {
    let found = index::notetypes(edit, std::iter::once(reference)).await?.remove(reference);
    Ok(found.ok_or_else(|| match reference {
        NotetypeRef::Id(id) => Problem::not_found("notetype", id),
        NotetypeRef::Name(name) => Problem::not_found("notetype", format!("`{name}`")),
    })?)
}

fn edit_template(json: &mut Map<String, Value>, field: &str, change: &TemplateEdit) -> Result<()> {
    let template = part(json, "tmpls", &change.template).ok_or_else(|| Problem::not_found("template", format!("`{}`", change.template)))?;
    if let Some(question) = &change.question {
        check_template(&format!("{field}.question"), question)?;
        template["qfmt"] = question.as_str().into();
    }
    if let Some(answer) = &change.answer {
        template["afmt"] = answer.as_str().into();
    }
    if let Some(name) = &change.rename {
        check_name("templates", name)?;
        template["name"] = name.trim().into();
    }
    Ok(())
}

/// Renames a field, in the templates as well.
fn rename_field(json: &mut Map<String, Value>, old: &str, new: &str) -> Result<()> {
    let new = new.trim();
    check_name("fields", new)?;
    let field = part(json, "flds", old).ok_or_else(|| Problem::not_found("field", format!("`{old}`")))?;
    let exact = field["name"].as_str().unwrap_or_default().to_owned();
    field["name"] = new.into();
    if let Some(templates) = json.get_mut("tmpls").and_then(Value::as_array_mut) {
        for template in templates {
            for key in ["qfmt", "afmt", "bqfmt", "bafmt"] {
                if let Some(text) = template[key].as_str() {
                    template[key] = cards::rename_field(text, &exact, new).into();
                }
            }
        }
    }
    Ok(())
}

fn set_field(json: &mut Map<String, Value>, change: &FieldEdit) -> Result<()> {
    let field = part(json, "flds", &change.field).ok_or_else(|| Problem::not_found("field", format!("`{}`", change.field)))?;
    for (key, value) in [("font", &change.font), ("description", &change.description)] {
        if let Some(text) = value {
            field[key] = text.as_str().into();
        }
    }
    if let Some(size) = change.size {
        field["size"] = size.into();
    }
    Ok(())
}
