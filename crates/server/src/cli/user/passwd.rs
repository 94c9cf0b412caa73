//! `user passwd`.

use crate::actions::username::Username;
use crate::cli::support::open::Open;
use crate::cli::support::output;
use crate::cli::support::password_input::PasswordInput;
use crate::config::Config;

/// Set a user's password
///
/// All devices of the user have to log in again, unless --keep-devices is given. So this is also what to do about a lost phone.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  djankiserv user passwd ann\n  djankiserv user passwd ann --keep-devices --password-file ann.txt")]
pub struct Args {
    /// The user
    username: String,
    /// Let devices that are logged in stay so
    #[arg(long)]
    keep_devices: bool,
    #[command(flatten)]
    password: PasswordInput,
}

pub async fn run(config: &Config, args: &Args) -> anyhow::Result<()> {
    let username = Username::new(&args.username)?;
    Open::run_existing(config, async |open| {
        // Before asking for a password, so that a typing error in the name is told at once.
        let account = open.accounts.find(&username).await?;
        open.accounts.set_password(&username, args.password.get()?, args.keep_devices, super::ACTOR).await?;
        let devices = if args.keep_devices { "Devices stay logged in." } else { "All devices have to log in again." };
        output::line(&format!("The password of {} is changed. {devices}", account.username));
        Ok(())
    })
    .await
}
