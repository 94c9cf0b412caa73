//! Bodies: JSON, also with GET; forms where Django takes them.

use super::error::Refusal;
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::{Map, Value};

/// More than any sensible request. Notes are to be added in several.
const LONGEST: usize = 32 << 20;

/// What a request says in its body. Nothing at all counts as no keys.
pub async fn read(headers: &HeaderMap, body: Body, takes_forms: bool) -> Result<Map<String, Value>, Refusal> {
    let bytes = match Limited::new(body, LONGEST).collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "a request can have at most 32 MiB"));
        }
        Err(_) => return Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, "the request was not sent to its end")),
    };
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    if takes_forms && essence == "application/x-www-form-urlencoded" {
        return Ok(url::form_urlencoded::parse(&bytes).map(|(key, value)| (key.into_owned(), value.into_owned().into())).collect());
    }
    if essence != "application/json" {
        let detail = format!("Unsupported media type \"{content_type:.100}\" in request.");
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Refusal::bad_request("Invalid data. Expected a dictionary.")),
        Err(error) => Err(Refusal::bad_request(format!("JSON parse error - {error}"))),
    }
}
