//! Refusals in the shapes of Django REST framework.

use crate::actions::edit_collection::EditError;
use crate::api::auth::AuthError;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use store::StoreError;

/// A refused request.
#[derive(Debug)]
pub struct Refusal {
    pub status: StatusCode,
    pub body: Value,
    /// Seconds.
    retry_after: Option<i64>,
    /// Methods that there are.
    allow: Option<&'static str>,
}

impl Refusal {
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, body: json!({"detail": detail.into()}), retry_after: None, allow: None }
    }

    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// What is wrong with single fields of the request.
    pub fn fields(fields: &[(&str, &str)]) -> Self {
        let body = fields.iter().map(|(field, reason)| ((*field).to_owned(), json!([reason]))).collect();
        Self { body: Value::Object(body), ..Self::bad_request("") }
    }

    pub fn wrong_method(method: &str, allow: &'static str) -> Self {
        let refusal = Self::new(StatusCode::METHOD_NOT_ALLOWED, format!("Method \"{method}\" not allowed."));
        Self { allow: Some(allow), ..refusal }
    }

    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self { retry_after: Some(10), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, detail) }
    }
}

impl From<AuthError> for Refusal {
    fn from(error: AuthError) -> Self {
        let unauthorized = |detail: &str| Self::new(StatusCode::UNAUTHORIZED, detail);
        let with_code = |detail: &str, code: &str| Self { body: json!({"detail": detail, "code": code}), ..unauthorized("") };
        match error {
            AuthError::Missing => unauthorized("Authentication credentials were not provided."),
            AuthError::BadToken => Self {
                body: json!({
                    "detail": "Given token not valid for any token type",
                    "code": "token_not_valid",
                    "messages": [{"token_class": "AccessToken", "token_type": "access", "message": "Token is invalid or expired"}],
                }),
                ..unauthorized("")
            },
            AuthError::UserGone => with_code("User not found", "user_not_found"),
            AuthError::UserDisabled => with_code("User is inactive", "user_inactive"),
            AuthError::BadLogin => unauthorized("Invalid username/password."),
            AuthError::BadHeader(reason) => unauthorized(reason),
            AuthError::Csrf => Self::new(StatusCode::FORBIDDEN, "CSRF Failed: CSRF token missing or incorrect."),
            AuthError::TryLater(seconds) => {
                let detail = format!("Request was throttled. Expected available in {seconds} seconds.");
                Self { retry_after: Some(seconds), ..Self::new(StatusCode::TOO_MANY_REQUESTS, detail) }
            }
            AuthError::Store(error) => error.into(),
            AuthError::Busy(reason) => Self::unavailable(reason),
        }
    }
}

impl From<EditError> for Refusal {
    fn from(error: EditError) -> Self {
        match error {
            EditError::InProgress(_) => Self::unavailable(error.to_string()),
            EditError::Full(_) => Self::new(StatusCode::PAYLOAD_TOO_LARGE, error.to_string()),
            EditError::Problem(problem) => Self::bad_request(problem.to_string()),
            EditError::Store(error) => error.into(),
            EditError::Internal(reason) => internal(&reason),
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        if error.is_passing() {
            tracing::warn!(%error, "an API request has to be repeated");
            return Self::unavailable("the database cannot answer at the moment; try again");
        }
        internal(&error.to_string())
    }
}

fn internal(reason: &str) -> Refusal {
    tracing::error!(reason, "an API request failed");
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "the server has failed; its log says why")
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.status, axum::Json(self.body)).into_response();
        let headers = response.headers_mut();
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"api\""));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if let Some(allow) = self.allow {
            headers.insert(header::ALLOW, HeaderValue::from_static(allow));
        }
        response
    }
}
