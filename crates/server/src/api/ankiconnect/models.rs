//! Notetypes, to read.

use super::args::{Args, int, wrong};
use super::context::Context;
use super::failed::{Result, internal, said};
use anki::model::Notetype;
use anki::names as anki_names;
use serde_json::{Map, Value, json};

impl Context<'_> {
    /// All notetypes, in the order in which clients list them.
    async fn notetypes(&self) -> Result<Vec<Notetype>> {
        let current = self.open().await?;
        let mut notetypes = self.stored(&current).notetypes().await?;
        notetypes.sort_by(|a, b| anki_names::compare(&a.name, &b.name));
        Ok(notetypes)
    }

    /// The notetype of a name, as the object that the sync protocol knows.
    pub async fn notetype(&self, name: &str) -> Result<(Notetype, Map<String, Value>)> {
        let current = self.open().await?;
        let found = self.stored(&current).notetypes_by_name(&[name.to_owned()]).await?;
        let found = found.into_iter().find(|notetype| anki_names::same(&notetype.name, name));
        let notetype = found.ok_or_else(|| said(format!("model was not found: {name}")))?;
        let object = object(&notetype)?;
        Ok((notetype, object))
    }
}

pub fn object(notetype: &Notetype) -> Result<Map<String, Value>> {
    serde_json::from_str(&notetype.json).map_err(|e| internal(&format!("stored notetype: {e}")))
}

/// The fields or templates of a notetype.
pub fn parts<'a>(object: &'a Map<String, Value>, key: &str) -> &'a [Value] {
    object.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

pub fn text<'a>(part: &'a Value, key: &str) -> &'a str {
    part[key].as_str().unwrap_or_default()
}

pub async fn names(cx: &Context<'_>, _: &Args<'_>) -> Result<Value> {
    Ok(cx.notetypes().await?.into_iter().map(|notetype| notetype.name).collect::<Vec<_>>().into())
}

pub async fn names_and_ids(cx: &Context<'_>, _: &Args<'_>) -> Result<Value> {
    Ok(Value::Object(cx.notetypes().await?.into_iter().map(|notetype| (notetype.name, notetype.id.into())).collect()))
}

pub async fn name_from_id(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    Ok(one_by_id(cx, args.int("modelId")?).await?.name.into())
}

async fn one_by_id(cx: &Context<'_>, id: i64) -> Result<Notetype> {
    let current = cx.open().await?;
    cx.stored(&current).notetypes_by_id(&[id]).await?.pop().ok_or_else(|| said(format!("model was not found: {id}")))
}

pub async fn by_ids(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let mut found = Vec::new();
    for id in args.list("modelIds")? {
        let id = int(id).ok_or_else(|| wrong("modelIds", "a list of ids"))?;
        found.push(Value::Object(object(&one_by_id(cx, id).await?)?));
    }
    Ok(found.into())
}

pub async fn by_names(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let mut found = Vec::new();
    for name in args.texts("modelNames")? {
        found.push(Value::Object(cx.notetype(&name).await?.1));
    }
    Ok(found.into())
}

async fn named(cx: &Context<'_>, args: &Args<'_>) -> Result<Map<String, Value>> {
    Ok(cx.notetype(args.text("modelName")?).await?.1)
}

pub async fn field_names(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    Ok(parts(&named(cx, args).await?, "flds").iter().map(|field| field["name"].clone()).collect())
}

pub async fn field_descriptions(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    Ok(parts(&named(cx, args).await?, "flds").iter().map(|field| Value::from(text(field, "description"))).collect())
}

pub async fn field_fonts(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let mut fonts = Map::new();
    for field in parts(&named(cx, args).await?, "flds") {
        fonts.insert(text(field, "name").to_owned(), json!({"font": field["font"], "size": field["size"]}));
    }
    Ok(Value::Object(fonts))
}

pub async fn templates(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let mut templates = Map::new();
    for template in parts(&named(cx, args).await?, "tmpls") {
        templates.insert(text(template, "name").to_owned(), json!({"Front": template["qfmt"], "Back": template["afmt"]}));
    }
    Ok(Value::Object(templates))
}

pub async fn styling(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    Ok(json!({"css": named(cx, args).await?.get("css")}))
}

/// For each template the fields on its front, and those on its back that are not on the front.
pub async fn fields_on_templates(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let mut templates = Map::new();
    for template in parts(&named(cx, args).await?, "tmpls") {
        let mut front = fields_in(text(template, "qfmt"));
        front.retain(|name| *name != "FrontSide");
        let mut back = fields_in(text(template, "afmt"));
        back.retain(|name| *name != "FrontSide" && !front.contains(name));
        templates.insert(text(template, "name").to_owned(), json!([front, back]));
    }
    Ok(Value::Object(templates))
}

/// What stands in double braces, without sections and filters.
fn fields_in(template: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = template;
    while let Some((_, after)) = rest.split_once("{{") {
        match after.split_once("}}") {
            Some((tag, after)) if !tag.is_empty() && !tag.contains(['#', '/', '}']) => {
                found.push(tag.trim_start_matches('{').rsplit(':').next().unwrap_or_default());
                rest = after;
            }
            _ => rest = after,
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_a_template() {
        assert_eq!(fields_in("{{a}} {{#b}}{{hint:c}}{{/b}} {{type:cloze:d}} {{e"), ["a", "c", "d"]);
    }
}
