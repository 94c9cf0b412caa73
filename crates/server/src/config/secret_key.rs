//! The secret key, as it is configured.

use super::data_root;
use super::secret::Secret;
use super::settings;
use super::source::Reader;
use std::collections::BTreeSet;

/// Keys that stand in published files, where everybody can read them.
const KNOWN_KEYS: &[&str] = &["a_very_secretive_key", "a_relly_secret_key", "a_really_secret_key"];

/// The outer None is an error, the inner one means that the key is to be generated.
#[expect(clippy::option_option, reason = "two different absences")]
pub(super) fn read(reader: &mut Reader) -> Option<Option<Secret>> {
    let Some(key) = reader.secret(settings::SECRET_KEY) else { return Some(None) };
    let text = key.expose();
    let hint = "leave it unset to have one generated, or take the output of `openssl rand -hex 32`";
    // Of 32 random hexadecimal digits, one in three hundred thousand has so few different ones.
    let is_repetitive = text.chars().collect::<BTreeSet<_>>().len() < 9 || repeats(text.as_bytes());
    if KNOWN_KEYS.iter().any(|known| text.contains(known)) {
        reader.refuse(settings::SECRET_KEY, format!("is a well-known example, so anybody could forge logins; {hint}"));
    } else if text.len() < data_root::MIN_KEY_BYTES || is_repetitive {
        reader.refuse(
            settings::SECRET_KEY,
            format!("is too easy to guess: it needs at least {} random bytes; {hint}", data_root::MIN_KEY_BYTES),
        );
    } else {
        return Some(Some(key));
    }
    None
}

/// Whether it is some shorter text again and again.
fn repeats(text: &[u8]) -> bool {
    (1..=text.len() / 2).any(|period| text.iter().zip(text.iter().skip(period)).all(|(a, b)| a == b))
}
