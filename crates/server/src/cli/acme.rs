//! `acme`: certificates that the server gets by itself.

use super::support::open::Open;
use super::support::output;
use crate::acme::DUTY;
use crate::config::{Config, TlsSource};
use anyhow::bail;

/// Certificates that the server gets by itself
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Have a running server get a new certificate now
    ///
    /// It does so within some seconds, even if the old one is good for long, or the last try has failed and the next one would be
    /// made later. Authorities count: Let's Encrypt gives five certificates for the same names in a week.
    #[command(after_help = "Examples:\n  djankiserv acme renew\n  djankiserv doctor      how it went")]
    Renew,
}

pub async fn run(config: &Config, command: Command) -> anyhow::Result<()> {
    let Command::Renew = command;
    let Some(TlsSource::Acme(settings)) = &config.tls else {
        bail!("DJANKISERV_ACME_DOMAINS is not set: the server gets no certificates by itself");
    };
    Open::run(config, async |open| {
        open.main.renew_certificate(&settings.subject()).await?;
        Ok(open.main.forget_failures(DUTY).await?)
    })
    .await?;
    output::line("A running server orders a certificate within ten seconds; its log and `djankiserv doctor` tell how it went.");
    Ok(())
}
