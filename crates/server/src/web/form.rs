//! Forms that were sent: who sent them, that they come from our own page, and their fields.

use super::error::{WebError, WebResult};
use super::visit::Visit;
use crate::app::App;
use crate::http::csrf;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header;
use std::sync::Arc;

/// Far more than any of our forms.
const LONGEST: usize = 64 << 10;

/// A form from our own page, and who sent it.
pub struct Posted<W> {
    pub who: W,
    pub form: Fields,
}

/// A form that may come from elsewhere, or be too old. Nothing may be done with it unless the outcome is fine.
pub struct AnyPosted<W> {
    pub posted: Posted<W>,
    pub outcome: Result<(), csrf::CsrfError>,
}

/// The fields of a form, or of an address.
#[derive(Debug, Clone, Default)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    /// From what stands behind the `?`.
    pub fn parse(text: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(text).into_owned().collect())
    }

    /// What was typed, empty if there is no such field.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value)
    }

    /// The same without blanks around it.
    pub fn text(&self, name: &str) -> &str {
        self.get(name).trim()
    }

    /// As if a field had been left empty.
    pub fn without(mut self, name: &str) -> Self {
        self.0.retain(|(found, _)| found != name);
        self
    }

    /// Whether a box was ticked.
    pub fn ticked(&self, name: &str) -> bool {
        !self.get(name).is_empty()
    }
}

impl<W> FromRequest<Arc<App>> for Posted<W>
where
    W: FromRequestParts<Arc<App>, Rejection = WebError> + AsRef<Visit> + Send,
{
    type Rejection = WebError;

    async fn from_request(request: Request, app: &Arc<App>) -> WebResult<Self> {
        let AnyPosted { posted, outcome } = AnyPosted::from_request(request, app).await?;
        outcome?;
        Ok(posted)
    }
}

impl<W> FromRequest<Arc<App>> for AnyPosted<W>
where
    W: FromRequestParts<Arc<App>, Rejection = WebError> + AsRef<Visit> + Send,
{
    type Rejection = WebError;

    async fn from_request(request: Request, app: &Arc<App>) -> WebResult<Self> {
        let (mut parts, body) = request.into_parts();
        let who = W::from_request_parts(&mut parts, app).await?;
        let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if !kind.starts_with("application/x-www-form-urlencoded") {
            return Err(WebError::bad_request("This is not a form of these pages."));
        }
        let body = axum::body::to_bytes(body, LONGEST).await.map_err(|_| WebError::bad_request("This form is too long, or broke off."))?;
        let form = Fields::parse(&body);
        let visit = who.as_ref();
        let token = Some(form.get(csrf::FIELD)).filter(|token| !token.is_empty());
        let outcome = csrf::check(&parts.headers, &visit.site, token, |token| visit.accepts(token));
        Ok(Self { posted: Posted { who, form }, outcome })
    }
}

impl<S: Sync> FromRequestParts<S> for Fields {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut axum::http::request::Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default().as_bytes()))
    }
}
