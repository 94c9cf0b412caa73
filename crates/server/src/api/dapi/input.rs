//! Bodies: JSON, also with GET; forms where Django takes them.

use super::error::Refusal;
use crate::api::bodies::{BodyError, Held, Sender};
use crate::app::App;
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use serde_json::{Map, Value};

/// More than any sensible request. Notes are to be added in several.
const LONGEST: usize = 32 << 20;
/// A name and a password, or a token: what anybody may send.
const LONGEST_LOGIN: usize = 16 << 10;

/// What a request for tokens says.
pub async fn read_login(app: &App, headers: &HeaderMap, body: Body) -> Result<Map<String, Value>, Refusal> {
    let held = Held::default();
    let bytes = app.api.bodies.read(body, LONGEST_LOGIN, Sender::Unknown, &held).await?;
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if essence(content_type) == "application/x-www-form-urlencoded" {
        return Ok(url::form_urlencoded::parse(&bytes).map(|(key, value)| (key.into_owned(), value.into_owned().into())).collect());
    }
    parsed(app, content_type, bytes, &held).await
}

/// What a request says in its body. Nothing at all counts as no keys. `held` has to live until the request is answered.
pub async fn read(app: &App, headers: &HeaderMap, body: Body, held: &Held) -> Result<Map<String, Value>, Refusal> {
    let bytes = app.api.bodies.read(body, LONGEST, Sender::Known, held).await?;
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    parsed(app, content_type, bytes, held).await
}

async fn parsed(app: &App, content_type: &str, bytes: Bytes, held: &Held) -> Result<Map<String, Value>, Refusal> {
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    if essence(content_type) != "application/json" {
        let detail = format!("Unsupported media type \"{content_type:.100}\" in request.");
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    match app.api.bodies.parse(bytes, held, |json| serde_json::from_slice(json)).await? {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Refusal::bad_request("Invalid data. Expected a dictionary.")),
        Err(error) => Err(Refusal::bad_request(format!("JSON parse error - {error}"))),
    }
}

fn essence(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        let status = match error {
            BodyError::TooLarge(_) | BodyError::TooManyValues => StatusCode::PAYLOAD_TOO_LARGE,
            BodyError::Broken | BodyError::Late => StatusCode::REQUEST_TIMEOUT,
            BodyError::Busy => return Self::unavailable(error.to_string()),
            BodyError::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, error.to_string())
    }
}
