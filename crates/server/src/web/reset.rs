//! `/password/<secret>/`: choosing a new password with a link that an administrator or a mail gave.

use super::error::{WebError, WebResult};
use super::form::Posted;
use super::layout::Layout;
use super::new_account::new_password;
use super::problem::Problem;
use super::show;
use super::visit::Visit;
use crate::actions::actor::Actor;
use crate::actions::one_time_links::LinkKind;
use crate::actions::username::Username;
use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use store::main_db::{Account, OneTimeLink};

#[derive(Template)]
#[template(path = "reset.html")]
struct ResetPage {
    l: Layout,
    username: String,
    path: String,
    problem: Problem,
}

pub async fn show(visit: Visit, Path(secret): Path<String>) -> WebResult {
    let (_, account) = link(&visit, &secret).await?;
    visit.page(&ResetPage::new(&visit, account, &secret, Problem::none()))
}

pub async fn submit(Path(secret): Path<String>, Posted { who: visit, form }: Posted<Visit>) -> WebResult {
    let (link, account) = link(&visit, &secret).await?;
    let password = match new_password(&form, &[&account.username, &account.email]) {
        Ok(password) => password,
        Err(problem) => {
            return visit.page_with(StatusCode::UNPROCESSABLE_ENTITY, &ResetPage::new(&visit, account, &secret, problem));
        }
    };
    if !visit.app.links.take(LinkKind::Password, &link).await? {
        return Err(gone());
    }
    let username = Username::new(&account.username).map_err(|_| WebError::Internal)?;
    let actor = Actor::new(format!("link of {}", link.maker), visit.address);
    let ended = visit.app.accounts.set_password(&username, password, form.ticked("keep_devices"), actor).await?;
    visit.begin_and_go(account.id, "/account/", Some(format!("Your password is changed. {}", show::ended(&ended)))).await
}

fn gone() -> WebError {
    WebError::forbidden("This link has been used, or is too old. Ask for another one.")
}

async fn link(visit: &Visit, secret: &str) -> WebResult<(OneTimeLink, Account)> {
    let link = visit.app.links.find(LinkKind::Password, secret).await?.ok_or_else(gone)?;
    let account = visit.app.main.account_by_id(link.account.unwrap_or(0)).await?;
    match account.filter(|account| account.is_active) {
        Some(account) => Ok((link, account)),
        None => Err(gone()),
    }
}

impl ResetPage {
    fn new(visit: &Visit, account: Account, secret: &str, problem: Problem) -> Self {
        Self { l: visit.layout("Choose a new password"), username: account.username, path: LinkKind::Password.path(secret), problem }
    }
}
