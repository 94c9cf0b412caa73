//! Why there is no certificate, and what to do about it, for the one who reads the log.

use crate::config::{self, Challenge};
use instant_acme::{Error, Problem};

/// Longer ones are somebody's whole page.
const LONGEST: usize = 600;

/// A failed order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub found: String,
    pub advice: String,
    /// The type of the authority's problem, without the beginning that all have.
    pub kind: Option<String>,
}

impl Failure {
    /// Something that has no type.
    pub fn new(found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { found: clean(&found.into()), advice: advice.into(), kind: None }
    }

    /// From an error, while this was being done.
    pub fn of(doing: &str, error: &Error, settings: &config::Acme) -> Self {
        match error {
            Error::Api(problem) => Self::from_problem(doing, problem, settings),
            Error::Timeout(_) => Self::new(
                format!("{doing}: the authority did not come to an end in time"),
                "it may be busy: the server tries again by itself",
            ),
            Error::Json(_) => Self::new(
                format!("{doing}: {} does not answer as an ACME server does: {error}", settings.directory),
                "correct DJANKISERV_ACME_DIRECTORY",
            ),
            Error::Other(inner) => {
                let mut text = format!("{doing}: {inner}");
                let mut source = inner.source();
                while let Some(cause) = source {
                    text.push_str(&format!(": {cause}"));
                    source = cause.source();
                }
                Self::new(
                    text,
                    format!(
                        "see that this machine reaches {} and trusts its certificate (DJANKISERV_ACME_CA_FILE for an authority of your own)",
                        settings.directory
                    ),
                )
            }
            _ => Self::new(format!("{doing}: {error}"), "if it stays, report it as a bug"),
        }
    }

    /// What the authority says.
    pub fn from_problem(doing: &str, problem: &Problem, settings: &config::Acme) -> Self {
        let kind = problem.r#type.as_deref().map(|kind| kind.rsplit(':').next().unwrap_or(kind).to_owned());
        let mut found = format!("{doing}: {}", problem.detail.as_deref().unwrap_or("the authority refuses without a reason"));
        if let Some(kind) = &kind {
            found.push_str(&format!(" ({kind})"));
        }
        for part in &problem.subproblems {
            found.push_str(&format!("; {part}"));
        }
        Self { found: clean(&found), advice: advice(kind.as_deref().unwrap_or_default(), settings), kind }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} → {}", self.found, self.advice)
    }
}

fn advice(kind: &str, settings: &config::Acme) -> String {
    let (port, listener) = match settings.challenge {
        Challenge::Http => (80, "DJANKISERV_PLAIN_PORT"),
        Challenge::TlsAlpn => (443, "DJANKISERV_LISTEN_PORT"),
    };
    let reach = format!(
        "port {port} of every name in DJANKISERV_ACME_DOMAINS must lead from the internet to {listener} of this server: look at DNS (A and AAAA records), firewall, port forwarding and DJANKISERV_LISTEN_ADDRESS"
    );
    match kind {
        "connection" | "dns" => reach,
        "unauthorized" | "incorrectResponse" | "tls" => {
            format!("something else answers at port {port}: another server, or a proxy that does not pass the request on. {reach}")
        }
        "caa" => "the CAA records of the name allow other authorities only: add this one, or use one of those".to_owned(),
        "rateLimited" => "the authority's limits are reached: fix what failed before, and wait; try out with its staging server".to_owned(),
        "rejectedIdentifier" | "unsupportedIdentifier" | "malformed" => {
            "the authority gives no certificates for these names: correct DJANKISERV_ACME_DOMAINS".to_owned()
        }
        "invalidContact" | "unsupportedContact" => "correct DJANKISERV_ACME_EMAIL, or leave it out".to_owned(),
        "externalAccountRequired" => {
            "this authority wants to know its customers: set DJANKISERV_ACME_EAB_ID and DJANKISERV_ACME_EAB_KEY to what it gave you"
                .to_owned()
        }
        "userActionRequired" => "the authority wants something from you, such as to agree to new terms: see what it says".to_owned(),
        "serverInternal" => "it is the authority's fault: the server tries again by itself".to_owned(),
        _ => "see what the authority says; the server tries again by itself".to_owned(),
    }
}

/// On one line, and not too long.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(challenge: Challenge) -> config::Acme {
        config::Acme {
            domains: vec!["a.example".into()],
            email: None,
            directory: "https://ca.example/dir".into(),
            ca_file: None,
            challenge,
            external_account: None,
        }
    }

    #[test]
    fn what_the_authority_says_comes_with_advice() {
        let problem = |kind: &str| Problem {
            r#type: Some(format!("urn:ietf:params:acme:error:{kind}")),
            detail: Some("no\nroute".into()),
            status: Some(400),
            subproblems: Vec::new(),
        };
        let http = settings(Challenge::Http);
        let failure = Failure::from_problem("a.example", &problem("connection"), &http);
        assert_eq!((failure.found.as_str(), failure.kind.as_deref()), ("a.example: no route (connection)", Some("connection")));
        assert!(failure.advice.contains("port 80") && failure.advice.contains("PLAIN_PORT"), "{failure}");
        let failure = Failure::of("x", &Error::Api(problem("unauthorized")), &settings(Challenge::TlsAlpn));
        assert!(failure.advice.contains("port 443") && failure.advice.contains("something else"), "{failure}");
        for (kind, part) in [("rateLimited", "staging"), ("externalAccountRequired", "EAB_ID"), ("caa", "CAA"), ("new", "by itself")] {
            assert!(Failure::from_problem("x", &problem(kind), &http).advice.contains(part), "{kind}");
        }
        let long = Problem { r#type: None, detail: Some("x".repeat(10_000)), status: None, subproblems: Vec::new() };
        assert!(Failure::from_problem("x", &long, &http).found.len() <= LONGEST);
    }

    #[test]
    fn an_authority_that_cannot_be_reached_is_named() {
        let error = Error::Other("connection refused".into());
        let failure = Failure::of("the directory", &error, &settings(Challenge::Http));
        assert!(failure.found.contains("connection refused") && failure.advice.contains("https://ca.example/dir"), "{failure}");
    }
}
