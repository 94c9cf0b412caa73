//! The buttons of a user's page: what needs no page of its own.

use super::target;
use crate::actions::username::Username;
use crate::web::error::{WebError, WebResult};
use crate::web::form::Posted;
use crate::web::layout::Layout;
use crate::web::own_password;
use crate::web::problem::Problem;
use crate::web::show;
use crate::web::visit::Staff;
use askama::Template;
use axum::extract::Path;
use store::main_db::Account;

/// Says what a step will do before it is done.
#[derive(Template)]
#[template(path = "user_step.html")]
struct StepPage {
    l: Layout,
    lines: Vec<String>,
    path: String,
    back: String,
    button: &'static str,
    asks_password: bool,
    problem: Problem,
}

impl StepPage {
    fn disable(who: &Staff, account: &Account, asks_password: bool, problem: Problem) -> Self {
        let name = &account.username;
        Self {
            l: who.admin_layout(&format!("Disable {name}"), "user"),
            lines: vec![
                format!("{name} can neither log in nor sync, within five seconds, until you enable the account again."),
                "Devices are told that their login is wrong, and may forget it: then they ask for the password once more.".to_owned(),
                "Nothing is deleted.".to_owned(),
            ],
            path: format!("{}disable/", target::path(account)),
            back: target::path(account),
            button: "Disable",
            asks_password,
            problem,
        }
    }

    fn log_out(who: &Staff, account: &Account, asks_password: bool, problem: Problem) -> Self {
        let name = &account.username;
        let mut lines = vec![
            format!("All devices and browsers of {name} are logged out. Each device asks for the password at its next sync."),
            "All API tokens are revoked: their programs have to be given new ones.".to_owned(),
            "Cards that a device has not synced yet stay on it.".to_owned(),
        ];
        if account.id == who.active.account.id {
            lines.push("That is you: this browser is logged out as well.".to_owned());
        }
        Self {
            l: who.admin_layout(&format!("Log {name} out everywhere"), "user"),
            lines,
            path: format!("{}logout/", target::path(account)),
            back: target::path(account),
            button: "Log out everywhere",
            asks_password,
            problem,
        }
    }
}

pub async fn enable(Path(id): Path<i64>, Posted { who, .. }: Posted<Staff>) -> WebResult {
    let account = target::other_to_change(&who, id).await?;
    who.app.accounts.set_active(&username(&account)?, true, who.actor()).await?;
    who.go_and_tell(&target::path(&account), format!("{} can log in and sync again.", account.username)).await
}

pub async fn ask_to_disable(Path(id): Path<i64>, who: Staff) -> WebResult {
    let account = target::other_to_change(&who, id).await?;
    let asks_password = own_password::is_asked(&who, &format!("{}disable/", target::path(&account))).await?;
    who.page(&StepPage::disable(&who, &account, asks_password, Problem::none()))
}

pub async fn disable(Path(id): Path<i64>, Posted { mut who, form }: Posted<Staff>) -> WebResult {
    let account = target::other_to_change(&who, id).await?;
    if let Err((status, problem)) = own_password::check(&mut who, &form, &format!("{}disable/", target::path(&account))).await? {
        return who.page_with(status, &StepPage::disable(&who, &account, true, problem));
    }
    who.app.accounts.set_active(&username(&account)?, false, who.actor()).await?;
    let notice = format!("{} can neither log in nor sync any more, until you enable the account again.", account.username);
    who.go_and_tell(&target::path(&account), notice).await
}

pub async fn ask_to_log_out(Path(id): Path<i64>, who: Staff) -> WebResult {
    let account = target::to_change(&who, id).await?;
    let asks_password = own_password::is_asked(&who, &format!("{}logout/", target::path(&account))).await?;
    who.page(&StepPage::log_out(&who, &account, asks_password, Problem::none()))
}

pub async fn log_out_everywhere(Path(id): Path<i64>, Posted { mut who, form }: Posted<Staff>) -> WebResult {
    let account = target::to_change(&who, id).await?;
    if let Err((status, problem)) = own_password::check(&mut who, &form, &format!("{}logout/", target::path(&account))).await? {
        return who.page_with(status, &StepPage::log_out(&who, &account, true, problem));
    }
    let (devices, tokens) = who.app.accounts.log_out_everywhere(&account, who.actor()).await?;
    if account.id == who.active.account.id {
        return Ok(who.go("/login/?told=out"));
    }
    who.go_and_tell(
        &target::path(&account),
        format!(
            "Logged out everywhere, {} among them, and {} revoked. The next sync asks for the password.",
            show::count(devices as i64, "device"),
            show::count(tokens as i64, "API token")
        ),
    )
    .await
}

pub async fn revoke_device(Path(id): Path<i64>, Posted { who, form }: Posted<Staff>) -> WebResult {
    let account = target::to_change(&who, id).await?;
    let found = who.app.accounts.revoke_device(&account, form.get("device"), who.actor()).await?;
    let notice =
        if found { "The device is logged out. Its next sync asks for the password." } else { "That device was logged out already." };
    who.go_and_tell(&target::path(&account), notice).await
}

/// The username of an account as what a user typed, which it once was.
///
/// # Errors
/// Never for stored accounts.
pub fn username(account: &Account) -> WebResult<Username> {
    Username::new(&account.username).map_err(|_| WebError::Internal)
}
