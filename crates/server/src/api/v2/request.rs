//! What handlers take out of a request: who asks, and a body.

use super::problem::{Answer, Problem};
use crate::actions::api_tokens::Scope;
use crate::actions::edit_collection::{self, Change};
use crate::api::auth::{self, Caller};
use crate::api::bodies::{BodyError, Held, Sender};
use crate::app::App;
use crate::http::peer::Peer;
use axum::body::Bytes;
use axum::extract::{self, FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::net::IpAddr;
use std::sync::Arc;
use store::collection::Collection;
use store::turns::{TooMany, Turn};
use store::user_db::Current;

/// The most bytes of a body that is JSON.
pub const LONGEST_BODY: usize = 32 << 20;

/// An authenticated request.
pub struct Api {
    pub app: Arc<App>,
    pub caller: Caller,
    /// Where the request comes from.
    pub address: Option<IpAddr>,
    /// The room that its body takes, until it is answered.
    _held: Held,
    _turn: Turn,
}

impl FromRequestParts<Arc<App>> for Api {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let Ok(peer) = Peer::from_request_parts(parts, app).await;
        let caller = auth::authenticate(app, parts, peer.0).await?;
        if let Err(seconds) = app.api.rate.take(&caller.counted_as) {
            return Err(Problem::too_many(seconds, format!("at most {} requests a minute", app.config.limits.api_requests)));
        }
        let turn = app.api.turns.take(caller.account.id).await?;
        let held = Held::default();
        parts.extensions.insert(held.clone());
        Ok(Self { app: app.clone(), caller, address: peer.0, _held: held, _turn: turn })
    }
}

impl Api {
    /// # Errors
    /// 403 when this login may not do that.
    pub fn needs(&self, scope: Scope) -> Answer<()> {
        if self.caller.may(scope) {
            Ok(())
        } else {
            Err(Problem::forbidden(format!("this needs a login with the scope `{}`", scope.name())))
        }
    }

    /// The id of the account whose collection it is about.
    pub fn account(&self) -> i64 {
        self.caller.account.id
    }

    /// The collection, to be read.
    pub async fn open(&self) -> Answer<Current> {
        self.needs(Scope::Read)?;
        Ok(edit_collection::open(&self.app, self.account()).await?)
    }

    /// The rows of an open collection.
    pub fn stored<'a>(&'a self, current: &'a Current) -> Collection<'a> {
        Collection::new(self.app.user.db(), &current.schema)
    }

    /// Changes the collection.
    pub async fn edit<C: Change>(&self, change: &C) -> Answer<C::Done> {
        self.needs(Scope::Write)?;
        Ok(edit_collection::edit(&self.app, &self.caller.account, change).await?)
    }
}

/// A JSON body.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned + Send + 'static> FromRequest<Arc<App>> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        let is_json = essence.eq_ignore_ascii_case("application/json") || essence.ends_with("+json");
        if !is_json {
            return Err(Problem::media_type("send JSON, with `Content-Type: application/json`"));
        }
        let held = held(&request);
        let bytes = read(app, request, LONGEST_BODY).await?;
        app.api.bodies.parse(bytes, &held, parse).await?.map(Self)
    }
}

fn parse<T: DeserializeOwned>(json: &[u8]) -> Answer<T> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        if inner.is_data() {
            Problem::invalid(if path == "." { String::new() } else { path }, inner.to_string())
        } else {
            Problem::malformed(inner.to_string())
        }
    })?;
    reader.end().map_err(|error| Problem::malformed(error.to_string()))?;
    Ok(value)
}

/// Parts of the address. What cannot be one, such as an id that is no number, is not there.
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<Arc<App>> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let path = extract::Path::from_request_parts(parts, app).await;
        path.map(|path| Self(path.0)).map_err(|error| Problem::not_found(error.body_text()))
    }
}

/// What follows the question mark. Unknown keys are refused, as they are in bodies.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<Arc<App>> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let query = extract::Query::from_request_parts(parts, app).await;
        query.map(|query| Self(query.0)).map_err(|error| {
            let text = error.body_text();
            let reason = text.trim_start_matches("Failed to deserialize query string: ");
            let (field, reason) = reason.split_once(": ").unwrap_or(("", reason));
            Problem::invalid(field, reason)
        })
    }
}

