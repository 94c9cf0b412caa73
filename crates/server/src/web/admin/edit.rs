//! `/admin/users/<id>/edit/`: name, e-mail address, roles and quotas.

use super::{steps, target};
use crate::actions::accounts::AccountError;
use crate::actions::administration::may_give_roles;
use crate::actions::email::is_fine;
use crate::actions::username::Username;
use crate::web::error::{WebError, WebResult};
use crate::web::form::{Fields, Posted};
use crate::web::layout::Layout;
use crate::web::new_account::{NO_EMAIL, sentence};
use crate::web::visit::Staff;
use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use store::main_db::{Account, AccountChange};

const MB: i64 = 1_000_000;

#[derive(Template)]
#[template(path = "user_edit.html")]
struct EditPage {
    l: Layout,
    id: i64,
    username: String,
    email: String,
    quota_collection: String,
    quota_media: String,
    is_staff: bool,
    is_superuser: bool,
    may_give_roles: bool,
    is_self: bool,
    problem: Option<String>,
}

pub async fn show(who: Staff, Path(id): Path<i64>) -> WebResult {
    let account = target::to_change(&who, id).await?;
    let quota = |bytes: Option<i64>| bytes.map(|bytes| (bytes / MB).to_string()).unwrap_or_default();
    who.page(&EditPage {
        id,
        username: account.username.clone(),
        email: account.email.clone(),
        quota_collection: quota(account.quota_collection_bytes),
        quota_media: quota(account.quota_media_bytes),
        is_staff: account.is_staff,
        is_superuser: account.is_superuser,
        problem: None,
        ..EditPage::empty(&who, &account)
    })
}

pub async fn submit(Path(id): Path<i64>, Posted { who, form }: Posted<Staff>) -> WebResult {
    let account = target::to_change(&who, id).await?;
    let again = |problem: String| {
        let page = EditPage {
            username: form.text("username").to_owned(),
            email: form.text("email").to_owned(),
            quota_collection: form.text("quota_collection").to_owned(),
            quota_media: form.text("quota_media").to_owned(),
            is_staff: form.ticked("is_staff"),
            is_superuser: form.ticked("is_superuser"),
            problem: Some(problem),
            ..EditPage::empty(&who, &account)
        };
        who.page_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
    };
    let (username, change) = match read(&who, &account, &form) {
        Ok(read) => read,
        Err(problem) => return again(problem),
    };
    if (change.is_staff, change.is_superuser) != (account.is_staff, account.is_superuser) {
        if account.id == who.active.account.id {
            return Err(WebError::bad_request("You cannot change your own roles, so that somebody is always left who can undo it."));
        }
        who.need_password(&format!("{}edit/", target::path(&account)))?;
    }
    if username.typed() != account.username {
        match who.app.accounts.rename(&steps::username(&account)?, &username, who.actor()).await {
            Err(AccountError::NameTaken(_)) => return again("There is a user with that name already.".into()),
            outcome => outcome?,
        }
    }
    who.app.accounts.change(&account, &change, who.actor()).await?;
    who.go_and_tell(&target::path(&account), "Changed.").await
}

/// What was typed, or what is wrong with it.
fn read(who: &Staff, account: &Account, form: &Fields) -> Result<(Username, AccountChange), String> {
    let username = Username::new(form.text("username")).map_err(|e| sentence(&e.to_string()))?;
    let email = form.text("email");
    // One that came from elsewhere may stay as it is.
    if email != account.email && !is_fine(email) {
        return Err(NO_EMAIL.to_owned());
    }
    let (is_staff, is_superuser) = match may_give_roles(&who.active.account) {
        true => (form.ticked("is_staff"), form.ticked("is_superuser")),
        false => (account.is_staff, account.is_superuser),
    };
    let quota_collection_bytes = quota(form.text("quota_collection"))?;
    let quota_media_bytes = quota(form.text("quota_media"))?;
    Ok((username, AccountChange { email: email.to_owned(), is_staff, is_superuser, quota_collection_bytes, quota_media_bytes }))
}

/// Megabytes as bytes; nothing is no quota.
fn quota(text: &str) -> Result<Option<i64>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    match text.parse::<i64>() {
        Ok(megabytes @ 0..=1_000_000_000) => Ok(Some(megabytes * MB)),
        _ => Err("A quota is a whole number of megabytes, or empty for none.".to_owned()),
    }
}

impl EditPage {
    fn empty(who: &Staff, account: &Account) -> Self {
        Self {
            l: who.layout(&format!("Change {}", account.username)),
            id: account.id,
            username: String::new(),
            email: String::new(),
            quota_collection: String::new(),
            quota_media: String::new(),
            is_staff: false,
            is_superuser: false,
            may_give_roles: may_give_roles(&who.active.account),
            is_self: account.id == who.active.account.id,
            problem: None,
        }
    }
}
