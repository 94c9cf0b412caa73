use super::{Answer, basic, bearer, raw, send, token};
use crate::support::{BASIC, NOW, PASSWORD, TestServer, collection};
use anki::file::Schema;
use axum::body::Body;
use axum::http::Request;
use djankiserv::actions::accounts::NewUser;
use djankiserv::actions::api_tokens::Scope;
use djankiserv::actions::username::Username;
use serde_json::{Value, json};

pub async fn with(server: &TestServer, method: &str, path: &str, auth: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut request = Request::builder().method(method).uri(path).header("authorization", auth);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    raw(server, request.body(Body::from(body.to_vec())).unwrap()).await
}

#[track_caller]
pub fn problem(answer: &Answer, status: u16, code: &str, field: &str) {
    let body = answer.json();
    assert_eq!((answer.status, answer.header("content-type")), (status, "application/problem+json"), "{body}");
    assert_eq!((body["code"].as_str(), body["field"].as_str().unwrap_or_default()), (Some(code), field), "{body}");
}

#[tokio::test]
async fn notes_of_the_typed_api() {
    let server = TestServer::new().await;
    let device = server.device("ann").await;
    device.upload(&collection(Schema::V18, 3, NOW)).await;
    let auth = token(&server, "ann", &[Scope::Read, Scope::Write]).await;
    let note = json!({"deck": "A::B", "notetype": "Basic", "fields": {"Front": "new", "back": "b"}, "tags": ["t"]});
    let json_type = ("content-type", "application/json");
    let once = [json_type, ("idempotency-key", "key 1")];
    let added = with(&server, "POST", "/api/v2/notes", &auth, &once, note.to_string().as_bytes()).await;
    assert_eq!(added.status, 201, "{}", added.json());
    let id = added.json()["id"].as_i64().unwrap();
    assert_eq!(added.header("location"), format!("/api/v2/notes/{id}"));
    // The same again is the same note; with another request, the key is refused.
    let again = with(&server, "POST", "/api/v2/notes", &auth, &once, note.to_string().as_bytes()).await;
    assert_eq!((again.status, again.json()), (201, added.json()));
    let other = json!({"deck": "A::B", "notetype": "Basic", "fields": {"Front": "other"}});
    problem(&with(&server, "POST", "/api/v2/notes", &auth, &once, other.to_string().as_bytes()).await, 422, "reused_key", "");
    let post = async |path: &str, body: Value| send(&server, "POST", path, &auth, Some(body)).await;
    let duplicate = post("/api/v2/notes", note.clone()).await;
    problem(&duplicate, 409, "duplicate", "fields");
    assert_eq!(duplicate.json()["note"], id);

    for (change, code, field) in [
        (json!({"deck": null}), "invalid", "deck"),
        (json!({"deck_id": 1}), "invalid", "deck"),
        (json!({"deck": null, "deck_id": 77, "fields": {"Front": "other"}}), "not_found", ""),
        (json!({"notetype": "Nope"}), "not_found", ""),
        (json!({"fields": {"Front": "x", "Nope": "y"}}), "invalid", "fields.Nope"),
        (json!({"fields": {"Front": 7}}), "invalid", "fields.Front"),
        (json!({"fields": {"Back": "x"}}), "invalid", "fields"),
        (json!({"tags": "t"}), "invalid", "tags"),
    ] {
        let mut bad = note.clone();
        bad.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let answer = post("/api/v2/notes", bad).await;
        problem(&answer, if code == "not_found" { 404 } else { 422 }, code, field);
    }
    let batch = post(
        "/api/v2/notes/batch",
        json!({"notes": [note, {"deck": "A", "notetype_id": BASIC, "fields": {"Front": "two"}}], "skip_bad": true}),
    )
    .await;
    let outcomes = batch.json();
    assert_eq!(outcomes["notes"][0]["problem"]["code"], "duplicate");
    assert!(outcomes["notes"][1]["id"].is_i64());
    let checked = post("/api/v2/notes/check", json!({"notes": [note]})).await.json();
    assert_eq!(checked["notes"][0]["problem"]["field"], "notes[0].fields");

    let got = send(&server, "GET", &format!("/api/v2/notes/{id}"), &auth, None).await;
    let view = got.json();
    assert_eq!(
        (&view["fields"], &view["tags"], &view["notetype"]),
        (&json!({"Front": "new", "Back": "b"}), &json!(["t"]), &json!("Basic"))
    );
    let version = got.header("etag").to_owned();
    assert_eq!(version, format!("\"{}\"", view["version"].as_str().unwrap()));
    let path = format!("/api/v2/notes/{id}");
    assert_eq!(with(&server, "GET", &path, &auth, &[("if-none-match", &version)], b"").await.status, 304);
    let patch = json!({"fields": {"Back": "changed"}, "add_tags": ["more"]}).to_string();
    let changed = with(&server, "PATCH", &path, &auth, &[json_type, ("if-match", &version)], patch.as_bytes()).await;
    assert_eq!((changed.status, &changed.json()["tags"]), (200, &json!(["more", "t"])));
    problem(&with(&server, "PATCH", &path, &auth, &[json_type, ("if-match", &version)], patch.as_bytes()).await, 412, "changed", "");

    let mut cursor = String::new();
    let mut seen = Vec::new();
    loop {
        let page = send(&server, "GET", &format!("/api/v2/notes?limit=2&select=id,tags&cursor={cursor}"), &auth, None).await.json();
        for item in page["items"].as_array().unwrap() {
            assert_eq!(item.as_object().unwrap().len(), 2);
            seen.push(item["id"].as_i64().unwrap());
        }
        match page["next"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    assert_eq!((seen.len(), seen.is_sorted()), (5, true));
    problem(&send(&server, "GET", "/api/v2/notes?select=nope", &auth, None).await, 422, "invalid", "select");
    problem(&send(&server, "GET", "/api/v2/notes?limit=0", &auth, None).await, 422, "invalid", "limit");
    problem(&send(&server, "GET", "/api/v2/notes?cursor=x", &auth, None).await, 422, "invalid", "cursor");

    let card = view["cards"][0].as_i64().unwrap();
    let moved = post("/api/v2/cards/change", json!({"cards": [card], "change": {"do": "move", "deck": "C"}})).await;
    assert_eq!(moved.json(), json!({"changed": [card], "unchanged": []}));
    let bad_flag = post("/api/v2/cards/change", json!({"cards": [card], "change": {"do": "flag", "flag": 9}})).await;
    problem(&bad_flag, 422, "invalid", "change.flag");
    post("/api/v2/cards/change", json!({"cards": [card], "change": {"do": "suspend"}})).await;
    assert_eq!(send(&server, "GET", &format!("/api/v2/cards/{card}"), &auth, None).await.json()["queue"], "suspended");
    assert_eq!(send(&server, "DELETE", &path, &auth, None).await.status, 204);
    problem(&send(&server, "DELETE", &path, &auth, None).await, 404, "not_found", "");
    problem(&send(&server, "PUT", &path, &auth, None).await, 405, "wrong_method", "");
    for path in ["/api/v2/nothing", "/api/v2/notes/1/nothing/more"] {
        problem(&send(&server, "POST", path, "", None).await, 404, "not_found", "");
    }
    let (findings, _) = server.check(false).await;
    assert!(findings.is_empty(), "{findings:?}");
    server.end().await;
}

#[tokio::test]
async fn decks_notetypes_presets_tags_config_and_media() {
    let server = TestServer::new().await;
    let device = server.device("ann").await;
    device.upload(&collection(Schema::V18, 2, NOW)).await;
    let auth = bearer(&server, "ann").await;
    let call = async |method: &str, path: &str, body: Option<Value>| send(&server, method, path, &auth, body).await;
    let made = call("POST", "/api/v2/decks", Some(json!({"name": "X::Y"}))).await;
    let deck = made.json()["id"].clone();
    assert_eq!(made.status, 201);
    problem(&call("POST", "/api/v2/decks", Some(json!({"name": "x::y"}))).await, 409, "name_taken", "name");
    let preset = call("POST", "/api/v2/presets", Some(json!({"name": "P", "options": {"new": {"perDay": 3}}}))).await.json();
    assert_eq!((&preset["options"]["new"]["perDay"], &preset["options"]["rev"]["perDay"]), (&json!(3), &json!(200)));
    let settings = json!({"settings": {"conf": preset["id"], "desc": "d"}, "name": "Z"});
    assert_eq!(call("PATCH", &format!("/api/v2/decks/{deck}"), Some(settings)).await.status, 204);
    let got = call("GET", &format!("/api/v2/decks/{deck}"), None).await.json();
    assert_eq!((&got["name"], &got["preset_id"], &got["settings"]["desc"]), (&json!("Z"), &preset["id"], &json!("d")));
    let scm = device.meta().await["scm"].clone();
    let gone = format!("/api/v2/presets/{}", preset["id"]);
    problem(&call("DELETE", &gone, None).await, 409, "needs_one_way_sync", "allow_one_way_sync");
    assert_eq!(device.meta().await["scm"], scm);
    assert_eq!(call("DELETE", &format!("{gone}?allow_one_way_sync=true"), None).await.status, 204);
    assert_ne!(device.meta().await["scm"], scm);

    let new = json!({"name": "Mine", "fields": ["Q", "A"], "templates": [{"name": "One", "question": "{{Q}}", "answer": "{{A}}"}]});
    let notetype = call("POST", "/api/v2/notetypes", Some(new.clone())).await.json();
    assert_eq!(notetype["fields"], json!(["Q", "A"]));
    problem(&call("POST", "/api/v2/notetypes", Some(new)).await, 409, "name_taken", "name");
    let path = format!("/api/v2/notetypes/{}", notetype["id"]);
    let patch = json!({"templates": [{"template": "One", "question": "{{#Q}}{{A}}"}]});
    problem(&call("PATCH", &path, Some(patch)).await, 422, "invalid", "templates[0].question");
    let patched = call("PATCH", &path, Some(json!({"css": "x", "rename_fields": {"Q": "Question"}}))).await.json();
    assert_eq!((&patched["css"], &patched["templates"][0]["question"]), (&json!("x"), &json!("{{Question}}")));
    let structure = json!({"structure": [{"do": "add_field", "name": "More"}]});
    problem(&call("PATCH", &path, Some(structure.clone())).await, 409, "needs_one_way_sync", "allow_one_way_sync");
    let patched = call("PATCH", &format!("{path}?allow_one_way_sync=true"), Some(structure)).await.json();
    assert_eq!(patched["fields"], json!(["Question", "A", "More"]));
    assert_eq!(call("DELETE", &format!("{path}?allow_one_way_sync=true"), None).await.status, 204);

    assert_eq!(call("PUT", "/api/v2/collection/config/myKey", Some(json!({"a": 1}))).await.status, 204);
    assert_eq!(call("GET", "/api/v2/collection/config/myKey", None).await.json(), json!({"a": 1}));
    problem(&call("PUT", "/api/v2/collection/config/schedVer", Some(json!(1))).await, 422, "invalid", "schedVer");
    assert_eq!(call("DELETE", "/api/v2/collection/config/myKey", None).await.status, 204);
    assert_eq!(call("GET", "/api/v2/collection", None).await.json()["notes"], 2);
    assert_eq!(call("GET", "/api/v2/reviews?since=0", None).await.json(), json!({"items": [], "next": null}));
    problem(&call("POST", "/api/v2/tags/rename", Some(json!({"old": "no", "new": "x"}))).await, 404, "not_found", "");

    let put = with(&server, "PUT", "/api/v2/media/a%20b.txt", &auth, &[], b"0123456789").await;
    assert_eq!((put.status, &put.json()["name"]), (200, &json!("a b.txt")));
    problem(&with(&server, "PUT", "/api/v2/media/a%2Fb.txt", &auth, &[], b"x").await, 422, "invalid", "name");
    let part = with(&server, "GET", "/api/v2/media/a%20b.txt", &auth, &[("range", "bytes=2-4")], b"").await;
    assert_eq!((part.status, part.header("content-range"), part.bytes.as_slice()), (206, "bytes 2-4/10", &b"234"[..]));
    let whole = with(&server, "GET", "/api/v2/media/a%20b.txt", &auth, &[], b"").await;
    assert_eq!((whole.status, whole.bytes.as_slice()), (200, &b"0123456789"[..]));
    let tag = whole.header("etag").to_owned();
    assert_eq!(with(&server, "GET", "/api/v2/media/a%20b.txt", &auth, &[("if-none-match", &tag)], b"").await.status, 304);
    assert_eq!(device.meta().await["media_usn"], 1, "devices hear of it");
    assert_eq!(call("GET", "/api/v2/media", None).await.json()["items"][0]["size"], 10);
    assert_eq!(call("DELETE", "/api/v2/media/a%20b.txt", None).await.status, 204);
    problem(&call("GET", "/api/v2/media/a%20b.txt", None).await, 404, "not_found", "");
    server.end().await;
}

#[tokio::test]
async fn scopes_limits_origins_and_users() {
    let server = TestServer::with(|app| {
        let mut config = (*app.config).clone();
        config.cors_origins = vec!["https://ok.example".into()];
        app.config = config.into();
        app.api.rate = djankiserv::api::v2::rate::Rate::new(30);
    })
    .await;
    server.device("ann").await;
    let read = token(&server, "ann", &[Scope::Read]).await;
    let none = send(&server, "GET", "/api/v2/notes", "", None).await;
    problem(&none, 401, "unauthorized", "");
    assert_eq!(send(&server, "GET", "/api/v2/notes", &read, None).await.status, 200);
    problem(&send(&server, "POST", "/api/v2/decks", &read, Some(json!({"name": "x"}))).await, 403, "forbidden", "");
    problem(&send(&server, "GET", "/api/v2/media", &read, None).await, 403, "forbidden", "");
    problem(&send(&server, "GET", "/api/v2/admin/users", &read, None).await, 403, "forbidden", "");
    let wider = send(&server, "POST", "/api/v2/tokens", &read, Some(json!({"name": "x", "scopes": ["write"]}))).await;
    problem(&wider, 403, "forbidden", "");
    let mut last = 200;
    for _ in 0..30 {
        last = send(&server, "GET", "/api/v2/tags", &read, None).await.status;
    }
    assert_eq!(last, 429);

    for (origin, allowed) in [("https://ok.example", "https://ok.example"), ("https://evil.example", "")] {
        let preflight = Request::builder().method("OPTIONS").uri("/api/v2/notes").header("origin", origin);
        let answer = raw(&server, preflight.header("access-control-request-method", "POST").body(Body::empty()).unwrap()).await;
        assert_eq!(answer.header("access-control-allow-origin"), allowed);
    }

    let new = NewUser {
        username: Username::new("boss").unwrap(),
        email: String::new(),
        password: PASSWORD.into(),
        is_staff: true,
        is_superuser: false,
    };
    server.app.accounts.create(new, "test").await.unwrap();
    let boss = basic("boss", PASSWORD);
    let user = json!({"username": "Carl", "password": "a long one"});
    assert_eq!(send(&server, "POST", "/api/v2/admin/users", &boss, Some(user.clone())).await.status, 201);
    problem(&send(&server, "POST", "/api/v2/admin/users", &boss, Some(user)).await, 409, "conflict", "username");
    let user = json!({"username": "emil", "password": "a long one", "email": "emil"});
    problem(&send(&server, "POST", "/api/v2/admin/users", &boss, Some(user)).await, 422, "invalid", "email");
    let staff = json!({"username": "dora", "password": "a long one", "is_staff": true});
    problem(&send(&server, "POST", "/api/v2/admin/users", &boss, Some(staff)).await, 403, "forbidden", "is_staff");
    let made = send(&server, "POST", "/api/v2/admin/users/carl/tokens", &boss, Some(json!({"name": "tool", "scopes": ["read"]}))).await;
    let carls = format!("Bearer {}", made.json()["token"].as_str().unwrap());
    assert_eq!(send(&server, "GET", "/api/v2/collection", &carls, None).await.json()["username"], "Carl");
    let limits = json!({"email": "Carl@example.com", "quota_media_bytes": 5});
    let limited = send(&server, "PATCH", "/api/v2/admin/users/carl", &boss, Some(limits)).await.json();
    assert_eq!((&limited["email"], &limited["quota_media_bytes"]), (&json!("Carl@example.com"), &json!(5)));
    for (field, value) in [("email", json!("carl")), ("quota_media_bytes", json!(-1))] {
        let change = json!({field: value});
        problem(&send(&server, "PATCH", "/api/v2/admin/users/carl", &boss, Some(change)).await, 422, "invalid", field);
    }
    let open = send(&server, "PATCH", "/api/v2/admin/users/carl", &boss, Some(json!({"quota_media_bytes": null}))).await.json();
    assert_eq!((&open["email"], &open["quota_media_bytes"]), (&json!("Carl@example.com"), &Value::Null));
    let off = send(&server, "PATCH", "/api/v2/admin/users/carl", &boss, Some(json!({"is_active": false}))).await;
    assert_eq!(off.json()["is_active"], false);
    assert_eq!(send(&server, "GET", "/api/v2/collection", &carls, None).await.status, 401);
    problem(&send(&server, "GET", "/api/v2/admin/users/nobody", &boss, None).await, 404, "not_found", "");
    server.end().await;
}

#[tokio::test]
async fn the_description_is_current() {
    let server = TestServer::new().await;
    let served = send(&server, "GET", "/api/v2/openapi.json", "", None).await;
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &served.bytes).unwrap();
    }
    let committed = std::fs::read(&path).unwrap_or_default();
    assert!(served.bytes == committed, "run this test with UPDATE_DOCS=1 and commit docs/openapi.json");
    let description = served.json();
    assert_eq!(description["openapi"], "3.1.0");
    let methods = description["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap().values());
    let mut ids: Vec<&str> = methods.map(|operation| operation["operationId"].as_str().unwrap()).collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "generators of clients need a name for each: {ids:?}");
    // Whoever makes a client from it gets types for all answers.
    for (path, methods) in description["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let typed = |status: &str| {
                let Some(answer) = operation["responses"].get(status) else { return true };
                let content = answer["content"].as_object().unwrap_or_else(|| panic!("{method} {path} {status} has no content"));
                content.iter().all(|(kind, content)| kind != "application/json" || content["schema"] != json!({"type": "object"}))
            };
            assert!(typed("200") && typed("201"), "{method} {path}");
        }
    }
    let schemas = &description["components"]["schemas"];
    assert!(schemas["Note"]["required"].as_array().unwrap().contains(&json!("tags")) && schemas["NotePart"]["required"].is_null());
    assert_eq!(schemas["Page_Note"]["properties"]["items"]["items"], json!({"$ref": "#/components/schemas/NotePart"}));
    assert_eq!(schemas["NotePart"]["properties"], schemas["Note"]["properties"]);
    assert_eq!(schemas["Page_Deck"]["properties"]["items"]["items"], json!({"$ref": "#/components/schemas/Deck"}));
    let page = send(&server, "GET", "/api/v2/", "", None).await;
    let html = String::from_utf8(page.bytes).unwrap();
    assert!(html.contains("/api/v2/notes/batch") && !html.contains("src="), "no other host is needed");
    server.end().await;
}

