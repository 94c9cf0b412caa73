//! Searches take neither the server nor its database from others.

use super::{basic, raw, send};
use crate::support::{PASSWORD, TestServer};
use axum::body::Body;
use axum::http::Request;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde_json::json;
use std::time::{Duration, Instant};
use store::turns::Turns;

/// A request whose body never ends, as it holds its turn for that long.
fn endless(server: &TestServer, method: &str, path: &str) -> tokio::task::JoinHandle<()> {
    let bytes = stream::repeat(()).then(|()| async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        Ok::<_, std::io::Error>(Bytes::from_static(b" "))
    });
    let request = Request::builder().method(method).uri(path).header("authorization", basic("ann", PASSWORD));
    let request = request.header("content-type", "application/json").body(Body::from_stream(bytes)).unwrap();
    let router = djankiserv::app::router(server.app.clone());
    tokio::spawn(async move { drop(tower::ServiceExt::oneshot(router, request).await) })
}

#[tokio::test]
async fn programs_of_one_account_take_turns() {
    let server = TestServer::with(|app| app.api.turns = Turns::new(2)).await;
    let device = server.device("ann").await;
    server.device("bob").await;
    let (ann, bob) = (basic("ann", PASSWORD), basic("bob", PASSWORD));
    let slow = [endless(&server, "POST", "/api/v2/notes"), endless(&server, "POST", "/djs/dapi/addNotes")];
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(send(&server, "GET", "/api/v2/tags", &bob, None).await.status, 200);
    assert_eq!(device.status("sync/meta", json!({"v": 11, "cv": ""})).await, 200, "devices have turns of their own");
    let ankiconnect = async {
        let request = Request::post("/ankiconnect").header("authorization", &ann).body(Body::from(r#"{"action":"version","version":6}"#));
        raw(&server, request.unwrap()).await.status
    };
    let (v2, dapi) = (send(&server, "GET", "/api/v2/tags", &ann, None), send(&server, "GET", "/djs/dapi/tags", &ann, None));
    let (v2, dapi, ankiconnect) = tokio::join!(v2, dapi, ankiconnect);
    assert_eq!((v2.status, dapi.status, ankiconnect), (503, 503, 503));
    assert_eq!((v2.json()["code"].as_str(), v2.header("retry-after")), (Some("busy"), "5"));
    slow.iter().for_each(tokio::task::JoinHandle::abort);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(send(&server, "GET", "/api/v2/tags", &ann, None).await.status, 200);
    server.end().await;
}

/// On a runtime of several threads, as the server has one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_search_lets_others_be_served() {
    let server = TestServer::new().await;
    server.device("ann").await;
    let ann = basic("ann", PASSWORD);
    let note = json!({"deck": "Default", "notetype": "Basic", "fields": {"Front": "a".repeat(400_000), "Back": "b"}});
    assert_eq!(send(&server, "POST", "/api/v2/notes", &ann, Some(note)).await.status, 201);
    // A product of 3,200,000,000 steps each.
    let search = format!("-\"*{}b*\"", "a".repeat(8000));
    let searches = futures_util::future::join_all((0..3).map(|_| {
        let search = json!({"query": search});
        async { send(&server, "POST", "/api/v2/search/notes", &ann, Some(search)).await }
    }));
    let health = async {
        let mut longest = Duration::ZERO;
        for _ in 0..10 {
            let began = Instant::now();
            assert_eq!(send(&server, "GET", "/health", "", None).await.status, 200);
            longest = longest.max(began.elapsed());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        longest
    };
    let began = Instant::now();
    let (found, longest) = tokio::join!(searches, health);
    assert!(found.iter().all(|answer| answer.status == 200 && answer.json()["items"].as_array().unwrap().len() == 1));
    assert!(longest < Duration::from_secs(5), "{longest:?}");
    assert!(began.elapsed() < Duration::from_secs(40), "{:?}", began.elapsed());
    server.end().await;
}
