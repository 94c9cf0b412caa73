//! JSON Web Tokens as the original gave them out: HS256 with the secret key, access for five minutes, refresh for a day.
//!
//! One claim more than the original's: `djs`, made from the stored hash of the password. A changed password so ends all of them.

use super::AuthError;
use crate::app::App;
use crate::random;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use store::main_db::Account;

const ACCESS_SECONDS: i64 = 5 * 60;
const REFRESH_SECONDS: i64 = 24 * 60 * 60;

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Access,
    Refresh,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Refresh => "refresh",
        }
    }
}

/// Signs and checks.
pub struct Jwt {
    key: Vec<u8>,
}

struct Claims {
    user: i64,
    password: String,
}

impl Jwt {
    pub fn new(secret_key: &str) -> Self {
        Self { key: secret_key.as_bytes().to_vec() }
    }

    /// A token for an account whose password has this hash.
    ///
    /// # Errors
    /// When there is no randomness to be had.
    pub fn issue(&self, kind: Kind, account: i64, password_hash: &str, now_secs: i64) -> std::io::Result<String> {
        let life = if kind == Kind::Access { ACCESS_SECONDS } else { REFRESH_SECONDS };
        let id = hex::encode(random::bytes::<16>()?);
        let claims =
            json!({"token_type": kind.name(), "exp": now_secs + life, "jti": id, "user_id": account, "djs": fingerprint(password_hash)});
        let head = BASE64.encode(r#"{"typ":"JWT","alg":"HS256"}"#);
        let signed = format!("{head}.{}", BASE64.encode(claims.to_string()));
        let signature = BASE64.encode(self.sign(&signed).finalize().into_bytes());
        Ok(format!("{signed}.{signature}"))
    }

    /// What a token says, if it is ours, of this kind, and has not run out.
    fn check(&self, kind: Kind, token: &str, now_secs: i64) -> Option<Claims> {
        let (signed, signature) = token.rsplit_once('.')?;
        let signature = BASE64.decode(signature).ok()?;
        self.sign(signed).verify_slice(&signature).ok()?;
        let (head, claims) = signed.split_once('.')?;
        let parse = |part: &str| serde_json::from_slice::<Value>(&BASE64.decode(part).ok()?).ok();
        if parse(head)?["alg"] != "HS256" {
            return None;
        }
        let claims = parse(claims)?;
        if claims["token_type"] != kind.name() || claims["exp"].as_i64()? <= now_secs {
            return None;
        }
        Some(Claims { user: claims["user_id"].as_i64()?, password: claims["djs"].as_str()?.to_owned() })
    }

    fn sign(&self, text: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        mac.update(text.as_bytes());
        mac
    }
}

/// Whose token this is.
///
/// # Errors
/// [`AuthError::BadToken`] for one that is not valid any more, [`AuthError::UserGone`], [`AuthError::UserDisabled`].
pub async fn account_of(app: &App, token: &str, kind: Kind) -> Result<Account, AuthError> {
    account_and_hash(app, token, kind).await.map(|(account, _)| account)
}

/// The same, with the hash of the password.
pub async fn account_and_hash(app: &App, token: &str, kind: Kind) -> Result<(Account, String), AuthError> {
    let claims = app.api.jwt.check(kind, token, app.clock.now_secs()).ok_or(AuthError::BadToken)?;
    let (account, hash) = app.main.account_by_id_with_password(claims.user).await?.ok_or(AuthError::UserGone)?;
    if !account.is_active {
        return Err(AuthError::UserDisabled);
    }
    if fingerprint(&hash) != claims.password {
        return Err(AuthError::BadToken);
    }
    Ok((account, hash))
}

/// Changes with the password and tells nothing about it.
pub(super) fn fingerprint(password_hash: &str) -> String {
    hex::encode(&Sha256::digest(format!("login of {password_hash}"))[..12])
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_of_one_kind_one_key_and_run_out() {
        let jwt = Jwt::new("0123456789abcdef0123456789abcdef");
        let token = jwt.issue(Kind::Access, 7, "hash", 1000).unwrap();
        assert_eq!(jwt.check(Kind::Access, &token, 1299).unwrap().user, 7);
        assert!(jwt.check(Kind::Access, &token, 1300).is_none());
        assert!(jwt.check(Kind::Refresh, &token, 1000).is_none());
        assert!(Jwt::new("another").check(Kind::Access, &token, 1000).is_none());
        let (signed, _) = token.rsplit_once('.').unwrap();
        let (_, claims) = signed.split_once('.').unwrap();
        let none = format!("{}.{claims}.", BASE64.encode(r#"{"alg":"none"}"#));
        for bad in ["", ".", "..", "a.b.c", &none, &format!("{token}x"), signed] {
            assert!(jwt.check(Kind::Access, bad, 1000).is_none(), "{bad}");
        }
    }
}
