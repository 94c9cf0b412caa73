//! Who visits a page: anybody, somebody who is logged in, an administrator.

use super::error::{WebError, WebResult};
use super::layout::Layout;
use crate::actions::actor::Actor;
use crate::actions::web_sessions::{Active, COOKIE_SECONDS, Memory, csrf_token};
use crate::app::App;
use crate::http::cookies;
use crate::http::peer::Peer;
use crate::http::proxy_user;
use crate::http::site::Site;
use crate::random;
use askama::Template;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use std::net::IpAddr;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// Anybody.
pub struct Visit {
    pub app: Arc<App>,
    pub site: Site,
    /// Where from.
    pub address: Option<IpAddr>,
    /// The session, if there is a valid one.
    pub active: Option<Active>,
    /// Whom a trusted proxy names.
    pub proxy_user: Option<String>,
    /// What the last page left to tell.
    notice: Option<String>,
    csrf: String,
    /// Whether the browser has another token than `csrf`, or none.
    is_csrf_new: bool,
}

/// Somebody who is logged in.
pub struct SignedIn {
    visit: Visit,
    pub active: Active,
}

/// Somebody who may use the administration pages.
pub struct Staff(SignedIn);

impl Visit {
    /// The frame of a page.
    pub fn layout(&self, title: &str) -> Layout {
        let account = self.active.as_ref().map(|active| &active.account);
        Layout {
            csrf: self.csrf.clone(),
            user: account.map(|account| account.username.clone()),
            is_staff: account.is_some_and(|account| account.is_staff || account.is_superuser),
            notice: self.notice.clone(),
            ..Layout::bare(title, &self.site)
        }
    }

    /// Answers a page.
    ///
    /// # Errors
    /// When the template cannot be filled in.
    pub fn page(&self, template: &impl Template) -> WebResult {
        self.page_with(StatusCode::OK, template)
    }

    /// Answers a page with another status, such as a form that has to be filled in again.
    ///
    /// # Errors
    /// When the template cannot be filled in.
    pub fn page_with(&self, status: StatusCode, template: &impl Template) -> WebResult {
        let mut answer = (status, Html(template.render()?)).into_response();
        if self.is_csrf_new {
            self.set_cookie(answer.headers_mut(), cookies::CSRF, &self.csrf, COOKIE_SECONDS);
        }
        Ok(answer)
    }

    /// Sends the browser to another page of ours, after a form.
    pub fn go(&self, path: &str) -> Response {
        Redirect::to(&self.site.link(path)).into_response()
    }

    /// Begins a session for somebody who has just proved who they are, and goes to a page, which tells what was done.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin_and_go(&self, account: i64, path: &str, notice: Option<String>) -> WebResult {
        let sessions = &self.app.web_sessions;
        let key = sessions.begin(account, self.address).await?;
        if notice.is_some()
            && let Some(active) = sessions.find(&key, self.address).await?
        {
            sessions.remember(&active, &Memory { notice, ..active.memory.clone() }).await?;
        }
        let mut answer = self.go(path);
        self.set_session(&mut answer, &key);
        Ok(answer)
    }

    /// Gives the browser the cookies of a new session.
    pub fn set_session(&self, answer: &mut Response, key: &str) {
        self.set_cookie(answer.headers_mut(), cookies::SESSION, key, COOKIE_SECONDS);
        self.set_cookie(answer.headers_mut(), cookies::CSRF, &csrf_token(key), COOKIE_SECONDS);
    }

    /// Takes the cookies of a session away.
    pub fn remove_session(&self, answer: &mut Response) {
        for name in [cookies::SESSION, cookies::CSRF, cookies::SHOWN] {
            self.set_cookie(answer.headers_mut(), name, "", 0);
        }
    }

    /// A page of ours as a link for other people and programs: under the address in the settings, or else the one that was asked for.
    pub fn public_link(&self, path: &str) -> String {
        match &self.app.config.web.public_url {
            Some(url) => format!("{url}{path}"),
            None => format!("{}{}", self.site.address().trim_end_matches('/'), path),
        }
    }

    /// For what anybody can ask for: so many times from one address.
    ///
    /// # Errors
    /// [`WebError::TryLater`].
    pub async fn slow_down(&self, what: &str) -> WebResult<()> {
        Ok(self.app.accounts.slow_down(what, None, self.address).await?)
    }

    pub(super) fn set_cookie(&self, headers: &mut HeaderMap, name: &str, value: &str, seconds: i64) {
        if let Some(cookie) = cookies::set(&self.site, name, value, seconds) {
            headers.append(header::SET_COOKIE, cookie);
        }
    }

    /// Whether a form's token is the one that we gave to this browser.
    pub fn accepts(&self, token: &str) -> bool {
        match &self.active {
            Some(active) => active.accepts(token),
            // A token that we would have to give out now cannot have come back.
            None => !self.is_csrf_new && bool::from(self.csrf.as_bytes().ct_eq(token.as_bytes())),
        }
    }
}

