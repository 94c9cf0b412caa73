//! What a client decides by.

use crate::support::{NOW, TestServer, collection};
use anki::file::Schema;
use serde_json::{Value, json};

#[tokio::test]
async fn all_keys_that_any_client_asks_for_are_there() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    server.clock.set(NOW + 12_999);
    let answer = a.meta().await;
    let wanted = json!({
        "mod": 0, "scm": NOW, "usn": 0, "ts": NOW / 1000 + 12, "msg": "", "cont": true, "hostNum": 0, "empty": true, "media_usn": 0,
        "musn": 0, "uname": "a"
    });
    assert_eq!(answer, wanted, "an account without data");
    assert_eq!(a.at(&server.second().await).meta().await, wanted, "the schema stamp is stored, not made up");

    assert_eq!(a.upload(&collection(Schema::V18, 0, NOW - 5)).await, "OK");
    let answer = a.meta().await;
    assert_eq!((&answer["mod"], &answer["usn"], &answer["empty"]), (&json!(NOW - 5), &json!(1), &json!(true)), "no cards");
    a.upload(&collection(Schema::V18, 1, NOW - 4)).await;
    assert_eq!(a.meta().await["empty"], false);
    a.start(1).await;
    a.json("sync/applyGraves", json!({"chunk": {"cards": [1_000_001], "notes": [], "decks": []}})).await;
    assert_eq!(a.meta().await["empty"], false, "nothing before finish");
    a.json("sync/finish", json!({})).await;
    assert_eq!(a.meta().await["empty"], true, "a note without a card");
    server.end().await;
}

#[tokio::test]
async fn clients_are_kept_from_collections_that_they_would_misread() {
    let server = TestServer::new().await;
    let mut a = server.device("a").await;
    let may = async |a: &crate::support::Device| {
        let mut versions = Vec::new();
        for version in 8..=11 {
            let answer = a.json("sync/meta", json!({"v": version, "cv": "anki,2.1.49"})).await;
            assert_eq!(answer["cont"] == true, answer["msg"] == "", "a refusal is explained");
            if answer["cont"] == true {
                versions.push(version);
            }
        }
        versions
    };
    for (version, status) in [(0, 501), (7, 501), (12, 501)] {
        assert_eq!(a.status("sync/meta", json!({"v": version, "cv": "x"})).await, status);
    }
    a.legacy = true;
    assert_eq!(may(&a).await, [8, 9, 10, 11], "no data");
    // The stock config has scheduler 3, which calls itself 2, and a time zone.
    a.upload(&collection(Schema::V11, 1, NOW - 5)).await;
    assert_eq!(may(&a).await, [10, 11]);
    for (usn, conf, wanted) in [
        (1, json!({"schedVer": 2}), vec![9, 10, 11]),
        (2, json!({"schedVer": 1}), vec![8, 9, 10, 11]),
        (3, json!({"schedVer": 1, "creationOffset": -60}), vec![10, 11]),
        (4, json!({"schedVer": 2, "creationOffset": null}), vec![9, 10, 11]),
        (5, json!({}), vec![8, 9, 10, 11]),
        (6, json!({"schedVer": "odd", "creationOffset": 0}), vec![10, 11]),
    ] {
        a.start(usn).await;
        let changes = json!({"models": [], "decks": [[], []], "tags": [], "conf": conf, "crt": 5});
        a.json("sync/applyChanges", json!({"changes": changes})).await;
        a.json("sync/finish", json!({})).await;
        assert_eq!(may(&a).await, wanted, "{conf}");
    }
    server.end().await;
}

#[tokio::test]
async fn asking_disturbs_no_running_sync() {
    let server = TestServer::new().await;
    let a = server.device("a").await;
    a.upload(&collection(Schema::V18, 3, NOW - 5)).await;
    let mut b = server.log_in("a").await;
    b.session = "sb".into();
    a.start(1).await;
    let asked: Vec<Value> = vec![a.meta().await, b.meta().await];
    a.json("sync/applyGraves", json!({"chunk": {"cards": [], "notes": [1], "decks": []}})).await;
    assert_eq!(b.meta().await, asked[1]);
    a.json("sync/finish", json!({})).await;
    let after = b.meta().await;
    assert_eq!((&after["usn"], &after["scm"]), (&json!(2), &asked[0]["scm"]));
    assert_eq!(after["mod"], NOW, "a new state");
    server.end().await;
}
