//! Notetypes. Text of templates and CSS is an ordinary change. What adds, removes or moves fields or templates makes every device need a
//! one-way sync, so it has to be allowed explicitly.

use super::decks::{check_version, object};
use super::index::{self, NotetypeRef};
use super::notes::{add_missing_cards, delete_notes};
use super::{Change, Edit, EditError, Problem, Result};
use anki::cards::{self, CardRules};
use anki::model::Notetype;
use anki::names;
use anki::schema11::{self, Restamp, restamp, stock};
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};
use store::collection::FreeId;

/// A template of a new notetype.
#[derive(Debug, Clone)]
pub struct NewTemplate {
    pub name: String,
    pub question: String,
    pub answer: String,
}

/// Makes a notetype.
#[derive(Debug, Clone)]
pub struct CreateNotetype {
    pub name: String,
    pub fields: Vec<String>,
    pub templates: Vec<NewTemplate>,
    /// None for the stock one.
    pub css: Option<String>,
    pub cloze: bool,
}

impl Change for CreateNotetype {
    type Done = Notetype;

    async fn make(&self, edit: &mut Edit) -> Result<Notetype> {
        let name = self.name.trim();
        check_names("name", &[name.to_owned()])?;
        check_names("fields", &self.fields)?;
        check_names("templates", &self.templates.iter().map(|template| template.name.clone()).collect::<Vec<_>>())?;
        if self.fields.is_empty() {
            return Err(Problem::invalid("fields", "a notetype needs a field").into());
        }
        if self.templates.is_empty() || self.cloze && self.templates.len() != 1 {
            let reason = if self.cloze { "a cloze notetype has exactly one template" } else { "a notetype needs a template" };
            return Err(Problem::invalid("templates", reason).into());
        }
        if !edit.stored().notetypes_by_name(&[name.to_owned()]).await?.is_empty() {
            return Err(Problem::NameTaken { field: "name".into(), name: name.to_owned() }.into());
        }
        let mut part_ids = Vec::new();
        for _ in 0..64 {
            part_ids.push(i64::from_le_bytes(crate::random::bytes()?));
        }
        let mut part_ids = part_ids.into_iter();
        let stock = stock::notetypes(1, &mut || part_ids.next().unwrap_or_default());
        // Basic, or Cloze.
        let base = stock.into_iter().nth(if self.cloze { 4 } else { 0 }).unwrap_or_default();
        let mut json = object(&base.json)?;
        json.shift_remove("originalStockKind");
        let field = json["flds"][0].clone();
        let template = json["tmpls"][0].clone();
        json["flds"] = self
            .fields
            .iter()
            .enumerate()
            .map(|(ord, name)| {
                with(
                    &field,
                    [
                        ("name", name.trim().into()),
                        ("ord", ord.into()),
                        ("id", new_id()),
                        ("tag", Value::Null),
                        ("preventDeletion", false.into()),
                    ],
                )
            })
            .collect();
        let mut templates = Vec::new();
        for (ord, new) in self.templates.iter().enumerate() {
            check_template(&format!("templates[{ord}].question"), &new.question)?;
            templates.push(with(
                &template,
                [
                    ("name", new.name.trim().into()),
                    ("ord", ord.into()),
                    ("qfmt", new.question.as_str().into()),
                    ("afmt", new.answer.as_str().into()),
                    ("id", new_id()),
                ],
            ));
        }
        json["tmpls"] = templates.into();
        json["req"] = Value::Array(Vec::new());
        if let Some(css) = &self.css {
            json["css"] = css.as_str().into();
        }
        let id = edit.stored().free_id(FreeId::Notetypes, edit.now_ms()).await?;
        json["id"] = id.into();
        let mut notetype = schema11::notetype(json)?;
        restamp(&mut notetype, &Restamp { id: None, name: Some(name), mtime: Some(edit.now_secs()), usn: Some(edit.usn()) })?;
        edit.changed = true;
        edit.current.counts.notetypes += 1;
        edit.stored().put_notetypes(vec![notetype.clone()]).await?;
        Ok(notetype)
    }
}

/// New texts of a template. None leaves one alone.
#[derive(Debug, Clone, Default)]
pub struct TemplateEdit {
    /// The template's name.
    pub template: String,
    pub rename: Option<String>,
    pub question: Option<String>,
    pub answer: Option<String>,
}

