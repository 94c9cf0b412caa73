//! The reference as a page for people, made from the description. Nothing of it comes from another host.

use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};
use serde_json::Value;
use std::collections::BTreeMap;

const STYLE: &str = "body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#222;background:#fff}\
    code,pre{font-family:monospace;background:#f3f3f3;padding:.1em .3em;border-radius:3px}pre{overflow:auto;padding:.6em}\
    h2{border-bottom:1px solid #ccc;margin-top:2em}h3{margin:1.6em 0 .2em}.verb{font-weight:bold}\
    table{border-collapse:collapse}td,th{text-align:left;padding:.15em 1em .15em 0;vertical-align:top}\
    @media(prefers-color-scheme:dark){body{color:#ddd;background:#222}code,pre{background:#333}a{color:#9cf}}";

pub(super) fn page(all: &Value) -> String {
    let mut groups: BTreeMap<String, String> = BTreeMap::new();
    for (path, methods) in all["paths"].as_object().into_iter().flatten() {
        for (method, operation) in methods.as_object().into_iter().flatten().filter(|(_, operation)| operation.is_object()) {
            let group = operation["tags"][0].as_str().unwrap_or("other").to_owned();
            groups.entry(group).or_default().push_str(&shown(path, method, operation));
        }
    }
    let schemas: String =
        all["components"]["schemas"].as_object().into_iter().flatten().map(|(name, schema)| schema_shown(name, schema)).collect();
    let links: Vec<String> = groups.keys().map(|group| format!("<a href=\"#{group}\">{group}</a>")).collect();
    let sections: String = groups.iter().map(|(group, text)| format!("<h2 id=\"{group}\">{group}</h2>{text}")).collect();
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>API of djankiserv</title><style>{STYLE}</style><h1>API of djankiserv</h1><p>{}</p>\
         <p>For programs: <a href=\"openapi.json\">openapi.json</a>. Send a personal token as <code>Authorization: Bearer djs_…</code>.</p>\
         <p>{}</p>{sections}<h2 id=\"shapes\">Shapes</h2>{schemas}</html>",
        escape(all["info"]["description"].as_str().unwrap_or_default()),
        links.join(" · "),
    )
}

pub(super) fn answer(page: String) -> Response {
    let mut response = Html(page).into_response();
    let policy = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'");
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

fn shown(path: &str, method: &str, operation: &Value) -> String {
    let text = |key: &str| escape(operation[key].as_str().unwrap_or_default());
    let mut rows = String::new();
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let name = escape(parameter["name"].as_str().unwrap_or_default());
        let about = escape(parameter["description"].as_str().unwrap_or_default());
        rows.push_str(&format!("<tr><td><code>{name}</code></td><td>{about}</td></tr>"));
    }
    if let Some(reference) = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].as_str() {
        rows.push_str(&format!("<tr><td>body</td><td>{}</td></tr>", link(reference)));
    }
    for (status, answer) in operation["responses"].as_object().into_iter().flatten() {
        let about = escape(answer["description"].as_str().unwrap_or_default());
        let schema = ["application/json", "application/problem+json"]
            .iter()
            .map(|media| &answer["content"][media]["schema"])
            .find(|schema| schema.is_object())
            .map(kind)
            .unwrap_or_default();
        rows.push_str(&format!("<tr><td>{status}</td><td>{about} {schema}</td></tr>"));
    }
    format!(
        "<h3><span class=\"verb\">{}</span> <code>{}</code></h3><p>{} {}</p><table>{rows}</table>",
        method.to_uppercase(),
        escape(path),
        text("summary"),
        text("description")
    )
}

fn schema_shown(name: &str, schema: &Value) -> String {
    let about = escape(schema["description"].as_str().unwrap_or_default());
    let json = serde_json::to_string_pretty(schema).unwrap_or_default();
    let mut rows = properties(schema);
    for one in ["oneOf", "anyOf", "allOf"].iter().flat_map(|key| schema[key].as_array().into_iter().flatten()) {
        rows.push_str(&format!("<tr><td>{}</td><td>{}</td></tr>", kind(one), escape(one["description"].as_str().unwrap_or_default())));
        rows.push_str(&properties(one));
    }
    if schema["enum"].is_array() {
        rows.push_str(&format!("<tr><td>{}</td><td></td></tr>", kind(schema)));
    }
    format!(
        "<h3 id=\"{name}\">{name}</h3><p>{about}</p><table>{rows}</table><details><summary>JSON schema</summary><pre>{}</pre></details>",
        escape(&json)
    )
}

fn properties(schema: &Value) -> String {
    let required = |name: &String| schema["required"].as_array().into_iter().flatten().any(|one| one == name);
    let row = |(name, property): (&String, &Value)| {
        let about = escape(property["description"].as_str().unwrap_or_default());
        let must = if required(name) { "" } else { " <small>may be missing</small>" };
        format!("<tr><td><code>{}</code>{must}</td><td>{}</td><td>{about}</td></tr>", escape(name), kind(property))
    };
    schema["properties"].as_object().into_iter().flatten().map(row).collect()
}

/// What a value is, in a few words.
fn kind(schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        return link(reference);
    }
    if let Some(values) = schema["enum"].as_array() {
        return values.iter().map(|value| format!("<code>{}</code>", escape(&value.to_string()))).collect::<Vec<_>>().join(" or ");
    }
    if let Some(kinds) = ["oneOf", "anyOf"].iter().find_map(|key| schema[key].as_array()) {
        return kinds.iter().map(kind).collect::<Vec<_>>().join(" or ");
    }
    let names: Vec<&str> = match &schema["type"] {
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        name => name.as_str().into_iter().collect(),
    };
    let named = |name: &str| match name {
        "array" => format!("list of {}", kind(&schema["items"])),
        "object" if schema["additionalProperties"].is_object() => format!("object of {}", kind(&schema["additionalProperties"])),
        "string" => "text".to_owned(),
        other => other.to_owned(),
    };
    names.into_iter().map(named).collect::<Vec<_>>().join(" or ")
}

fn link(reference: &str) -> String {
    let name = escape(reference.rsplit('/').next().unwrap_or_default());
    format!("<a href=\"#{name}\">{name}</a>")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
