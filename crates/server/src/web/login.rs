//! Logging in and out.

use super::error::WebResult;
use super::form::{AnyPosted, Fields, Posted};
use super::layout::Layout;
use super::next;
use super::visit::{SignedIn, Visit};
use crate::actions::accounts::AccountError;
use crate::actions::actor::Actor;
use crate::actions::web_sessions::Via;
use crate::http::csrf::CsrfError;
use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    l: Layout,
    username: String,
    next: String,
    problem: Option<String>,
    may_join: bool,
    may_forget: bool,
    /// What to call the provider of logins, and the way to it.
    provider: Option<(String, String)>,
    proxy_user: Option<String>,
}

impl LoginPage {
    fn new(visit: &Visit, username: String, next: String, problem: Option<String>) -> Self {
        let web = &visit.app.config.web;
        Self {
            l: visit.layout("Log in"),
            username,
            problem,
            may_join: web.signup_open,
            may_forget: web.mail.is_some(),
            provider: visit
                .app
                .config
                .logins
                .oidc
                .as_ref()
                .map(|oidc| (oidc.name.clone(), visit.site.link(&next::with_next("/login/oidc/", Some(&next))))),
            proxy_user: visit.proxy_user.clone(),
            next,
        }
    }
}

pub async fn show(visit: Visit, query: Fields) -> WebResult {
    let next = next::safe(query.get("next")).unwrap_or("/").to_owned();
    if visit.active.is_some() {
        return Ok(visit.go(&next));
    }
    match &visit.proxy_user {
        // Somebody who has just logged out is not logged in again at once.
        Some(name) if query.get("stay").is_empty() => log_in_by_proxy(&visit, name, &next).await,
        _ => {
            let mut page = LoginPage::new(&visit, String::new(), next, None);
            page.l.notice = told(query.get("told")).map(str::to_owned).or(page.l.notice);
            visit.page(&page)
        }
    }
}

/// What there is to say to somebody who was sent here. Sessions are over then, so it cannot be remembered there.
fn told(what: &str) -> Option<&'static str> {
    match what {
        "late" => Some("You were logged out meanwhile, so nothing was changed. Log in, then send it again."),
        "out" => Some("You are logged out."),
        "password" => Some("Your password is changed. Log in with the new one."),
        "gone" => Some("Your account is deleted. Its collection and media are being removed."),
        _ => None,
    }
}

async fn log_in_by_proxy(visit: &Visit, name: &str, next: &str) -> WebResult {
    let actor = Actor::new(name, visit.address);
    let account = visit.app.accounts.by_proxy(name, visit.app.config.logins.proxy_creates, &actor).await?;
    let key = visit.app.web_sessions.begin_via(account.id, visit.address, Via::Proxy).await?;
    tracing::info!(account = %account.username, "logged in to the pages by the proxy");
    let mut answer = visit.go(next);
    visit.set_session(&mut answer, &key);
    Ok(answer)
}

pub async fn submit(AnyPosted { posted: Posted { who: visit, form }, outcome }: AnyPosted<Visit>) -> WebResult {
    let next = next::safe(form.get("next")).unwrap_or("/").to_owned();
    let username = form.text("username").to_owned();
    match outcome {
        Ok(()) => {}
        // From before another tab logged in.
        Err(CsrfError::Token) if visit.active.is_some() => return Ok(visit.go(&next)),
        Err(CsrfError::Token) => {
            let problem = "This form was too old, or your browser does not keep cookies. Please try once more.";
            return visit.page_with(StatusCode::FORBIDDEN, &LoginPage::new(&visit, username, next, Some(problem.to_owned())));
        }
        Err(foreign) => return Err(foreign.into()),
    }
    let account = match visit.app.accounts.verify_login(&username, form.get("password").to_owned(), visit.address).await {
        Ok(account) => account,
        Err(error) => return refuse(&visit, username, next, error),
    };
    if let Some(old) = &visit.active {
        visit.app.web_sessions.end(&old.session).await?;
    }
    let key = visit.app.web_sessions.begin(account.id, visit.address).await?;
    tracing::info!(account = %account.username, "logged in to the pages");
    let mut answer = visit.go(&next);
    visit.set_session(&mut answer, &key);
    Ok(answer)
}

fn refuse(visit: &Visit, username: String, next: String, error: AccountError) -> WebResult {
    let (status, problem, wait) = match error {
        // The same for an account that does not exist, has another password, or is disabled.
        AccountError::WrongLogin | AccountError::Disabled => {
            (StatusCode::UNPROCESSABLE_ENTITY, "The username or the password is not right.".to_owned(), None)
        }
        AccountError::TryLater(seconds) => {
            (StatusCode::TOO_MANY_REQUESTS, format!("Too many attempts. Try again in {}.", minutes(seconds)), Some(seconds))
        }
        other => return Err(other.into()),
    };
    let mut answer = visit.page_with(status, &LoginPage::new(visit, username, next, Some(problem)))?;
    if let Some(seconds) = wait {
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    Ok(answer)
}

/// A waiting time as people say it.
pub fn minutes(seconds: i64) -> String {
    match (seconds + 59) / 60 {
        ..=1 => "a minute".to_owned(),
        n => format!("{n} minutes"),
    }
}

pub async fn log_out(Posted { who, .. }: Posted<SignedIn>) -> WebResult {
    who.app.web_sessions.end(&who.active.session).await?;
    let mut answer = who.go(if who.proxy_user.is_some() { "/login/?stay=1&told=out" } else { "/login/?told=out" });
    who.remove_session(&mut answer);
    Ok(answer)
}
