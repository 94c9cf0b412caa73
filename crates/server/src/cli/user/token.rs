//! `user token`: personal API tokens from the command line.

use crate::actions::api_tokens::{self, ListedToken, Scope};
use crate::actions::username::Username;
use crate::cli::support::open::Open;
use crate::cli::support::output;
use crate::clock::{iso_time, readable_time};
use crate::config::Config;
use anyhow::bail;
use serde_json::json;

const DAY_MS: i64 = 86_400_000;

/// Make, list and revoke API tokens of a user
///
/// Programs send a token instead of a password, as `Authorization: Bearer djs_…`. See docs/api.md.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    Add(AddArgs),
    List(ListArgs),
    Revoke(RevokeArgs),
}

/// Make a token and print it
///
/// Standard output has the token and nothing else. It is not shown again.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  djankiserv user token add ann \"reader on the tablet\" --scope read --scope write\n  \
    TOKEN=$(djankiserv user token add ann backup --scope read,media --days 30)")]
pub struct AddArgs {
    /// The user
    username: String,
    /// What it is for
    name: String,
    /// What it may do: read, write, media, admin (of staff only); several times, or with commas
    #[arg(long = "scope", required = true, value_delimiter = ',', value_parser = scope)]
    scopes: Vec<Scope>,
    /// After how many days it expires [default: never]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..))]
    days: Option<u16>,
}

/// List the tokens of a user, without the secrets
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  djankiserv user token list ann --json | jq -r '.[].id'")]
pub struct ListArgs {
    /// The user
    username: String,
    /// Print JSON: a list of objects, with times in UTC
    #[arg(long)]
    json: bool,
}

/// Revoke a token, at once and everywhere
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  djankiserv user token revoke ann 0123456789abcdef")]
pub struct RevokeArgs {
    /// The user
    username: String,
    /// The id that `user token list` shows
    id: String,
}

fn scope(name: &str) -> Result<Scope, String> {
    Scope::from_name(name.trim()).ok_or_else(|| "one of read, write, media, admin".to_owned())
}

pub async fn run(config: &Config, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Add(args) => add(config, args).await,
        Command::List(args) => list(config, args).await,
        Command::Revoke(args) => revoke(config, args).await,
    }
}

async fn add(config: &Config, args: AddArgs) -> anyhow::Result<()> {
    let username = Username::new(&args.username)?;
    let token = Open::run_existing(config, async |open| {
        let account = open.accounts.find(&username).await?;
        let expires = args.days.map(|days| open.clock.now_ms() + i64::from(days) * DAY_MS);
        Ok(api_tokens::create(&open.main, &open.clock, &account, &args.name, &args.scopes, expires).await?.0)
    })
    .await?;
    output::line(&token);
    Ok(())
}

async fn list(config: &Config, args: ListArgs) -> anyhow::Result<()> {
    let username = Username::new(&args.username)?;
    let tokens = Open::run_existing(config, async |open| {
        let account = open.accounts.find(&username).await?;
        Ok(api_tokens::list(&open.main, account.id).await?)
    })
    .await?;
    if args.json {
        output::line(&serde_json::to_string_pretty(&tokens.iter().map(as_json).collect::<Vec<_>>())?);
    } else if tokens.is_empty() {
        output::line("There are no tokens. `djankiserv user token add` makes one.");
    } else {
        let rows: Vec<Vec<String>> = tokens.iter().map(as_row).collect();
        output::text(&output::table(&["ID", "NAME", "SCOPES", "CREATED (UTC)", "LAST USED (UTC)", "EXPIRES (UTC)"], &rows));
    }
    Ok(())
}

async fn revoke(config: &Config, args: RevokeArgs) -> anyhow::Result<()> {
    let username = Username::new(&args.username)?;
    Open::run_existing(config, async |open| {
        let account = open.accounts.find(&username).await?;
        if !api_tokens::revoke(&open.main, account.id, &args.id).await? {
            bail!("{} has no token {}; `djankiserv user token list` shows what there is", account.username, args.id);
        }
        output::line(&format!("The token {} of {} is revoked.", args.id, account.username));
        Ok(())
    })
    .await
}

fn names(token: &ListedToken) -> Vec<&'static str> {
    token.scopes.iter().map(|scope| scope.name()).collect()
}

fn as_row(token: &ListedToken) -> Vec<String> {
    let never = |time: Option<i64>| time.map_or_else(|| "never".to_owned(), readable_time);
    vec![
        token.id.clone(),
        token.name.clone(),
        names(token).join(","),
        readable_time(token.created),
        never(token.last_used),
        never(token.expires),
    ]
}

fn as_json(token: &ListedToken) -> serde_json::Value {
    json!({
        "id": token.id,
        "name": token.name,
        "scopes": names(token),
        "created": iso_time(token.created),
        "last_used": token.last_used.map(iso_time),
        "expires": token.expires.map(iso_time),
    })
}
