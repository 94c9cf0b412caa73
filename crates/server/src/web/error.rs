//! How a page is refused.

use crate::actions::accounts::AccountError;
use crate::http::csrf::CsrfError;
use crate::passwords::PasswordError;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use store::StoreError;

/// A refusal. [`super::finish`] makes a page of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebError {
    /// Somebody has to log in first.
    SignIn,
    /// The password has to be typed again first; then the browser goes to this page.
    Confirm(String),
    Forbidden(String),
    NotFound,
    /// Nothing can be sent there.
    Method,
    /// There is an administrator already, or at least a user.
    SetUpAlready,
    BadRequest(String),
    Conflict(String),
    /// Too many attempts; the seconds until the next.
    TryLater(i64),
    /// Another server did not do what we need.
    Elsewhere(String),
    /// Passes by itself.
    Unavailable,
    /// Our fault; the log says what it was.
    Internal,
}

/// The result of a handler.
pub type WebResult<T = Response> = Result<T, WebError>;

impl WebError {
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::Forbidden(message.into())
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::BadRequest(message.into())
    }
}

impl IntoResponse for WebError {
    fn into_response(self) -> Response {
        let mut answer = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        answer.extensions_mut().insert(self);
        answer
    }
}

impl From<StoreError> for WebError {
    fn from(error: StoreError) -> Self {
        if error.is_passing() {
            tracing::warn!(%error, "a page cannot be made now");
            Self::Unavailable
        } else {
            tracing::error!(%error, "a page cannot be made");
            Self::Internal
        }
    }
}

impl From<AccountError> for WebError {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::Store(error) => error.into(),
            AccountError::NoSuchUser(_) => Self::NotFound,
            AccountError::TryLater(seconds) => Self::TryLater(seconds),
            AccountError::Hashing(PasswordError::Busy) => Self::Unavailable,
            AccountError::Hashing(_) | AccountError::Io(_) => {
                tracing::error!(%error, "a page cannot be made");
                Self::Internal
            }
            // The others are about what was typed, and their texts are for people.
            other => Self::BadRequest(other.to_string()),
        }
    }
}

impl From<std::io::Error> for WebError {
    fn from(error: std::io::Error) -> Self {
        tracing::error!(%error, "a page cannot be made");
        Self::Internal
    }
}

impl From<askama::Error> for WebError {
    fn from(error: askama::Error) -> Self {
        tracing::error!(%error, "a template cannot be filled in");
        Self::Internal
    }
}

impl From<CsrfError> for WebError {
    fn from(error: CsrfError) -> Self {
        Self::Forbidden(match error {
            CsrfError::ForeignOrigin => "This form was sent from another site, so nothing was done.".into(),
            CsrfError::Token => "This form is too old, or your browser does not keep cookies, so nothing was done. Go back, load the page again, and send it again.".into(),
        })
    }
}
