//! The addresses, and what each request goes through: login, method, body, work.

use super::error::Refusal;
use super::objects::{Objects, objects, tags};
use super::{input, notes, tokens};
use crate::actions::api_tokens::Scope;
use crate::api::auth;
use crate::api::bodies::Held;
use crate::app::App;
use crate::http::peer::Peer;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Method, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use std::sync::Arc;

/// What an address does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Endpoint {
    Token,
    Refresh,
    AddNotes,
    Notes,
    DeleteNotes,
    Objects(Objects),
    Tags,
}

macro_rules! routes {
    ($($path:literal => $endpoint:expr;)*) => {
        Router::new()$(.route($path, any(|State(app): State<Arc<App>>, peer: Peer, request: Request<Body>| answer(app, $endpoint, peer, request))))*
    };
}

/// The original's addresses, to be mounted below `/djs` too.
pub fn original() -> Router<Arc<App>> {
    routes! {
        "/dapi/token" => Endpoint::Token;
        "/dapi/token/refresh" => Endpoint::Refresh;
        "/dapi/addNotes" => Endpoint::AddNotes;
        "/dapi/notes" => Endpoint::Notes;
        "/dapi/deleteNotes" => Endpoint::DeleteNotes;
        "/dapi/decks" => Endpoint::Objects(Objects::Decks);
        "/dapi/decksConf" => Endpoint::Objects(Objects::Presets);
        "/dapi/models" => Endpoint::Objects(Objects::Notetypes);
        "/dapi/tags" => Endpoint::Tags;
    }
}

/// The successor's addresses.
pub fn routes() -> Router<Arc<App>> {
    routes! {
        "/api/v1/auth/token" => Endpoint::Token;
        "/api/v1/auth/refresh" => Endpoint::Refresh;
        "/api/v1/notes/add" => Endpoint::AddNotes;
        "/api/v1/notes" => Endpoint::Notes;
        "/api/v1/notes/delete" => Endpoint::DeleteNotes;
        "/api/v1/decks" => Endpoint::Objects(Objects::DeckList);
        "/api/v1/decks/conf" => Endpoint::Objects(Objects::PresetList);
        "/api/v1/models" => Endpoint::Objects(Objects::Notetypes);
        "/api/v1/tags" => Endpoint::Tags;
    }
}

impl Endpoint {
    fn methods(self) -> (&'static [Method], &'static str) {
        match self {
            Self::Token | Self::Refresh | Self::AddNotes | Self::DeleteNotes => (&[Method::POST], "POST, OPTIONS"),
            Self::Objects(Objects::DeckList | Objects::PresetList) => (&[Method::GET, Method::HEAD], "GET, HEAD, OPTIONS"),
            Self::Notes | Self::Objects(_) | Self::Tags => (&[Method::GET, Method::HEAD, Method::POST], "GET, HEAD, POST, OPTIONS"),
        }
    }

    fn scope(self) -> Scope {
        if matches!(self, Self::AddNotes | Self::DeleteNotes) { Scope::Write } else { Scope::Read }
    }
}

async fn answer(app: Arc<App>, endpoint: Endpoint, peer: Peer, request: Request<Body>) -> Response {
    match work(&app, endpoint, peer, request).await {
        Ok(response) => response,
        Err(refusal) => {
            tracing::debug!(?endpoint, status = refusal.status.as_u16(), "API request refused");
            refusal.into_response()
        }
    }
}

async fn work(app: &Arc<App>, endpoint: Endpoint, peer: Peer, request: Request<Body>) -> Result<Response, Refusal> {
    let (head, body) = request.into_parts();
    let (methods, allow) = endpoint.methods();
    let check_method = || {
        if methods.contains(&head.method) { Ok(()) } else { Err(Refusal::wrong_method(head.method.as_str(), allow)) }
    };
    if matches!(endpoint, Endpoint::Token | Endpoint::Refresh) {
        check_method()?;
        let input = input::read_login(app, &head.headers, body).await?;
        let tokens = match endpoint {
            Endpoint::Token => tokens::obtain(app, &input, peer.0).await?,
            _ => tokens::refresh(app, &input).await?,
        };
        return Ok(axum::Json(tokens).into_response());
    }
    // Who it is comes first, then what is asked, as in the original.
    let caller = auth::authenticate(app, &head, peer.0).await?;
    check_method()?;
    if !caller.may(endpoint.scope()) {
        return Err(Refusal::new(StatusCode::FORBIDDEN, "You do not have permission to perform this action."));
    }
    let account = caller.account.id;
    let _turn = app.api.turns.take(account).await.map_err(|e| Refusal::unavailable(e.to_string()))?;
    let json_only = matches!(endpoint, Endpoint::AddNotes | Endpoint::Notes | Endpoint::DeleteNotes);
    let held = Held::default();
    let input = if json_only { input::read(app, &head.headers, body, &held).await? } else { serde_json::Map::new() };
    Ok(match endpoint {
        Endpoint::AddNotes => axum::Json(notes::add(app, &caller.account, &input).await?).into_response(),
        Endpoint::DeleteNotes => axum::Json(notes::delete(app, account, &input).await?).into_response(),
        Endpoint::Notes => notes::list(app, account, &input).await?,
        Endpoint::Tags => axum::Json(tags(app, account).await?).into_response(),
        Endpoint::Objects(which) => ([(header::CONTENT_TYPE, "application/json")], objects(app, account, which).await?).into_response(),
        Endpoint::Token | Endpoint::Refresh => StatusCode::NOT_FOUND.into_response(),
    })
}
