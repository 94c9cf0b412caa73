//! Who sends a request: a personal token, a JWT, a name and password, or a browser's session.

pub mod basic;
pub mod jwt;

use crate::actions::accounts::AccountError;
use crate::actions::api_tokens::{self, Scope};
use crate::app::App;
use crate::http::site::Site;
use crate::http::{cookies, csrf, proxy_user};
use axum::http::header;
use axum::http::request::Parts;
use std::net::IpAddr;
use store::StoreError;
use store::main_db::Account;

/// An authenticated request.
#[derive(Debug, Clone)]
pub struct Caller {
    pub account: Account,
    pub scopes: Vec<Scope>,
    /// Whom its requests are counted for: the token, or the account.
    pub counted_as: String,
    pub proof: Proof,
}

/// How a caller proved who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// With the personal token of this id.
    Token(String),
    /// With name and password, or with a JWT, which is given out for them.
    Password,
    /// With a browser's session. Dangerous steps want the password to have been typed lately.
    Session { is_confirmed: bool },
}

impl Caller {
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }
}

/// Why a request was not let in.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    #[error("authentication credentials were not provided")]
    Missing,
    /// Neither a valid personal token nor a valid JWT.
    #[error("the token is invalid or expired")]
    BadToken,
    #[error("there is no such user any more")]
    UserGone,
    #[error("the user is disabled")]
    UserDisabled,
    #[error("wrong username or password")]
    BadLogin,
    /// The header is not what it should be.
    #[error("{0}")]
    BadHeader(&'static str),
    /// A browser's request without the token that proves that our own page made it.
    #[error("CSRF token missing or incorrect")]
    Csrf,
    #[error("too many attempts to log in; try again in {0} seconds")]
    TryLater(i64),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0}")]
    Busy(String),
}

impl From<AccountError> for AuthError {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::WrongLogin | AccountError::Disabled => Self::BadLogin,
            AccountError::TryLater(seconds) => Self::TryLater(seconds),
            AccountError::Store(error) => Self::Store(error),
            other => Self::Busy(other.to_string()),
        }
    }
}

/// Finds out who sends a request.
///
/// # Errors
/// [`AuthError`].
pub async fn authenticate(app: &App, request: &Parts, address: Option<IpAddr>) -> Result<Caller, AuthError> {
    let headers = &request.headers;
    let Some(value) = headers.get(header::AUTHORIZATION) else { return session(app, request, address).await };
    let value = value.to_str().map_err(|_| AuthError::BadHeader("the Authorization header is not text"))?;
    let (scheme, rest) = value.trim().split_once(' ').unwrap_or((value, ""));
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("token") {
        return bearer(app, rest).await;
    }
    if scheme.eq_ignore_ascii_case("basic") {
        let account = basic::log_in(app, rest, address).await?;
        return Ok(everything(account, Proof::Password));
    }
    Err(AuthError::Missing)
}

/// Whose token this is: a personal one, or an access JWT.
///
/// # Errors
/// [`AuthError`].
pub async fn bearer(app: &App, token: &str) -> Result<Caller, AuthError> {
    if token.starts_with(api_tokens::PREFIX) {
        let (account, token) = api_tokens::find(&app.main, &app.clock, token).await?.ok_or(AuthError::BadToken)?;
        let (counted_as, proof) = (format!("token {}", token.id), Proof::Token(token.id));
        return Ok(Caller { account, scopes: token.scopes, counted_as, proof });
    }
    let account = jwt::account_of(app, token, jwt::Kind::Access).await?;
    Ok(everything(account, Proof::Password))
}

async fn session(app: &App, request: &Parts, address: Option<IpAddr>) -> Result<Caller, AuthError> {
    let headers = &request.headers;
    let key = cookies::get(headers, cookies::SESSION).ok_or(AuthError::Missing)?;
    let active = app.web_sessions.find(key, address).await?;
    let active = active.filter(|active| active.is_still_named(proxy_user::of(request, app))).ok_or(AuthError::Missing)?;
    if csrf::is_needed(&request.method) {
        csrf::check(headers, &Site::of(request, app), None, |token| active.accepts(token)).map_err(|_| AuthError::Csrf)?;
    }
    let proof = Proof::Session { is_confirmed: app.web_sessions.is_confirmed(&active) };
    Ok(everything(active.account, proof))
}

/// Whoever proves to be the owner may do all that the owner may.
fn everything(account: Account, proof: Proof) -> Caller {
    let mut scopes = vec![Scope::Read, Scope::Write, Scope::Media];
    if account.is_staff || account.is_superuser {
        scopes.push(Scope::Admin);
    }
    Caller { counted_as: format!("account {}", account.id), account, scopes, proof }
}
