//! AnkiConnect as tools use it: shapes, texts of errors, who is let in.

use super::{Answer, raw, token};
use crate::support::TestServer;
use axum::body::Body;
use axum::http::Request;
use djankiserv::actions::api_tokens::Scope;
use serde_json::{Value, json};

const ALL: [Scope; 3] = [Scope::Read, Scope::Write, Scope::Media];

/// A tool with a key.
struct Tool<'a> {
    server: &'a TestServer,
    key: String,
}

impl<'a> Tool<'a> {
    async fn new(server: &'a TestServer, name: &str, scopes: &[Scope]) -> Self {
        let bearer = token(server, name, scopes).await;
        Self { server, key: bearer.trim_start_matches("Bearer ").to_owned() }
    }

    /// The whole answer to an action of version 6.
    async fn ask(&self, action: &str, params: Value) -> Value {
        let body = json!({"action": action, "version": 6, "params": params, "key": self.key});
        let answer = post(self.server, "/ankiconnect", &body.to_string(), &[]).await;
        assert_eq!(answer.status, 200);
        answer.json()
    }

    async fn done(&self, action: &str, params: Value) -> Value {
        let answer = self.ask(action, params).await;
        assert_eq!(answer["error"], Value::Null, "{action}");
        answer["result"].clone()
    }

    async fn error(&self, action: &str, params: Value) -> String {
        let answer = self.ask(action, params).await;
        assert_eq!(answer["result"], Value::Null, "{action}");
        answer["error"].as_str().unwrap_or_else(|| panic!("{action} has no error")).to_owned()
    }
}

async fn post(server: &TestServer, path: &str, body: &str, headers: &[(&str, &str)]) -> Answer {
    send(server, "POST", path, body, headers).await
}

async fn send(server: &TestServer, method: &str, path: &str, body: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    raw(server, request.body(Body::from(body.to_owned())).unwrap()).await
}

fn basic(front: &str) -> Value {
    json!({"deckName": "Default", "modelName": "Basic", "fields": {"Front": front, "Back": "b"}})
}

#[tokio::test]
async fn only_who_has_a_key_is_let_in() {
    let server = TestServer::new().await;
    server.device("ann").await;
    server.device("bob").await;
    let tool = Tool::new(&server, "ann", &ALL).await;
    let version = r#"{"action":"version","version":6}"#;
    let refused = json!({"result": null, "error": "valid api key must be provided"});
    let ours = json!({"result": 6, "error": null});
    for body in [version, r#"{"action":"version","version":6,"key":"djs_wrong"}"#, r#"{"action":"nosuch","version":2}"#] {
        assert_eq!(post(&server, "/ankiconnect", body, &[]).await.json(), refused, "{body}");
    }
    assert_eq!(post(&server, "/ankiconnect/djs_wrong", version, &[]).await.json(), refused);
    assert_eq!(post(&server, "/ankiconnect", version, &[("authorization", "Bearer x.y.z")]).await.json(), refused);
    for path in [format!("/ankiconnect/{}", tool.key), format!("/ankiconnect/{}/", tool.key), format!("/djs/ankiconnect/{}", tool.key)] {
        assert_eq!(post(&server, &path, version, &[("content-type", "text/plain")]).await.json(), ours, "{path}");
    }
    let bearer = format!("Bearer {}", tool.key);
    assert_eq!(post(&server, "/djs/ankiconnect", version, &[("authorization", &bearer)]).await.json(), ours);
    let login = super::basic("ann", crate::support::PASSWORD);
    assert_eq!(post(&server, "/ankiconnect/", version, &[("authorization", &login)]).await.json(), ours);
    assert_eq!(tool.done("version", json!({})).await, 6);
    // The login of a browser is none: other sites can make it send its cookies.
    assert_eq!(post(&server, "/ankiconnect", version, &[("cookie", "sessionid=0123")]).await.json(), refused);

    // Each sees what is theirs.
    let other = Tool::new(&server, "bob", &ALL).await;
    let id = tool.done("addNote", json!({"note": basic("mine")})).await;
    assert_eq!(other.done("notesInfo", json!({"notes": [id]})).await, json!([{}]));
    assert_eq!(other.done("getProfiles", json!({})).await, json!(["bob"]));

    // Scopes.
    let reader = Tool::new(&server, "ann", &[Scope::Read]).await;
    assert_eq!(reader.done("findNotes", json!({"query": "mine"})).await, json!([id]));
    assert!(reader.error("addNote", json!({"note": basic("x")})).await.contains("`write`"));
    assert!(reader.error("storeMediaFile", json!({"filename": "a", "data": "YQ=="})).await.contains("`media`"));
    assert_eq!(reader.done("canAddNotes", json!({"notes": [basic("x"), basic("mine")]})).await, json!([true, false]));
    let writer = Tool::new(&server, "ann", &[Scope::Write]).await;
    let mut with_file = basic("with file");
    with_file["audio"] = json!({"filename": "a.mp3", "data": "YQ==", "fields": ["Back"]});
    assert!(writer.error("addNote", json!({"note": with_file})).await.contains("`media`"));
    assert!(writer.error("findNotes", json!({"query": ""})).await.contains("`read`"));
    server.end().await;
}

