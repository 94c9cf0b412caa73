//! Tokens: one's own, and those that staff make for users.

use super::problem::{Answer, Problem};
use super::request::{Api, Body, Page, Path};
use super::users::{actor, confirmed, find, guard};
use crate::actions::api_tokens::{self, ListedToken, Scope, TokenError};
use crate::api::auth::Proof;
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use store::main_db::Account;
use utoipa::ToSchema;

/// A token to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenInput {
    pub name: String,
    /// Of `read`, `write`, `media`, `admin`.
    pub scopes: Vec<String>,
    /// Milliseconds since the epoch. Never without.
    pub expires: Option<i64>,
}

/// A token, without what it is used by.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Token)]
pub struct TokenView {
    /// What it is revoked by.
    pub id: String,
    pub name: String,
    /// Of `read`, `write`, `media`, `admin`.
    pub scopes: Vec<&'static str>,
    /// Milliseconds since the epoch, as the next two.
    pub created: i64,
    pub last_used: Option<i64>,
    pub expires: Option<i64>,
}

/// A token that was made.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NewToken)]
pub struct NewTokenView {
    #[serde(flatten)]
    pub listed: TokenView,
    /// What to send as `Authorization: Bearer …`. It is not shown again.
    pub token: String,
}

/// Makes a token for a user, such as for a tool that is provisioned with the user.
#[utoipa::path(post, path = "/api/v2/admin/users/{username}/tokens", tag = "users", params(("username" = String, Path)), request_body = TokenInput, responses((status = 201, body = NewTokenView), (status = 422, body = Problem)))]
pub async fn create_token_of(api: Api, Path(username): Path<String>, Body(input): Body<TokenInput>) -> Answer<Response> {
    api.needs(Scope::Admin)?;
    confirmed(&api)?;
    let account = find(&api, &username).await?;
    guard(&api, &account)?;
    if account.id == api.account() {
        return Err(Problem::forbidden("your own tokens are made at /api/v2/tokens"));
    }
    let scopes = scopes(&input)?;
    if scopes.contains(&Scope::Admin) {
        return Err(Problem::forbidden("make admin tokens yourself").about("scopes"));
    }
    make_token(&api, &account, &input, &scopes).await
}

/// Lists one's own tokens. A token sees itself alone.
#[utoipa::path(get, path = "/api/v2/tokens", tag = "tokens", responses((status = 200, body = Page<TokenView>, description = "All tokens of the caller")))]
pub async fn list_tokens(api: Api) -> Answer<Json<Page<TokenView>>> {
    let tokens = api_tokens::list(&api.app.main, api.account()).await?;
    let is_seen = |token: &&ListedToken| !matches!(&api.caller.proof, Proof::Token(id) if *id != token.id);
    let items = tokens.iter().filter(is_seen).map(token_view).collect();
    Ok(Json(Page::whole(items)))
}

/// Makes a token, for who has logged in with a name and password. A token cannot.
#[utoipa::path(post, path = "/api/v2/tokens", tag = "tokens", request_body = TokenInput, responses((status = 201, body = NewTokenView), (status = 403, body = Problem), (status = 422, body = Problem)))]
pub async fn create_token(api: Api, Body(input): Body<TokenInput>) -> Answer<Response> {
    if matches!(api.caller.proof, Proof::Token(_)) {
        return Err(Problem::forbidden("a token cannot make others; log in with a name and password"));
    }
    confirmed(&api)?;
    let scopes = scopes(&input)?;
    for scope in &scopes {
        api.needs(*scope)?;
    }
    make_token(&api, &api.caller.account, &input, &scopes).await
}

/// Revokes one of one's own tokens, at once. A token can revoke itself alone.
#[utoipa::path(delete, path = "/api/v2/tokens/{id}", tag = "tokens", params(("id" = String, Path)), responses((status = 204), (status = 404, body = Problem)))]
pub async fn revoke_token(api: Api, Path(id): Path<String>) -> Answer<StatusCode> {
    if matches!(&api.caller.proof, Proof::Token(own) if *own != id) {
        return Err(Problem::forbidden("a token can revoke itself, and no others"));
    }
    if api_tokens::revoke(&api.app.main, api.account(), &id).await? {
        let detail = format!("revoked an API token of `{}`", api.caller.account.username);
        api.app.accounts.record(&actor(&api), Some(api.account()), "token.revoke", detail).await;
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Problem::not_found("there is no such token"))
}

async fn make_token(api: &Api, account: &Account, input: &TokenInput, scopes: &[Scope]) -> Answer<Response> {
    let made = api_tokens::create(&api.app.main, &api.app.clock, account, &input.name, scopes, input.expires).await;
    let (token, listed) = made.map_err(|error| match error {
        TokenError::Name => Problem::invalid("name", error.to_string()),
        TokenError::Scopes | TokenError::NotStaff => Problem::invalid("scopes", error.to_string()),
        TokenError::Expired => Problem::invalid("expires", error.to_string()),
        TokenError::TooMany => Problem::conflict(error.to_string()),
        TokenError::Store(error) => error.into(),
        TokenError::Io(error) => error.into(),
    })?;
    let words: Vec<&str> = listed.scopes.iter().map(|scope| scope.name()).collect();
    let detail = format!("made an API token for `{}` with the scopes {}", account.username, words.join(", "));
    api.app.accounts.record(&actor(api), Some(account.id), "token.create", detail).await;
    Ok((StatusCode::CREATED, Json(NewTokenView { listed: token_view(&listed), token })).into_response())
}

fn scopes(input: &TokenInput) -> Answer<Vec<Scope>> {
    let scope = |name: &String| Scope::from_name(name).ok_or_else(|| Problem::invalid("scopes", "of read, write, media, admin"));
    input.scopes.iter().map(scope).collect()
}

fn token_view(token: &ListedToken) -> TokenView {
    TokenView {
        id: token.id.clone(),
        name: token.name.clone(),
        scopes: token.scopes.iter().map(|scope| scope.name()).collect(),
        created: token.created,
        last_used: token.last_used,
        expires: token.expires,
    }
}
