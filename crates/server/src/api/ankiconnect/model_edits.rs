//! Notetypes, to change. What adds, removes or moves fields or templates makes every device need a one-way sync, so it has to be asked for.

use super::args::{Args, text_of, wrong};
use super::context::Context;
use super::failed::{Result, said};
use super::models::{object, parts, text};
use crate::actions::edit_collection::notetypes::{
    CreateNotetype, DeleteNotetype, FieldEdit, NewTemplate, StructuralEdit, TemplateEdit, UpdateNotetype,
};
use crate::actions::edit_collection::{Change, Edit, NotetypeRef, Problem, Result as EditResult};
use serde_json::{Map, Value};
use std::collections::HashSet;

/// Answers the whole notetype.
pub async fn create(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let fields = args.texts("inOrderFields")?;
    if fields.is_empty() {
        return Err(said("Must provide at least one field for inOrderFields"));
    }
    let given = args.list("cardTemplates")?;
    if given.is_empty() {
        return Err(said("Must provide at least one card for cardTemplates"));
    }
    let mut templates = Vec::new();
    for (at, template) in given.iter().enumerate() {
        let template = template.as_object().ok_or_else(|| wrong("cardTemplates", "a list of objects"))?;
        templates.push(new_template(template, &format!("Card {}", at + 1))?);
    }
    let create = CreateNotetype {
        name: args.text("modelName")?.to_owned(),
        fields,
        templates,
        css: args.opt_text("css")?.map(str::to_owned),
        cloze: args.flag("isCloze", false)?,
    };
    match cx.edit(&CreateOrSay(create)).await? {
        Some(notetype) => Ok(Value::Object(object(&notetype)?)),
        None => Err(said("Model name already exists")),
    }
}

/// None when the name is taken.
struct CreateOrSay(CreateNotetype);

impl Change for CreateOrSay {
    type Done = Option<anki::model::Notetype>;

