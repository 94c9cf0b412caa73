use super::{basic, bearer, send};
use crate::support::{NOW, PASSWORD, TestServer, collection};
use anki::file::Schema;
use serde_json::json;

#[tokio::test]
async fn notes_of_the_original_api() {
    let server = TestServer::new().await;
    let device = server.device("ann").await;
    device.upload(&collection(Schema::V18, 2, NOW)).await;
    let auth = bearer(&server, "ann").await;
    let new = json!({"deck": "Ne\"w::Deck", "notes": [{"model": "Basic", "fields": ["f", "b"], "tags": ["t"]}]});
    let added = send(&server, "POST", "/djs/dapi/addNotes", &auth, Some(new.clone())).await;
    assert_eq!((added.status, added.header("content-type")), (200, "application/json"));
    let id = added.json()["note_ids"][0].as_i64().unwrap();
    let note = json!({"id": id, "model": "Basic", "fields": ["f", "b"], "tags": ["t"]});
    // A GET with a body, a POST, and the successor's address.
    for (method, path) in [("GET", "/djs/dapi/notes"), ("POST", "/djs/dapi/notes"), ("GET", "/api/v1/notes")] {
        let answer = send(&server, method, path, &auth, Some(json!({"ids": [id, 12345]}))).await;
        assert_eq!(answer.json(), json!({"notes": [note]}), "{method} {path}");
    }
    for body in [None, Some(json!({})), Some(json!({"ids": []})), Some(json!({"ids": null}))] {
        let all = send(&server, "GET", "/djs/dapi/notes", &auth, body).await.json();
        assert_eq!(all["notes"].as_array().unwrap().len(), 3);
        assert_eq!(all["notes"][2], note);
    }
    for body in [None, Some(json!({"ids": []})), Some(json!({"ids": null}))] {
        let refused = send(&server, "POST", "/djs/dapi/deleteNotes", &auth, body).await;
        assert_eq!(refused.status, 400);
        assert!(refused.json()["ids"][0].as_str().unwrap().contains("{\"all\": true}"), "{:?}", refused.json());
    }
    let deleted = send(&server, "POST", "/djs/dapi/deleteNotes", &auth, Some(json!({"ids": [id]}))).await;
    assert_eq!(deleted.json(), json!({"status": "ok"}));
    send(&server, "POST", "/djs/dapi/deleteNotes", &auth, Some(json!({"all": true}))).await;
    assert_eq!(send(&server, "GET", "/djs/dapi/notes", &auth, None).await.json(), json!({"notes": []}));
    let (findings, _) = server.check(false).await;
    assert!(findings.is_empty(), "{findings:?}");
    // What was a 500.
    for (body, what) in [
        (json!({"notes": []}), "deck"),
        (json!({"deck": "x"}), "notes"),
        (json!({"deck": "x", "notes": [{"model": "Basic", "fields": ["f", "b"]}]}), "tags"),
        (json!({"deck": "x", "notes": [{"model": "No such", "fields": ["f", "b"], "tags": []}]}), "No such"),
        (json!({"deck": "x", "notes": [{"model": "Basic", "fields": ["f"], "tags": []}]}), "2 fields"),
        (json!({"deck": "", "notes": [{"model": "Basic", "fields": ["f", "b"], "tags": []}]}), "deck"),
    ] {
        let refused = send(&server, "POST", "/djs/dapi/addNotes", &auth, Some(body)).await;
        assert_eq!(refused.status, 400);
        assert!(refused.json().to_string().contains(what), "{} {what}", refused.json());
    }
    server.end().await;
}

#[tokio::test]
async fn objects_of_both_layouts_before_any_sync() {
    let server = TestServer::new().await;
    let device = server.device("ann").await;
    let auth = basic("ann", PASSWORD);
    let get = async |path: &str| send(&server, "GET", path, &auth, None).await.json();
    let decks = get("/djs/dapi/decks").await;
    assert_eq!((&decks["decks"]["1"]["name"], &decks["decks"]["1"]["dyn"]), (&json!("Default"), &json!(0)));
    assert_eq!(get("/djs/dapi/decksConf").await["decks_conf"]["1"]["name"], "Default");
    let models = get("/djs/dapi/models").await["models"].as_object().unwrap().clone();
    assert_eq!(models.len(), 6);
    assert!(models.iter().all(|(id, model)| model["id"].as_i64() == id.parse().ok()));
    assert_eq!(get("/djs/dapi/tags").await, json!({"tags": []}));
    let list = get("/api/v1/decks").await;
    assert_eq!((&list["pagination"]["count"], &list["decks"][0]["id"]), (&json!(1), &json!(1)));
    assert_eq!(get("/api/v1/decks/conf").await["decksConf"][0]["id"], 1);
    assert_eq!(get("/api/v1/models").await["models"].as_object().unwrap(), &models);
    // Looking does not make the account look used to a device.
    let meta = device.meta().await;
    assert_eq!((&meta["mod"], &meta["usn"], &meta["empty"]), (&json!(0), &json!(0), &json!(true)));
    assert_eq!(send(&server, "POST", "/api/v1/decks", &auth, None).await.status, 405);
    server.end().await;
}
