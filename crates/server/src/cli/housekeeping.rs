//! `housekeeping`: one round of what the server does by itself every minute and every hour.

use super::support::open::Open;
use super::support::output;
use crate::app::App;
use crate::clock::Clock;
use crate::config::Config;
use crate::housekeeping;
use anyhow::Context;
use std::sync::Arc;

/// Tidy up once, as the server does by itself every hour
///
/// Removes what crashed or abandoned syncs and uploads have left, replaced collections that are kept for long enough, and media that
/// nothing names. Safe while servers run.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Act as if it were so many seconds later; ends running syncs and removes kept collections early
    #[arg(long, value_name = "SECONDS", default_value_t = 0, hide = true)]
    ahead: u32,
}

pub async fn run(config: Config, args: &Args) -> anyhow::Result<()> {
    let config = Arc::new(config);
    Open::run(&config.clone(), async |open| {
        let clock = match args.ahead {
            0 => open.clock.clone(),
            seconds => Clock::fixed(open.clock.now_ms() + i64::from(seconds) * 1000),
        };
        let app = App::new(config, clock, open.main.clone(), open.user.clone(), open.accounts.clone());
        let app = Arc::new(app.context("cannot use the data folder")?);
        housekeeping::often(&app).await?;
        housekeeping::rarely(&app).await
    })
    .await?;
    output::line("Tidied up.");
    Ok(())
}
