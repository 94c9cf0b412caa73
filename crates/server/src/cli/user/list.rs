//! `user list`.

use crate::cli::support::open::{Open, in_folder};
use crate::cli::support::output;
use crate::clock::{iso_time, readable_time};
use crate::config::Config;
use serde_json::json;
use store::main_db::Account;

/// List all users
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  djankiserv user list\n  djankiserv user list --json | jq -r '.[].username'")]
pub struct Args {
    /// Print JSON: a list of objects, with times in UTC
    #[arg(long)]
    json: bool,
}

pub async fn run(config: &Config, args: &Args) -> anyhow::Result<()> {
    let accounts = Open::run_existing(config, async |open| Ok(open.accounts.list().await?)).await?;
    if args.json {
        output::line(&serde_json::to_string_pretty(&accounts.iter().map(as_json).collect::<Vec<_>>())?);
    } else if accounts.is_empty() {
        output::line(&format!("There are no users yet{}. `djankiserv user add <name>` makes one.", in_folder(config)));
    } else {
        let rows: Vec<Vec<String>> = accounts.iter().map(as_row).collect();
        output::text(&output::table(&["USERNAME", "EMAIL", "STATE", "ROLE", "CREATED (UTC)", "LAST LOGIN (UTC)"], &rows));
    }
    Ok(())
}

fn as_row(account: &Account) -> Vec<String> {
    let role = match account {
        Account { is_superuser: true, .. } => "superuser",
        Account { is_staff: true, .. } => "staff",
        _ => "user",
    };
    vec![
        account.username.clone(),
        account.email.clone(),
        if account.is_active { "active" } else { "disabled" }.to_owned(),
        role.to_owned(),
        readable_time(account.created),
        account.last_login.map_or_else(|| "never".to_owned(), readable_time),
    ]
}

fn as_json(account: &Account) -> serde_json::Value {
    json!({
        "id": account.id,
        "username": account.username,
        "email": account.email,
        "is_active": account.is_active,
        "is_staff": account.is_staff,
        "is_superuser": account.is_superuser,
        "created": iso_time(account.created),
        "last_login": account.last_login.map(iso_time),
    })
}
