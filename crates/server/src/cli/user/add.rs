//! `user add`.

use crate::actions::accounts::NewUser;
use crate::actions::username::Username;
use crate::cli::support::open::{Open, made, new_folder};
use crate::cli::support::output;
use crate::cli::support::password_input::PasswordInput;
use crate::config::Config;

/// Make a user
///
/// Asks twice for the password. Any will do: the rules of the web pages (8 characters, not easily guessed) do not hold here. Usernames may be
/// e-mail addresses and may use any script; upper and lower case are the same. For an administrator, use `createsuperuser`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  djankiserv user add ann\n  djankiserv user add ann@example.com --password-file ann.txt\n  \
    pass show anki | djankiserv user add ann --password-stdin")]
pub struct Args {
    /// The name to log in with
    username: String,
    /// The e-mail address, for the administrator's information
    #[arg(long, default_value = "")]
    email: String,
    #[command(flatten)]
    password: PasswordInput,
}

pub async fn run(config: &Config, args: Args) -> anyhow::Result<()> {
    let username = Username::new(&args.username)?;
    let password = args.password.get()?;
    let new = NewUser { username, email: args.email, password, is_staff: false, is_superuser: false };
    let folder = new_folder(config);
    let make = async |open: &Open| {
        let account = open.accounts.create(new, super::ACTOR).await?;
        Ok((account, open.accounts.list().await?.iter().any(|account| account.is_superuser)))
    };
    let (account, has_administrator) = Open::run(config, make).await?;
    output::line(&made("user", &account.username, folder.as_deref()));
    if !has_administrator {
        output::line("There is no administrator for the web pages yet: `djankiserv createsuperuser` makes one.");
    }
    Ok(())
}
