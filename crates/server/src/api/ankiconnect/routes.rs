//! The addresses: `/ankiconnect`, and `/ankiconnect/<token>` for tools that take an address only.

use super::super::auth::{self, Caller};
use super::super::bodies::{self, BodyError, Held, Sender};
use super::actions;
use super::context::Context;
use super::envelope::{self, BANNER, Outside, VERSION};
use super::failed::{Failed, NO_KEY, said};
use super::misc;
use super::origin::Origin;
use crate::app::App;
use crate::http::peer::Peer;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use serde_json::Value;
use std::net::IpAddr;
use std::sync::Arc;

/// A media file of some 50 MiB in base64, and what is around it.
const LONGEST: usize = 72 << 20;
/// Without a key, some ask whether they may ask at all.
const LONGEST_WITHOUT_KEY: usize = 16 << 10;

/// All addresses, to be mounted below `/djs` too.
pub fn routes() -> Router<Arc<App>> {
    let without_key = any(|State(app): State<Arc<App>>, peer: Peer, request: Request<Body>| answer(app, None, peer, request));
    let with_key = any(|State(app): State<Arc<App>>, Path(key): Path<String>, peer: Peer, request: Request<Body>| {
        answer(app, Some(key), peer, request)
    });
    Router::new()
        .route("/ankiconnect", without_key.clone())
        .route("/ankiconnect/", without_key)
        .route("/ankiconnect/{key}", with_key.clone())
        .route("/ankiconnect/{key}/", with_key)
}

async fn answer(app: Arc<App>, key: Option<String>, peer: Peer, request: Request<Body>) -> Response {
    let (head, body) = request.into_parts();
    let origin = Origin::of(&head.headers, &app.config.ankiconnect.origins);
    let mut response =
        if head.method == Method::OPTIONS { preflight(&head.headers) } else { work(&app, key, &origin, peer.0, &head, body).await };
    // A refusal that the page may read: that permission is denied.
    let denied = Origin { answer: origin.given.clone(), ..origin.clone() };
    if origin.is_allowed || response.status() != StatusCode::OK || head.method == Method::OPTIONS { &origin } else { &denied }
        .put(response.headers_mut());
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn preflight(headers: &HeaderMap) -> Response {
    let mut response = StatusCode::OK.into_response();
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, OPTIONS"));
    if headers.get("access-control-request-private-network").is_some_and(|value| value == "true") {
        let name = HeaderName::from_static("access-control-allow-private-network");
        response.headers_mut().insert(name, HeaderValue::from_static("true"));
    }
    response
}

async fn work(app: &Arc<App>, key: Option<String>, origin: &Origin, peer: Option<IpAddr>, head: &Parts, body: Body) -> Response {
    // Whom the address or the header names; a page that is not allowed learns nothing about either.
    let outer = if origin.is_allowed { outer_caller(app, key.as_deref(), peer, head).await } else { Ok(None) };
    let sender = if matches!(outer, Ok(Some(_))) { Sender::Known } else { Sender::Unknown };
    let (bodies, held) = (&app.api.bodies, Held::default());
    // The key can stand at the end of a request, so all of it is in memory before we know whose it is. Only then it is parsed.
    let body = match bodies.read(body, LONGEST, sender, &held).await {
        Ok(body) => body,
        Err(error) => return refused(error),
    };
    let outside = match bodies::on_a_thread(body.clone(), envelope::outside).await {
        Ok(outside) => outside,
        Err(error) => return refused(error),
    };
    if outside.as_ref().is_ok_and(|outside| outside.action == "requestPermission") && body.len() <= LONGEST_WITHOUT_KEY {
        return match envelope::parse(&body) {
            Ok(asked) => json(&envelope::reply(asked.version, Ok(misc::permission(origin.is_allowed)))),
            Err(failed) => json(&envelope::reply(VERSION, Err(failed))),
        };
    }
    if !origin.is_allowed {
        tracing::info!(origin = origin.given, "AnkiConnect: refused a page of an origin that is not in DJANKISERV_ANKICONNECT_ORIGINS");
        return StatusCode::FORBIDDEN.into_response();
    }
    if body.is_empty() {
        return ([(header::CONTENT_TYPE, "application/json")], BANNER).into_response();
    }
    let caller = match (outer, outside) {
        (_, Err(failed)) | (Err(failed), _) => Err(failed),
        (Ok(Some(caller)), _) => Ok(caller),
        (Ok(None), Ok(Outside { key: Some(key), .. })) => auth::bearer(app, &key).await.map_err(Failed::from),
        (Ok(None), Ok(_)) => Err(said(NO_KEY)),
    };
    let caller = match caller {
        Ok(caller) => caller,
        Err(failed) => return json(&envelope::reply(VERSION, Err(failed))),
    };
    if let Err(seconds) = app.api.rate.take(&caller.counted_as) {
        let failed = said(format!("too many requests; try again in {seconds} seconds"));
        return (StatusCode::TOO_MANY_REQUESTS, axum::Json(envelope::reply(VERSION, Err(failed)))).into_response();
    }
    let _turn = match app.api.turns.take(caller.account.id).await {
        Ok(turn) => turn,
        Err(error) => {
            let failed = said(format!("{error}; try again"));
            return (StatusCode::SERVICE_UNAVAILABLE, axum::Json(envelope::reply(VERSION, Err(failed)))).into_response();
        }
    };
    let asked = match bodies.parse(body, &held, envelope::parse).await {
        Ok(Ok(asked)) => asked,
        Ok(Err(failed)) => return json(&envelope::reply(VERSION, Err(failed))),
        Err(error) => return refused(error),
    };
    let version = asked.version;
    let action = asked.action.clone();
    let allows_one_way_sync = head.uri.query().is_some_and(|query| query.split('&').any(|part| part == "allow_one_way_sync=true"));
    let outcome = actions::run(&Context { app, caller: &caller, allows_one_way_sync }, asked).await;
    if let Err(failed) = &outcome {
        let reason = if actions::exists(&action) { "refused" } else { "there is no such action" };
        tracing::debug!(account = %caller.account.username, reason, length = failed.0.len(), "AnkiConnect");
    }
    json(&envelope::reply(version, outcome))
}

/// Who the address or the Authorization header says it is. Cookies do not count: any page can make a browser send them.
async fn outer_caller(app: &App, key: Option<&str>, peer: Option<IpAddr>, head: &Parts) -> Result<Option<Caller>, Failed> {
    if let Some(key) = key {
        return Ok(Some(auth::bearer(app, key).await?));
    }
    if head.headers.contains_key(header::AUTHORIZATION) {
        return Ok(Some(auth::authenticate(app, head, peer).await?));
    }
    Ok(None)
}

fn refused(error: BodyError) -> Response {
    let status = match error {
        BodyError::TooLarge(_) | BodyError::TooManyValues => StatusCode::PAYLOAD_TOO_LARGE,
        BodyError::Broken | BodyError::Late => StatusCode::REQUEST_TIMEOUT,
        BodyError::Busy => StatusCode::SERVICE_UNAVAILABLE,
        BodyError::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    };
    (status, axum::Json(envelope::reply(VERSION, Err(said(error.to_string()))))).into_response()
}

fn json(value: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}
