//! `/account/leave/`: deleting one's own account, after saying what will be lost.

use crate::web::admin::delete::Losses;
use crate::web::error::{WebError, WebResult};
use crate::web::form::Posted;
use crate::web::layout::Layout;
use crate::web::own_password;
use crate::web::problem::Problem;
use crate::web::visit::SignedIn;
use askama::Template;
use axum::http::StatusCode;

const HERE: &str = "/account/leave/";

#[derive(Template)]
#[template(path = "account_leave.html")]
struct LeavePage {
    l: Layout,
    username: String,
    lost: Losses,
    asks_password: bool,
    problem: Problem,
}

impl LeavePage {
    async fn new(who: &SignedIn, asks_password: bool, problem: Problem) -> WebResult<Self> {
        let account = &who.active.account;
        Ok(Self {
            l: super::layout(who, "Delete your account", "overview"),
            username: account.username.clone(),
            lost: Losses::of(who, account).await?,
            asks_password,
            problem,
        })
    }
}

pub async fn show(who: SignedIn) -> WebResult {
    need_user(&who)?;
    let asks = own_password::is_asked(&who, HERE).await?;
    who.page(&LeavePage::new(&who, asks, Problem::none()).await?)
}

pub async fn submit(Posted { mut who, form }: Posted<SignedIn>) -> WebResult {
    need_user(&who)?;
    if form.text("username") != who.active.account.username {
        let asks = own_password::is_asked(&who, HERE).await?;
        let problem = Problem::new("username", "That is another name, so nothing was deleted.");
        return who.page_with(StatusCode::UNPROCESSABLE_ENTITY, &LeavePage::new(&who, asks, problem).await?);
    }
    if let Err((status, problem)) = own_password::check(&mut who, &form, HERE).await? {
        return who.page_with(status, &LeavePage::new(&who, true, problem).await?);
    }
    who.app.accounts.begin_deletion(&who.active.account, who.actor()).await?;
    let mut answer = who.go("/login/?told=gone&stay=1");
    who.remove_session(&mut answer);
    Ok(answer)
}

/// Somebody is always left who can look after the others.
fn need_user(who: &SignedIn) -> WebResult<()> {
    let account = &who.active.account;
    if account.is_staff || account.is_superuser {
        Err(WebError::forbidden("Accounts of administrators are deleted by another administrator, so that somebody is always left."))
    } else {
        Ok(())
    }
}
