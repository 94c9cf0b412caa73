//! `hostKey`: a name and a password for a key that the client keeps.

use super::error::{SyncError, SyncResult};
use super::incoming::Incoming;
use crate::actions::accounts::AccountError;
use crate::actions::username::Username;
use crate::app::App;
use anki::wire::login::{LoginRequest, login_answer};
use std::net::IpAddr;

/// Bytes of a login request.
const LIMIT: u64 = 64 << 10;

/// Answers the key. `username` is set as soon as it is known, for the log.
pub async fn host_key(app: &App, incoming: &mut Incoming, address: Option<IpAddr>, username: &mut String) -> SyncResult<Vec<u8>> {
    let body = incoming.payload(LIMIT).await?;
    let request = LoginRequest::parse(&body).map_err(|e| SyncError::bad_request(e.to_string()))?;
    // What cannot be a name is nobody's, and is not for the log: somebody may have typed a password there.
    if let Ok(name) = Username::new(&request.username) {
        name.typed().clone_into(username);
    }
    match app.accounts.log_in(&request.username, request.password, &incoming.envelope.client, address).await {
        Ok((account, key)) => {
            tracing::info!(account = %account.username, client = %incoming.envelope.client.text, "logged in");
            Ok(login_answer(&key))
        }
        Err(e @ (AccountError::WrongLogin | AccountError::Disabled | AccountError::Username(_))) => {
            Err(SyncError::forbidden(e.to_string()))
        }
        Err(AccountError::Store(e)) => Err(e.into()),
        // Too many attempts, or too many logins at the same time. Never 403, which would be a "no".
        Err(e) => Err(SyncError::unavailable(e.to_string())),
    }
}