impl SignedIn {
    /// Sends the browser to another page of ours, which tells what was done.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn go_and_tell(&self, path: &str, notice: impl Into<String>) -> WebResult {
        let memory = Memory { notice: Some(notice.into()), ..self.active.memory.clone() };
        self.app.web_sessions.remember(&self.active, &memory).await?;
        Ok(self.go(path))
    }

    /// The frame of a page of administrators.
    pub fn admin_layout(&self, title: &str, place: &'static str) -> Layout {
        Layout { place, ..self.layout(title) }
    }

    /// Who does it, for the audit log.
    pub fn actor(&self) -> Actor {
        Actor::new(self.active.account.username.clone(), self.address)
    }

    /// Notes that the password was typed just now.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn confirm(&mut self) -> WebResult<()> {
        self.active.memory.confirmed = self.app.clock.now_ms();
        self.visit.active = Some(self.active.clone());
        Ok(self.app.web_sessions.remember(&self.active, &self.active.memory).await?)
    }

    /// For dangerous steps: the password must have been typed lately. `back` is the page to come back to when it has been.
    ///
    /// # Errors
    /// [`WebError::Confirm`].
    pub fn need_password(&self, back: &str) -> WebResult<()> {
        if self.app.web_sessions.is_confirmed(&self.active) { Ok(()) } else { Err(WebError::Confirm(back.to_owned())) }
    }
}

impl Deref for SignedIn {
    type Target = Visit;

    fn deref(&self) -> &Visit {
        &self.visit
    }
}

impl DerefMut for Staff {
    fn deref_mut(&mut self) -> &mut SignedIn {
        &mut self.0
    }
}

impl Deref for Staff {
    type Target = SignedIn;

    fn deref(&self) -> &SignedIn {
        &self.0
    }
}

impl AsRef<Visit> for Visit {
    fn as_ref(&self) -> &Visit {
        self
    }
}

impl AsRef<Visit> for SignedIn {
    fn as_ref(&self) -> &Visit {
        &self.visit
    }
}

impl AsRef<Visit> for Staff {
    fn as_ref(&self) -> &Visit {
        &self.0.visit
    }
}

impl FromRequestParts<Arc<App>> for Visit {
    type Rejection = WebError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> WebResult<Self> {
        let Ok(Peer(address)) = Peer::from_request_parts(parts, app).await;
        let mut active = match cookies::get(&parts.headers, cookies::SESSION) {
            Some(key) => app.web_sessions.find(key, address).await?,
            None => None,
        };
        let proxy_user = proxy_user::of(parts, app).map(str::to_owned);
        active = active.filter(|active| active.is_still_named(proxy_user.as_deref()));
        let mut notice = None;
        if let Some(active) = &mut active
            && parts.method == Method::GET
            && let Some(told) = active.memory.notice.take()
        {
            app.web_sessions.remember(active, &active.memory).await?;
            notice = Some(told);
        }
        let has =
            cookies::get(&parts.headers, cookies::CSRF).filter(|token| token.len() == 64 && token.bytes().all(|b| b.is_ascii_hexdigit()));
        let csrf = match (&active, has) {
            (Some(active), _) => active.csrf_token.clone(),
            (None, Some(token)) => token.to_owned(),
            (None, None) => random::token()?,
        };
        let is_csrf_new = has != Some(csrf.as_str());
        Ok(Self { app: app.clone(), site: Site::of(parts, app), address, active, proxy_user, notice, csrf, is_csrf_new })
    }
}

impl FromRequestParts<Arc<App>> for SignedIn {
    type Rejection = WebError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> WebResult<Self> {
        let visit = Visit::from_request_parts(parts, app).await?;
        let active = visit.active.clone().ok_or(WebError::SignIn)?;
        Ok(Self { visit, active })
    }
}

impl FromRequestParts<Arc<App>> for Staff {
    type Rejection = WebError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> WebResult<Self> {
        let signed_in = SignedIn::from_request_parts(parts, app).await?;
        let account = &signed_in.active.account;
        if account.is_staff || account.is_superuser {
            Ok(Self(signed_in))
        } else {
            Err(WebError::forbidden("These pages are for administrators. Your own account is at /account/."))
        }
    }
}
