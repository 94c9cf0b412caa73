//! `token` and `token/refresh`.

use super::error::Refusal;
use crate::api::auth::{AuthError, jwt};
use crate::app::App;
use axum::http::StatusCode;
use serde_json::{Map, Value, json};
use std::net::IpAddr;

/// Access and refresh token for a name and password.
pub async fn obtain(app: &App, input: &Map<String, Value>, address: Option<IpAddr>) -> Result<Value, Refusal> {
    let [username, password] = texts(input, ["username", "password"])?;
    let before = app.accounts.password_hash(username).await.map_err(AuthError::from)?;
    let account = match app.accounts.verify_login(username, password.to_owned(), address).await.map_err(AuthError::from) {
        Err(AuthError::BadLogin) => {
            return Err(Refusal::new(StatusCode::UNAUTHORIZED, "No active account found with the given credentials"));
        }
        account => account?,
    };
    // Of the hash that was checked, unless it was just replaced by one of today's kind.
    let after = app.accounts.password_hash(username).await.map_err(AuthError::from)?;
    let hash = after.or(before).unwrap_or_default();
    let now = app.clock.now_secs();
    let issue = |kind| app.api.jwt.issue(kind, account.id, &hash, now).map_err(|e| AuthError::Busy(e.to_string()));
    Ok(json!({"refresh": issue(jwt::Kind::Refresh)?, "access": issue(jwt::Kind::Access)?}))
}

/// Another access token for a refresh token.
pub async fn refresh(app: &App, input: &Map<String, Value>) -> Result<Value, Refusal> {
    let [token] = texts(input, ["refresh"])?;
    let (account, hash) = match jwt::account_and_hash(app, token, jwt::Kind::Refresh).await {
        Err(AuthError::BadToken | AuthError::UserGone | AuthError::UserDisabled) => {
            let body = json!({"detail": "Token is invalid or expired", "code": "token_not_valid"});
            let mut refusal = Refusal::new(StatusCode::UNAUTHORIZED, "");
            refusal.body = body;
            return Err(refusal);
        }
        found => found?,
    };
    let access = app.api.jwt.issue(jwt::Kind::Access, account.id, &hash, app.clock.now_secs());
    Ok(json!({"access": access.map_err(|e| AuthError::Busy(e.to_string()))?}))
}

fn texts<'a, const N: usize>(input: &'a Map<String, Value>, keys: [&str; N]) -> Result<[&'a str; N], Refusal> {
    let mut missing = Vec::new();
    let found = keys.map(|key| match input.get(key) {
        Some(Value::String(text)) if !text.is_empty() => text.as_str(),
        Some(Value::String(_)) => {
            missing.push((key, "This field may not be blank."));
            ""
        }
        Some(Value::Null) => {
            missing.push((key, "This field may not be null."));
            ""
        }
        Some(_) => {
            missing.push((key, "Not a valid string."));
            ""
        }
        None => {
            missing.push((key, "This field is required."));
            ""
        }
    });
    if missing.is_empty() { Ok(found) } else { Err(Refusal::fields(&missing)) }
}