    async fn make(&self, edit: &mut Edit) -> EditResult<Self::Done> {
        use crate::actions::edit_collection::EditError;
        match self.0.make(edit).await {
            Ok(notetype) => Ok(Some(notetype)),
            // Nothing has been written then.
            Err(EditError::Problem(Problem::NameTaken { field, .. })) if field == "name" => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn new_template(template: &Map<String, Value>, default_name: &str) -> Result<NewTemplate> {
    let name = template.get("Name").and_then(Value::as_str).unwrap_or(default_name);
    Ok(NewTemplate {
        name: name.to_owned(),
        question: text_of(template, "Front")?.to_owned(),
        answer: text_of(template, "Back")?.to_owned(),
    })
}

fn update_of(name: &str) -> UpdateNotetype {
    UpdateNotetype::of(NotetypeRef::Name(name.to_owned()))
}

/// A change that devices get by a normal sync.
async fn save(cx: &Context<'_>, update: UpdateNotetype) -> Result<Value> {
    cx.edit(&update).await?;
    Ok(Value::Null)
}

/// One after which they need a one-way sync.
async fn structural(cx: &Context<'_>, args: &Args<'_>, change: StructuralEdit) -> Result<Value> {
    cx.needs_one_way_sync(args)?;
    let model = args.text("modelName")?;
    tracing::info!(account = %cx.caller.account.username, "AnkiConnect: changing the structure of a notetype; devices will ask for a one-way sync");
    save(cx, UpdateNotetype { structural: vec![change], ..update_of(model) }).await
}

pub async fn templates(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let model = args.object("model")?;
    let name = text_of(model, "name")?;
    let given = model.get("templates").and_then(Value::as_object).ok_or_else(|| wrong("model.templates", "an object"))?;
    let (_, stored) = cx.notetype(name).await?;
    let mut update = update_of(name);
    for template in parts(&stored, "tmpls") {
        let Some(new) = given.get(text(template, "name")) else { continue };
        let side = |key: &str| Some(text(new, key)).filter(|text| !text.is_empty()).map(str::to_owned);
        let edit =
            TemplateEdit { template: text(template, "name").to_owned(), rename: None, question: side("Front"), answer: side("Back") };
        update.templates.push(edit);
    }
    save(cx, update).await
}

pub async fn styling(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let model = args.object("model")?;
    let css = Some(text_of(model, "css")?.to_owned());
    save(cx, UpdateNotetype { css, ..update_of(text_of(model, "name")?) }).await
}

/// In one notetype, or in all when its name is empty. Answers how many were changed.
pub async fn find_and_replace(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let (find, replace) = (args.text("findText")?, args.text("replaceText")?);
    if find.is_empty() {
        return Err(said("`findText` is empty"));
    }
    let (front, back, css) = (args.flag("front", true)?, args.flag("back", true)?, args.flag("css", true)?);
    let stored = match args.opt_text("modelName")?.filter(|name| !name.is_empty()) {
        Some(name) => vec![cx.notetype(name).await?.0],
        None => {
            let current = cx.open().await?;
            cx.stored(&current).notetypes().await?
        }
    };
    let mut count = 0;
    for notetype in stored {
        let json = object(&notetype)?;
        let replaced = |text: &str, wanted: bool| (wanted && text.contains(find)).then(|| text.replace(find, replace));
        let mut update = UpdateNotetype::of(NotetypeRef::Id(notetype.id));
        update.css = json.get("css").and_then(Value::as_str).and_then(|text| replaced(text, css));
        for template in parts(&json, "tmpls") {
            let (question, answer) = (replaced(text(template, "qfmt"), front), replaced(text(template, "afmt"), back));
            if question.is_some() || answer.is_some() {
                update.templates.push(TemplateEdit { template: text(template, "name").to_owned(), rename: None, question, answer });
            }
        }
        if update.css.is_some() || !update.templates.is_empty() {
            save(cx, update).await?;
            count += 1;
        }
    }
    Ok(count.into())
}

/// The part of that exact name.
fn needed(stored: &Map<String, Value>, key: &str, what: &str, name: &str) -> Result<usize> {
    let model = stored.get("name").and_then(Value::as_str).unwrap_or_default();
    let at = parts(stored, key).iter().position(|part| text(part, "name") == name);
    at.ok_or_else(|| said(format!("{what} was not found in {model}: {name}")))
}

pub async fn rename_template(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let (model, old) = (args.text("modelName")?, args.text("oldTemplateName")?);
    needed(&cx.notetype(model).await?.1, "tmpls", "template", old)?;
    let rename = Some(args.text("newTemplateName")?.to_owned());
    save(
        cx,
        UpdateNotetype {
            templates: vec![TemplateEdit { template: old.to_owned(), rename, ..TemplateEdit::default() }],
            ..update_of(model)
        },
    )
    .await
}

/// One that exists gets the texts.
pub async fn add_template(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let model = args.text("modelName")?;
    let template = args.object("template")?;
    let name = text_of(template, "Name")?;
    let new = new_template(template, name)?;
    if needed(&cx.notetype(model).await?.1, "tmpls", "template", name).is_err() {
        return structural(cx, args, StructuralEdit::AddTemplate(new)).await;
    }
    let edit = TemplateEdit { template: new.name, rename: None, question: Some(new.question), answer: Some(new.answer) };
    save(cx, UpdateNotetype { templates: vec![edit], ..update_of(model) }).await
}

pub async fn remove_template(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let (model, name) = (args.text("modelName")?, args.text("templateName")?);
    needed(&cx.notetype(model).await?.1, "tmpls", "template", name)?;
    structural(cx, args, StructuralEdit::RemoveTemplate { name: name.to_owned() }).await
}

pub async fn move_template(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let (model, name) = (args.text("modelName")?, args.text("templateName")?);
    needed(&cx.notetype(model).await?.1, "tmpls", "template", name)?;
    structural(cx, args, StructuralEdit::MoveTemplate { name: name.to_owned(), to: position(args)? }).await
}

/// Notetypes without notes: in spite of its name that is what the add-on removes.
pub async fn remove_unused(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    cx.needs_one_way_sync(args)?;
    cx.edit(&RemoveUnused).await?;
    Ok(Value::Null)
}

struct RemoveUnused;

impl Change for RemoveUnused {
    type Done = ();

    async fn make(&self, edit: &mut Edit) -> EditResult<()> {
        let used: HashSet<i64> = edit.stored().notes_by_notetype().await?.into_iter().map(|(notetype, _)| notetype).collect();
        let mut unused: Vec<i64> = edit.stored().notetypes().await?.iter().map(|notetype| notetype.id).collect();
        let all = unused.len();
        unused.retain(|id| !used.contains(id));
        // A collection always has one.
        if unused.len() == all {
            unused.pop();
        }
        for id in unused {
            DeleteNotetype(NotetypeRef::Id(id)).make(edit).await?;
        }
        Ok(())
    }
}

pub async fn rename_field(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let (model, old) = (args.text("modelName")?, args.text("oldFieldName")?);
    needed(&cx.notetype(model).await?.1, "flds", "field", old)?;
    let rename_fields = vec![(old.to_owned(), args.text("newFieldName")?.to_owned())];
    save(cx, UpdateNotetype { rename_fields, ..update_of(model) }).await
}

pub async fn move_field(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let (model, name) = (args.text("modelName")?, args.text("fieldName")?);
    needed(&cx.notetype(model).await?.1, "flds", "field", name)?;
    structural(cx, args, StructuralEdit::MoveField { name: name.to_owned(), to: position(args)? }).await
}

/// One that exists is moved only.
pub async fn add_field(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let (model, name) = (args.text("modelName")?, args.text("fieldName")?.to_owned());
    let at = if args.value("index").is_null() { None } else { Some(position(args)?) };
    let exists = needed(&cx.notetype(model).await?.1, "flds", "field", &name).is_ok();
    match (exists, at) {
        (false, at) => structural(cx, args, StructuralEdit::AddField { name, at }).await,
        (true, Some(to)) => structural(cx, args, StructuralEdit::MoveField { name, to }).await,
        (true, None) => Ok(Value::Null),
    }
}

pub async fn remove_field(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let (model, name) = (args.text("modelName")?, args.text("fieldName")?);
    needed(&cx.notetype(model).await?.1, "flds", "field", name)?;
    structural(cx, args, StructuralEdit::RemoveField { name: name.to_owned() }).await
}

fn position(args: &Args<'_>) -> Result<usize> {
    usize::try_from(args.int("index")?).map_err(|_| wrong("index", "a position from 0"))
}

async fn set_field(cx: &Context<'_>, args: &Args<'_>, change: FieldEdit) -> Result<()> {
    let (model, field) = (args.text("modelName")?, args.text("fieldName")?);
    needed(&cx.notetype(model).await?.1, "flds", "field", field)?;
    let field_settings = vec![FieldEdit { field: field.to_owned(), ..change }];
    save(cx, UpdateNotetype { field_settings, ..update_of(model) }).await.map(drop)
}

pub async fn set_font(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let font = args.value("font");
    let font = font.as_str().ok_or_else(|| said(format!("font should be a string: {font}")))?;
    set_field(cx, args, FieldEdit { font: Some(font.to_owned()), ..FieldEdit::default() }).await?;
    Ok(Value::Null)
}

pub async fn set_font_size(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let size = args.value("fontSize");
    let size = size.as_u64().ok_or_else(|| said(format!("fontSize should be an integer: {size}")))?;
    let size = u16::try_from(size).ok().filter(|size| *size > 0).ok_or_else(|| wrong("fontSize", "from 1 to 65535"))?;
    set_field(cx, args, FieldEdit { size: Some(size), ..FieldEdit::default() }).await?;
    Ok(Value::Null)
}

pub async fn set_description(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let text = args.value("description");
    let text = text.as_str().ok_or_else(|| said(format!("description should be a string: {text}")))?;
    set_field(cx, args, FieldEdit { description: Some(text.to_owned()), ..FieldEdit::default() }).await?;
    Ok(true.into())
}
