//! The description in OpenAPI, made complete: what holds for every operation is said here, once.

use serde_json::{Map, Value, json};

/// What can be answered to anything.
const ALWAYS: [(&str, &str); 5] = [
    ("401", "No login, or one that is not valid any more"),
    ("403", "This login may not do that"),
    ("422", "A part of the request is wrong; `field` names it"),
    ("429", "Too many requests; `Retry-After` says when to try again"),
    ("503", "Passes by itself: a device syncs, or the database cannot answer"),
];
/// Beside these, to what has a body.
const WITH_BODY: [(&str, &str); 5] = [
    ("400", "The body is no JSON"),
    ("404", "Something that the body names does not exist"),
    ("408", "The request was not sent to its end"),
    ("413", "Too much for one request, or for a quota"),
    ("415", "Not a form that is understood"),
];
/// What is said about the others where the operation says nothing.
const KNOWN: [(&str, &str); 3] =
    [("204", "Done"), ("409", "Something is in the way, such as a name that is taken"), ("412", "It was changed since it was seen")];

/// What knows `Idempotency-Key`: what would be done twice if it were sent twice.
const ONCE: [&str; 7] = [
    "/api/v2/notes",
    "/api/v2/notes/batch",
    "/api/v2/decks",
    "/api/v2/presets",
    "/api/v2/notetypes",
    "/api/v2/cards/answer",
    "/api/v2/cards/{id}/answer",
];

/// How the names of lists begin.
const PAGE: &str = "Page_";

pub(super) fn complete(mut description: Value) -> Value {
    let paths = description["paths"].as_object_mut().into_iter().flatten();
    for (path, methods) in paths {
        for (method, operation) in methods.as_object_mut().into_iter().flatten() {
            if let Some(operation) = operation.as_object_mut() {
                complete_operation(path, method, operation);
            }
        }
    }
    let schemas = description["components"]["schemas"].as_object_mut().into_iter().flatten();
    schemas.for_each(|(_, schema)| name_numbers(schema));
    name_items(&mut description);
    description
}

/// Pages refer to what they list. Where there is `select`, any key of an item may be missing: such lists are of an item's part.
fn name_items(description: &mut Value) {
    let operations = description["paths"].as_object().into_iter().flatten().flat_map(|(_, path)| path.as_object().into_iter().flatten());
    let selects =
        |operation: &Value| operation["parameters"].as_array().into_iter().flatten().any(|parameter| parameter["name"] == "select");
    let page = |operation: &Value| operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].as_str().map(bare);
    let in_parts: Vec<String> =
        operations.filter(|(_, operation)| selects(operation)).filter_map(|(_, operation)| page(operation)).collect();
    let Some(schemas) = description["components"]["schemas"].as_object_mut() else { return };
    let pages: Vec<String> = schemas.keys().filter(|name| name.starts_with(PAGE)).cloned().collect();
    for page in pages {
        let Some(items) = schemas.get_mut(&page).map(|page| &mut page["properties"]["items"]["items"]) else { continue };
        if items["type"] != "object" {
            continue;
        }
        let mut name = page.trim_start_matches(PAGE).to_owned();
        let mut schema = items.clone();
        if in_parts.contains(&page) {
            if let Some(schema) = schema.as_object_mut() {
                schema.shift_remove("required");
                schema.insert("description".into(), format!("A {}: all of it, or what `select` names.", name.to_lowercase()).into());
            }
            name.push_str("Part");
        }
        *items = json!({"$ref": format!("#/components/schemas/{name}")});
        schemas.entry(name).or_insert(schema);
    }
    schemas.sort_keys();
}

/// The name of a schema that is referred to.
fn bare(reference: &str) -> String {
    reference.rsplit('/').next().unwrap_or_default().to_owned()
}

/// Names of properties are texts in JSON, those that are numbers too.
fn name_numbers(schema: &mut Value) {
    match schema {
        Value::Object(parts) => {
            for (key, part) in parts {
                if key == "propertyNames" && part["type"] == "integer" {
                    *part = json!({"type": "string", "pattern": "^-?[0-9]+$"});
                } else {
                    name_numbers(part);
                }
            }
        }
        Value::Array(parts) => parts.iter_mut().for_each(name_numbers),
        _ => {}
    }
}

fn complete_operation(path: &str, method: &str, operation: &mut Map<String, Value>) {
    // Functions are called alike in several files; ids must not be.
    let id = format!("{}_{}", text(&operation["tags"][0]), text(&operation["operationId"]));
    operation.insert("operationId".into(), id.into());
    let has_body = operation.contains_key("requestBody");
    let headers = headers(path, method, operation);
    if let Some(parameters) = operation.entry("parameters").or_insert_with(|| json!([])).as_array_mut() {
        parameters.extend(headers);
    }
    let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else { return };
    let missing = path.contains('{').then_some(("404", "There is no such thing"));
    let with_body = WITH_BODY.into_iter().filter(|_| has_body);
    for (status, about) in ALWAYS.into_iter().chain(missing).chain(with_body) {
        responses.entry(status).or_insert_with(|| json!({"description": about}));
    }
    for (status, response) in responses.iter_mut() {
        let known = ALWAYS.into_iter().chain(WITH_BODY).chain(KNOWN).find(|(known, _)| known == status);
        if text(&response["description"]).is_empty() {
            response["description"] = known.map_or(about(method), |(_, about)| about).into();
        }
        let is_refusal = status.starts_with(['4', '5']);
        if is_refusal && status != "416" {
            response["content"] = json!({"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}});
        }
    }
    responses.sort_keys();
}

fn headers(path: &str, method: &str, operation: &Map<String, Value>) -> Vec<Value> {
    let header = |name: &str, about: &str| json!({"name": name, "in": "header", "description": about, "required": false, "schema": {"type": "string"}});
    let mut headers = Vec::new();
    if operation["responses"].get("412").is_some() && path.contains('{') {
        headers.push(header("If-Match", "The version that was seen; without, whatever is there is changed"));
    }
    if operation["responses"].get("304").is_some() {
        headers.push(header("If-None-Match", "Versions that are known; 304 for one of them"));
    }
    if method == "post" && ONCE.contains(&path) {
        headers.push(header("Idempotency-Key", "1 to 255 characters; the same request with it is done once, for a day"));
    }
    headers
}

fn about(method: &str) -> &'static str {
    if method == "get" { "What was asked for" } else { "What has become of it" }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
