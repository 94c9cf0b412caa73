//! `createsuperuser`: the administrator's account, under the name that Django's users know.

use super::support::open::{Open, made, new_folder};
use super::support::output;
use super::support::password_input::PasswordInput;
use crate::actions::accounts::NewUser;
use crate::actions::username::Username;
use crate::config::Config;
use anyhow::bail;
use std::io::{BufRead, IsTerminal, Write};

/// Make a user who may administer everything
///
/// Asks for what is not given. A superuser can also sync, like any other user.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  djankiserv createsuperuser\n  djankiserv createsuperuser --username admin --password-file /run/secrets/admin"
)]
pub struct Args {
    /// The username; may be an e-mail address
    #[arg(long)]
    username: Option<String>,
    /// The e-mail address
    #[arg(long, default_value = "")]
    email: String,
    #[command(flatten)]
    password: PasswordInput,
}

pub async fn run(config: &Config, args: Args) -> anyhow::Result<()> {
    let username = match args.username {
        Some(username) => username,
        None => ask_for_username()?,
    };
    let username = Username::new(&username)?;
    let password = args.password.get()?;
    let new = NewUser { username, email: args.email, password, is_staff: true, is_superuser: true };
    let folder = new_folder(config);
    let account = Open::run(config, async |open| Ok(open.accounts.create(new, super::user::ACTOR).await?)).await?;
    output::line(&made("superuser", &account.username, folder.as_deref()));
    Ok(())
}

fn ask_for_username() -> anyhow::Result<String> {
    if !std::io::stdin().is_terminal() {
        bail!("there is no terminal to ask for a username; use --username");
    }
    output::text("Username: ");
    std::io::stdout().flush()?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(line)
}
