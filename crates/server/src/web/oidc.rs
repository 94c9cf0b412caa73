//! `/login/oidc/`: to the provider of OpenID Connect and back, to log in, to show again that it is the same person, or to link an account.
//!
//! What the provider's answer is checked against is kept in a cookie of this browser, so any process can take the answer. It is signed with
//! the secret key, for the session in which it was begun, as it says what the answer is good for.

use super::error::{WebError, WebResult};
use super::form::Fields;
use super::next;
use super::signed::{self, session};
use super::visit::{SignedIn, Visit};
use crate::actions::actor::Actor;
use crate::actions::external_logins::ExternalError;
use crate::actions::oidc::{self, OidcError, Person, Secrets};
use crate::actions::web_sessions::{Memory, Via};
use crate::config::OidcSettings;
use crate::http::cookies;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// How long somebody may take at the provider.
const PATIENCE_SECONDS: i64 = 15 * 60;
/// What counts as having been asked just now.
const JUST_NOW_SECONDS: i64 = 5 * 60;

/// What it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Purpose {
    LogIn,
    Confirm,
    Link,
}

/// What the cookie holds.
#[derive(Debug, Serialize, Deserialize)]
struct Trip {
    purpose: Purpose,
    /// Who was logged in when it began.
    account: Option<i64>,
    began: i64,
    next: String,
    secrets: Secrets,
}

pub async fn begin(visit: Visit, query: Fields) -> WebResult {
    let next = next::safe(query.get("next")).unwrap_or("/").to_owned();
    if visit.active.is_some() {
        return Ok(visit.go(&next));
    }
    set_out(&visit, Purpose::LogIn, next).await
}

pub async fn confirm(headers: HeaderMap, who: SignedIn, query: Fields) -> WebResult {
    own_page(&headers)?;
    let next = next::safe(query.get("next")).unwrap_or("/").to_owned();
    set_out(&who, Purpose::Confirm, next).await
}

pub async fn link(headers: HeaderMap, who: SignedIn) -> WebResult {
    own_page(&headers)?;
    who.need_password("/account/password/")?;
    set_out(&who, Purpose::Link, "/account/password/".to_owned()).await
}

/// Another site must not make somebody link an account. (The provider asks who it is, too.)
fn own_page(headers: &HeaderMap) -> WebResult<()> {
    match headers.get("sec-fetch-site").map(axum::http::HeaderValue::as_bytes) {
        Some(b"cross-site" | b"same-site") => Err(WebError::forbidden("This was asked for by another site, so nothing was done.")),
        _ => Ok(()),
    }
}

async fn set_out(visit: &Visit, purpose: Purpose, next: String) -> WebResult {
    let settings = settings(visit)?;
    let ask = purpose != Purpose::LogIn;
    let (url, secrets) = oidc::begin(settings, &redirect(visit), ask).await.map_err(|e| failed(settings, &e))?;
    let account = visit.active.as_ref().map(|active| active.account.id);
    let trip = Trip { purpose, account, began: visit.app.clock.now_secs(), next, secrets };
    let value = sealed(visit, &serde_json::to_vec(&trip).map_err(|_| WebError::Internal)?)?;
    let mut answer = Redirect::to(&url).into_response();
    visit.set_cookie(answer.headers_mut(), cookies::OIDC, &value, PATIENCE_SECONDS);
    Ok(answer)
}

