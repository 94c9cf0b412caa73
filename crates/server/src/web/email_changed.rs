//! Who gets links to choose a password is decided by the e-mail address, so a change of it is told to the old one.

use super::visit::SignedIn;
use crate::actions::mail;
use store::main_db::Account;

/// Writes to the address that an account had, if it is another one now and there is a mail server. Nobody waits for that.
pub fn tell(who: &SignedIn, before: &Account, email: &str) {
    let Some(mail) = who.app.config.web.mail.clone() else { return };
    if before.email.is_empty() || before.email == email {
        return;
    }
    let (to, begin) = (before.email.clone(), who.public_link(""));
    let by =
        if who.active.account.id == before.id { "you".to_owned() } else { format!("the administrator {}", who.active.account.username) };
    let text = format!(
        "Hello,\n\nthe e-mail address of the account {} on {begin}/, a sync server for Anki, was changed by {by}. Links to choose a new \
         password do not go to this address any more.\n\nIf that is not what you want, ask an administrator of the server.\n",
        before.username
    );
    tokio::spawn(async move {
        if let Err(error) = mail::send(&mail, &to, "Your e-mail address on the Anki sync server", text).await {
            tracing::error!(%error, "a mail about a changed e-mail address was not sent");
        }
    });
}
