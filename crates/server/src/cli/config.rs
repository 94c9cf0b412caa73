//! `config`: what is set, and what can be set.

use super::support::output;
use crate::config::{self, Config};

/// Show the settings
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Print all settings as they are in force, with secrets hidden
    ///
    /// Settings that were set are marked with `*`. If one cannot be used, the message says what would be right.
    Show,
    /// Print the documentation of all settings, as Markdown
    Docs,
}

pub fn show(config: &Config) {
    for setting in &config.shown {
        let mark = if setting.is_set { '*' } else { ' ' };
        output::line(format!("{mark} {}={}", setting.name, setting.value).trim_end());
    }
    output::line(&format!("\nDatabases: {:?}", config.databases));
}

pub fn docs() {
    output::text(&config::markdown());
}
