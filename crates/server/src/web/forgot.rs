//! `/forgot/`: a link to choose a new password, by mail. Whether there is such an account is not told, neither by text nor by time: what
//! has to be done is done after the answer.

use super::error::{WebError, WebResult};
use super::form::Posted;
use super::layout::Layout;
use super::visit::Visit;
use crate::actions::actor::Actor;
use crate::actions::mail;
use crate::actions::one_time_links::LinkKind;
use crate::actions::username::Username;
use crate::app::App;
use crate::config::Mail;
use askama::Template;
use std::net::IpAddr;
use std::sync::Arc;
use store::main_db::Account;

const LINK_MS: i64 = 60 * 60 * 1000;

#[derive(Template)]
#[template(path = "forgot.html")]
struct ForgotPage {
    l: Layout,
    is_sent: bool,
}

pub async fn show(visit: Visit) -> WebResult {
    mail_of(&visit)?;
    visit.page(&ForgotPage { l: visit.layout("Forgotten your password?"), is_sent: false })
}

pub async fn submit(Posted { who: visit, form }: Posted<Visit>) -> WebResult {
    let mail = mail_of(&visit)?;
    let name = form.text("name").to_owned();
    visit.app.accounts.slow_down("forgot", Some(&name.to_lowercase()), visit.address).await?;
    let (app, address) = (visit.app.clone(), visit.address);
    let begin = visit.public_link("");
    tokio::spawn(async move {
        if let Err(error) = send(&app, &mail, &name, &begin, address).await {
            tracing::error!(error, "a mail with a link to choose a password was not sent");
        }
    });
    visit.page(&ForgotPage { l: visit.layout("Look into your mail"), is_sent: true })
}

fn mail_of(visit: &Visit) -> WebResult<Mail> {
    let none = || WebError::forbidden("This server sends no mails. An administrator can give you a link to choose a new password.");
    visit.app.config.web.mail.clone().ok_or_else(none)
}

/// Sends a link for each account that has this username or e-mail address, is active, and has an e-mail address.
async fn send(app: &Arc<App>, mail: &Mail, name: &str, begin: &str, address: Option<IpAddr>) -> Result<(), String> {
    for account in accounts(app, name).await.map_err(|e| e.to_string())? {
        let made = app.links.make(LinkKind::Password, Some(account.id), "mail", LINK_MS).await;
        let link = format!("{begin}{}", LinkKind::Password.path(&made.map_err(|e| e.to_string())?));
        let text = format!(
            "Hello,\n\nsomebody, probably you, asked for a new password for the account {} on {begin}/, a sync server for Anki.\n\n\
             To choose one, open this link within an hour:\n\n{link}\n\nIf it was not you, nothing has to be done: the password stays as it is.\n",
            account.username
        );
        mail::send(mail, &account.email, "A new password for your Anki sync server", text).await.map_err(|e| e.to_string())?;
        let actor = Actor::new("password page", address);
        app.accounts
            .record(&actor, Some(account.id), "account.mail", format!("sent `{}` a link to choose a password", account.username))
            .await;
    }
    Ok(())
}

async fn accounts(app: &App, name: &str) -> store::Result<Vec<Account>> {
    let by_name = match Username::new(name) {
        Ok(username) => app.main.account_by_username(username.key()).await?,
        Err(_) => None,
    };
    let found = match by_name {
        Some(account) => vec![account],
        None if name.contains('@') => app.main.accounts_by_email(name).await?,
        None => Vec::new(),
    };
    Ok(found.into_iter().filter(|account| account.is_active && !account.email.is_empty()).collect())
}