/// A change that adds, removes or moves a field or template, or removes what notes hold.
#[derive(Debug, Clone)]
pub enum StructuralEdit {
    AddField {
        name: String,
        at: Option<usize>,
    },
    /// With its text in all notes.
    RemoveField {
        name: String,
    },
    MoveField {
        name: String,
        to: usize,
    },
    AddTemplate(NewTemplate),
    /// With its cards.
    RemoveTemplate {
        name: String,
    },
    /// The field by which notes are sorted.
    SortField {
        name: String,
    },
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
    /// The devices will need a one-way sync.
    pub structural: Vec<StructuralEdit>,
    pub version: Option<String>,
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
        for change in &self.structural {
            structural(&mut json, change, stored.id, edit).await?;
            edit.needs_one_way = true;
        }
        for list in ["flds", "tmpls"] {
            let parts = json.get(list).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            check_names(list, &parts.iter().map(|part| part["name"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>())?;
        }
        let mut notetype = schema11::notetype(json).map_err(|e| Problem::invalid("notetype", e.to_string()))?;
        notetype.extra.clone_from(&stored.extra);
        let name = self.name.as_deref().map(str::trim);
        if let Some(name) = name {
            check_names("name", &[name.to_owned()])?;
            if edit.stored().notetypes_by_name(&[name.to_owned()]).await?.iter().any(|other| other.id != stored.id) {
                return Err(Problem::NameTaken { field: "name".into(), name: name.to_owned() }.into());
            }
        }
        restamp(&mut notetype, &Restamp { id: None, name, mtime: Some(edit.now_secs()), usn: Some(edit.usn()) })?;
        edit.changed = true;
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
        template["name"] = name.trim().into();
    }
    Ok(())
}

/// Renames a field, in the templates as well.
fn rename_field(json: &mut Map<String, Value>, old: &str, new: &str) -> Result<()> {
    let new = new.trim();
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

async fn structural(json: &mut Map<String, Value>, change: &StructuralEdit, notetype: i64, edit: &mut Edit) -> Result<()> {
    let missing = |name: &str| Problem::not_found("field", format!("`{name}`"));
    match change {
        StructuralEdit::AddField { name, at } => {
            let fields = list(json, "flds")?;
            let at = at.unwrap_or(fields.len()).min(fields.len());
            let base = fields.first().cloned().unwrap_or_default();
            fields.insert(
                at,
                with(&base, [("name", name.trim().into()), ("id", new_id()), ("tag", Value::Null), ("preventDeletion", false.into())]),
            );
            keep_sort_field(json, |sort| if sort >= at { sort + 1 } else { sort });
            refit_notes(notetype, edit, |fields| fields.insert(at.min(fields.len()), String::new())).await?;
        }
        StructuralEdit::RemoveField { name } => {
            let fields = list(json, "flds")?;
            let at = position(fields, name).ok_or_else(|| missing(name))?;
            if fields.len() == 1 {
                return Err(Problem::invalid("field", "the last field cannot be removed").into());
            }
            fields.remove(at);
            keep_sort_field(json, |sort| {
                if sort == at {
                    0
                } else if sort > at {
                    sort - 1
                } else {
                    sort
                }
            });
            refit_notes(notetype, edit, |fields| {
                if at < fields.len() {
                    fields.remove(at);
                }
            })
            .await?;
        }
        StructuralEdit::MoveField { name, to } => {
            let fields = list(json, "flds")?;
            let at = position(fields, name).ok_or_else(|| missing(name))?;
            let to = (*to).min(fields.len() - 1);
            let sorted = json.get("sortf").and_then(Value::as_u64).and_then(|sort| usize::try_from(sort).ok()).unwrap_or_default();
            let fields = list(json, "flds")?;
            let mut order: Vec<usize> = (0..fields.len()).collect();
            let moved = order.remove(at);
            order.insert(to, moved);
            let field = fields.remove(at);
            fields.insert(to, field);
            keep_sort_field(json, |_| order.iter().position(|old| *old == sorted).unwrap_or_default());
            refit_notes(notetype, edit, |fields| {
                if at < fields.len() {
                    let text = fields.remove(at);
                    fields.insert(to.min(fields.len()), text);
                }
            })
            .await?;
        }
        StructuralEdit::AddTemplate(new) => {
            check_template("template.question", &new.question)?;
            let templates = list(json, "tmpls")?;
            let base = templates.first().cloned().unwrap_or_default();
            let texts = [("qfmt", new.question.as_str().into()), ("afmt", new.answer.as_str().into())];
            let added = with(&with(&base, texts), [("name", new.name.trim().into()), ("id", new_id()), ("did", Value::Null)]);
            templates.push(added);
        }
        StructuralEdit::RemoveTemplate { name } => {
            let templates = list(json, "tmpls")?;
            let at = position(templates, name).ok_or_else(|| Problem::not_found("template", format!("`{name}`")))?;
            if templates.len() == 1 {
                return Err(Problem::invalid("template", "the last template cannot be removed").into());
            }
            templates.remove(at);
            remove_cards(notetype, at as i64, edit).await?;
        }
        StructuralEdit::SortField { name } => {
            let at = position(list(json, "flds")?, name).ok_or_else(|| missing(name))?;
            keep_sort_field(json, |_| at);
        }
    }
    for key in ["flds", "tmpls"] {
        list(json, key)?.iter_mut().enumerate().for_each(|(ord, part)| part["ord"] = ord.into());
    }
    json.insert("req".into(), Value::Array(Vec::new()));
    Ok(())
}

/// The cards of the removed template go, those of the later ones get the number before.
async fn remove_cards(notetype: i64, at: i64, edit: &mut Edit) -> Result<()> {
    let notes = edit.stored().notes_of_notetype(notetype).await?;
    let (gone, mut stay): (Vec<_>, Vec<_>) = edit.stored().cards_of_notes(&notes).await?.into_iter().partition(|card| card.ord == at);
    let alive: HashSet<i64> = stay.iter().map(|card| card.note_id).collect();
    if gone.iter().any(|card| !alive.contains(&card.note_id)) {
        return Err(Problem::invalid("template", "some notes would be left without cards").into());
    }
    super::cards::delete_cards(&gone, edit).await?;
    stay.retain(|card| card.ord > at);
    for card in &mut stay {
        card.ord -= 1;
        (card.mtime, card.usn) = (edit.now_secs(), edit.usn());
    }
    edit.stored().put_cards(stay).await?;
    Ok(())
}

/// Changes the fields of all notes of a notetype.
async fn refit_notes(notetype: i64, edit: &mut Edit, change: impl Fn(&mut Vec<String>)) -> Result<()> {
    let ids = edit.stored().notes_of_notetype(notetype).await?;
    let mut notes = edit.stored().notes_by_id(&ids).await?;
    for note in &mut notes {
        let mut fields: Vec<String> = anki::text::split_fields(&note.fields).map(str::to_owned).collect();
        change(&mut fields);
        note.fields = fields.join("\u{1f}");
        (note.mtime, note.usn) = (edit.now_secs(), edit.usn());
    }
    edit.stored().put_notes(notes).await?;
    Ok(())
}

/// Fills what is derived from the fields of all notes of a notetype.
async fn derive_anew(notetype: &Notetype, edit: &mut Edit) -> Result<()> {
    let ids = edit.stored().notes_of_notetype(notetype.id).await?;
    let mut notes = edit.stored().notes_by_id(&ids).await?;
    notes.iter_mut().for_each(|note| anki::text::fill_derived(note, notetype.sort_field));
    edit.stored().put_notes(notes).await?;
    Ok(())
}

fn keep_sort_field(json: &mut Map<String, Value>, change: impl Fn(usize) -> usize) {
    let sort = json.get("sortf").and_then(Value::as_u64).and_then(|sort| usize::try_from(sort).ok()).unwrap_or_default();
    json.insert("sortf".into(), change(sort).into());
}

fn list<'a>(json: &'a mut Map<String, Value>, key: &str) -> Result<&'a mut Vec<Value>> {
    json.get_mut(key).and_then(Value::as_array_mut).ok_or_else(|| EditError::Internal(format!("a stored notetype has no {key}")))
}

