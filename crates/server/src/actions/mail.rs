//! Sending mails.

use crate::config::Mail;
use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::AsyncSmtpTransport;
use lettre::{AsyncTransport, Tokio1Executor};
use std::time::Duration;

/// How long the mail server has to answer each step.
const PATIENCE: Duration = Duration::from_secs(20);

/// Why a mail was not sent. Contains no password.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    #[error("the address cannot be written to: {0}")]
    Address(#[from] lettre::address::AddressError),
    #[error("the mail cannot be made: {0}")]
    Message(#[from] lettre::error::Error),
    #[error("the mail server did not take it: {0}")]
    Server(#[from] lettre::transport::smtp::Error),
}

/// Whether that is the address of a mail server. Answers what is wrong with it, without the password that it may contain.
///
/// # Errors
/// A sentence that goes on after the setting's name.
pub fn check(smtp_url: &str) -> Result<(), String> {
    let wanted = "it must be like smtps://user:password@mail.example.com:465, or smtp://user:password@mail.example.com:587?tls=required";
    match AsyncSmtpTransport::<Tokio1Executor>::from_url(smtp_url) {
        Ok(_) => Ok(()),
        Err(_) => Err(format!("is not the address of a mail server; {wanted}")),
    }
}

/// Sends a mail of plain text.
///
/// # Errors
/// When the mail server does not take it.
pub async fn send(mail: &Mail, to: &str, subject: &str, text: String) -> Result<(), MailError> {
    let from: Mailbox = mail.from.parse()?;
    let to = Mailbox::new(None, to.parse()?);
    let message = Message::builder().from(from).to(to).subject(subject).header(ContentType::TEXT_PLAIN).body(text)?;
    let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(mail.smtp_url.expose())?.timeout(Some(PATIENCE)).build();
    transport.send(message).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_servers() {
        for url in ["smtps://ann:p%40ss@mail.example.com", "smtp://mail.example.com:587?tls=required", "smtp://127.0.0.1:2525"] {
            assert_eq!(check(url), Ok(()), "{url}");
        }
        for url in ["mail.example.com", "https://ann:secret@mail.example.com", "smtp://"] {
            let problem = check(url).expect_err(url);
            assert!(!problem.contains("secret"), "{problem}");
        }
    }
}
