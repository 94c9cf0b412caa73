//! A browser as far as the pages need one: it keeps cookies, fills in forms, and says where they come from.

use crate::support::TestServer;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request};
use djankiserv::app::{App, router};
use http_body_util::BodyExt;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use tower::ServiceExt;

#[derive(Clone)]
pub struct Browser {
    app: Arc<App>,
    pub cookies: BTreeMap<String, String>,
    /// Sent with every request.
    pub headers: Vec<(&'static str, String)>,
    peer: SocketAddr,
}

#[derive(Debug)]
pub struct Page {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Page {
    /// Where it sends the browser.
    pub fn location(&self) -> &str {
        self.headers.get("location").map_or("", |value| value.to_str().unwrap())
    }

    #[track_caller]
    pub fn expect(self, status: u16, part: &str) -> Self {
        assert!(
            self.status == status && self.text.contains(part),
            "wanted {status} and {part:?}: {} {:?}\n{}",
            self.status,
            self.headers,
            self.text
        );
        self
    }

    #[track_caller]
    pub fn leads_to(&self, path: &str) {
        assert_eq!((self.status, self.location()), (303, path), "{}", self.text);
    }

    /// What stands between two texts.
    #[track_caller]
    pub fn between(&self, from: &str, to: &str) -> &str {
        let Some((_, rest)) = self.text.split_once(from) else { panic!("no {from:?} in {}", self.text) };
        rest.split_once(to).unwrap().0
    }
}

impl Browser {
    pub fn new(server: &TestServer) -> Self {
        Self::of(server.app.clone())
    }

    pub fn of(app: Arc<App>) -> Self {
        Self { app, cookies: BTreeMap::new(), headers: Vec::new(), peer: "203.0.113.5:4000".parse().unwrap() }
    }

    /// The same coming from another address.
    pub fn from(mut self, peer: &str) -> Self {
        self.peer = format!("{peer}:4000").parse().unwrap();
        self
    }

    pub async fn send(&mut self, mut request: Request<Body>) -> Page {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let headers = request.headers_mut();
        headers.insert("cookie", cookies.join("; ").parse().unwrap());
        headers.entry("host").or_insert("anki.example".parse().unwrap());
        for (name, value) in &self.headers {
            headers.insert(*name, value.parse().unwrap());
        }
        request.extensions_mut().insert(ConnectInfo(self.peer));
        let (head, body) = router(self.app.clone()).oneshot(request).await.unwrap().into_parts();
        for cookie in head.headers.get_all("set-cookie") {
            let (pair, attributes) = cookie.to_str().unwrap().split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        Page { status: head.status.as_u16(), headers: head.headers, text }
    }

    pub async fn get(&mut self, path: &str) -> Page {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// Sends a form with exactly these fields.
    pub async fn post_raw(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request =
            Request::post(path).header("content-type", "application/x-www-form-urlencoded").header("origin", "http://anki.example");
        self.send(request.body(Body::from(body)).unwrap()).await
    }

    /// Sends a form as its page would, with the token of this browser.
    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let token = self.cookies.get("csrftoken").cloned().unwrap_or_default();
        let mut all = vec![("csrfmiddlewaretoken", token.as_str())];
        all.extend(fields);
        self.post_raw(path, &all).await
    }

    /// Logs in through the page.
    pub async fn log_in(&mut self, username: &str, password: &str) -> Page {
        self.get("/login/").await.expect(200, "Log in");
        self.post("/login/", &[("username", username), ("password", password)]).await
    }
}
