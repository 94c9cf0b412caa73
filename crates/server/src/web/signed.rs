//! What browsers keep for us in cookies is signed with the secret key, and so is what it belongs to: a session, a purpose.

use super::error::{WebError, WebResult};
use super::visit::Visit;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// A signature of these parts, whose borders count. The first says what it is for.
///
/// # Errors
/// When the secret key cannot be read.
pub fn mac(visit: &Visit, parts: &[&[u8]]) -> WebResult<Hmac<Sha256>> {
    let key = visit.app.config.secret_key()?;
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes()).map_err(|_| WebError::Internal)?;
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    Ok(mac)
}

/// The session that something belongs to, or nothing.
pub fn session(visit: &Visit) -> &str {
    visit.active.as_ref().map_or("", |active| active.session.digest.as_str())
}
