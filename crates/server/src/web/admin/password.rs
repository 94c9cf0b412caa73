//! `/admin/users/<id>/password/`: a new password, or a link with which the user chooses one.

use super::{steps, target};
use crate::actions::one_time_links::LinkKind;
use crate::web::error::WebResult;
use crate::web::form::Posted;
use crate::web::layout::Layout;
use crate::web::new_account::new_password;
use crate::web::show;
use crate::web::visit::Staff;
use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use store::main_db::Account;

const LINK_MS: i64 = 24 * 60 * 60 * 1000;

#[derive(Template)]
#[template(path = "user_password.html")]
struct PasswordPage {
    l: Layout,
    id: i64,
    username: String,
    problem: Option<String>,
}

/// A link that is shown once.
#[derive(Template)]
#[template(path = "link.html")]
pub struct LinkPage {
    pub l: Layout,
    pub link: String,
    pub about: String,
    pub until: String,
    pub back: String,
}

pub async fn show(who: Staff, Path(id): Path<i64>) -> WebResult {
    let account = target::to_change(&who, id).await?;
    need_password(&who, &account)?;
    who.page(&PasswordPage::new(&who, account, None))
}

pub async fn submit(Path(id): Path<i64>, Posted { who, form }: Posted<Staff>) -> WebResult {
    let account = target::to_change(&who, id).await?;
    need_password(&who, &account)?;
    let password = match new_password(&form, &[&account.username, &account.email]) {
        Ok(password) => password,
        Err(problem) => return who.page_with(StatusCode::UNPROCESSABLE_ENTITY, &PasswordPage::new(&who, account, Some(problem))),
    };
    let keep_devices = form.ticked("keep_devices");
    who.app.accounts.set_password(&steps::username(&account)?, password, keep_devices, who.actor()).await?;
    if account.id == who.active.account.id {
        return Ok(who.go("/login/"));
    }
    let devices = if keep_devices { "Devices stay logged in." } else { "All devices are logged out." };
    who.go_and_tell(&target::path(&account), format!("The password is changed. {devices}")).await
}

pub async fn make_link(Path(id): Path<i64>, Posted { who, .. }: Posted<Staff>) -> WebResult {
    let account = target::to_change(&who, id).await?;
    need_password(&who, &account)?;
    let maker = &who.active.account.username;
    let secret = who.app.links.make(LinkKind::Password, Some(account.id), maker, LINK_MS).await?;
    who.app
        .accounts
        .record(&who.actor(), Some(account.id), "account.link", format!("made a link to choose a password for `{}`", account.username))
        .await;
    who.page(&LinkPage {
        l: who.layout("A link to choose a password"),
        link: who.public_link(&LinkKind::Password.path(&secret)),
        about: format!(
            "Give this link to {}, and to nobody else: whoever opens it first can choose the password of the account.",
            account.username
        ),
        until: show::time(who.app.clock.now_ms() + LINK_MS),
        back: who.site.link(&target::path(&account)),
    })
}

fn need_password(who: &Staff, account: &Account) -> WebResult<()> {
    who.need_password(&format!("{}password/", target::path(account)))
}

impl PasswordPage {
    fn new(who: &Staff, account: Account, problem: Option<String>) -> Self {
        Self { l: who.layout(&format!("A new password for {}", account.username)), id: account.id, username: account.username, problem }
    }
}
