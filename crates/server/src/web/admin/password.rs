//! `/admin/users/<id>/password/`: a new password, or a link with which the user chooses one.

use super::{steps, target};
use crate::actions::one_time_links::LinkKind;
use crate::web::error::WebResult;
use crate::web::form::Posted;
use crate::web::layout::Layout;
use crate::web::new_account::new_password;
use crate::web::own_password;
use crate::web::problem::Problem;
use crate::web::show::{self, Html};
use crate::web::shown;
use crate::web::visit::Staff;
use askama::Template;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use store::main_db::Account;

const LINK_MS: i64 = 24 * 60 * 60 * 1000;

#[derive(Template)]
#[template(path = "user_password.html")]
struct PasswordPage {
    l: Layout,
    id: i64,
    username: String,
    asks_password: bool,
    problem: Problem,
}

/// A link that is shown once.
#[derive(Template)]
#[template(path = "link.html")]
pub struct LinkPage {
    pub l: Layout,
    pub link: String,
    pub about: String,
    pub until: Html,
    pub back: String,
}

pub async fn show(who: Staff, Path(id): Path<i64>) -> WebResult {
    let account = target::to_change(&who, id).await?;
    let asks_password = own_password::is_asked(&who, &here(&account)).await?;
    who.page(&PasswordPage::new(&who, account, asks_password, Problem::none()))
}

pub async fn submit(Path(id): Path<i64>, Posted { mut who, form }: Posted<Staff>) -> WebResult {
    let account = target::to_change(&who, id).await?;
    let password = match new_password(&form, &[&account.username, &account.email]) {
        Ok(password) => password,
        Err(problem) => {
            let asks_password = own_password::is_asked(&who, &here(&account)).await?;
            return who.page_with(StatusCode::UNPROCESSABLE_ENTITY, &PasswordPage::new(&who, account, asks_password, problem));
        }
    };
    if let Err((status, problem)) = own_password::check(&mut who, &form, &here(&account)).await? {
        return who.page_with(status, &PasswordPage::new(&who, account, true, problem));
    }
    let keep_devices = form.ticked("keep_devices");
    let ended = who.app.accounts.set_password(&steps::username(&account)?, password, keep_devices, who.actor()).await?;
    if account.id == who.active.account.id {
        return Ok(who.go("/login/?told=password"));
    }
    who.go_and_tell(&target::path(&account), format!("The password is changed. {}", show::ended(&ended))).await
}

pub async fn make_link(Path(id): Path<i64>, Posted { mut who, form }: Posted<Staff>) -> WebResult {
    let account = target::to_change(&who, id).await?;
    if let Err((status, problem)) = own_password::check(&mut who, &form, &here(&account)).await? {
        return who.page_with(status, &PasswordPage::new(&who, account, true, problem));
    }
    let maker = &who.active.account.username;
    let secret = who.app.links.make(LinkKind::Password, Some(account.id), maker, LINK_MS).await?;
    who.app
        .accounts
        .record(&who.actor(), Some(account.id), "account.link", format!("made a link to choose a password for `{}`", account.username))
        .await;
    let mut answer = who.go(&format!("{}password-link/", target::path(&account)));
    shown::keep(&who, &mut answer, &shown_for(&account), &secret)?;
    Ok(answer)
}

/// The link that was just made. Loading the page again makes no other one.
pub async fn show_link(who: Staff, Path(id): Path<i64>, headers: HeaderMap) -> WebResult {
    let account = target::to_change(&who, id).await?;
    let Some(secret) = shown::kept(&who, &headers, &shown_for(&account))? else { return Ok(who.go(&here(&account))) };
    let Some(link) = who.app.links.find(LinkKind::Password, &secret).await? else {
        return who.go_and_tell(&target::path(&account), "That link has been used, or there is a newer one.").await;
    };
    who.page(&LinkPage {
        l: who.admin_layout("A link to choose a password", "user"),
        link: who.public_link(&LinkKind::Password.path(&secret)),
        about: format!(
            "Give this link to {}, and to nobody else: whoever opens it first can choose the password of the account.",
            account.username
        ),
        until: show::time(link.expires),
        back: who.site.link(&target::path(&account)),
    })
}

fn shown_for(account: &Account) -> String {
    format!("link to choose the password of {}", account.id)
}

fn here(account: &Account) -> String {
    format!("{}password/", target::path(account))
}

impl PasswordPage {
    fn new(who: &Staff, account: Account, asks_password: bool, problem: Problem) -> Self {
        let l = who.admin_layout(&format!("A new password for {}", account.username), "user");
        Self { l, id: account.id, username: account.username, asks_password, problem }
    }
}
