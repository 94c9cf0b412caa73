//! The buttons of a user's page: what needs no page of its own.

use super::target;
use crate::actions::username::Username;
use crate::web::error::{WebError, WebResult};
use crate::web::form::Posted;
use crate::web::show;
use crate::web::visit::Staff;
use axum::extract::Path;
use store::main_db::Account;

pub async fn enable(Path(id): Path<i64>, Posted { who, .. }: Posted<Staff>) -> WebResult {
    set_active(&who, id, true).await
}

pub async fn disable(Path(id): Path<i64>, Posted { who, .. }: Posted<Staff>) -> WebResult {
    set_active(&who, id, false).await
}

async fn set_active(who: &Staff, id: i64, active: bool) -> WebResult {
    let account = target::other_to_change(who, id).await?;
    who.app.accounts.set_active(&username(&account)?, active, who.actor()).await?;
    let notice = match active {
        true => format!("{} can log in and sync again.", account.username),
        false => format!("{} can neither log in nor sync any more, until you enable the account again.", account.username),
    };
    who.go_and_tell(&target::path(&account), notice).await
}

pub async fn log_out_everywhere(Path(id): Path<i64>, Posted { who, .. }: Posted<Staff>) -> WebResult {
    let account = target::to_change(&who, id).await?;
    let (devices, tokens) = who.app.accounts.log_out_everywhere(&account, who.actor()).await?;
    if account.id == who.active.account.id {
        return Ok(who.go("/login/"));
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

pub async fn restore(Path(id): Path<i64>, Posted { who, form }: Posted<Staff>) -> WebResult {
    let account = target::to_change(&who, id).await?;
    who.need_password(&target::path(&account))?;
    let number = form.get("version").parse().map_err(|_| WebError::bad_request("There is no such version."))?;
    let notice = match who.app.accounts.restore_collection(&account, number, who.actor()).await? {
        true => format!(
            "Version {number} is in use again, and the one before is kept. Devices that have seen other data are asked to make a one-way \
             sync: choose “download from the server” there."
        ),
        false => format!("There is no kept version {number} any more."),
    };
    who.go_and_tell(&target::path(&account), notice).await
}

/// The username of an account as what a user typed, which it once was.
///
/// # Errors
/// Never for stored accounts.
pub fn username(account: &Account) -> WebResult<Username> {
    Username::new(&account.username).map_err(|_| WebError::Internal)
}
