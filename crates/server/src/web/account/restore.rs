//! `/account/collection/<number>/restore/`: says what bringing a version back will do, and does it.

use super::collection::{HERE, Version};
use crate::web::error::{WebError, WebResult};
use crate::web::form::Posted;
use crate::web::layout::Layout;
use crate::web::visit::SignedIn;
use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;

#[derive(Template)]
#[template(path = "account_restore.html")]
pub struct RestorePage {
    pub l: Layout,
    pub current: Option<Version>,
    pub wanted: Version,
    pub is_plain_undo: bool,
    /// Somebody else whose collection it is.
    pub whose: Option<String>,
    /// Where the form goes, and where "cancel" does.
    pub path: String,
    pub back: String,
    pub problem: Option<&'static str>,
}

pub const UNDERSTOOD_FIRST: &str = "Tick the box first: it says what will happen.";

pub async fn show(Path(number): Path<String>, who: SignedIn) -> WebResult {
    let number = parsed(&number)?;
    who.need_password(&here(number))?;
    answer(&who, number, StatusCode::OK, None).await
}

async fn answer(who: &SignedIn, number: i32, status: StatusCode, problem: Option<&'static str>) -> WebResult {
    let (current, kept) = who.app.accounts.versions(who.active.account.id).await?;
    let Some(wanted) = kept.into_iter().find(|kept| kept.generation.number == number) else { return Err(WebError::NotFound) };
    who.page_with(
        status,
        &RestorePage {
            l: super::layout(who, &format!("Bring version {number} back"), "collection"),
            current: current.as_ref().map(Version::of),
            wanted: Version::of(&wanted.generation),
            is_plain_undo: wanted.is_plain_undo,
            whose: None,
            path: here(number),
            back: HERE.to_owned(),
            problem,
        },
    )
}

pub async fn submit(Path(number): Path<String>, Posted { who, form }: Posted<SignedIn>) -> WebResult {
    let number = parsed(&number)?;
    who.need_password(&here(number))?;
    if !form.ticked("understood") {
        return answer(&who, number, StatusCode::UNPROCESSABLE_ENTITY, Some(UNDERSTOOD_FIRST)).await;
    }
    if !who.app.accounts.restore_collection(&who.active.account, number, who.actor()).await? {
        return Err(WebError::NotFound);
    }
    who.go_and_tell(HERE, format!("Version {number} is your collection again. The one before is kept, so this can be undone.")).await
}

fn here(number: i32) -> String {
    format!("{HERE}{number}/restore/")
}

fn parsed(number: &str) -> WebResult<i32> {
    number.parse().map_err(|_| WebError::NotFound)
}