#[tokio::test]
async fn searches_statistics_and_days() {
    let server = TestServer::new().await;
    let device = server.device("ann").await;
    device.upload(&collection(Schema::V18, 5, NOW)).await;
    let auth = token(&server, "ann", &[Scope::Read, Scope::Write]).await;
    let call = async |method: &str, path: &str, body: Option<Value>| send(&server, method, path, &auth, body).await;
    let all = call("GET", "/api/v2/search/notes", None).await.json();
    assert_eq!((all["items"].as_array().unwrap().len(), &all["next"]), (5, &Value::Null));
    let first = call("GET", "/api/v2/search/notes?query=-tag%3Anope&limit=2", None).await.json();
    assert_eq!(first["items"].as_array().unwrap(), &all["items"].as_array().unwrap()[..2]);
    let rest = call("GET", &format!("/api/v2/search/notes?limit=3&cursor={}", first["next"].as_str().unwrap()), None).await.json();
    assert_eq!((rest["items"].as_array().unwrap(), &rest["next"]), (&all["items"].as_array().unwrap()[2..].to_vec(), &Value::Null));
    let turned =
        call("POST", "/api/v2/search/cards", Some(json!({"query": "deck:*", "order": "cardDue", "descending": true}))).await.json();
    assert!(!turned["items"].as_array().unwrap().is_empty());
    let wrong = call("GET", "/api/v2/search/notes?query=%C3%A4%20is%3Ax", None).await;
    problem(&wrong, 422, "invalid", "query");
    assert_eq!(wrong.json()["position"], 5, "in characters");
    problem(&call("GET", "/api/v2/search/notes?order=cardDue", None).await, 422, "invalid", "order");
    problem(&call("GET", "/api/v2/search/notes?order=nope", None).await, 422, "invalid", "order");
    problem(&call("GET", "/api/v2/search/notes?limit=none", None).await, 422, "invalid", "limit");
    problem(&call("GET", "/api/v2/search/notes?querry=x", None).await, 422, "invalid", "querry");
    problem(&call("GET", "/api/v2/notes/nine", None).await, 404, "not_found", "");
    let write_only = token(&server, "ann", &[Scope::Write]).await;
    problem(&send(&server, "GET", "/api/v2/search/notes", &write_only, None).await, 403, "forbidden", "");
    problem(&send(&server, "GET", "/api/v2/statistics", &write_only, None).await, 403, "forbidden", "");

    // Due in so many days from a today that the server knows by itself.
    let card = &turned["items"][0];
    let change = json!({"do": "set_due", "from_days": 3, "set_interval": true});
    assert_eq!(call("POST", "/api/v2/cards/change", Some(json!({"cards": [card], "change": change}))).await.json()["changed"][0], *card);
    let today = call("GET", "/api/v2/collection", None).await.json()["today"].as_i64().unwrap();
    assert_eq!(call("GET", &format!("/api/v2/cards/{card}"), None).await.json()["due"], today + 3);
    assert_eq!(call("POST", "/api/v2/search/cards", Some(json!({"query": "prop:due=3"}))).await.json()["items"], json!([card]));
    let backwards = json!({"do": "set_due", "from_days": 3, "to_days": 2});
    let answer = call("POST", "/api/v2/cards/change", Some(json!({"cards": [card], "change": backwards}))).await;
    problem(&answer, 422, "invalid", "change.from_days");
    let graphs = call("GET", "/api/v2/statistics", None).await.json();
    assert_eq!((&graphs["due"]["3"], &graphs["intervals"]["3"]), (&json!(1), &json!(1)), "{graphs}");
    let decks = call("GET", "/api/v2/statistics/decks", None).await.json();
    assert!(decks["items"].as_array().unwrap().iter().any(|deck| deck["total_with_subdecks"].as_i64() > Some(0)), "{decks}");

    // Somebody who has not synced has nothing to find, and is still told what is wrong.
    server.device("bob").await;
    let bob = token(&server, "bob", &[Scope::Read]).await;
    assert_eq!(send(&server, "GET", "/api/v2/search/cards", &bob, None).await.json(), json!({"items": [], "next": null}));
    problem(&send(&server, "GET", "/api/v2/search/cards?query=(", &bob, None).await, 422, "invalid", "query");
    assert_eq!(send(&server, "GET", "/api/v2/statistics/decks", &bob, None).await.status, 200);
    server.end().await;
}

