//! The account that a page is about, and whether whoever asks may change it.

use crate::actions::administration::may_change;
use crate::web::error::{WebError, WebResult};
use crate::web::visit::Staff;
use store::main_db::Account;

/// The account with this id.
///
/// # Errors
/// [`WebError::NotFound`].
pub async fn account(who: &Staff, id: i64) -> WebResult<Account> {
    Ok(who.app.accounts.find_by_id(id).await?)
}

/// The account with this id, to be changed.
///
/// # Errors
/// [`WebError::NotFound`], [`WebError::Forbidden`].
pub async fn to_change(who: &Staff, id: i64) -> WebResult<Account> {
    let account = account(who, id).await?;
    if may_change(&who.active.account, &account) {
        Ok(account)
    } else {
        Err(WebError::forbidden("Only superusers may change staff and superusers."))
    }
}

/// The same for what nobody shall do to themselves by mistake.
///
/// # Errors
/// As [`to_change`], and [`WebError::BadRequest`].
pub async fn other_to_change(who: &Staff, id: i64) -> WebResult<Account> {
    let account = to_change(who, id).await?;
    if account.id == who.active.account.id {
        return Err(WebError::bad_request("You cannot do this to your own account, so that somebody is always left who can undo it."));
    }
    Ok(account)
}

/// The path of an account's page.
pub fn path(account: &Account) -> String {
    format!("/admin/users/{}/", account.id)
}
