//! `/join/` and `/join/<secret>/`: making an account of one's own, where that is open to everybody, or with an invitation.

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
use store::main_db::{Account, OneTimeLink};

#[derive(Template)]
#[template(path = "join.html")]
struct JoinPage {
    l: Layout,
    f: NewAccountForm,
    /// Where the form goes.
    path: String,
}

pub async fn show_open(visit: Visit) -> WebResult {
    need_open(&visit).await?;
    visit.page(&JoinPage::new(&visit, NewAccountForm::default(), "/join/".into()))
}

pub async fn submit_open(Posted { who: visit, form }: Posted<Visit>) -> WebResult {
    need_open(&visit).await?;
    if let Err(f) = NewAccountForm::check(&form) {
        return again(&visit, f, "/join/".into());
    }
    visit.slow_down("join").await?;
    match NewAccountForm::submit(&visit, &form, (false, false), &Actor::new("sign-up page", visit.address)).await? {
        Ok(account) => welcome(&visit, &account).await,
        Err(f) => again(&visit, f, "/join/".into()),
    }
}

pub async fn show_invited(visit: Visit, Path(secret): Path<String>) -> WebResult {
    invitation(&visit, &secret).await?;
    visit.page(&JoinPage::new(&visit, NewAccountForm::default(), LinkKind::Join.path(&secret)))
}

pub async fn submit_invited(Path(secret): Path<String>, Posted { who: visit, form }: Posted<Visit>) -> WebResult {
    let link = invitation(&visit, &secret).await?;
    let path = LinkKind::Join.path(&secret);
    if let Err(f) = NewAccountForm::check(&form) {
        return again(&visit, f, path);
    }
    let actor = Actor::new(format!("invitation of {}", link.maker), visit.address);
    // Where the provider's word about an address opens the account that has it, only administrators say which that is.
    let form = if visit.app.config.logins.trusts_emails() { form.without("email") } else { form };
    let account = match NewAccountForm::submit(&visit, &form, (false, false), &actor).await? {
        Ok(account) => account,
        Err(f) => return again(&visit, f, path),
    };
    // After the account is made, as a name that is taken must not cost the invitation. Of two who use it at the same time, one stays.
    if !visit.app.links.take(LinkKind::Join, &link).await? {
        visit.app.accounts.begin_deletion(&account, actor).await?;
        return Err(WebError::NotFound);
    }
    welcome(&visit, &account).await
}

/// Somebody who joins before there is an administrator would end the set-up, whose link is dead as soon as there is any user.
async fn need_open(visit: &Visit) -> WebResult<()> {
    if visit.app.config.web.signup_open {
        match visit.app.accounts.any().await? {
            true => Ok(()),
            false => Err(WebError::forbidden("This server is not set up yet. Its administrator comes first; then everybody can join.")),
        }
    } else {
        Err(WebError::forbidden("New users are invited here. Ask an administrator for an invitation."))
    }
}

async fn invitation(visit: &Visit, secret: &str) -> WebResult<OneTimeLink> {
    let gone = || WebError::forbidden("This invitation has been used, withdrawn, or is too old. Ask for another one.");
    visit.app.links.find(LinkKind::Join, secret).await?.ok_or_else(gone)
}

fn again(visit: &Visit, f: NewAccountForm, path: String) -> WebResult {
    visit.page_with(StatusCode::UNPROCESSABLE_ENTITY, &JoinPage::new(visit, f, path))
}

async fn welcome(visit: &Visit, account: &Account) -> WebResult {
    if let Some(old) = &visit.active {
        visit.app.web_sessions.end(&old.session).await?;
    }
    let notice = format!("Welcome, {}! Your account is made.", account.username);
    visit.begin_and_go(account.id, "/account/connect/", Some(notice)).await
}

impl JoinPage {
    fn new(visit: &Visit, f: NewAccountForm, path: String) -> Self {
        Self { l: visit.layout("Join"), f, path }
    }
}