#[tokio::test]
async fn patches_are_done_as_a_whole_and_have_no_unknown_keys() {
    let server = TestServer::new().await;
    let device = server.device("ann").await;
    device.upload(&collection(Schema::V18, 1, NOW)).await;
    let auth = token(&server, "ann", &[Scope::Read, Scope::Write]).await;
    let call = async |method: &str, path: &str, body: Option<Value>| send(&server, method, path, &auth, body).await;
    let note = call("GET", "/api/v2/notes", None).await.json()["items"][0]["id"].clone();
    let deck = call("POST", "/api/v2/decks", Some(json!({"name": "One"}))).await.json()["id"].clone();
    call("POST", "/api/v2/decks", Some(json!({"name": "Two"}))).await;
    for (method, path, body, field) in [
        ("PATCH", format!("/api/v2/notes/{note}"), json!({"feilds": {}}), "feilds"),
        ("POST", "/api/v2/notes/update".into(), json!({"notes": [{"id": note, "add_tag": ["x"]}]}), "notes[0].add_tag"),
        ("PATCH", format!("/api/v2/decks/{deck}"), json!({"title": "x"}), "title"),
        ("PATCH", "/api/v2/presets/1".into(), json!({"option": {}}), "option"),
        ("PATCH", "/api/v2/notetypes/1".into(), json!({"style": ""}), "style"),
        ("POST", "/api/v2/cards/change".into(), json!({"cards": [], "change": {"do": "flag", "flag": 1, "colour": 2}}), "change"),
    ] {
        problem(&call(method, &path, Some(body)).await, 422, "invalid", field);
    }
    let before = call("GET", &format!("/api/v2/decks/{deck}"), None).await;
    let path = format!("/api/v2/decks/{deck}");
    // The name is taken, so the settings stay as they are; and the other way round.
    problem(&call("PATCH", &path, Some(json!({"name": "two", "settings": {"desc": "d"}}))).await, 409, "name_taken", "name");
    problem(&call("PATCH", &path, Some(json!({"name": "Three", "settings": {"usn": 1}}))).await, 422, "invalid", "usn");
    assert_eq!(call("GET", &path, None).await.json(), before.json());
    let headers = [("content-type", "application/json"), ("if-match", "\"other\"")];
    problem(&with(&server, "PATCH", &path, &auth, &headers, br#"{"name": "Three"}"#).await, 412, "changed", "");
    let headers = [("content-type", "application/json"), ("if-match", before.header("etag"))];
    let both = json!({"name": "Three", "settings": {"desc": "d"}}).to_string();
    assert_eq!(with(&server, "PATCH", &path, &auth, &headers, both.as_bytes()).await.status, 204);
    let after = call("GET", &path, None).await.json();
    assert_eq!((&after["name"], &after["settings"]["desc"]), (&json!("Three"), &json!("d")));
    problem(&call("PATCH", "/api/v2/decks/77", Some(json!({}))).await, 404, "not_found", "");
    server.end().await;
}
