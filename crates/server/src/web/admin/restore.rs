//! `/admin/users/<id>/restore/<number>/`: says what bringing a version of somebody's collection back will do, and does it.

use super::target;
use crate::web::account::collection::Version;
use crate::web::account::restore::{RestorePage, UNDERSTOOD_FIRST};
use crate::web::error::{WebError, WebResult};
use crate::web::form::Posted;
use crate::web::visit::Staff;
use axum::extract::Path;
use axum::http::StatusCode;
use store::main_db::Account;

pub async fn show(Path((id, number)): Path<(i64, i32)>, who: Staff) -> WebResult {
    let account = allowed(&who, id, number).await?;
    answer(&who, &account, number, StatusCode::OK, None).await
}

pub async fn submit(Path((id, number)): Path<(i64, i32)>, Posted { who, form }: Posted<Staff>) -> WebResult {
    let account = allowed(&who, id, number).await?;
    if !form.ticked("understood") {
        return answer(&who, &account, number, StatusCode::UNPROCESSABLE_ENTITY, Some(UNDERSTOOD_FIRST)).await;
    }
    let notice = match who.app.accounts.restore_collection(&account, number, who.actor()).await? {
        true => format!(
            "Version {number} is in use again, and the one before is kept. Devices that have seen other data are asked to make a one-way \
             sync: choose “Download from the server” there."
        ),
        false => format!("There is no kept version {number} any more."),
    };
    who.go_and_tell(&target::path(&account), notice).await
}

async fn allowed(who: &Staff, id: i64, number: i32) -> WebResult<Account> {
    let account = target::to_change(who, id).await?;
    who.need_password(&here(&account, number))?;
    Ok(account)
}

async fn answer(who: &Staff, account: &Account, number: i32, status: StatusCode, problem: Option<&'static str>) -> WebResult {
    let (current, kept) = who.app.accounts.versions(account.id).await?;
    let Some(wanted) = kept.into_iter().find(|kept| kept.generation.number == number) else { return Err(WebError::NotFound) };
    let page = RestorePage {
        l: who.admin_layout(&format!("Bring version {number} of {} back", account.username), "user"),
        current: current.as_ref().map(Version::of),
        wanted: Version::of(&wanted.generation),
        is_plain_undo: wanted.is_plain_undo,
        whose: Some(account.username.clone()),
        path: here(account, number),
        back: target::path(account),
        problem,
    };
    who.page_with(status, &page)
}

fn here(account: &Account, number: i32) -> String {
    format!("{}restore/{number}/", target::path(account))
}
