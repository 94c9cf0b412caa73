//! Secrets that were just made, such as a token or an invitation, are shown on a page of their own, so that loading it again makes no
//! second one. For these few minutes the browser that asked keeps the secret in a cookie; the database has only its hash, as ever, so any
//! process can answer.
//!
//! The cookie is good for this session alone. The secret in it is masked with a key that only we know, so that what a proxy writes down is of
//! no use later: secrets are 32 random bytes, and so is the mask, which is made from a number that is used once.

use super::error::WebResult;
use super::signed::{mac, session};
use super::visit::{SignedIn, Visit};
use crate::http::cookies;
use crate::random;
use axum::http::HeaderMap;
use axum::response::Response;
use hmac::Mac;

/// How long it can be looked at.
const SECONDS: i64 = 10 * 60;

/// Gives the browser a secret to keep, 64 hexadecimal digits that were made for `what`.
///
/// # Errors
/// When the secret key cannot be read.
pub fn keep(who: &SignedIn, answer: &mut Response, what: &str, secret: &str) -> WebResult<()> {
    let Ok(bytes) = hex::decode(secret) else { return Ok(()) };
    let (once, made) = (random::token()?, who.app.clock.now_secs().to_string());
    let masked = hex::encode(masked(who, &once, &bytes)?);
    let signature = signature(who, what, [&made, &once, &masked])?.finalize().into_bytes();
    let cookie = format!("{made}.{once}.{masked}.{}", hex::encode(signature));
    who.set_cookie(answer.headers_mut(), cookies::SHOWN, &cookie, SECONDS);
    Ok(())
}

/// The secret that was made for `what` in this session some minutes ago.
///
/// # Errors
/// When the secret key cannot be read.
pub fn kept(who: &SignedIn, headers: &HeaderMap, what: &str) -> WebResult<Option<String>> {
    let Some(cookie) = cookies::get(headers, cookies::SHOWN) else { return Ok(None) };
    let mut parts = cookie.splitn(4, '.');
    let [Some(made), Some(once), Some(masked_text), Some(signed)] = std::array::from_fn(|_| parts.next()) else { return Ok(None) };
    let (Ok(signed), Ok(bytes)) = (hex::decode(signed), hex::decode(masked_text)) else { return Ok(None) };
    let is_ours = signature(who, what, [made, once, masked_text])?.verify_slice(&signed).is_ok();
    let is_fresh = made.parse().is_ok_and(|made: i64| (0..SECONDS).contains(&(who.app.clock.now_secs() - made)));
    if is_ours && is_fresh { Ok(Some(hex::encode(masked(who, once, &bytes)?))) } else { Ok(None) }
}

fn signature(visit: &Visit, what: &str, parts: [&str; 3]) -> WebResult<hmac::Hmac<sha2::Sha256>> {
    let [made, once, masked] = parts.map(str::as_bytes);
    mac(visit, &[b"a secret to be shown", session(visit).as_bytes(), what.as_bytes(), made, once, masked])
}

/// Masks a secret, or takes the mask off again.
fn masked(visit: &Visit, once: &str, secret: &[u8]) -> WebResult<Vec<u8>> {
    let mask = mac(visit, &[b"the mask of a secret to be shown", session(visit).as_bytes(), once.as_bytes()])?.finalize().into_bytes();
    Ok(secret.iter().zip(mask).map(|(secret, mask)| secret ^ mask).collect())
}