#[tokio::test]
async fn envelope_banner_and_versions() {
    let server = TestServer::new().await;
    server.device("ann").await;
    let tool = Tool::new(&server, "ann", &ALL).await;
    let path = format!("/ankiconnect/{}", tool.key);
    for method in ["GET", "POST"] {
        let banner = send(&server, method, "/ankiconnect", "", &[]).await;
        assert_eq!(
            (banner.status, banner.bytes.as_slice(), banner.header("access-control-allow-origin")),
            (200, &b"AnkiConnect v.6"[..], "http://localhost")
        );
    }
    // Up to version 4, and without one, a result stands alone; errors never do.
    for (body, wanted) in [
        (r#"{"action":"version"}"#, json!(6)),
        (r#"{"action":"version","version":2,"params":null}"#, json!(6)),
        (r#"{"action":"version","version":5}"#, json!({"result": 6, "error": null})),
        (r#"{"action":"sync","version":4}"#, json!(null)),
        (r#"{"action":"nosuch"}"#, json!({"result": null, "error": "unsupported action"})),
        (
            r#"{"action":"addNote","version":6}"#,
            json!({"result": null, "error": "AnkiConnect.addNote() missing 1 required positional argument: 'note'"}),
        ),
        (
            r#"{"action":"storeMediaFile","version":6,"params":{"filename":"a"}}"#,
            json!({"result": null, "error": "You must provide a \"data\", \"path\", or \"url\" field."}),
        ),
        (
            r#"{"action":"setSpecificValueOfCard","version":6}"#,
            json!({"result": null, "error": "AnkiConnect.setSpecificValueOfCard() missing 3 required positional arguments: 'card', 'keys', and 'newValues'"}),
        ),
        (
            r#"{"action":"version","version":6,"params":{"x":1}}"#,
            json!({"result": null, "error": "AnkiConnect.version() got an unexpected keyword argument 'x'"}),
        ),
    ] {
        assert_eq!(post(&server, &path, body, &[]).await.json(), wanted, "{body}");
    }
    for body in ["{", "[]", "1", r#"{"version":6}"#, r#"{"action":"version","params":[]}"#, "\u{0}"] {
        let answer = post(&server, &path, body, &[]).await;
        assert!(answer.status == 200 && answer.json()["error"].is_string(), "{body}");
    }
    // Each part of multi has a version of its own.
    let parts = json!([
        {"action": "version"},
        {"action": "version", "version": 6},
        {"action": "nosuch", "version": 6},
        {"action": "multi", "version": 6, "params": {"actions": [{"action": "version"}]}},
        {"action": "version", "key": "another"},
        {},
    ]);
    let answer = tool.done("multi", json!({"actions": parts})).await;
    assert_eq!(answer[0], 6);
    assert_eq!(answer[1], json!({"result": 6, "error": null}));
    assert_eq!(answer[2], json!({"result": null, "error": "unsupported action"}));
    assert_eq!(answer[3]["result"], json!([6]));
    assert_eq!(answer[4]["error"], "valid api key must be provided");
    assert!(answer[5]["error"].is_string());
    let reflected = tool.done("apiReflect", json!({"scopes": ["actions", "other"], "actions": ["nosuch", "addNote", 1]})).await;
    assert_eq!(reflected, json!({"scopes": ["actions"], "actions": ["addNote"]}));
    let all = tool.done("apiReflect", json!({"scopes": ["actions"], "actions": null})).await;
    assert!(all["actions"].as_array().unwrap().len() > 90);
    assert_eq!(tool.error("apiReflect", json!({})).await, "scopes has invalid value");
    // What needs a desktop says so, and nothing panics on parameters of any kind.
    for action in all["actions"].as_array().unwrap() {
        let action = action.as_str().unwrap();
        for odd in [json!({}), json!(null)] {
            assert!(tool.ask(action, odd).await.is_object(), "{action}");
        }
    }
    assert!(tool.error("guiAddCards", json!({})).await.contains("desktop"));
    assert_eq!(tool.error("guiCurrentCard", json!({})).await, "Gui review is not currently active.");
    assert_eq!(tool.error("guiEditNote", json!({"note": 1})).await, "unsupported action", "tools then browse instead");
    server.end().await;
}

#[tokio::test]
async fn web_pages_of_other_origins_are_refused() {
    let server = TestServer::new().await;
    server.device("ann").await;
    let tool = Tool::new(&server, "ann", &ALL).await;
    let body = json!({"action": "version", "version": 6, "key": tool.key}).to_string();
    let from = |origin: &'static str| [("origin", origin)];
    let fine = post(&server, "/ankiconnect", &body, &from("chrome-extension://abc")).await;
    assert_eq!((fine.json()["result"].as_i64(), fine.header("access-control-allow-origin")), (Some(6), "chrome-extension://abc"));
    let evil = post(&server, "/ankiconnect", &body, &from("https://evil.example")).await;
    assert_eq!((evil.status, evil.bytes.len(), evil.header("access-control-allow-origin")), (403, 0, "http://localhost"));
    assert_eq!(send(&server, "GET", "/ankiconnect", "", &from("https://evil.example")).await.status, 403);
    let ask = r#"{"action":"requestPermission","version":6}"#;
    let denied = post(&server, "/ankiconnect", ask, &from("https://evil.example")).await;
    assert_eq!(denied.json(), json!({"result": {"permission": "denied"}, "error": null}));
    assert_eq!(denied.header("access-control-allow-origin"), "https://evil.example");
    let granted = post(&server, "/ankiconnect", ask, &from("http://localhost:8080")).await;
    let wanted = json!({"permission": "granted", "requireApiKey": true, "requireApikey": true, "version": 6});
    assert_eq!(granted.json()["result"], wanted);
    let preflight = send(
        &server,
        "OPTIONS",
        "/ankiconnect",
        "",
        &[("origin", "moz-extension://abc"), ("access-control-request-private-network", "true"), ("access-control-request-method", "POST")],
    )
    .await;
    assert_eq!(preflight.status, 200);
    assert_eq!(preflight.header("access-control-allow-private-network"), "true");
    assert_eq!(preflight.header("access-control-allow-origin"), "moz-extension://abc");
    assert!(preflight.header("access-control-allow-headers").contains('*'));
    assert_eq!(send(&server, "OPTIONS", "/ankiconnect", "", &[]).await.header("access-control-allow-private-network"), "");
    server.end().await;
}

#[tokio::test]
async fn notes_are_added_as_the_add_on_adds_them() {
    let server = TestServer::new().await;
    server.device("ann").await;
    let tool = Tool::new(&server, "ann", &ALL).await;
    assert_eq!(tool.done("deckNames", json!({})).await, json!(["Default"]));
    let names = tool.done("modelNames", json!({})).await;
    assert_eq!(names[0], "Basic");
    assert_eq!(tool.done("modelFieldNames", json!({"modelName": "basic"})).await, json!(["Front", "Back"]));
    let deck = tool.done("createDeck", json!({"deck": "Lang::日本"})).await;
    assert_eq!(tool.done("createDeck", json!({"deck": "lang::日本"})).await, deck);
    assert_eq!(tool.done("deckNamesAndIds", json!({})).await["Lang::日本"], deck);

    let note = json!({"deckName": "Lang::日本", "modelName": "Basic", "fields": {"front": "eins", "BACK": "one", "Nope": "x"}, "tags": ["a b", "c"]});
    let id = tool.done("addNote", json!({"note": note})).await;
    let duplicate = "cannot create note because it is a duplicate";
    assert_eq!(tool.error("addNote", json!({"note": note})).await, duplicate);
    for (change, wanted) in [
        (json!({"deckName": "Nope"}), "deck was not found: Nope"),
        (json!({"modelName": "Nope"}), "model was not found: Nope"),
        (json!({"fields": {"Front": " <br>&nbsp;", "Back": "x"}}), "cannot create note because it is empty"),
        (json!({"fields": {"Front": "<b>eins</b>"}}), duplicate),
        (json!({"fields": {"Front": "{{c1::x}}"}}), "cannot create note for unknown reason"),
        (json!({"modelName": "Cloze", "fields": {"Text": "x"}}), "cannot create note for unknown reason"),
        (
            json!({"modelName": "Cloze", "fields": {"Text": "{{c1::x}}", "Back Extra": "{{c1::y}}"}}),
            "cannot create note for unknown reason",
        ),
        (json!({"options": {"allowDuplicate": 1}}), "option parameter \"allowDuplicate\" must be boolean"),
        (
            json!({"options": {"duplicateScopeOptions": {"checkChildren": "x"}}}),
            "option parameter \"duplicateScopeOptions.checkChildren\" must be boolean",
        ),
        (json!({"options": {"duplicateScope": "deck"}}), duplicate),
        (json!({"options": {"duplicateScope": "deck", "duplicateScopeOptions": {"deckName": "Lang", "checkChildren": true}}}), duplicate),
        (json!({"modelName": "Basic (and reversed card)", "options": {"duplicateScopeOptions": {"checkAllModels": true}}}), duplicate),
        (json!({"deckName": null}), "`deckName` has to be a text"),
        (json!({"fields": {"Front": 1}}), "the field `Front` has to be a text"),
    ] {
        let mut changed = note.clone();
        for (key, value) in change.as_object().unwrap() {
            changed[key] = value.clone();
        }
        assert_eq!(tool.error("addNote", json!({"note": changed})).await, wanted, "{change}");
        let detail = tool.done("canAddNotesWithErrorDetail", json!({"notes": [changed]})).await;
        assert_eq!(detail, json!([{"canAdd": false, "error": wanted}]));
    }
    for options in [
        json!({"allowDuplicate": true}),
        json!({"duplicateScope": "deck", "duplicateScopeOptions": {"deckName": "Default"}}),
        json!({"duplicateScope": "deck", "duplicateScopeOptions": {"deckName": "Lang", "checkChildren": false}}),
        json!({"duplicateScope": "deck", "duplicateScopeOptions": {"deckName": "No such deck"}}),
    ] {
        let mut changed = note.clone();
        changed["options"] = options.clone();
        assert_eq!(tool.done("canAddNoteWithErrorDetail", json!({"note": changed})).await, json!({"canAdd": true}), "{options}");
    }
    let mut other_model = note.clone();
    other_model["modelName"] = json!("Basic (and reversed card)");
    assert_eq!(tool.done("canAddNote", json!({"note": other_model})).await, true);

    let info = tool.done("notesInfo", json!({"notes": [id, 99]})).await;
    assert_eq!(info[1], json!({}));
    let fields = json!({"Front": {"value": "eins", "order": 0}, "Back": {"value": "one", "order": 1}});
    assert_eq!((&info[0]["fields"], &info[0]["tags"], &info[0]["modelName"]), (&fields, &json!(["a", "b", "c"]), &json!("Basic")));
    assert_eq!(info[0]["cards"].as_array().unwrap().len(), 1);
    assert_eq!(tool.done("notesInfo", json!({"query": "deck:Lang"})).await, json!([info[0]]));
    assert_eq!(tool.done("findCards", json!({"query": "deck:Lang tag:b"})).await, info[0]["cards"]);
    assert_eq!(tool.done("guiBrowse", json!({"query": format!("nid:{id}")})).await, info[0]["cards"]);

    // All or nothing, and one after the other.
    let refused = tool.error("addNotes", json!({"notes": [basic("zwei"), basic("zwei"), basic("")]})).await;
    assert_eq!(refused, format!("['{duplicate}', 'cannot create note because it is empty']"));
    assert_eq!(tool.done("canAddNotes", json!({"notes": [basic("zwei"), basic("zwei"), basic("")]})).await, json!([true, true, false]));
    let ids = tool.done("addNotes", json!({"notes": [basic("zwei"), basic("drei")]})).await;
    assert_eq!(tool.done("findNotes", json!({"query": "deck:Default"})).await, ids);
    let (findings, _) = server.check(false).await;
    assert!(findings.is_empty(), "{findings:?}");
    server.end().await;
}

#[tokio::test]
async fn notes_tags_and_cards_are_changed() {
    let server = TestServer::new().await;
    server.device("ann").await;
    let tool = Tool::new(&server, "ann", &ALL).await;
    let note = json!({"deckName": "Default", "modelName": "Basic", "fields": {"Front": "f", "Back": "b"}, "tags": ["x", "X::y", "z"]});
    let id = tool.done("addNote", json!({"note": note})).await;
    let tags = || tool.done("getNoteTags", json!({"note": id}));
    let changed = json!({"id": id, "fields": {"Back": "new", "back": "no", "Nope": "no"}, "picture": [{"filename": "p.png", "data": "cG5n", "fields": ["Back"]}]});
    assert_eq!(tool.done("updateNoteFields", json!({"note": changed})).await, Value::Null);
    let info = tool.done("notesInfo", json!({"notes": [id]})).await;
    assert_eq!(info[0]["fields"]["Back"]["value"], "new<img src=\"p.png\">");
    assert_eq!(tool.error("updateNoteFields", json!({"note": {"id": 5, "fields": {}}})).await, "Note was not found: 5");
    assert_eq!(tool.error("updateNote", json!({"note": {"id": id}})).await, "Must provide a \"fields\" or \"tags\" property.");
    tool.done("addTags", json!({"notes": [id, 99], "tags": "new other"})).await;
    assert_eq!(tags().await, json!(["new", "other", "x", "x::y", "z"]));
    tool.done("removeTags", json!({"notes": [id], "tags": "X"})).await;
    assert_eq!(tags().await, json!(["new", "other", "z"]), "with what is below");
    tool.done("replaceTags", json!({"notes": [id], "tag_to_replace": "NEW", "replace_with_tag": "newer"})).await;
    tool.done("replaceTagsInAllNotes", json!({"tag_to_replace": "other", "replace_with_tag": "z"})).await;
    assert_eq!(tags().await, json!(["newer", "z"]));
    tool.done("updateNoteTags", json!({"note": id, "tags": ["one"]})).await;
    tool.done("updateNote", json!({"note": {"id": id, "fields": {"Front": "g"}, "tags": ["two"]}})).await;
    assert_eq!(tags().await, json!(["two"]));
    assert_eq!(tool.error("updateNoteTags", json!({"note": id, "tags": 1})).await, "Must provide tags as a list of strings");
    tool.done("clearUnusedTags", json!({})).await;
    assert_eq!(tool.done("getTags", json!({})).await, json!(["two"]));

    let card = info[0]["cards"][0].clone();
    let cards = || json!([card]);
    let shown = tool.done("cardsInfo", json!({"cards": [card, 7]})).await;
    assert_eq!(shown[1], json!({}));
    let shown = &shown[0];
    assert!(shown["question"].as_str().unwrap().ends_with("</style>g"), "{shown}");
    assert!(shown["answer"].as_str().unwrap().ends_with("</style>g\n\n<hr id=answer>\n\nnew<img src=\"p.png\">"), "{shown}");
    assert_eq!((&shown["deckName"], &shown["note"], &shown["queue"], &shown["fieldOrder"]), (&json!("Default"), &id, &json!(0), &json!(0)));
    assert_eq!(tool.done("cardsToNotes", json!({"cards": [card, card, 7]})).await, json!([id]));
    assert_eq!(tool.done("cardsModTime", json!({"cards": [card, 7]})).await[1], json!({}));
    assert_eq!(tool.done("notesModTime", json!({"notes": [id]})).await[0]["noteId"], id);

    // An empty list, as Lua writes it, only makes the deck.
    tool.done("changeDeck", json!({"cards": {}, "deck": "New"})).await;
    tool.done("changeDeck", json!({"cards": cards(), "deck": "New"})).await;
    assert_eq!(tool.done("getDecks", json!({"cards": cards()})).await, json!({"New": [card]}));
    let stats = tool.done("getDeckStats", json!({"decks": ["New", "Nope"]})).await;
    let new = stats.as_object().unwrap().values().next().unwrap();
    assert_eq!(
        (&new["name"], &new["new_count"], &new["total_in_deck"], stats.as_object().unwrap().len()),
        (&json!("New"), &json!(1), &json!(1), 1)
    );
    assert_eq!(tool.done("suspend", json!({"cards": cards()})).await, true);
    assert_eq!(tool.done("suspend", json!({"cards": cards()})).await, false);
    assert_eq!(tool.done("suspended", json!({"card": card})).await, true);
    assert_eq!(tool.error("suspended", json!({"card": 7})).await, "Card was not found: 7");
    assert_eq!(tool.done("areSuspended", json!({"cards": [card, 7]})).await, json!([true, null]));
    assert_eq!(tool.done("unsuspend", json!({"cards": cards()})).await, Value::Null);
    assert_eq!(tool.done("areDue", json!({"cards": cards()})).await, json!([true]), "new");
    assert_eq!(tool.done("getIntervals", json!({"cards": cards()})).await, json!([0]));
    assert_eq!(tool.done("setDueDate", json!({"cards": cards(), "days": "3!"})).await, true);
    assert_eq!(tool.done("areDue", json!({"cards": cards()})).await, json!([false]));
    assert_eq!(tool.done("getIntervals", json!({"cards": cards(), "complete": true})).await, json!([[3]]));
    assert_eq!(tool.done("setEaseFactors", json!({"cards": [card, 7], "easeFactors": [2100, 2100]})).await, json!([true, false]));
    assert_eq!(tool.done("getEaseFactors", json!({"cards": [card, 7]})).await, json!([2100, null]));
    let flagged = json!({"card": card, "keys": ["flags"], "newValues": [3]});
    assert_eq!(tool.done("setSpecificValueOfCard", flagged).await, json!([true]));
    assert_eq!(tool.done("setSpecificValueOfCard", json!({"card": card, "keys": ["ivl"], "newValues": [3]})).await, false);
    let reviews = tool.done("getReviewsOfCards", json!({"cards": cards()})).await;
    let review = &reviews[card.to_string()][0];
    assert_eq!((&review["ivl"], &review["ease"], &review["type"]), (&json!(3), &json!(0), &json!(4)));
    assert_eq!(tool.done("getLatestReviewID", json!({"deck": "New"})).await, review["id"]);
    assert_eq!(tool.done("cardReviews", json!({"deck": "New", "startID": 0})).await[0][1], card);
    assert_eq!(tool.done("getNumCardsReviewedToday", json!({})).await, 1);
    let days = tool.done("getNumCardsReviewedByDay", json!({})).await;
    assert_eq!(days, json!([["2026-09-21", 1]]));
    assert_eq!(tool.done("forgetCards", json!({"cards": cards()})).await, Value::Null);
    assert_eq!(tool.done("cardsInfo", json!({"cards": cards()})).await[0]["type"], 0);
    let labels = tool.done("cardsInfo", json!({"cards": cards()})).await[0]["nextReviews"].clone();
    assert_eq!(
        labels.as_array().unwrap()[..3],
        [json!("<\u{2068}1\u{2069}m"), json!("<\u{2068}6\u{2069}m"), json!("<\u{2068}10\u{2069}m")]
    );
    // Three to five days, by chance.
    assert!(labels[3].as_str().unwrap().ends_with("\u{2069}d"), "{labels}");
    let answers = json!({"answers": [{"cardId": card, "ease": 3}, {"cardId": 7, "ease": 1}, {"cardId": card.to_string(), "ease": 4}]});
    assert_eq!(tool.done("answerCards", answers).await, json!([true, false, true]));
    let info = tool.done("cardsInfo", json!({"cards": cards()})).await;
    assert_eq!((&info[0]["type"], &info[0]["reps"]), (&json!(2), &json!(2)));
    assert!(tool.error("answerCards", json!({"answers": [{"cardId": card, "ease": 5}]})).await.contains("`ease` is 1 for again"));
    assert!(tool.error("answerCards", json!({"answers": [{"ease": 3}]})).await.contains("cardId"));

    assert!(tool.error("deleteDecks", json!({"decks": ["New"]})).await.starts_with("Since Anki 2.1.28"));
    tool.done("deleteDecks", json!({"decks": ["new", "Nope"], "cardsToo": true})).await;
    assert_eq!(tool.done("deckNames", json!({})).await, json!(["Default", "New"]), "not exactly its name");
    tool.done("deleteDecks", json!({"decks": ["New"], "cardsToo": true})).await;
    assert_eq!(tool.done("findNotes", json!({"query": ""})).await, json!([]));
    let id = tool.done("addNote", json!({"note": basic("f")})).await;
    tool.done("deleteNotes", json!({"notes": [id, 5]})).await;
    assert_eq!(tool.done("findCards", json!({"query": "deck:*"})).await, json!([]));
    assert!(tool.error("findNotes", json!({"query": "(a"})).await.len() > 5);
    let (findings, _) = server.check(false).await;
    assert!(findings.is_empty(), "{findings:?}");
    server.end().await;
}

#[tokio::test]
async fn notetypes_and_presets() {
    let server = TestServer::new().await;
    server.device("ann").await;
    let tool = Tool::new(&server, "ann", &ALL).await;
    let model = json!({"modelName": "Mine", "inOrderFields": ["Word", "Meaning"], "css": ".x{}",
        "cardTemplates": [{"Front": "{{Word}}", "Back": "{{FrontSide}}{{Meaning}}"}, {"Name": "Back", "Front": "{{Meaning}}", "Back": "{{hint:Word}}"}]});
    let made = tool.done("createModel", model.clone()).await;
    assert_eq!((&made["name"], &made["tmpls"][0]["name"], &made["tmpls"][1]["name"]), (&json!("Mine"), &json!("Card 1"), &json!("Back")));
    assert_eq!(tool.error("createModel", model).await, "Model name already exists");
    assert_eq!(
        tool.error("createModel", json!({"modelName": "M", "inOrderFields": [], "cardTemplates": []})).await,
        "Must provide at least one field for inOrderFields"
    );
    assert_eq!(tool.done("modelNamesAndIds", json!({})).await["Mine"], made["id"]);
    assert_eq!(tool.done("modelNameFromId", json!({"modelId": made["id"]})).await, "Mine");
    assert_eq!(tool.done("findModelsByName", json!({"modelNames": ["Mine"]})).await[0]["id"], made["id"]);
    assert_eq!(tool.done("findModelsById", json!({"modelIds": [made["id"]]})).await[0]["name"], "Mine");
    assert_eq!(
        tool.done("modelFieldsOnTemplates", json!({"modelName": "Mine"})).await,
        json!({"Card 1": [["Word"], ["Meaning"]], "Back": [["Meaning"], ["Word"]]})
    );
    let templates = json!({"model": {"name": "Mine", "templates": {"Back": {"Front": "{{Meaning}}!"}, "Nope": {"Front": "x"}}}});
    tool.done("updateModelTemplates", templates).await;
    assert_eq!(
        tool.done("modelTemplates", json!({"modelName": "Mine"})).await["Back"],
        json!({"Front": "{{Meaning}}!", "Back": "{{hint:Word}}"})
    );
    tool.done("updateModelStyling", json!({"model": {"name": "Mine", "css": ".y{}"}})).await;
    assert_eq!(tool.done("modelStyling", json!({"modelName": "Mine"})).await, json!({"css": ".y{}"}));
    let replace = json!({"modelName": "", "findText": "Meaning}}!", "replaceText": "Meaning}}?"});
    assert_eq!(tool.done("findAndReplaceInModels", replace).await, 1);
    let add = json!({"modelName": "Mine", "fieldName": "Extra", "index": 0});
    let refused = tool.error("modelFieldAdd", add.clone()).await;
    assert!(refused.contains("one-way sync") && refused.contains("allowOneWaySync"), "{refused}");
    // Consent in the parameters, or in the address for tools whose parameters cannot be changed.
    let body = json!({"action": "modelFieldAdd", "version": 6, "params": add, "key": tool.key}).to_string();
    let answer = post(&server, "/ankiconnect?allow_one_way_sync=true", &body, &[]).await.json();
    assert_eq!(answer, json!({"result": null, "error": null}));
    let odd = json!({"modelName": "Mine", "fieldName": "a:b", "allowOneWaySync": true});
    assert!(tool.error("modelFieldAdd", odd).await.contains("cannot be a name"));
    tool.done("modelFieldRename", json!({"modelName": "Mine", "oldFieldName": "Word", "newFieldName": "Wort"})).await;
    tool.done("modelFieldReposition", json!({"modelName": "Mine", "fieldName": "Extra", "index": 2, "allowOneWaySync": true})).await;
    assert_eq!(tool.done("modelFieldNames", json!({"modelName": "Mine"})).await, json!(["Wort", "Meaning", "Extra"]));
    tool.done("modelFieldRemove", json!({"modelName": "Mine", "fieldName": "Extra", "allowOneWaySync": true})).await;
    assert_eq!(
        tool.error("modelFieldRemove", json!({"modelName": "Mine", "fieldName": "Extra"})).await,
        "field was not found in Mine: Extra"
    );
    tool.done("modelTemplateRename", json!({"modelName": "Mine", "oldTemplateName": "Back", "newTemplateName": "B"})).await;
    let note = json!({"deckName": "Default", "modelName": "Mine", "fields": {"Wort": "w", "Meaning": "m"}});
    let note = tool.done("addNote", json!({"note": note})).await;
    let template = json!({"Name": "C", "Front": "{{Wort}}C", "Back": "c"});
    tool.done("modelTemplateAdd", json!({"modelName": "Mine", "template": template, "allowOneWaySync": true})).await;
    let cards = tool.done("notesInfo", json!({"notes": [note]})).await[0]["cards"].clone();
    let ords = async || -> Vec<Value> {
        let cards = tool.done("cardsInfo", json!({"cards": cards})).await;
        cards.as_array().unwrap().iter().map(|card| card["ord"].clone()).collect()
    };
    assert_eq!(ords().await, [0, 1, 2]);
    tool.done("modelTemplateReposition", json!({"modelName": "Mine", "templateName": "C", "index": 0, "allowOneWaySync": true})).await;
    assert_eq!(ords().await, [1, 2, 0], "cards follow their templates");
    tool.done("modelTemplateReposition", json!({"modelName": "Mine", "templateName": "C", "index": 9, "allowOneWaySync": true})).await;
    assert_eq!(ords().await, [0, 1, 2]);
    tool.done("modelTemplateRemove", json!({"modelName": "Mine", "templateName": "B", "allowOneWaySync": true})).await;
    assert_eq!(
        tool.error("modelTemplateRemove", json!({"modelName": "Mine", "templateName": "B"})).await,
        "template was not found in Mine: B"
    );
    let names: Vec<String> = tool.done("modelTemplates", json!({"modelName": "Mine"})).await.as_object().unwrap().keys().cloned().collect();
    assert_eq!(names, ["Card 1", "C"]);
    assert_eq!(tool.done("modelFieldDescriptions", json!({"modelName": "Mine"})).await, json!(["", ""]));
    assert_eq!(tool.done("modelFieldFonts", json!({"modelName": "Mine"})).await["Wort"]["font"], "Arial");
    tool.done("modelFieldSetFont", json!({"modelName": "Mine", "fieldName": "Wort", "font": "Courier"})).await;
    tool.done("modelFieldSetFontSize", json!({"modelName": "Mine", "fieldName": "Wort", "fontSize": 10})).await;
    assert_eq!(tool.done("modelFieldFonts", json!({"modelName": "Mine"})).await["Wort"], json!({"font": "Courier", "size": 10}));
    let size = json!({"modelName": "Mine", "fieldName": "Wort", "fontSize": "10"});
    assert_eq!(tool.error("modelFieldSetFontSize", size).await, "fontSize should be an integer: \"10\"");
    let description = json!({"modelName": "Mine", "fieldName": "Wort", "description": "a word"});
    assert_eq!(tool.done("modelFieldSetDescription", description).await, true);
    assert_eq!(tool.done("modelFieldDescriptions", json!({"modelName": "Mine"})).await, json!(["a word", ""]));
    // Another notetype for a note: what has no template there goes.
    let cards = tool.done("notesInfo", json!({"notes": [note]})).await[0]["cards"].clone();
    let retyped = json!({"note": {"id": note, "modelName": "basic", "fields": {"front": "f", "BACK": "b", "Nope": "x"}, "tags": ["t"]}});
    tool.done("updateNoteModel", retyped).await;
    let info = tool.done("notesInfo", json!({"notes": [note]})).await[0].clone();
    assert_eq!((&info["modelName"], &info["tags"]), (&json!("Basic"), &json!(["t"])));
    assert_eq!((&info["fields"]["Front"]["value"], &info["cards"]), (&json!("f"), &json!([cards[0]])));
    let nope = json!({"note": {"id": note, "modelName": "Nope", "fields": {"Front": "f"}}});
    assert_eq!(tool.error("updateNoteModel", nope).await, "Model 'Nope' not found");
    assert_eq!(
        tool.error("updateNoteModel", json!({"note": {"id": note, "modelName": "Basic"}})).await,
        "Fields must be provided as a dictionary"
    );
    // Notetypes without notes go.
    assert!(tool.error("removeEmptyNotes", json!({})).await.contains("allowOneWaySync"));
    tool.done("removeEmptyNotes", json!({"allowOneWaySync": true})).await;
    assert_eq!(tool.done("modelNames", json!({})).await, json!(["Basic"]));
    // Reviews of elsewhere.
    let review = json!([1_700_000_000_000_i64, cards[0], -1, 3, 4, -60, 2500, 6157, 0]);
    tool.done("insertReviews", json!({"reviews": [review]})).await;
    let kept = tool.done("getReviewsOfCards", json!({"cards": [cards[0]]})).await;
    assert_eq!(kept[cards[0].to_string()][0]["id"], 1_700_000_000_000_i64);
    assert!(tool.error("insertReviews", json!({"reviews": [review]})).await.contains("1700000000000"));
    let bad = json!({"reviews": [[1, 2, 3]]});
    assert!(tool.error("insertReviews", bad).await.starts_with("reviews[0]: a review is a list of nine"));
    tool.done("insertReviews", json!({"reviews": []})).await;

    let mut preset = tool.done("getDeckConfig", json!({"deck": "Default"})).await;
    assert_eq!((&preset["id"], tool.done("getDeckConfig", json!({"deck": "Nope"})).await), (&json!(1), json!(false)));
    preset["new"]["perDay"] = json!(7);
    assert_eq!(tool.done("saveDeckConfig", json!({"config": preset})).await, true);
    assert_eq!(tool.done("getDeckConfig", json!({"deck": "Default"})).await["new"]["perDay"], 7);
    let copy = tool.done("cloneDeckConfigId", json!({"name": "Copy", "cloneFrom": "1"})).await;
    assert_eq!(tool.done("setDeckConfigId", json!({"decks": ["Default"], "configId": copy})).await, true);
    assert_eq!(tool.done("getDeckConfig", json!({"deck": "Default"})).await["name"], "Copy");
    assert_eq!(tool.done("setDeckConfigId", json!({"decks": ["Nope"], "configId": copy})).await, false);
    assert!(tool.error("removeDeckConfigId", json!({"configId": copy})).await.contains("one-way sync"));
    assert_eq!(tool.done("removeDeckConfigId", json!({"configId": copy, "allowOneWaySync": true})).await, true);
    assert_eq!(tool.done("removeDeckConfigId", json!({"configId": copy})).await, false);
    let (findings, _) = server.check(false).await;
    assert!(findings.is_empty(), "{findings:?}");
    server.end().await;
}

#[tokio::test]
async fn media_files_and_those_of_notes() {
    let server = TestServer::new().await;
    let device = server.device("ann").await;
    let tool = Tool::new(&server, "ann", &ALL).await;
    let store = |name: &str, data: &str, replace: bool| {
        tool.done("storeMediaFile", json!({"filename": name, "data": data, "deleteExisting": replace}))
    };
    assert_eq!(store("a:b?.mp3", "YQ==", true).await, "ab.mp3");
    assert_eq!(store("ab.mp3", "Yg", true).await, "ab.mp3", "without padding");
    assert_eq!(tool.done("retrieveMediaFile", json!({"filename": "../x/ab.mp3"})).await, "Yg==");
    assert_eq!(store("ab.mp3", "Yg==", false).await, "ab.mp3", "the same content");
    let hashed = store("ab.mp3", "Y2M=", false).await;
    assert_eq!(hashed, "ab-bdb480de655aa6ec75ca058c849c4faf3c0f75b1.mp3");
    assert_eq!(
        tool.done("storeMediaFile", json!({"filename": "ab.mp3", "data": "Yg==", "skipHash": "92eb5ffee6ae2fec3ad71c777531578f"})).await,
        Value::Null
    );
    assert_eq!(tool.done("getMediaFilesNames", json!({})).await, json!([hashed, "ab.mp3"]));
    assert_eq!(tool.done("getMediaFilesNames", json!({"pattern": "ab.*"})).await, json!(["ab.mp3"]));
    assert_eq!(tool.done("deleteMediaFile", json!({"filename": hashed})).await, Value::Null);
    assert_eq!(tool.done("deleteMediaFile", json!({"filename": "nope"})).await, Value::Null);
    assert_eq!(tool.done("retrieveMediaFile", json!({"filename": hashed})).await, false);
    for (params, wanted) in [
        (json!({"filename": "x", "data": "?"}), "base64"),
        (json!({"filename": "x", "path": "/etc/passwd"}), "file of the server"),
        (json!({"filename": "[]", "data": "YQ=="}), "cannot be the name"),
        (json!({"filename": "x", "data": "   "}), "empty"),
        (json!({"filename": "x", "url": "http://127.0.0.1:1/x"}), "public addresses only"),
        (json!({"filename": "x", "url": "http://localhost:1/x"}), "public addresses only"),
        (json!({"filename": "x", "url": "file:///etc/passwd"}), "only http and https"),
    ] {
        let error = tool.error("storeMediaFile", params.clone()).await;
        assert!(error.contains(wanted), "{params}: {error}");
    }

    let mut note = basic("w");
    note["audio"] = json!([{"filename": "s.mp3", "data": "c291bmQ=", "fields": ["Back", "Nope"]}, {"filename": "q.mp3", "url": "http://10.0.0.1/<x>", "fields": ["Back"]}]);
    note["picture"] = json!({"filename": "p.jpg", "data": "cGlj", "fields": ["Front"]});
    let before = tool.done("getMediaFilesNames", json!({})).await;
    assert_eq!(tool.done("canAddNotes", json!({"notes": [note]})).await, json!([true]));
    assert_eq!(tool.done("getMediaFilesNames", json!({})).await, before, "a question stores nothing");
    let id = tool.done("addNote", json!({"note": note})).await;
    let info = tool.done("notesInfo", json!({"notes": [id]})).await;
    assert_eq!(info[0]["fields"]["Front"]["value"], "w<img src=\"p.jpg\">");
    assert_eq!(info[0]["fields"]["Back"]["value"], "b[sound:s.mp3]the server fetches files from public addresses only");
    note["audio"] = json!({"filename": "other.mp3", "data": "b3RoZXI=", "fields": ["Back"]});
    assert_eq!(tool.error("addNote", json!({"note": note})).await, "cannot create note because it is a duplicate");
    assert_eq!(tool.done("retrieveMediaFile", json!({"filename": "other.mp3"})).await, false, "nothing is left of it");
    // Devices get them.
    let changes = device.json("msync/mediaChanges", json!({"lastUsn": 0})).await;
    let mut names: Vec<&str> = changes["data"].as_array().unwrap().iter().map(|row| row[0].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, [hashed.as_str().unwrap(), "ab.mp3", "p.jpg", "s.mp3"]);
    let (findings, _) = server.check(true).await;
    assert!(findings.is_empty(), "{findings:?}");
    server.end().await;
}
