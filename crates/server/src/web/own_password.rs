//! Forms of dangerous steps ask for the password themselves when it was not typed lately, so nothing that was typed is lost on the way.

use super::error::{WebError, WebResult};
use super::form::Fields;
use super::login::minutes;
use super::problem::Problem;
use super::visit::SignedIn;
use crate::actions::accounts::AccountError;
use axum::http::StatusCode;

/// The field that it is typed into.
pub const FIELD: &str = "own_password";

/// Whether a form has to ask for the password. `back` is its page.
///
/// # Errors
/// [`WebError::Confirm`] for somebody who has none: the provider of logins has to vouch first.
pub async fn is_asked(who: &SignedIn, back: &str) -> WebResult<bool> {
    if who.app.web_sessions.is_confirmed(&who.active) {
        return Ok(false);
    }
    if who.app.accounts.has_password(&who.active.account).await? { Ok(true) } else { Err(WebError::Confirm(back.to_owned())) }
}

/// What is wrong with the password of a form that was sent, if it has to be there.
///
/// # Errors
/// As [`is_asked`], and when it cannot be checked.
pub async fn check(who: &mut SignedIn, form: &Fields, back: &str) -> WebResult<Result<(), (StatusCode, Problem)>> {
    if !is_asked(who, back).await? {
        return Ok(Ok(()));
    }
    let refuse = |status, text: String| Ok(Err((status, Problem::new(FIELD, text))));
    if form.get(FIELD).is_empty() {
        let text = "It is a while since you typed your password, so please type it once more: nothing was done yet.";
        return refuse(StatusCode::UNPROCESSABLE_ENTITY, text.to_owned());
    }
    match who.app.accounts.verify_login(&who.active.account.username, form.get(FIELD).to_owned(), who.address).await {
        Ok(_) => {
            who.confirm().await?;
            Ok(Ok(()))
        }
        Err(AccountError::WrongLogin | AccountError::Disabled) => {
            refuse(StatusCode::UNPROCESSABLE_ENTITY, "Your password is not right.".to_owned())
        }
        Err(AccountError::TryLater(seconds)) => {
            refuse(StatusCode::TOO_MANY_REQUESTS, format!("Too many attempts. Try again in {}.", minutes(seconds)))
        }
        Err(other) => Err(other.into()),
    }
}
