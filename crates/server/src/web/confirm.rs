//! The password is asked for again before dangerous steps: whoever finds an open browser must not get further.

use super::error::WebResult;
use super::form::{Fields, Posted};
use super::layout::Layout;
use super::login::minutes;
use super::next;
use super::visit::SignedIn;
use crate::actions::accounts::AccountError;
use askama::Template;
use axum::http::StatusCode;

#[derive(Template)]
#[template(path = "confirm.html")]
struct ConfirmPage {
    l: Layout,
    next: String,
    /// What comes afterwards, and where to go instead.
    purpose: &'static str,
    cancel: String,
    problem: Option<String>,
    /// Somebody who came by another login may have none.
    has_password: bool,
    /// What to call the provider of logins that can vouch instead, and the way to it.
    provider: Option<(String, String)>,
}

impl ConfirmPage {
    async fn new(who: &SignedIn, next: String, problem: Option<String>) -> WebResult<Self> {
        let account = &who.active.account;
        let has_password = who.app.accounts.has_password(account).await?;
        let provider = provider_of(who).await?;
        let way = || who.site.link(&next::with_next("/login/oidc/confirm/", Some(&next)));
        let (purpose, cancel) = purpose(&next);
        Ok(Self {
            l: who.layout("Is it you?"),
            purpose,
            cancel: who.site.link(&cancel),
            provider: provider.map(|name| (name, way())),
            has_password,
            next,
            problem,
        })
    }
}

/// What to call the provider of logins, if the account is linked with it.
pub async fn provider_of(who: &SignedIn) -> WebResult<Option<String>> {
    let Some(oidc) = &who.app.config.logins.oidc else { return Ok(None) };
    let identities = who.app.main.identities(who.active.account.id).await?;
    Ok(identities.iter().any(|identity| identity.issuer == oidc.issuer).then(|| oidc.name.clone()))
}

/// What somebody is about to do, by the page for that, and the page that it was on.
fn purpose(next: &str) -> (&'static str, String) {
    let path = next.split('?').next().unwrap_or_default().trim_end_matches('/');
    let up = |levels: usize| {
        let mut parts: Vec<&str> = path.split('/').collect();
        parts.truncate(parts.len().saturating_sub(levels).max(1));
        format!("{}/", parts.join("/"))
    };
    match path {
        "/account/collection/download" => ("Downloading your collection", up(1)),
        "/account/devices" => ("Logging devices or browsers out", up(1)),
        "/account/password" => ("Changing how you log in", up(1)),
        "/account/tokens/add" => ("Making an API token", up(1)),
        _ if path.starts_with("/account/") && path.ends_with("/restore") => ("Bringing an older version of your collection back", up(2)),
        _ if path.contains("/restore/") => ("Bringing an older version of a collection back", up(2)),
        _ if path.ends_with("/delete") => ("Deleting an account", up(1)),
        _ if path.starts_with("/admin/") => ("Changing an account", up(1)),
        _ => ("The next step", "/".to_owned()),
    }
}

pub async fn show(who: SignedIn, query: Fields) -> WebResult {
    let next = next::safe(query.get("next")).unwrap_or("/").to_owned();
    who.page(&ConfirmPage::new(&who, next, None).await?)
}

pub async fn submit(Posted { who, form }: Posted<SignedIn>) -> WebResult {
    let next = next::safe(form.get("next")).unwrap_or("/").to_owned();
    let username = &who.active.account.username;
    let verified = who.app.accounts.verify_login(username, form.get("password").to_owned(), who.address).await;
    let (status, problem) = match verified {
        Ok(_) => {
            who.app.web_sessions.confirm(&who.active).await?;
            return Ok(who.go(&next));
        }
        Err(AccountError::WrongLogin | AccountError::Disabled) => {
            (StatusCode::UNPROCESSABLE_ENTITY, "The password is not right.".to_owned())
        }
        Err(AccountError::TryLater(seconds)) => {
            (StatusCode::TOO_MANY_REQUESTS, format!("Too many attempts. Try again in {}.", minutes(seconds)))
        }
        Err(other) => return Err(other.into()),
    };
    who.page_with(status, &ConfirmPage::new(&who, next, Some(problem)).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_password_is_for() {
        for (next, want, back) in [
            ("/account/collection/download/", "Downloading your collection", "/account/collection/"),
            ("/account/collection/2/restore/", "Bringing an older version of your collection back", "/account/collection/"),
            ("/admin/users/7/restore/2/", "Bringing an older version of a collection back", "/admin/users/7/"),
            ("/admin/users/7/delete/?x=1", "Deleting an account", "/admin/users/7/"),
            ("/", "The next step", "/"),
        ] {
            assert_eq!(purpose(next), (want, back.to_owned()), "{next}");
        }
    }
}
