//! Refusals as `application/problem+json` (RFC 9457), naming the part of the request that is wrong.

use crate::actions::edit_collection::{self, EditError};
use crate::api::auth::AuthError;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use store::StoreError;

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Problem {
    /// What kind of problem it is, for programs. The list is part of the promise of this API.
    #[schema(example = "invalid")]
    pub code: &'static str,
    /// The same for people.
    pub title: &'static str,
    pub status: u16,
    /// What exactly is wrong here.
    pub detail: String,
    /// The part of the request that is wrong, such as `notes[3].fields.Front`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Where in a search the wrong part begins, in characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<u16>,
    /// The note that has the same first field, for the code `duplicate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<i64>,
    /// Seconds after which to try again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<i64>,
}

/// The result of a request.
pub type Answer<T> = Result<T, Problem>;

macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident, $status:ident, $code:literal, $title:literal;)*) => {$(
        $(#[$doc])*
        pub fn $name(detail: impl Into<String>) -> Self {
            Self::new(StatusCode::$status, $code, $title, detail)
        }
    )*};
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        Self { code, title, status: status.as_u16(), detail: detail.into(), field: None, position: None, note: None, retry_after: None }
    }

    problems! {
        /// 400
        malformed, BAD_REQUEST, "malformed", "The request cannot be read";
        /// 401
        unauthorized, UNAUTHORIZED, "unauthorized", "Who are you?";
        /// 403
        forbidden, FORBIDDEN, "forbidden", "This login may not do that";
        /// 404
        not_found, NOT_FOUND, "not_found", "There is no such thing";
        /// 405
        wrong_method, METHOD_NOT_ALLOWED, "wrong_method", "That cannot be done here";
        /// 408
        timed_out, REQUEST_TIMEOUT, "timed_out", "The request was not sent to its end";
        /// 409
        conflict, CONFLICT, "conflict", "Something is in the way";
        /// 409
        one_way_sync, CONFLICT, "needs_one_way_sync", "Every device would need a one-way sync";
        /// 412
        changed, PRECONDITION_FAILED, "changed", "It was changed meanwhile";
        /// 413
        too_large, PAYLOAD_TOO_LARGE, "too_large", "Too much for one request";
        /// 413
        quota, PAYLOAD_TOO_LARGE, "quota", "There is no room for more";
        /// 415
        media_type, UNSUPPORTED_MEDIA_TYPE, "media_type", "Not a form that is understood";
        /// 422
        reused_key, UNPROCESSABLE_ENTITY, "reused_key", "This Idempotency-Key was used for something else";
        /// 500
        internal, INTERNAL_SERVER_ERROR, "internal", "The server has failed";
    }

    /// 422: one part of the request is wrong.
    pub fn invalid(field: impl Into<String>, reason: impl Into<String>) -> Self {
        let problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", "The request cannot be done as it is", reason);
        Self { field: Some(field.into()), ..problem }
    }

    /// 429
    pub fn too_many(seconds: i64, detail: impl Into<String>) -> Self {
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many", "Too many requests", detail);
        Self { retry_after: Some(seconds), ..problem }
    }

    /// 503: passes by itself.
    pub fn unavailable(code: &'static str, detail: impl Into<String>) -> Self {
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, code, "Not at the moment", detail);
        Self { retry_after: Some(5), ..problem }
    }

    /// The same, with the character of a search at which the wrong part begins.
    pub fn at(self, position: usize) -> Self {
        // Searches are shorter than that.
        Self { position: u16::try_from(position).ok(), ..self }
    }

    /// The same, naming the part of the request.
    pub fn about(self, field: impl Into<String>) -> Self {
        Self { field: Some(field.into()), ..self }
    }
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        let detail = error.to_string();
        match error {
            AuthError::Csrf => Self::forbidden(detail),
            AuthError::TryLater(seconds) => Self::too_many(seconds, detail),
            AuthError::Store(error) => error.into(),
            AuthError::Busy(detail) => Self::unavailable("busy", detail),
            _ => Self::unauthorized(detail),
        }
    }
}

impl From<edit_collection::Problem> for Problem {
    fn from(problem: edit_collection::Problem) -> Self {
        use edit_collection::Problem as P;
        let detail = problem.to_string();
        match problem {
            P::Invalid { field, reason } => Self::invalid(field, reason),
            P::NotFound { .. } => Self::not_found(detail),
            P::Duplicate { field, note } => {
                let problem = Self::new(StatusCode::CONFLICT, "duplicate", "There is such a note already", detail);
                Self { field: Some(field), note, ..problem }
            }
            P::Empty { field } => Self::invalid(field, "the first field is empty"),
            P::NameTaken { field, .. } => Self::new(StatusCode::CONFLICT, "name_taken", "The name is taken", detail).about(field),
            P::Changed { .. } => Self::changed(detail),
        }
    }
}

impl From<EditError> for Problem {
    fn from(error: EditError) -> Self {
        match error {
            EditError::InProgress(_) => Self::unavailable("sync_in_progress", error.to_string()),
            EditError::Full(_) => Self::quota(error.to_string()),
            EditError::Problem(problem) => problem.into(),
            EditError::Store(error) => error.into(),
            EditError::Internal(reason) => failed(&reason),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        if error.is_passing() {
            tracing::warn!(%error, "an API request has to be repeated");
            return Self::unavailable("database", "the database cannot answer at the moment");
        }
        failed(&error.to_string())
    }
}

impl From<std::io::Error> for Problem {
    fn from(error: std::io::Error) -> Self {
        tracing::warn!(%error, "an API request failed at a file");
        Self::unavailable("storage", "the server's storage cannot answer at the moment")
    }
}

impl From<tokio::task::JoinError> for Problem {
    fn from(error: tokio::task::JoinError) -> Self {
        failed(&error.to_string())
    }
}

fn failed(reason: &str) -> Problem {
    tracing::error!(reason, "an API request failed");
    Problem::internal("its log says why")
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry_after = self.retry_after;
        let mut response = (status, axum::Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"api\""));
        }
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}
