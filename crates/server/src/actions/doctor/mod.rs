//! What `djankiserv doctor` looks at: everything around the program that has to be right for it to work. (What is stored, `check` looks at.)
//! Nothing is changed; what is made to try whether it can be made is removed at once.

mod address;
mod backups;
mod certificate;
pub mod data_folder;
mod databases;
mod machine;
mod media;
mod tls;

use crate::clock::Clock;
use crate::config::{Config, TlsSource};
pub use store::engine::examine::{Level, Observation};

/// What to look at.
#[derive(Debug, Clone)]
pub struct Options {
    /// The address that clients use, if it is to be tried.
    pub url: Option<String>,
    /// A file with certificates to trust beside the system's.
    pub ca: Option<std::path::PathBuf>,
    /// How large a body the address has to let through, in bytes.
    pub body: usize,
    /// How many processes there are, at most, on the same databases.
    pub processes: usize,
}

/// Takes the findings as they come. The group is a headline.
pub trait Report {
    /// A finding.
    fn observed(&mut self, group: &str, observation: &Observation);
}

/// Looks at everything.
///
/// # Errors
/// Never for what is wrong with the installation: that is reported.
pub async fn examine(config: &Config, options: &Options, clock: &Clock, report: &mut impl Report) -> anyhow::Result<()> {
    let mut say = |group: &str, observations: Vec<Observation>| observations.iter().for_each(|o| report.observed(group, o));
    say("Configuration", configuration(config));
    say("Machine", machine::look());
    say("Data folder", data_folder::look(config, clock));
    if let Some(TlsSource::Files(files)) = &config.tls {
        say(certificate::GROUP, certificate::of_files(files, clock));
    }
    databases::look(config, options, clock, &mut say).await?;
    if let Some(url) = &options.url {
        say(&format!("Address {}", address::shown(url)), address::look(url, options).await);
    }
    Ok(())
}

fn configuration(config: &Config) -> Vec<Observation> {
    let mut say = vec![Observation::good("version", format!("this is djankiserv {}", env!("CARGO_PKG_VERSION")))];
    for warning in &config.warnings {
        say.push(Observation::new("setting", Level::Warning, warning.clone(), "correct or remove it"));
    }
    if config.warnings.is_empty() {
        say.push(Observation::good("setting", "all settings can be used, and none is ignored"));
    }
    let reachable = !["127.0.0.1", "::1", "localhost"].contains(&config.listen_address.as_str());
    if !config.trusted_proxies.is_empty() && config.allowed_hosts.allow("any.example") {
        let advice = "set DJANKISERV_ALLOWED_HOSTS to the public name, so that nobody can make the server believe that it has another";
        say.push(Observation::new("allowed_hosts", Level::Note, "there is a proxy, and any host name is answered", advice));
    }
    if reachable && config.trusted_proxies.is_empty() && config.tls.is_none() {
        let found = format!("the server listens on {} and trusts no proxy", config.listen_address);
        let advice = "on the internet, passwords must not travel without TLS: set DJANKISERV_ACME_DOMAINS or DJANKISERV_TLS_CERT, or put a reverse proxy before it and name it in DJANKISERV_TRUSTED_PROXIES";
        say.push(Observation::new("listen_address", Level::Note, found, advice));
    }
    say
}
