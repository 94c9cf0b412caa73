//! Users, for staff: so that provisioning can be scripted.

use super::problem::{Answer, Problem};
use super::request::{Api, Body, Page, Path};
use crate::actions::accounts::{AccountError, NewUser};
use crate::actions::actor::Actor;
use crate::actions::api_tokens::Scope;
use crate::actions::username::Username;
use crate::api::auth::Proof;
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use store::main_db::{Account, AccountChange};
use utoipa::ToSchema;

/// A user to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserInput {
    pub username: String,
    pub password: String,
    #[serde(default)]
    pub email: String,
    /// May manage users.
    #[serde(default)]
    pub is_staff: bool,
}

/// Changes of a user.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserPatch {
    pub username: Option<String>,
    /// All devices have to log in again, unless `keep_devices`.
    pub password: Option<String>,
    #[serde(default)]
    pub keep_devices: bool,
    /// A user who is not active can neither log in nor sync.
    pub is_active: Option<bool>,
    /// Empty for none.
    pub email: Option<String>,
    /// Null for no limit. What is not named stays.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<i64>, minimum = 0)]
    pub quota_collection_bytes: Option<Option<i64>>,
    /// Null for no limit. What is not named stays.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<i64>, minimum = 0)]
    pub quota_media_bytes: Option<Option<i64>>,
}

/// Tells null from what is missing.
fn given<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Option<i64>>, D::Error> {
    Deserialize::deserialize(deserializer).map(Some)
}

/// A user.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub struct UserView {
    pub username: String,
    pub email: String,
    /// A user who is not active can neither log in nor sync.
    pub is_active: bool,
    /// May manage users.
    pub is_staff: bool,
    pub is_superuser: bool,
    /// Milliseconds since the epoch.
    pub created: i64,
    /// Milliseconds since the epoch.
    pub last_login: Option<i64>,
    /// None for no limit.
    pub quota_collection_bytes: Option<i64>,
    /// None for no limit.
    pub quota_media_bytes: Option<i64>,
}

/// Lists all users.
#[utoipa::path(get, path = "/api/v2/admin/users", tag = "users", responses((status = 200, body = Page<UserView>, description = "All users"), (status = 403, body = Problem)))]
pub async fn list(api: Api) -> Answer<Json<Page<UserView>>> {
    api.needs(Scope::Admin)?;
    let items = api.app.accounts.list().await?.iter().map(view).collect();
    Ok(Json(Page::whole(items)))
}

/// Answers one user.
#[utoipa::path(get, path = "/api/v2/admin/users/{username}", tag = "users", params(("username" = String, Path)), responses((status = 200, body = UserView), (status = 404, body = Problem)))]
pub async fn get(api: Api, Path(username): Path<String>) -> Answer<Json<UserView>> {
    api.needs(Scope::Admin)?;
    Ok(Json(view(&find(&api, &username).await?)))
}

/// Makes a user.
#[utoipa::path(post, path = "/api/v2/admin/users", tag = "users", request_body = UserInput, responses((status = 201, body = UserView), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn create(api: Api, Body(input): Body<UserInput>) -> Answer<Response> {
    api.needs(Scope::Admin)?;
    confirmed(&api)?;
    if input.is_staff && !api.caller.account.is_superuser {
        return Err(Problem::forbidden("only a superuser can make staff").about("is_staff"));
    }
    let username = name(&input.username)?;
    let new = NewUser { username, email: input.email, password: input.password, is_staff: input.is_staff, is_superuser: false };
    let account = api.app.accounts.create(new, actor(&api)).await?;
    Ok((StatusCode::CREATED, Json(view(&account))).into_response())
}

