//! `/account/password/`: a new password for one's own account.

use crate::actions::accounts::AccountError;
use crate::actions::own_account::LogOut;
use crate::web::confirm::provider_of;
use crate::web::error::{WebError, WebResult};
use crate::web::form::Posted;
use crate::web::layout::Layout;
use crate::web::login::minutes;
use crate::web::new_account::new_password;
use crate::web::problem::Problem;
use crate::web::show;
use crate::web::visit::SignedIn;
use askama::Template;
use axum::http::StatusCode;

const HERE: &str = "/account/password/";

#[derive(Template)]
#[template(path = "account_password.html")]
struct PasswordPage {
    l: Layout,
    username: String,
    /// Somebody who came by another login may have none yet.
    has_password: bool,
    problem: Problem,
    /// The provider of logins, where there is one.
    provider: Option<String>,
    linked: Vec<Linked>,
}

/// A login elsewhere that belongs to the account.
struct Linked {
    digest: String,
    label: String,
    last_used: String,
}

pub async fn show(who: SignedIn) -> WebResult {
    may_choose(&who).await?;
    answer(&who, StatusCode::OK, Problem::none()).await
}

/// Without a password, the provider must vouch that it is still the same person who chooses one.
async fn may_choose(who: &SignedIn) -> WebResult<()> {
    if !who.app.accounts.has_password(&who.active.account).await? && provider_of(who).await?.is_some() {
        who.need_password(HERE)?;
    }
    Ok(())
}

async fn answer(who: &SignedIn, status: StatusCode, problem: Problem) -> WebResult {
    let has_password = who.app.accounts.has_password(&who.active.account).await?;
    let title = if has_password { "Change your password" } else { "Choose a password" };
    let username = who.active.account.username.clone();
    let now = who.app.clock.now_ms();
    let linked = who.app.main.identities(who.active.account.id).await?.into_iter().map(|identity| Linked {
        digest: identity.digest,
        label: identity.label,
        last_used: show::ago(identity.last_used, now),
    });
    let (provider, linked) = (who.app.config.logins.oidc.as_ref().map(|oidc| oidc.name.clone()), linked.collect());
    who.page_with(status, &PasswordPage { l: super::layout(who, title, "password"), username, has_password, problem, provider, linked })
}

pub async fn submit(Posted { who, form }: Posted<SignedIn>) -> WebResult {
    may_choose(&who).await?;
    let (accounts, account) = (&who.app.accounts, &who.active.account);
    let password = match new_password(&form, &[&account.username, &account.email]) {
        Ok(password) => password,
        Err(problem) => return answer(&who, StatusCode::UNPROCESSABLE_ENTITY, problem).await,
    };
    if accounts.has_password(account).await? {
        match accounts.verify_login(&account.username, form.get("old").to_owned(), who.address).await {
            Ok(_) => {}
            Err(AccountError::WrongLogin | AccountError::Disabled) => {
                return answer(&who, StatusCode::UNPROCESSABLE_ENTITY, Problem::new("old", "The old password is not right.")).await;
            }
            Err(AccountError::TryLater(seconds)) => {
                let problem = format!("Too many attempts. Try again in {}.", minutes(seconds));
                return answer(&who, StatusCode::TOO_MANY_REQUESTS, Problem::new("old", problem)).await;
            }
            Err(other) => return Err(other.into()),
        }
    }
    let log_out = LogOut { devices: form.ticked("devices"), tokens: form.ticked("tokens"), browsers: form.ticked("browsers") };
    let ended = accounts.change_own_password(account, &who.active.session, password, log_out, who.actor()).await?;
    who.go_and_tell(HERE, format!("Your password is changed. {}", show::ended(&ended))).await
}

pub async fn unlink(Posted { who, form }: Posted<SignedIn>) -> WebResult {
    who.need_password(HERE)?;
    if !who.app.accounts.has_password(&who.active.account).await? {
        return Err(WebError::bad_request("Choose a password first: without one, this login is your only way in."));
    }
    let found = who.app.accounts.unlink(&who.active.account, form.get("login"), &who.actor()).await?;
    who.go_and_tell(HERE, if found { "That login is not linked any more." } else { "There is no such login." }).await
}
