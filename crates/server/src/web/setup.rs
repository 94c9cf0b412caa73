//! `/setup/<secret>/`: making the first administrator. The secret stands in the log of the server, which prints one whenever it starts
//! without users.

use super::error::{WebError, WebResult};
use super::form::Posted;
use super::layout::Layout;
use super::new_account::NewAccountForm;
use super::visit::Visit;
use crate::actions::actor::Actor;
use crate::actions::one_time_links::LinkKind;
use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use store::main_db::OneTimeLink;

/// How long the link that `serve` prints is good. Another start prints another one.
pub const LINK_MS: i64 = 7 * 24 * 60 * 60 * 1000;

#[derive(Template)]
#[template(path = "setup.html")]
struct SetupPage {
    l: Layout,
    f: NewAccountForm,
    secret: String,
}

pub async fn show(visit: Visit, Path(secret): Path<String>) -> WebResult {
    link(&visit, &secret).await?;
    visit.page(&SetupPage { l: visit.layout("Set the server up"), f: NewAccountForm::default(), secret })
}

pub async fn submit(Path(secret): Path<String>, Posted { who: visit, form }: Posted<Visit>) -> WebResult {
    let link = link(&visit, &secret).await?;
    let again = |f: NewAccountForm| {
        let page = SetupPage { l: visit.layout("Set the server up"), f, secret: secret.clone() };
        visit.page_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
    };
    if let Err(f) = NewAccountForm::check(&form) {
        return again(f);
    }
    // Before the account is made: of two who try at the same time, one gets it.
    if !visit.app.links.take(LinkKind::SetUp, &link).await? {
        return Err(WebError::NotFound);
    }
    let actor = Actor::new("setup page", visit.address);
    let account = match NewAccountForm::submit(&visit, &form, (true, true), &actor).await? {
        Ok(account) => account,
        Err(f) => return again(f),
    };
    visit.app.links.withdraw_all(LinkKind::SetUp).await?;
    visit.begin_and_go(account.id, "/admin/users/add/?first=1", None).await
}

/// Whoever comes back to a link that was used finds the way to the login, whether the link is still known or not.
async fn link(visit: &Visit, secret: &str) -> WebResult<OneTimeLink> {
    if visit.app.accounts.any().await? {
        return Err(WebError::SetUpAlready);
    }
    visit.app.links.find(LinkKind::SetUp, secret).await?.ok_or(WebError::NotFound)
}
