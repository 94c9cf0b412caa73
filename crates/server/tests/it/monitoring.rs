//! What the operator sees: metrics, request ids, the log.

use crate::support::{NOW, TestServer, collection};
use anki::file::Schema;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use djankiserv::config::TrustedProxies;
use djankiserv::metrics;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tracing_subscriber::fmt::MakeWriter;

async fn fetch(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// The value of a series on the page; 0 when it is not there yet.
fn value(page: &str, series: &str) -> f64 {
    page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')).map_or(0.0, |text| text.trim().parse().unwrap())
}

/// The names under which the values of a page can be asked for.
fn names(page: &str) -> BTreeSet<String> {
    let families = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")).map(|line| line.trim().split_once(' ').unwrap());
    let mut names = BTreeSet::new();
    for (name, kind) in families {
        if kind == "histogram" {
            names.extend(["bucket", "sum", "count"].map(|part| format!("{name}_{part}")));
        } else {
            names.insert(name.to_owned());
        }
    }
    names
}

#[tokio::test]
async fn metrics_tell_what_happened_and_name_nobody() {
    let server = TestServer::new().await;
    let listener = metrics::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(metrics::serve(listener, server.app.clone()));
    // Other tests count in the same process, so what is looked at is how much more it is at least.
    let before = fetch(address, "/metrics").await;
    assert!(before.starts_with("HTTP/1.1 200") && before.contains("text/plain; version=0.0.4"), "{before}");
    assert!(fetch(address, "/").await.starts_with("HTTP/1.1 404"));

    let a = server.device("unmistakable").await;
    assert_eq!(a.status("sync/hostKey", json!({"u": "unmistakable", "p": "no"})).await, 403);
    a.upload(&collection(Schema::V18, 3, NOW - 5)).await;
    a.upload(b"no collection").await;
    a.start(1).await;
    let during = fetch(address, "/metrics").await;
    assert_eq!(value(&during, "djankiserv_syncs_active"), 0.0, "asked for at most every half minute");
    a.json("sync/finish", json!({})).await;
    assert_eq!(a.notes().await.len(), 3);
    assert_eq!(a.status("sync/unmistakable-secret", json!({})).await, 404);
    djankiserv::housekeeping::often(&server.app).await.unwrap();

    let after = fetch(address, "/metrics").await;
    for (series, least) in [
        ("djankiserv_requests_total{surface=\"sync\",method=\"hostKey\",outcome=\"ok\"}", 1.0),
        ("djankiserv_requests_total{surface=\"sync\",method=\"hostKey\",outcome=\"forbidden\"}", 1.0),
        ("djankiserv_requests_total{surface=\"sync\",method=\"finish\",outcome=\"ok\"}", 1.0),
        ("djankiserv_requests_total{surface=\"sync\",method=\"unknown\",outcome=\"not_found\"}", 1.0),
        ("djankiserv_logins_total{outcome=\"ok\"}", 1.0),
        ("djankiserv_logins_total{outcome=\"wrong\"}", 1.0),
        ("djankiserv_imports_total{outcome=\"done\"}", 1.0),
        ("djankiserv_sync_stage_seconds_count{stage=\"import\"}", 1.0),
        ("djankiserv_sync_stage_seconds_count{stage=\"build\"}", 1.0),
        ("djankiserv_sync_stage_seconds_bucket{stage=\"finish\",le=\"+Inf\"}", 1.0),
        ("djankiserv_received_bytes_total{surface=\"sync\"}", 300.0),
        ("djankiserv_sent_bytes_total{surface=\"sync\"}", 300.0),
    ] {
        let more = value(&after, series) - value(&before, series);
        assert!(more >= least, "{series} grew by {more}\n{after}");
    }
    for series in ["main", "user"].map(|database| format!("djankiserv_db_takes_total{{database=\"{database}\"}}")) {
        assert!(value(&after, &series) > value(&before, &series), "{series}");
    }
    assert_eq!(value(&after, "djankiserv_db_connections_max{database=\"user\"}"), 8.0);
    assert_eq!(value(&after, "djankiserv_transfers_active"), 0.0);
    assert!(!after.contains("unmistakable"), "{after}");
    task.abort();
    server.end().await;
}

/// The sums of the installation, from a page that was not fetched before.
#[tokio::test]
async fn metrics_know_the_sums_of_the_installation() {
    let server = TestServer::new().await;
    let (a, _) = (server.device("a").await, server.device("b").await);
    a.upload(&collection(Schema::V18, 3, NOW - 5)).await;
    a.start(1).await;
    let listener = metrics::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(metrics::serve(listener, server.app.clone()));
    let page = fetch(address, "/metrics").await;
    assert_eq!((value(&page, "djankiserv_syncs_active"), value(&page, "djankiserv_collections")), (1.0, 2.0), "{page}");
    assert_eq!((value(&page, "djankiserv_importing"), value(&page, "djankiserv_media_bytes")), (0.0, 0.0));
    task.abort();
    server.end().await;
}

#[tokio::test]
async fn dashboard_alerts_and_documentation_name_what_there_is() {
    let server = TestServer::new().await;
    let listener = metrics::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(metrics::serve(listener, server.app.clone()));
    let names = names(&fetch(address, "/metrics").await);
    assert!(names.contains("djankiserv_sync_stage_seconds_bucket") && names.len() > 20, "{names:?}");
    let named = |text: &str| -> BTreeSet<String> {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        words.filter(|word| ["djankiserv_", "process_"].iter().any(|start| word.starts_with(start))).map(str::to_owned).collect()
    };

    let dashboard: Value = serde_json::from_str(include_str!("../../../../packaging/grafana/djankiserv.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().cloned().unwrap_or_default());
    let asked: Vec<String> = targets.map(|target| target["expr"].as_str().unwrap().to_owned()).collect();
    assert!(asked.len() > 12, "{asked:?}");
    for expression in &asked {
        let used = named(expression);
        assert!(!used.is_empty() && used.is_subset(&names), "{expression}");
    }
    let ids: BTreeSet<i64> = panels.iter().map(|panel| panel["id"].as_i64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len(), "every panel has an id of its own");

    let alerts = include_str!("../../../../packaging/prometheus/alerts.yml");
    let expressions: Vec<&str> = alerts.lines().filter_map(|line| line.trim().strip_prefix("expr: ")).collect();
    assert!(expressions.len() > 5, "{alerts}");
    for expression in expressions {
        let used = named(expression);
        assert!(used.is_subset(&names), "{expression}");
    }

    let documented = named(include_str!("../../../../docs/monitoring.md"));
    let base = |name: &String| ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name).to_owned();
    let (families, documented): (BTreeSet<String>, BTreeSet<String>) =
        (names.iter().map(base).collect(), documented.iter().map(base).collect());
    assert_eq!(families, documented, "docs/monitoring.md explains what there is, and nothing else");
    task.abort();
    server.end().await;
}

/// Where this test's log lines go.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn a_request_has_an_id_in_its_answer_and_in_every_line_of_its_log() {
    let server = TestServer::with(|app| {
        let mut config = (*app.config).clone();
        config.trusted_proxies = TrustedProxies::parse("10.0.0.0/8").unwrap();
        app.config = Arc::new(config);
    })
    .await;
    let a = server.device("a").await;
    let lines = Lines::default();
    let log = djankiserv::logging::subscriber(
        &djankiserv::config::Log { format: djankiserv::config::LogFormat::Json, filter: "info,djankiserv=debug".into() },
        lines.clone(),
    );
    // For the whole process: what a thread logs to a subscriber of its own can be lost when other threads have none.
    tracing::subscriber::set_global_default(log).unwrap();
    let file = zstd::encode_all(&collection(Schema::V18, 3, NOW - 5)[..], 1).unwrap();
    let mut request = a.packed("sync/upload?secret=hidden", file);
    request.headers_mut().insert("x-request-id", "from-the-proxy".parse().unwrap());
    request.extensions_mut().insert(ConnectInfo("10.1.1.1:9".parse::<SocketAddr>().unwrap()));
    let (status, headers, _) = a.send(request).await;
    assert_eq!((status, &headers["x-request-id"]), (200, &"from-the-proxy".parse().unwrap()));

    let mut request = Request::get("/djs/nowhere?secret=hidden").header("x-request-id", "from-anybody").body(Body::empty()).unwrap();
    request.extensions_mut().insert(ConnectInfo("192.0.2.1:9".parse::<SocketAddr>().unwrap()));
    let (status, headers, _) = a.send(request).await;
    let made = headers["x-request-id"].to_str().unwrap().to_owned();
    assert!(status == 404 && made.len() == 16, "{status} {made}");

    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(!text.contains("secret=hidden") && !text.contains(&a.key), "{text}");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // Other tests log too.
    let ours = |line: &&Value| [json!("from-the-proxy"), json!(made)].contains(&line["span"]["id"]);
    let lines: Vec<&Value> = lines.iter().filter(ours).collect();
    let of = |message: &str| {
        lines.iter().find(|line| line["message"] == message).unwrap_or_else(|| panic!("no {message} in {text}"))["span"]["id"].clone()
    };
    // The second is written by the task that goes on without the request.
    assert_eq!((of("sync request"), of("collection replaced by an upload")), (json!("from-the-proxy"), json!("from-the-proxy")));
    assert_eq!((of("request"), of("no such path")), (json!(made), json!(made)));
    server.end().await;
}