/// The whole of a body. Who sends it was found out before.
pub async fn read(app: &App, request: Request, limit: usize) -> Answer<Bytes> {
    let held = held(&request);
    Ok(app.api.bodies.read(request.into_body(), limit, Sender::Known, &held).await?)
}

/// The room of a request, which [`Api`] keeps until it is answered.
fn held(request: &Request) -> Held {
    request.extensions().get::<Held>().cloned().unwrap_or_default()
}

impl From<TooMany> for Problem {
    fn from(error: TooMany) -> Self {
        Self::unavailable("busy", error.to_string())
    }
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        let detail = error.to_string();
        match error {
            BodyError::TooLarge(_) | BodyError::TooManyValues => Self::too_large(detail),
            BodyError::Broken | BodyError::Late => Self::timed_out(detail),
            BodyError::Busy => Self::unavailable("busy", detail),
            BodyError::Internal => Self::internal(detail),
        }
    }
}

/// The version that the caller has seen, from `If-Match`; None for any.
pub fn seen(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::IF_MATCH)?.to_str().ok()?.trim();
    (value != "*").then(|| value.trim_start_matches("W/").trim_matches('"').to_owned())
}

/// An answer with a version, or 304 where the caller has that version.
pub fn versioned(headers: &HeaderMap, version: &str, status: StatusCode, body: &impl Serialize) -> axum::response::Response {
    use axum::response::IntoResponse;
    let tag = format!("\"{version}\"");
    let has = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let known = has.is_some_and(|known| known.split(',').any(|known| known.trim().trim_start_matches("W/") == tag));
    if known && status == StatusCode::OK {
        return (StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response();
    }
    (status, [(header::ETAG, tag)], axum::Json(body)).into_response()
}

/// One page of a list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// What to send as `cursor` for the next page. None on the last one.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// A list that fits on one page.
    pub fn whole(items: Vec<T>) -> Self {
        Self { items, next: None }
    }
}

/// How many items to answer, at most.
pub fn limit(wanted: Option<u32>) -> Answer<i64> {
    match wanted.unwrap_or(100) {
        limit @ 1..=1000 => Ok(limit.into()),
        _ => Err(Problem::invalid("limit", "from 1 to 1000")),
    }
}

/// A cursor is where the page before has ended.
pub fn cursor(text: Option<&str>) -> Answer<i64> {
    match text.map(str::trim).filter(|text| !text.is_empty()) {
        None => Ok(i64::MIN),
        Some(text) => text.parse().map_err(|_| Problem::invalid("cursor", "send what `next` said")),
    }
}

/// Items as they are answered, with `?select=id,tags` only these keys of each.
pub fn select<T: Serialize>(items: &[T], select: Option<&str>) -> Answer<Vec<Value>> {
    let mut items: Vec<Value> = items.iter().map(|item| serde_json::to_value(item).unwrap_or_default()).collect();
    let Some(select) = select else { return Ok(items) };
    let wanted: Vec<&str> = select.split(',').map(str::trim).filter(|key| !key.is_empty()).collect();
    for item in &mut items {
        let Some(object) = item.as_object_mut() else { continue };
        if let Some(unknown) = wanted.iter().find(|key| !object.contains_key(**key)) {
            let known: Vec<&str> = object.keys().map(String::as_str).collect();
            return Err(Problem::invalid("select", format!("there is no `{unknown}`; there are {}", known.join(", "))));
        }
        object.retain(|key, _| wanted.contains(&key.as_str()));
    }
    Ok(items)
}

/// `?ids=1,2,3`.
pub fn ids(text: &str) -> Answer<Vec<i64>> {
    let ids: Result<Vec<i64>, _> = text.split(',').map(|id| id.trim().parse()).collect();
    let ids = ids.map_err(|_| Problem::invalid("ids", "numbers separated by commas"))?;
    at_most("ids", ids.len(), 1000)?;
    Ok(ids)
}

/// Refuses more than a request may carry.
pub fn at_most(field: &str, count: usize, most: usize) -> Answer<()> {
    if count <= most { Ok(()) } else { Err(Problem::too_large(format!("at most {most} in one request")).about(field)) }
}
