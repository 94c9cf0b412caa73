//! What the API keeps in memory: logins that were verified a moment ago.

use super::auth::basic::Verified;
use super::auth::jwt::Jwt;
use super::v2::rate::Rate;
use crate::config::Config;

/// Only what a process can lose at any time.
pub struct ApiState {
    pub jwt: Jwt,
    pub verified: Verified,
    pub rate: Rate,
}

impl ApiState {
    /// # Errors
    /// When there is no secret key to be had, or no randomness.
    pub fn new(config: &Config) -> std::io::Result<Self> {
        Ok(Self { jwt: Jwt::new(config.secret_key()?.expose()), verified: Verified::new()?, rate: Rate::new(config.limits.api_requests) })
    }
}
