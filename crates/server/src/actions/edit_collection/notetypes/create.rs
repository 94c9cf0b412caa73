//! New notetypes.

use super::super::decks::object;
use super::super::{Change, Edit, Problem, Result};
use super::parts::{check_different, check_name, check_template, finished, new_id, with};
use crate::actions::quota::ROW;
use anki::model::Notetype;
use anki::schema11::{Restamp, restamp, stock};
use serde_json::Value;
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
        check_name("name", name)?;
        self.fields.iter().try_for_each(|field| check_name("fields", field))?;
        self.templates.iter().try_for_each(|template| check_name("templates", &template.name))?;
        check_different("fields", self.fields.iter().map(String::as_str))?;
        check_different("templates", self.templates.iter().map(|template| template.name.as_str()))?;
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
        if let Some(css) = &self.css {
            json["css"] = css.as_str().into();
        }
        let id = edit.stored().free_id(FreeId::Notetypes, edit.now_ms()).await?;
        json["id"] = id.into();
        let mut notetype = finished(json)?;
        restamp(&mut notetype, &Restamp { id: None, name: Some(name), mtime: Some(edit.now_secs()), usn: Some(edit.usn()) })?;
        edit.changed = true;
        edit.current.counts.notetypes += 1;
        edit.adds(ROW + notetype.json.len());
        edit.stored().put_notetypes(vec![notetype.clone()]).await?;
        Ok(notetype)
    }
}
