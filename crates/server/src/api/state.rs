//! What the API keeps in memory: logins that were verified a moment ago.

use super::auth::basic::Verified;
use super::auth::jwt::Jwt;
use super::bodies::Bodies;
use super::v2::rate::Rate;
use crate::config::Config;
use std::sync::Arc;
use store::turns::Turns;

/// Only what a process can lose at any time.
pub struct ApiState {
    pub jwt: Jwt,
    pub verified: Verified,
    pub rate: Rate,
    pub bodies: Bodies,
    /// Requests of one account's programs at the same time. Its devices have turns of their own.
    pub turns: Arc<Turns>,
}

impl ApiState {
    /// # Errors
    /// When there is no secret key to be had, or no randomness.
    pub fn new(config: &Config) -> std::io::Result<Self> {
        Ok(Self {
            jwt: Jwt::new(config.secret_key()?.expose()),
            verified: Verified::new()?,
            rate: Rate::new(config.limits.api_requests),
            bodies: Bodies::default(),
            turns: Turns::new(config.limits.account_requests.div_ceil(4)),
        })
    }
}
