//! The certificate of our own TLS: how long it is good for, and whether the next one comes.

use super::{Level, Observation};
use crate::acme::DUTY;
use crate::clock::{Clock, iso_time};
use crate::config::{Config, TlsSource};
use crate::http::tls::TlsFiles;
use store::engine::ConnectTo;
use store::main_db::certificates::certificate_in;
use store::main_db::duties::duty_in;
use store::main_db::{Certificate, Duty};

pub(super) const GROUP: &str = "Certificate";

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// Whoever renews certificates in files should have done so by then.
const LATE_MS: i64 = 7 * DAY_MS;

pub(super) fn of_files(files: &TlsFiles, clock: &Clock) -> Vec<Observation> {
    let advice = "correct DJANKISERV_TLS_CERT and DJANKISERV_TLS_KEY: without these files the server does not start";
    vec![match files.read() {
        Ok(served) => judge_file(served.expires_ms(), clock.now_ms()),
        Err(error) => Observation::new("certificate", Level::Problem, format!("{error:#}"), advice),
    }]
}

fn judge_file(expires: i64, now: i64) -> Observation {
    let advice = "renew it: clients refuse the server as soon as it has expired. A running server reads the files again by itself";
    let found = format!("the certificate expires at {}", iso_time(expires));
    match expires - now {
        _ if expires == 0 => Observation::new("certificate", Level::Note, "when it expires cannot be read from the certificate", ""),
        left if left <= 0 => Observation::new("certificate", Level::Problem, format!("{found}: that is over"), advice),
        left if left < LATE_MS => Observation::new("certificate", Level::Warning, found, advice),
        _ => Observation::good("certificate", found),
    }
}

pub(super) async fn by_acme(config: &Config, main: &ConnectTo, clock: &Clock) -> Vec<Observation> {
    let Some(TlsSource::Acme(settings)) = &config.tls else { return Vec::new() };
    // What is wrong with the database is told elsewhere; or its tables have not been made yet.
    let certificate = certificate_in(main, &settings.subject()).await.unwrap_or_default();
    let duty = duty_in(main, DUTY).await.unwrap_or_default();
    judge(certificate.filter(|it| it.subject == settings.subject()).as_ref(), duty.as_ref(), clock.now_ms())
}

fn judge(certificate: Option<&Certificate>, duty: Option<&Duty>, now: i64) -> Vec<Observation> {
    let is_good = certificate.is_some_and(|it| it.not_after > now);
    let mut say = vec![match certificate {
        Some(it) if is_good => Observation::good(
            "certificate",
            format!("it expires at {}; the next one is due at {}", iso_time(it.not_after), iso_time(it.renew_at)),
        ),
        Some(it) => {
            let advice = "clients refuse the server; see below for the reason, or whether a server runs";
            Observation::new("certificate", Level::Problem, format!("it has expired at {}", iso_time(it.not_after)), advice)
        }
        None => {
            let advice = "`djankiserv serve` gets one as soon as it runs; until then clients refuse it";
            Observation::new("certificate", Level::Warning, "there is none for these names yet", advice)
        }
    }];
    match duty {
        Some(Duty { failed: Some(failed), problem, .. }) => {
            // An authority that is away for an hour harms nobody, two months before the end.
            let level = if is_good { Level::Warning } else { Level::Problem };
            let found = format!("the try of {} has failed: {problem}", iso_time(*failed));
            let advice = "the server tries again by itself, later each time; `djankiserv acme renew` makes it try at once";
            say.push(Observation::new("acme", level, found, advice));
        }
        _ => {
            let is_late = certificate.is_some_and(|it| it.renew_at + DAY_MS < now);
            if is_late {
                let advice = "see that a server runs with these settings; its log says more";
                say.push(Observation::new("acme", Level::Warning, "the next certificate has been due for more than a day", advice));
            }
        }
    }
    say
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_late_or_fails_is_told() {
        let certificate = |not_after, renew_at| Certificate {
            subject: String::new(),
            chain: String::new(),
            key: String::new(),
            not_before: 0,
            not_after,
            renew_at,
            obtained: 0,
        };
        let failed = Duty { began: None, succeeded: None, failed: Some(5), problem: "no route → open the port".into() };
        let levels = |certificate: Option<Certificate>, duty: Option<&Duty>| -> Vec<Level> {
            judge(certificate.as_ref(), duty, 10 * DAY_MS).iter().map(|o| o.level).collect()
        };
        assert_eq!(levels(None, None), [Level::Warning]);
        assert_eq!(levels(None, Some(&failed)), [Level::Warning, Level::Problem]);
        assert_eq!(levels(Some(certificate(90 * DAY_MS, 60 * DAY_MS)), None), [Level::Good]);
        assert_eq!(levels(Some(certificate(20 * DAY_MS, 10 * DAY_MS)), Some(&failed)), [Level::Good, Level::Warning]);
        assert_eq!(levels(Some(certificate(20 * DAY_MS, 8 * DAY_MS)), None), [Level::Good, Level::Warning]);
        assert_eq!(levels(Some(certificate(9 * DAY_MS, 6 * DAY_MS)), Some(&failed)), [Level::Problem, Level::Problem]);
        assert_eq!([5, 11, 30].map(|days| judge_file(days * DAY_MS, 10 * DAY_MS).level), [Level::Problem, Level::Warning, Level::Good]);
    }
}