fn position(parts: &[Value], name: &str) -> Option<usize> {
    let is = |same: &dyn Fn(&str) -> bool| parts.iter().position(|part| part["name"].as_str().is_some_and(same));
    is(&|known| known == name).or_else(|| is(&|known| names::same(known, name)))
}

fn part<'a>(json: &'a mut Map<String, Value>, key: &str, name: &str) -> Option<&'a mut Value> {
    let parts = json.get_mut(key)?.as_array_mut()?;
    let at = position(parts, name)?;
    parts.get_mut(at)
}

fn with<const N: usize>(base: &Value, changes: [(&str, Value); N]) -> Value {
    let mut object = base.clone();
    for (key, value) in changes {
        object[key] = value;
    }
    object
}

/// Parts have random ids. Without randomness, none.
fn new_id() -> Value {
    crate::random::bytes().map_or(Value::Null, |bytes| i64::from_le_bytes(bytes).into())
}

fn check_template(field: &str, question: &str) -> Result<(), Problem> {
    cards::check_question(question).map_err(|e| Problem::invalid(field, e.to_string()))
}

/// What clients accept as names of notetypes, fields and templates.
fn check_names(field: &str, wanted: &[String]) -> Result<(), Problem> {
    let mut seen = HashSet::new();
    for name in wanted {
        let name = name.trim();
        let bad = |c: char| c.is_ascii_control() || field == "fields" && matches!(c, ':' | '"' | '{' | '}');
        if name.is_empty() || name.len() > 1000 || name.contains(bad) || (field == "fields" && name.starts_with(['#', '^', '/'])) {
            return Err(Problem::invalid(field, format!("`{name}` cannot be a name")));
        }
        if !seen.insert(names::fold(name)) {
            return Err(Problem::NameTaken { field: field.into(), name: name.to_owned() });
        }
    }
    Ok(())
}