/// Renames a user, sets a password, an e-mail address or quotas, or takes the right to log in away or gives it back.
#[utoipa::path(patch, path = "/api/v2/admin/users/{username}", tag = "users", params(("username" = String, Path)), request_body = UserPatch, responses((status = 200, body = UserView), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn update(api: Api, Path(username): Path<String>, Body(input): Body<UserPatch>) -> Answer<Json<UserView>> {
    api.needs(Scope::Admin)?;
    confirmed(&api)?;
    let account = find(&api, &username).await?;
    guard(&api, &account)?;
    let is_own = account.id == api.account();
    if is_own && input.is_active == Some(false) {
        return Err(own().about("is_active"));
    }
    if is_own && input.password.is_some() && matches!(api.caller.proof, Proof::Token(_)) {
        return Err(Problem::forbidden("a token cannot change the password of its own user").about("password"));
    }
    let mut username = name(&username)?;
    let (accounts, actor) = (&api.app.accounts, actor(&api));
    let new = input.username.as_deref().map(name).transpose()?;
    for (field, quota) in [("quota_collection_bytes", input.quota_collection_bytes), ("quota_media_bytes", input.quota_media_bytes)] {
        if quota.flatten().is_some_and(|bytes| bytes < 0) {
            return Err(Problem::invalid(field, "not below 0"));
        }
    }
    let change = AccountChange {
        email: input.email.unwrap_or_else(|| account.email.clone()),
        is_staff: account.is_staff,
        is_superuser: account.is_superuser,
        quota_collection_bytes: input.quota_collection_bytes.unwrap_or(account.quota_collection_bytes),
        quota_media_bytes: input.quota_media_bytes.unwrap_or(account.quota_media_bytes),
    };
    accounts.change(&account, &change, actor.clone()).await?;
    if let Some(password) = input.password {
        accounts.set_password(&username, password, input.keep_devices, actor.clone()).await?;
    }
    if let Some(active) = input.is_active {
        accounts.set_active(&username, active, actor.clone()).await?;
    }
    if let Some(new) = new {
        accounts.rename(&username, &new, actor).await?;
        username = new;
    }
    Ok(Json(view(&accounts.find(&username).await?)))
}

/// Deletes a user with everything that belongs to them.
#[utoipa::path(delete, path = "/api/v2/admin/users/{username}", tag = "users", params(("username" = String, Path)), responses((status = 204), (status = 404, body = Problem)))]
pub async fn delete(api: Api, Path(username): Path<String>) -> Answer<StatusCode> {
    api.needs(Scope::Admin)?;
    confirmed(&api)?;
    let account = find(&api, &username).await?;
    guard(&api, &account)?;
    if account.id == api.account() {
        return Err(own());
    }
    api.app.accounts.delete(&name(&username)?, actor(&api)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// In a browser the password must have been typed lately, as on the pages.
pub(super) fn confirmed(api: &Api) -> Answer<()> {
    match api.caller.proof {
        Proof::Session { is_confirmed: false } => {
            Err(Problem::forbidden("the password of this session was not typed lately; do that at /confirm/, or use a token"))
        }
        _ => Ok(()),
    }
}

/// So that somebody is always left who can undo it.
fn own() -> Problem {
    Problem::forbidden("you cannot do this to your own account")
}

/// Staff manage users; only a superuser touches staff and superusers.
pub(super) fn guard(api: &Api, account: &Account) -> Answer<()> {
    let privileged = account.is_staff || account.is_superuser;
    if privileged && !api.caller.account.is_superuser && account.id != api.account() {
        return Err(Problem::forbidden("only a superuser can change staff"));
    }
    Ok(())
}

pub(super) async fn find(api: &Api, username: &str) -> Answer<Account> {
    Ok(api.app.accounts.find(&name(username)?).await?)
}

fn name(username: &str) -> Answer<Username> {
    Username::new(username).map_err(|error| Problem::invalid("username", error.to_string()))
}

pub(super) fn actor(api: &Api) -> Actor {
    Actor::new(format!("api:{}", api.caller.account.username), api.address)
}

fn view(account: &Account) -> UserView {
    UserView {
        username: account.username.clone(),
        email: account.email.clone(),
        is_active: account.is_active,
        is_staff: account.is_staff,
        is_superuser: account.is_superuser,
        created: account.created,
        last_login: account.last_login,
        quota_collection_bytes: account.quota_collection_bytes,
        quota_media_bytes: account.quota_media_bytes,
    }
}

impl From<AccountError> for Problem {
    fn from(error: AccountError) -> Self {
        let detail = error.to_string();
        match error {
            AccountError::NoSuchUser(_) => Self::not_found("there is no such user"),
            AccountError::NameTaken(_) => Self::conflict(detail).about("username"),
            AccountError::Username(_) => Self::invalid("username", detail),
            AccountError::BadEmail(_) => Self::invalid("email", detail),
            AccountError::BadPassword(reason) => Self::invalid("password", reason),
            AccountError::Store(error) => error.into(),
            AccountError::Io(error) => error.into(),
            AccountError::TryLater(seconds) => Self::too_many(seconds, detail),
            _ => Self::unavailable("busy", detail),
        }
    }
}
