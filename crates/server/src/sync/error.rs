//! How a sync request is refused. Clients look at the status only, and act on it: see the README of this folder.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use store::StoreError;
use store::repeat::{Repeatable, Repetition};
use store::turns::TooMany;

/// A refused request: the status that tells the client what to do, and the reason, which goes into our log.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{status}: {reason}")]
pub struct SyncError {
    pub status: StatusCode,
    pub reason: String,
    /// Whether the transaction that failed is worth repeating.
    repetition: Repetition,
}

/// The result of a step of the protocol.
pub type SyncResult<T> = Result<T, SyncError>;

impl SyncError {
    fn new(status: StatusCode, reason: impl Into<String>) -> Self {
        Self { status, reason: reason.into(), repetition: Repetition::Never }
    }

    /// 400: the request is not what the protocol says. The client offers its user a database check and a one-way sync, so this is
    /// never the answer to a passing fault.
    pub fn bad_request(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, reason)
    }

    /// 403: the key or password is wrong. The client forgets its login.
    pub fn forbidden(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, reason)
    }

    /// 404: no such path or method.
    pub fn not_found(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, reason)
    }

    /// 408: the client stopped sending.
    pub fn timed_out(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, reason)
    }

    /// 409: this sync is not, or no longer, the running one. The client rolls back and tells its user to try again.
    pub fn conflict(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, reason)
    }

    /// 413: more than the limits of this server allow.
    pub fn too_large(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, reason)
    }

    /// 501: the protocol version is not one that we speak.
    pub fn client_too_old(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_IMPLEMENTED, reason)
    }

    /// 503: not now. The client tells its user to try later.
    pub fn unavailable(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, reason)
    }

    /// 500: our fault.
    pub fn internal(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, reason)
    }
}

impl From<TooMany> for SyncError {
    fn from(error: TooMany) -> Self {
        Self::unavailable(error.to_string())
    }
}

impl From<StoreError> for SyncError {
    fn from(error: StoreError) -> Self {
        let refused = if error.is_passing() { Self::unavailable(error.to_string()) } else { Self::internal(error.to_string()) };
        Self { repetition: error.repetition(), ..refused }
    }
}

impl Repeatable for SyncError {
    fn repetition(&self) -> Repetition {
        self.repetition
    }
}

impl From<std::io::Error> for SyncError {
    fn from(error: std::io::Error) -> Self {
        // Our own files: a full or failing disk. Mended by the operator, not by the client.
        Self::unavailable(format!("file system: {error}"))
    }
}

impl From<tokio::task::JoinError> for SyncError {
    fn from(error: tokio::task::JoinError) -> Self {
        Self::internal(format!("a background task failed: {error}"))
    }
}

impl IntoResponse for SyncError {
    fn into_response(self) -> Response {
        // As the official server does, only the number: the reason is for the operator.
        let mut response = (self.status, self.status.as_u16().to_string()).into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("10"));
        }
        response
    }
}
