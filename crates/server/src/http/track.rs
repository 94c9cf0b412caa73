//! What every request goes through first and last: it gets an id, is counted, and leaves a line in the log.

use super::counted::Counted;
use super::request_id;
use super::surface::{Asked, outcome};
use crate::app::App;
use crate::metrics::{ACTIVE_REQUESTS, RECEIVED, REQUEST_SECONDS, REQUESTS, SENT, STAGES};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::Instrument;

/// The middleware.
pub async fn track(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let id = request_id::of(&request, &app.config.trusted_proxies);
    // Of the highest level, so that the id is there whatever is logged.
    let span = tracing::error_span!("request", %id);
    let asked = Asked::of(request.method(), request.uri().path());
    // The pattern, not the address: that may contain a token or a name, and its query always might.
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str).to_owned();
    let method = request.method().clone();
    let active = ACTIVE_REQUESTS.enter([asked.surface]);
    let mut ending = Ending { asked, started: Instant::now(), answered: false };
    let request = request.map(|body| Counted::body(body, &RECEIVED, asked.surface, span.clone(), None));
    let mut answer = next.run(request).instrument(span.clone()).await;
    let took = ending.answered(answer.status());
    if !asked.is_sync() {
        span.in_scope(|| log(&asked, &method, &route, answer.status(), took));
    }
    if let Ok(id) = HeaderValue::from_str(&id) {
        answer.headers_mut().insert(request_id::NAME, id);
    }
    answer.map(|body| Counted::body(body, &SENT, asked.surface, span, Some(active)))
}

/// Counts a request also when its client goes away and nobody waits for the answer any more.
struct Ending {
    asked: Asked,
    started: Instant,
    answered: bool,
}

impl Ending {
    fn answered(&mut self, status: StatusCode) -> Duration {
        self.answered = true;
        let took = self.started.elapsed();
        let Asked { surface, method } = self.asked;
        REQUESTS.count([surface, method, outcome(status)]);
        if self.asked.is_sync() {
            STAGES.took([method], took);
        } else {
            REQUEST_SECONDS.took([surface], took);
        }
        took
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        if !self.answered {
            REQUESTS.count([self.asked.surface, self.asked.method, "gone"]);
        }
    }
}

/// One line. What only reads is of no interest to most; a sync has lines of its own, which name the account.
fn log(asked: &Asked, method: &Method, route: &str, status: StatusCode, took: Duration) {
    let (surface, ms, code) = (asked.surface, took.as_millis(), status.as_u16());
    if status.is_server_error() && status != StatusCode::SERVICE_UNAVAILABLE {
        tracing::error!(surface, %method, route, status = code, ms, "request failed");
    } else if method.is_safe() || asked.surface == "health" {
        tracing::debug!(surface, %method, route, status = code, ms, "request");
    } else {
        tracing::info!(surface, %method, route, status = code, ms, "request");
    }
}
