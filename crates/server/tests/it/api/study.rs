use super::v2::{problem, with};
use super::{bearer, send, token};
use crate::support::{NOW, TestServer, collection};
use anki::file::Schema;
use djankiserv::actions::api_tokens::Scope;
use serde_json::{Value, json};
use std::io::Read;

/// The first card of [`collection`].
const CARD: i64 = 1_000_001;

/// That answers come to what they come to in a client is what `e2e/test_answers.py` and `anki/tests/answers.rs` check.
#[tokio::test]
async fn cards_are_answered() {
    let server = TestServer::new().await;
    let device = server.device("ann").await;
    device.upload(&collection(Schema::V18, 4, NOW)).await;
    let auth = token(&server, "ann", &[Scope::Read, Scope::Write]).await;
    let call = async |method: &str, path: &str, body: Option<Value>| send(&server, method, path, &auth, body).await;
    let path = format!("/api/v2/cards/{CARD}/answer");
    let before = call("GET", "/api/v2/collection", None).await.json();

    let next = call("GET", &format!("/api/v2/cards/{CARD}/next"), None).await.json();
    assert_eq!(next["again"], json!({"seconds": 60, "days": null, "label": "<1m"}));
    assert_eq!(next["good"], json!({"seconds": 600, "days": null, "label": "<10m"}));
    // Four days, or one more or less by chance; with a card's id, always the same.
    let days = next["easy"]["days"].as_i64().unwrap();
    assert!((3..=5).contains(&days) && next["easy"]["label"] == format!("{days}d"), "{next}");

    let answered = call("POST", &path, Some(json!({"rating": "easy", "milliseconds": 70_000}))).await;
    let card = answered.json();
    assert_eq!(answered.status, 200, "{card}");
    assert_eq!(
        (&card["type"], &card["queue"], &card["reviews"], &card["ease"]),
        (&json!("review"), &json!("review"), &json!(1), &json!(2500))
    );
    assert_eq!(card["data"], json!({"pos": 1, "lrt": NOW / 1000}));
    assert_eq!(card["interval"], days);
    assert_eq!(card["due"].as_i64().unwrap() - before["today"].as_i64().unwrap(), card["interval"].as_i64().unwrap());
    assert_eq!(call("GET", &format!("/api/v2/cards/{CARD}"), None).await.json(), card);
    let reviews = call("GET", "/api/v2/reviews", None).await.json();
    let review = &reviews["items"][0];
    assert_eq!((&review["card_id"], &review["milliseconds"]), (&json!(CARD), &json!(60_000)), "at most what the preset says: {review}");
    let deck = call("GET", "/api/v2/decks/1", None).await.json();
    let today = &before["today"];
    assert_eq!((&deck["settings"]["newToday"], &deck["settings"]["timeToday"]), (&json!([today, 1]), &json!([today, 60_000])));
    assert_eq!(call("GET", "/api/v2/collection", None).await.json()["reviews"], 1);

    // With a key, once; without, as often as it is sent.
    let once = [("content-type", "application/json"), ("idempotency-key", "k")];
    let body = br#"{"rating": "again"}"#;
    let path = format!("/api/v2/cards/{}/answer", CARD + 1);
    let first = with(&server, "POST", &path, &auth, &once, body).await;
    assert_eq!((first.status, first.json()["reviews"].clone()), (200, json!(1)));
    assert_eq!(with(&server, "POST", &path, &auth, &once, body).await.json(), first.json());
    problem(&with(&server, "POST", &path, &auth, &once, br#"{"rating": "good"}"#).await, 422, "reused_key", "");
    assert_eq!(call("POST", &path, Some(json!({"rating": "hard"}))).await.json()["reviews"], 2);

    // Several, one after the other.
    let answers = |last: i64| json!([{"card": CARD + 2, "rating": "good"}, {"card": last, "rating": "easy", "milliseconds": 5}]);
    let many = call("POST", "/api/v2/cards/answer", Some(json!({"answers": answers(CARD + 2)}))).await.json();
    assert_eq!(many["cards"].as_array().unwrap().len(), 1, "each once");
    assert_eq!((&many["cards"][0]["reviews"], &many["cards"][0]["queue"]), (&json!(2), &json!("review")));
    problem(&call("POST", "/api/v2/cards/answer", Some(json!({"answers": answers(7)}))).await, 404, "not_found", "");
    assert_eq!(call("GET", &format!("/api/v2/cards/{}", CARD + 2), None).await.json()["reviews"], 2, "all or none");
    let skipped = call("POST", "/api/v2/cards/answer", Some(json!({"answers": answers(7), "skip_missing": true}))).await.json();
    assert_eq!(skipped["cards"][0]["reviews"], 3);
    assert_eq!(call("GET", "/api/v2/collection", None).await.json()["reviews"], 6);

    for (method, path, body, status, code, field) in [
        ("POST", "/api/v2/cards/7/answer", Some(json!({"rating": "good"})), 404, "not_found", ""),
        ("GET", "/api/v2/cards/7/next", None, 404, "not_found", ""),
        ("POST", path.as_str(), Some(json!({"rating": "fine"})), 422, "invalid", "rating"),
        ("POST", path.as_str(), Some(json!({"rating": "good", "milliseconds": -1})), 422, "invalid", "milliseconds"),
        ("POST", "/api/v2/cards/answer", Some(json!({"answers": [{"card": 1}]})), 422, "invalid", "answers[0]"),
    ] {
        problem(&call(method, path, body).await, status, code, field);
    }
    let read_only = token(&server, "ann", &[Scope::Read]).await;
    problem(&send(&server, "POST", &path, &read_only, Some(json!({"rating": "good"}))).await, 403, "forbidden", "");
    assert_eq!(send(&server, "GET", &format!("/api/v2/cards/{CARD}/next"), &read_only, None).await.status, 200);
    let (findings, _) = server.check(false).await;
    assert!(findings.is_empty(), "{findings:?}");
    server.end().await;
}

#[tokio::test]
async fn what_no_scheduler_of_today_knows_is_refused() {
    let server = TestServer::new().await;
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/deck-counts-2.1.49.zip");
    let mut archive = zip::ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap();
    // The first case has the first scheduler.
    let mut old = Vec::new();
    archive.by_name("0.anki2").unwrap().read_to_end(&mut old).unwrap();
    assert_eq!(server.device("ann").await.upload(&old).await, "OK");
    let auth = bearer(&server, "ann").await;
    let cards = send(&server, "GET", "/api/v2/cards?limit=1", &auth, None).await.json();
    let card = &cards["items"][0];
    for (method, path, body) in [
        ("POST", format!("/api/v2/cards/{}/answer", card["id"]), Some(json!({"rating": "good"}))),
        ("GET", format!("/api/v2/cards/{}/next", card["id"]), None),
    ] {
        let answer = send(&server, method, &path, &auth, body).await;
        problem(&answer, 422, "invalid", "card");
        assert!(answer.json()["detail"].as_str().unwrap().contains("first scheduler"), "{}", answer.json());
    }
    assert_eq!(send(&server, "GET", &format!("/api/v2/cards/{}", card["id"]), &auth, None).await.json(), *card);
    server.end().await;
}
