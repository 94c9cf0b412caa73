//! The password is asked for again before dangerous steps: whoever finds an open browser must not get further.

use super::error::WebResult;
use super::form::{Fields, Posted};
use super::layout::Layout;
use super::login::minutes;
use super::next;
use super::visit::SignedIn;
use crate::actions::accounts::AccountError;
use askama::Template;
use axum::http::StatusCode;

#[derive(Template)]
#[template(path = "confirm.html")]
struct ConfirmPage {
    l: Layout,
    next: String,
    problem: Option<String>,
}

pub async fn show(who: SignedIn, query: Fields) -> WebResult {
    let next = next::safe(query.get("next")).unwrap_or("/").to_owned();
    who.page(&ConfirmPage { l: who.layout("Your password, please"), next, problem: None })
}

pub async fn submit(Posted { who, form }: Posted<SignedIn>) -> WebResult {
    let next = next::safe(form.get("next")).unwrap_or("/").to_owned();
    let username = &who.active.account.username;
    let verified = who.app.accounts.verify_login(username, form.get("password").to_owned(), who.address).await;
    let (status, problem) = match verified {
        Ok(_) => {
            who.app.web_sessions.confirm(&who.active).await?;
            return Ok(who.go(&next));
        }
        Err(AccountError::WrongLogin | AccountError::Disabled) => {
            (StatusCode::UNPROCESSABLE_ENTITY, "The password is not right.".to_owned())
        }
        Err(AccountError::TryLater(seconds)) => {
            (StatusCode::TOO_MANY_REQUESTS, format!("Too many attempts. Try again in {}.", minutes(seconds)))
        }
        Err(other) => return Err(other.into()),
    };
    who.page_with(status, &ConfirmPage { l: who.layout("Your password, please"), next, problem: Some(problem) })
}