/// GET `/login/oidc/callback/`, where the provider sends the browser.
pub async fn come_back(headers: HeaderMap, visit: Visit, query: Fields) -> WebResult {
    let settings = settings(&visit)?;
    let now = visit.app.clock.now_secs();
    let trip = cookies::get(&headers, cookies::OIDC).map(|value| opened(&visit, value)).transpose()?.flatten();
    let trip: Option<Trip> = trip.and_then(|json| serde_json::from_slice(&json).ok());
    let is_ours = |trip: &Trip| bool::from(trip.secrets.state.as_bytes().ct_eq(query.get("state").as_bytes()));
    let is_fresh = |trip: &Trip| (0..PATIENCE_SECONDS).contains(&(now - trip.began));
    let Some(trip) = trip.filter(|trip| is_ours(trip) && is_fresh(trip)) else {
        return Err(WebError::bad_request("This login took too long, or was begun in another browser. Begin again."));
    };
    if query.get("code").is_empty() {
        // Such as access_denied, when somebody has pressed "cancel" there.
        tracing::info!(error = query.get("error").escape_debug().to_string(), "a login at the provider was not finished");
        return Err(WebError::bad_request(format!("The login with {} was not finished.", settings.name)));
    }
    let Trip { purpose, account, next, secrets, .. } = trip;
    let person = oidc::finish(settings, &redirect(&visit), secrets, query.get("code")).await.map_err(|e| failed(settings, &e))?;
    let mut answer = match purpose {
        Purpose::LogIn => log_in(&visit, settings, &person, &next).await?,
        Purpose::Confirm | Purpose::Link => {
            // The same person must have been logged in here all the time.
            let active = visit.active.as_ref().filter(|active| Some(active.account.id) == account).ok_or(WebError::SignIn)?;
            // They were to be asked, and not only to be known from earlier.
            if !person.asked_at.is_some_and(|asked| (-JUST_NOW_SECONDS..JUST_NOW_SECONDS).contains(&(now - asked))) {
                return Err(WebError::forbidden(format!("{} did not ask again who you are, so nothing was done.", settings.name)));
            }
            if purpose == Purpose::Link {
                if !visit.app.web_sessions.is_confirmed(active) {
                    return Err(WebError::Confirm("/account/password/".to_owned()));
                }
                let actor = Actor::new(active.account.username.clone(), visit.address);
                visit.app.accounts.link(&active.account, &person, &actor).await?;
                let notice = Some(format!("You can log in to these pages with {} now.", settings.name));
                visit.app.web_sessions.remember(active, &Memory { notice, ..active.memory.clone() }).await?;
            } else if visit.app.accounts.is_linked(&active.account, &person).await? {
                visit.app.web_sessions.confirm(active).await?;
            } else {
                return Err(WebError::forbidden("That was somebody else than who is logged in here."));
            }
            visit.go(&next)
        }
    };
    // Good for one answer only.
    visit.set_cookie(answer.headers_mut(), cookies::OIDC, "", 0);
    Ok(answer)
}

async fn log_in(visit: &Visit, settings: &OidcSettings, person: &Person, next: &str) -> WebResult {
    let actor = Actor::new(settings.name.clone(), visit.address);
    let account = visit.app.accounts.by_person(settings, person, &actor).await?;
    if let Some(old) = &visit.active {
        visit.app.web_sessions.end(&old.session).await?;
    }
    let key = visit.app.web_sessions.begin_via(account.id, visit.address, Via::Provider).await?;
    tracing::info!(account = %account.username, "logged in to the pages by the provider");
    let mut answer = visit.go(next);
    visit.set_session(&mut answer, &key);
    Ok(answer)
}

/// What goes into the cookie: the text, and a signature of it and of the session in which it was begun.
fn sealed(visit: &Visit, json: &[u8]) -> WebResult<String> {
    let signature = signature(visit, session(visit), json)?.finalize().into_bytes();
    Ok(format!("{}.{}", hex::encode(json), hex::encode(signature)))
}

/// The text, if we have signed it for this session, or for nobody: that is how logins begin, and nothing else does.
fn opened(visit: &Visit, cookie: &str) -> WebResult<Option<Vec<u8>>> {
    let Some((json, signed)) = cookie.split_once('.') else { return Ok(None) };
    let (Ok(json), Ok(signed)) = (hex::decode(json), hex::decode(signed)) else { return Ok(None) };
    for session in [session(visit), ""] {
        if signature(visit, session, &json)?.verify_slice(&signed).is_ok() {
            return Ok(Some(json));
        }
    }
    Ok(None)
}

fn signature(visit: &Visit, session: &str, json: &[u8]) -> WebResult<Hmac<Sha256>> {
    signed::mac(visit, &[b"a trip to the provider", session.as_bytes(), json])
}

fn settings(visit: &Visit) -> WebResult<&OidcSettings> {
    visit.app.config.logins.oidc.as_ref().ok_or(WebError::NotFound)
}

/// Where the provider sends the browser back to.
fn redirect(visit: &Visit) -> String {
    visit.public_link("/login/oidc/callback/")
}

fn failed(settings: &OidcSettings, error: &OidcError) -> WebError {
    tracing::warn!(%error, "a login at the provider does not work");
    WebError::Elsewhere(format!("The login with {} does not work now. The log of this server says why.", settings.name))
}

impl From<ExternalError> for WebError {
    fn from(error: ExternalError) -> Self {
        match error {
            ExternalError::Account(error) => error.into(),
            other => Self::Forbidden(other.to_string()),
        }
    }
}
