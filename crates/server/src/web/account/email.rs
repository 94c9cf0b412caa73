//! `/account/email/`: one's own e-mail address, to which links to choose a password go.

use crate::actions::email::is_fine;
use crate::web::email_changed;
use crate::web::error::{WebError, WebResult};
use crate::web::form::Posted;
use crate::web::layout::Layout;
use crate::web::new_account::NO_EMAIL;
use crate::web::own_password;
use crate::web::problem::Problem;
use crate::web::visit::SignedIn;
use askama::Template;
use axum::http::StatusCode;
use store::main_db::AccountChange;

const HERE: &str = "/account/email/";

#[derive(Template)]
#[template(path = "account_email.html")]
struct EmailPage {
    l: Layout,
    email: String,
    /// Whether links to choose a password are sent at all.
    sends_links: bool,
    asks_password: bool,
    problem: Problem,
}

impl EmailPage {
    fn new(who: &SignedIn, email: &str, asks_password: bool, problem: Problem) -> Self {
        Self {
            l: super::layout(who, "Your e-mail address", "overview"),
            email: email.to_owned(),
            sends_links: who.app.config.web.mail.is_some(),
            asks_password,
            problem,
        }
    }
}

pub async fn show(who: SignedIn) -> WebResult {
    need_own(&who)?;
    let asks = own_password::is_asked(&who, HERE).await?;
    who.page(&EmailPage::new(&who, &who.active.account.email, asks, Problem::none()))
}

pub async fn submit(Posted { mut who, form }: Posted<SignedIn>) -> WebResult {
    need_own(&who)?;
    let email = form.text("email");
    if !is_fine(email) {
        let asks = own_password::is_asked(&who, HERE).await?;
        let page = EmailPage::new(&who, email, asks, Problem::new("email", NO_EMAIL));
        return who.page_with(StatusCode::UNPROCESSABLE_ENTITY, &page);
    }
    if let Err((status, problem)) = own_password::check(&mut who, &form, HERE).await? {
        return who.page_with(status, &EmailPage::new(&who, email, true, problem));
    }
    let account = &who.active.account;
    let change = AccountChange {
        email: email.to_owned(),
        is_staff: account.is_staff,
        is_superuser: account.is_superuser,
        quota_collection_bytes: account.quota_collection_bytes,
        quota_media_bytes: account.quota_media_bytes,
    };
    who.app.accounts.change(account, &change, who.actor()).await?;
    email_changed::tell(&who, account, email);
    let notice = if email.is_empty() { "Your e-mail address is removed." } else { "Your e-mail address is changed." };
    who.go_and_tell("/account/", notice).await
}

/// Where the provider's word about an address opens the account that has it, only administrators say which that is.
fn need_own(who: &SignedIn) -> WebResult<()> {
    if who.app.config.logins.trusts_emails() {
        Err(WebError::forbidden("Here the e-mail address decides whose account it is, so only an administrator can change it."))
    } else {
        Ok(())
    }
}
