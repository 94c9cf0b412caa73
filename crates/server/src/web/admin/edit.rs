//! `/admin/users/<id>/edit/`: name, e-mail address, roles and quotas.

use super::{steps, target};
use crate::actions::accounts::AccountError;
use crate::actions::administration::may_give_roles;
use crate::actions::email::is_fine;
use crate::actions::username::Username;
use crate::web::email_changed;
use crate::web::error::{WebError, WebResult};
use crate::web::form::{Fields, Posted};
use crate::web::layout::Layout;
use crate::web::new_account::{NO_EMAIL, TAKEN, sentence};
use crate::web::own_password;
use crate::web::problem::Problem;
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
    asks_password: bool,
    problem: Problem,
}

pub async fn show(who: Staff, Path(id): Path<i64>) -> WebResult {
    let account = target::to_change(&who, id).await?;
    // Quotas may be changed without a password.
    let asks_password = matches!(own_password::is_asked(&who, &here(&account)).await, Ok(true));
    let quota = |bytes: Option<i64>| bytes.map(|bytes| (bytes / MB).to_string()).unwrap_or_default();
    who.page(&EditPage {
        id,
        username: account.username.clone(),
        email: account.email.clone(),
        quota_collection: quota(account.quota_collection_bytes),
        quota_media: quota(account.quota_media_bytes),
        is_staff: account.is_staff,
        is_superuser: account.is_superuser,
        ..EditPage::empty(&who, &account, asks_password)
    })
}

pub async fn submit(Path(id): Path<i64>, Posted { mut who, form }: Posted<Staff>) -> WebResult {
    let account = target::to_change(&who, id).await?;
    let again = |who: &Staff, status, asks_password, problem: Problem| {
        let page = EditPage {
            username: form.text("username").to_owned(),
            email: form.text("email").to_owned(),
            quota_collection: form.text("quota_collection").to_owned(),
            quota_media: form.text("quota_media").to_owned(),
            is_staff: form.ticked("is_staff"),
            is_superuser: form.ticked("is_superuser"),
            problem,
            ..EditPage::empty(who, &account, asks_password)
        };
        who.page_with(status, &page)
    };
    let wrong = StatusCode::UNPROCESSABLE_ENTITY;
    let (username, change) = match read(&who, &account, &form) {
        Ok(read) => read,
        Err(problem) => {
            let asks_password = matches!(own_password::is_asked(&who, &here(&account)).await, Ok(true));
            return again(&who, wrong, asks_password, problem);
        }
    };
    let is_about_roles = (change.is_staff, change.is_superuser) != (account.is_staff, account.is_superuser);
    if is_about_roles && account.id == who.active.account.id {
        return Err(WebError::bad_request("You cannot change your own roles, so that somebody is always left who can undo it."));
    }
    // Whoever has the address gets links to choose a password.
    let is_about_logins = username.typed() != account.username || change.email != account.email;
    if (is_about_roles || is_about_logins)
        && let Err((status, problem)) = own_password::check(&mut who, &form, &here(&account)).await?
    {
        return again(&who, status, true, problem);
    }
    if username.typed() != account.username {
        match who.app.accounts.rename(&steps::username(&account)?, &username, who.actor()).await {
            Err(AccountError::NameTaken(_)) => return again(&who, wrong, false, Problem::new("username", TAKEN)),
            outcome => outcome?,
        }
    }
    who.app.accounts.change(&account, &change, who.actor()).await?;
    email_changed::tell(&who, &account, &change.email);
    let notice = match (username.typed() == account.username, change.email == account.email, is_about_roles) {
        (false, ..) => format!("{} is called {} now. Devices stay logged in.", account.username, username.typed()),
        (true, false, false) => "The e-mail address is changed.".to_owned(),
        (true, true, true) => "The roles are changed.".to_owned(),
        _ => format!("What is known about {} is changed.", username.typed()),
    };
    who.go_and_tell(&target::path(&account), notice).await
}

/// What was typed, or what is wrong with it.
fn read(who: &Staff, account: &Account, form: &Fields) -> Result<(Username, AccountChange), Problem> {
    let username = Username::new(form.text("username")).map_err(|e| Problem::new("username", sentence(&e.to_string())))?;
    let email = form.text("email");
    // One that came from elsewhere may stay as it is.
    if email != account.email && !is_fine(email) {
        return Err(Problem::new("email", NO_EMAIL));
    }
    let (is_staff, is_superuser) = match may_give_roles(&who.active.account) {
        true => (form.ticked("is_staff"), form.ticked("is_superuser")),
        false => (account.is_staff, account.is_superuser),
    };
    let quota_collection_bytes = quota("quota_collection", form)?;
    let quota_media_bytes = quota("quota_media", form)?;
    Ok((username, AccountChange { email: email.to_owned(), is_staff, is_superuser, quota_collection_bytes, quota_media_bytes }))
}

/// Megabytes as bytes; nothing is no quota.
fn quota(field: &'static str, form: &Fields) -> Result<Option<i64>, Problem> {
    let text = form.text(field);
    if text.is_empty() {
        return Ok(None);
    }
    match text.parse::<i64>() {
        Ok(megabytes @ 0..=1_000_000_000) => Ok(Some(megabytes * MB)),
        _ => Err(Problem::new(field, "A quota is a whole number of megabytes, or empty for none.")),
    }
}

impl EditPage {
    fn empty(who: &Staff, account: &Account, asks_password: bool) -> Self {
        Self {
            l: who.admin_layout(&format!("Change {}", account.username), "user"),
            id: account.id,
            username: String::new(),
            email: String::new(),
            quota_collection: String::new(),
            quota_media: String::new(),
            is_staff: false,
            is_superuser: false,
            may_give_roles: may_give_roles(&who.active.account),
            is_self: account.id == who.active.account.id,
            asks_password,
            problem: Problem::none(),
        }
    }
}

fn here(account: &Account) -> String {
    format!("{}edit/", target::path(account))
}
