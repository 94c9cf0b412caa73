//! A bucket as a service would have it, as far as backups need one, that lets a test in before each request.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method, Response, StatusCode};
use djankiserv::config::{BackupPlace, Secret};
use djankiserv::media_store::MediaLocation;
use futures_util::future::BoxFuture;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

/// Told the method and the name of an object; a request is refused where it answers false.
type Before = Arc<dyn Fn(Method, String) -> BoxFuture<'static, bool> + Send + Sync>;

#[derive(Clone, Default)]
pub struct Bucket {
    objects: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    before: Arc<Mutex<Option<Before>>>,
    address: Option<SocketAddr>,
}

impl Bucket {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let bucket = Self { address: Some(listener.local_addr().unwrap()), ..Self::default() };
        let service = Router::new().fallback(answer).with_state(bucket.clone());
        tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
        bucket
    }

    pub fn place(&self) -> BackupPlace {
        BackupPlace::Bucket(MediaLocation {
            bucket: "bucket".into(),
            prefix: "backups".into(),
            endpoint: self.address.map(|address| format!("http://{address}")),
            region: "us-east-1".into(),
            key_id: "key".into(),
            secret: Secret::new("secret"),
        })
    }

    /// What is done before each request from now on.
    pub fn before(&self, before: impl Fn(Method, String) -> BoxFuture<'static, bool> + Send + Sync + 'static) {
        *self.before.lock().unwrap() = Some(Arc::new(before));
    }
}

async fn answer(State(bucket): State<Bucket>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    let name = head.uri.path().strip_prefix("/bucket").unwrap().trim_start_matches('/').to_owned();
    let before = bucket.before.lock().unwrap().clone();
    if let Some(before) = before
        && !before(head.method.clone(), name.clone()).await
    {
        return Response::builder().status(StatusCode::FORBIDDEN).body(Body::empty()).unwrap();
    }
    let body = to_bytes(body, 50 << 20).await.unwrap().to_vec();
    let found = Response::builder().header("etag", "\"x\"").header("last-modified", "Thu, 01 Jan 2026 00:00:00 GMT");
    let mut objects = bucket.objects.lock().unwrap();
    match head.method {
        Method::PUT => {
            objects.insert(name, body);
            found.body(Body::empty()).unwrap()
        }
        Method::GET if name.is_empty() => {
            let query = head.uri.query().unwrap_or_default();
            let prefix =
                url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "prefix").map(|(_, value)| value.into_owned());
            let prefix = prefix.unwrap_or_default();
            let listed = objects.iter().filter(|(name, _)| name.starts_with(&prefix)).map(|(name, content)| {
                let size = content.len();
                format!("<Contents><Key>{name}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>\"x\"</ETag><Size>{size}</Size></Contents>")
            });
            let list = format!("<ListBucketResult><IsTruncated>false</IsTruncated>{}</ListBucketResult>", listed.collect::<String>());
            Response::new(Body::from(list))
        }
        Method::GET => match objects.get(&name) {
            Some(content) => found.body(Body::from(content.clone())).unwrap(),
            None => Response::builder().status(StatusCode::NOT_FOUND).body(Body::empty()).unwrap(),
        },
        Method::DELETE => {
            objects.remove(&name);
            Response::builder().status(StatusCode::NO_CONTENT).body(Body::empty()).unwrap()
        }
        other => panic!("{other} of {name}"),
    }
}
