//! `check`: is everything that is stored as it should be?

use super::support::open::Open;
use super::support::output;
use crate::actions::check::{self, Finding, Options, Remedy, Report, Severity, Totals};
use crate::actions::username::Username;
use crate::app::App;
use crate::config::Config;
use anyhow::Context;
use serde_json::json;
use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;

/// Check what is stored for damage, and mend it
///
/// Looks at references, counters, update sequence numbers, names, derived columns and JSON of collections, at media files against their
/// rows, and at what belongs to no account. Safe while servers run: looking disturbs nobody, and a sync that runs while its collection is
/// mended is made again by its client.
///
/// Told apart are damage, which should never be, and oddities: what devices have sent and other devices live with, such as a card whose
/// deck is gone. Ends with 0 if there is no damage (any more), with 1 if there is, and with 2 if something could not be checked.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  djankiserv check --all\n  djankiserv check ann --repair\n  djankiserv check --all --deep --json > report.jsonl"
)]
pub struct Args {
    /// The users whose collections and media to check
    #[arg(required_unless_present = "all", conflicts_with = "all", value_name = "USERNAMES or --all")]
    usernames: Vec<String>,
    /// Check all users, and what belongs to none
    #[arg(long)]
    all: bool,
    /// Mend what can be mended without losing anything
    #[arg(long)]
    repair: bool,
    /// Read all media files to the end and compare their hashes
    #[arg(long)]
    deep: bool,
    /// Print a JSON object a line: each finding, and at last the sums
    #[arg(long)]
    json: bool,
}

pub async fn run(config: Config, args: &Args) -> anyhow::Result<ExitCode> {
    let config = Arc::new(config);
    let opening = config.clone();
    let checked = Open::run_existing(&opening, async |open| {
        let accounts = if args.all {
            open.accounts.list().await?
        } else {
            let mut accounts = Vec::new();
            for name in &args.usernames {
                accounts.push(open.accounts.find(&Username::new(name)?).await?);
            }
            accounts
        };
        let app = App::new(config, open.clock.clone(), open.main.clone(), open.user.clone(), open.accounts.clone());
        let app = Arc::new(app.context("cannot use the data folder")?);
        let mut printer = Printer::new(args);
        let options = Options { repair: args.repair, deep: args.deep };
        let totals = check::check(&app, &accounts, args.all, options, &mut printer).await;
        printer.end(&totals);
        Ok(totals)
    });
    Ok(match checked.await {
        Ok(totals) if totals.failed > 0 => ExitCode::from(2),
        Ok(totals) if totals.left > 0 => ExitCode::from(1),
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            output::error(&format!("{error:#}"));
            ExitCode::from(2)
        }
    })
}

/// Prints findings as they come, and how far we are if somebody watches.
struct Printer {
    json: bool,
    repair: bool,
    watched: bool,
    /// What to do by hand, and for how many findings.
    by_hand: BTreeMap<&'static str, u64>,
}

/// Cells of the bar.
const WIDTH: usize = 20;

impl Printer {
    fn new(args: &Args) -> Self {
        Self { json: args.json, repair: args.repair, watched: std::io::stderr().is_terminal(), by_hand: BTreeMap::new() }
    }

    /// Makes room for a line where the bar is.
    fn clear(&self) {
        if self.watched {
            let _ = write!(std::io::stderr().lock(), "\r\x1b[K");
        }
    }

    fn line(&self, text: &str) {
        self.clear();
        output::line(&text.chars().map(|c| if c.is_control() { '?' } else { c }).collect::<String>());
    }

    fn end(&self, totals: &Totals) {
        self.clear();
        let Totals { accounts, damages, oddities, repaired, left, failed, reviews_without_card } = *totals;
        if self.json {
            output::line(
                &json!({"accounts": accounts, "damages": damages, "oddities": oddities, "repaired": repaired, "left": left,
                    "failed": failed, "reviews_without_card": reviews_without_card})
                .to_string(),
            );
            return;
        }
        for (what, count) in &self.by_hand {
            output::line(&format!("What to do ({count} ×): {what}"));
        }
        if !self.repair && left > 0 {
            output::line("What else to do: run this again with --repair, which mends what can be mended. See `djankiserv check --help`.");
        }
        let kept = format!("{reviews_without_card} reviews are of deleted cards, as they should be");
        output::line(&format!(
            "{accounts} users checked: {damages} damages, {oddities} oddities, {repaired} mended, {left} damages left; {kept}."
        ));
    }
}

impl Report for Printer {
    fn finding(&mut self, finding: &Finding) {
        let Finding { account, table, id, what, severity, remedy } = finding;
        let severity = match severity {
            Severity::Damage => "damage",
            Severity::Oddity => "oddity",
        };
        let next = match remedy {
            Remedy::Repair => None,
            Remedy::ByHand(next) => Some(*next),
        };
        if self.json {
            let line = json!({"account": account, "severity": severity, "table": table, "id": id, "what": what,
                "repairable": next.is_none(), "by_hand": next});
            self.clear();
            output::line(&line.to_string());
            return;
        }
        if let Some(next) = next {
            *self.by_hand.entry(next).or_default() += 1;
        }
        let whose = if account.is_empty() { String::new() } else { format!("{account}: ") };
        self.line(&format!("{whose}{severity}: {table} {id}: {what}"));
    }

    fn step(&mut self, account: &str, number: usize, of: usize, part: &str) {
        if self.watched {
            let done = WIDTH * number / of.max(1);
            let bar: String = (0..WIDTH).map(|cell| if cell < done { '#' } else { '.' }).collect();
            let account: String = account.chars().filter(|c| !c.is_control()).take(30).collect();
            let _ = write!(std::io::stderr().lock(), "\r\x1b[K[{bar}] {number}/{of} {account} {part}");
        }
    }

    fn repaired(&mut self, account: &str, count: u64) {
        if !self.json {
            let whose = if account.is_empty() { String::new() } else { format!("{account}: ") };
            self.line(&format!("{whose}{count} mended"));
        }
    }

    fn failed(&mut self, account: &str, error: &anyhow::Error) {
        self.clear();
        let whose = if account.is_empty() { "what belongs to no user" } else { account };
        output::error(&format!("{whose} could not be checked to the end: {error:#}"));
    }
}
