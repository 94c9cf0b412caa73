//! `doctor`: is everything around the program as it needs it?

use super::support::output;
use crate::actions::doctor::{self, Level, Observation, Options, Report};
use crate::clock::Clock;
use crate::config::Config;
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;

/// Look for what is wrong around the server, and say what to do
///
/// Looks at the configuration, the machine, the data folder, the databases (version, rights, settings, connections, clock) and, with
/// --url, at the way that clients take to the server: redirects, TLS, headers and large bodies through a proxy. Changes nothing and can
/// run beside the server; run it as the server's user, with its settings. What is stored is looked at by `djankiserv check`.
///
/// Ends with 0 if there is no problem, with 1 if there is, and with 2 if the settings cannot be used.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  djankiserv doctor\n  djankiserv doctor --url https://anki.example.com/\n  djankiserv doctor --processes 3 --json"
)]
pub struct Args {
    /// The address that clients use, to be tried from here
    #[arg(long, value_name = "ADDRESS")]
    url: Option<String>,
    /// A file with further certificates (PEM) to trust when that address is tried
    #[arg(long, value_name = "FILE", requires = "url")]
    ca: Option<PathBuf>,
    /// How large a body has to get through to that address; uploads can be this large
    #[arg(long, value_name = "MB", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1000), requires = "url")]
    body_mb: u16,
    /// How many processes share the databases, for counting connections
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    processes: u16,
    /// Print a JSON object a line: each finding, and at last the sums
    #[arg(long)]
    json: bool,
}

pub async fn run(config: &Config, args: Args) -> anyhow::Result<ExitCode> {
    let Args { url, ca, body_mb, processes, json } = args;
    let options = Options { url, ca, body: usize::from(body_mb) << 20, processes: usize::from(processes) };
    let mut printer = Printer { json, group: String::new(), problems: 0, warnings: 0 };
    doctor::examine(config, &options, &Clock::system(), &mut printer).await?;
    printer.end();
    Ok(if printer.problems > 0 { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

struct Printer {
    json: bool,
    /// The last headline.
    group: String,
    problems: u64,
    warnings: u64,
}

impl Printer {
    fn end(&self) {
        let Self { problems, warnings, .. } = self;
        if self.json {
            output::line(&json!({"problems": problems, "warnings": warnings}).to_string());
            return;
        }
        output::line(&match (problems, warnings) {
            (0, 0) => "\nAll is well.".to_owned(),
            _ => format!("\n{}, {}.", counted(*problems, "problem"), counted(*warnings, "warning")),
        });
    }
}

fn counted(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

impl Report for Printer {
    fn observed(&mut self, group: &str, observation: &Observation) {
        let Observation { about, level, found, advice } = observation;
        match level {
            Level::Problem => self.problems += 1,
            Level::Warning => self.warnings += 1,
            Level::Good | Level::Note => {}
        }
        if self.json {
            let line = json!({"group": group, "about": about, "level": level.name(), "found": found, "advice": advice});
            output::line(&line.to_string());
            return;
        }
        let clean = |text: &str| text.chars().map(|c| if c.is_control() { '?' } else { c }).collect::<String>();
        if self.group != group {
            output::line(&format!("{}{}", if self.group.is_empty() { "" } else { "\n" }, clean(group)));
            group.clone_into(&mut self.group);
        }
        output::line(&format!("  {:<8} {}", level.name(), clean(found)));
        if !advice.is_empty() {
            output::line(&format!("           → {}", clean(advice)));
        }
    }
}
