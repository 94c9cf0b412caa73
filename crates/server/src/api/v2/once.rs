//! `Idempotency-Key`: a creation that is sent again, because its answer was lost, is answered as the first time and not done again. What
//! was answered is written in the transaction of the change itself, and kept for a day.

use super::problem::{Answer, Problem};
use super::request::Api;
use crate::actions::edit_collection::{Change, Edit, Once, OnceDone};
use axum::http::HeaderMap;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

const HEADER: &str = "idempotency-key";

/// Makes a change, once per key. `request` is what was asked for, `show` makes the answer of what was done.
pub async fn edit_once<C, F>(api: &Api, headers: &HeaderMap, what: &str, request: &impl Serialize, change: C, show: F) -> Answer<Value>
where
    C: Change,
    F: Fn(&Edit, &C::Done) -> Value + Send + Sync,
{
    let Some(key) = headers.get(HEADER) else {
        let plain = Once { key: None, change, show };
        return match api.edit(&plain).await? {
            OnceDone::Now(answer) | OnceDone::Before(answer) => Ok(answer),
            OnceDone::Different => Err(Problem::internal("a change without a key was taken for another")),
        };
    };
    let key = key.to_str().ok().filter(|key| (1..=255).contains(&key.len()));
    let key = key.ok_or_else(|| Problem::invalid("Idempotency-Key", "1 to 255 printable characters"))?;
    let request = serde_json::to_string(request).unwrap_or_default();
    let digest = |text: &str| hex::encode(Sha256::digest(text));
    let once = Once { key: Some((digest(&format!("{what} {key}")), digest(&request))), change, show };
    match api.edit(&once).await? {
        OnceDone::Now(answer) | OnceDone::Before(answer) => Ok(answer),
        OnceDone::Different => Err(Problem::reused_key("send another key with another request")),
    }
}
