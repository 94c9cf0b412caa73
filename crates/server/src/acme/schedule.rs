//! When to order, who of several processes does, and what is served meanwhile.

use super::order::{Customer, usable};
use super::problem::Failure;
use crate::app::App;
use crate::clock::iso_time;
use crate::config;
use crate::http::tls::{Challenges, Served, Tls, Validity};
use crate::metrics::{ACME_FAILED, ACME_ORDERS};
use crate::random;
use anyhow::Context;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::main_db::{Certificate, Rhythm};
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// The name of the lease, under which `doctor` finds how the last try went.
pub const DUTY: &str = "acme";
/// How often each process looks whether there is a new certificate, or one is to be ordered.
const LOOK: Duration = Duration::from_secs(10);
/// After this without a sign of life, another process takes over.
const LEASE_MS: i64 = 2 * 60 * 1000;
const SIGN_OF_LIFE: Duration = Duration::from_secs(30);
/// All of an order.
const PATIENCE: Duration = Duration::from_secs(8 * 60);
const HOUR_MS: i64 = 60 * 60 * 1000;

/// The certificate of this process.
pub struct Acme {
    app: Arc<App>,
    settings: config::Acme,
    tls: Arc<Tls>,
    /// Who we are for the lease.
    holder: String,
    /// What is served: its subject and when it was obtained.
    served: Mutex<Option<(String, i64)>>,
}

impl Acme {
    /// Begins with the certificate that there is, or with one that nobody trusts.
    ///
    /// # Errors
    /// When the main database fails.
    pub async fn start(app: &Arc<App>, settings: config::Acme) -> anyhow::Result<Arc<Self>> {
        let challenges = Challenges::new(app.main.clone(), app.clock.clone());
        let tls = Tls::new(stopgap(&settings.domains)?, Some(challenges));
        let (app, holder) = (app.clone(), random::token()?);
        let acme = Arc::new(Self { app, settings, tls, holder, served: Mutex::default() });
        if acme.look().await?.is_none() {
            tracing::warn!(
                domains = acme.settings.domains.join(","),
                "there is no certificate yet: https is answered with one that nobody trusts, until the authority has given one"
            );
        }
        Ok(acme)
    }

    /// What connections are made with.
    pub fn tls(&self) -> Arc<Tls> {
        self.tls.clone()
    }

    /// Runs until the process ends.
    pub async fn run(self: Arc<Self>) {
        loop {
            if let Err(error) = self.round().await {
                tracing::warn!(%error, "cannot look after the certificate; trying again in ten seconds");
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Gives an order up, for another process, when this one ends.
    pub async fn leave(&self) {
        if let Err(error) = self.app.main.leave_duty(DUTY, &self.holder).await {
            tracing::debug!(%error, "cannot give back the lease of certificates");
        }
    }

    /// Serves what others have obtained, and obtains a certificate if one is due and no other process does. Answers whether it tried.
    ///
    /// # Errors
    /// When the main database fails. That there is no certificate is no error here: it is logged, counted, and written down.
    pub async fn round(&self) -> anyhow::Result<bool> {
        let main = &self.app.main;
        let now = self.app.clock.now_ms();
        let is_due = self.is_due(self.look().await?.as_ref());
        let duty = main.duty(DUTY).await?;
        ACME_FAILED.set([], duty.and_then(|duty| duty.failed).unwrap_or(0) / 1000);
        if !is_due {
            return Ok(false);
        }
        let rhythm = Rhythm { every: 0, after_failure: wait_after(main.duty_failures(DUTY).await?) };
        if !main.take_duty(DUTY, &self.holder, rhythm, now, now + LEASE_MS).await? {
            return Ok(false);
        }
        // Another process may have been faster.
        if !self.is_due(self.look().await?.as_ref()) {
            self.leave().await;
            return Ok(false);
        }
        tracing::info!(domains = self.settings.domains.join(","), directory = self.settings.directory, "ordering a certificate");
        let customer = Customer { main, clock: &self.app.clock, settings: &self.settings };
        let outcome = tokio::select! {
            outcome = tokio::time::timeout(PATIENCE, customer.order()) => outcome.unwrap_or_else(|_| {
                Err(Failure::new("the authority did not come to an end in time", "it may be busy: the server tries again by itself"))
            }),
            outcome = self.hold() => outcome,
        };
        self.settle(now, outcome).await?;
        Ok(true)
    }

    async fn settle(&self, began: i64, outcome: Result<Certificate, Failure>) -> anyhow::Result<()> {
        let (main, now) = (&self.app.main, self.app.clock.now_ms());
        match outcome {
            Ok(new) => {
                ACME_ORDERS.count(["done"]);
                main.keep_certificate(&new, now).await?;
                main.duty_succeeded(DUTY, &self.holder, began, now).await?;
                ACME_FAILED.set([], 0);
                tracing::info!(
                    domains = self.settings.domains.join(","),
                    expires = iso_time(new.not_after),
                    renewal = iso_time(new.renew_at),
                    "got a certificate"
                );
                self.look().await?;
            }
            Err(failure) => {
                ACME_ORDERS.count(["failed"]);
                main.duty_failed(DUTY, &self.holder, &failure.to_string(), now).await?;
                ACME_FAILED.set([], now / 1000);
                let again = now + wait_after(main.duty_failures(DUTY).await?);
                tracing::error!(
                    problem = failure.found,
                    advice = failure.advice,
                    "got no certificate; what there is goes on being served. The next try is at {}; `djankiserv acme renew` makes it now",
                    iso_time(again)
                );
            }
        }
        Ok(())
    }

    fn is_due(&self, certificate: Option<&Certificate>) -> bool {
        certificate.is_none_or(|it| it.subject != self.settings.subject() || it.renew_at <= self.app.clock.now_ms())
    }

    /// The certificate in the database, which is served from now on.
    async fn look(&self) -> anyhow::Result<Option<Certificate>> {
        let Some(certificate) = self.app.main.certificate(&self.settings.subject()).await? else { return Ok(None) };
        let stamp = (certificate.subject.clone(), certificate.obtained);
        if self.served.lock().unwrap_or_else(PoisonError::into_inner).as_ref() == Some(&stamp) {
            return Ok(Some(certificate));
        }
        match usable(&certificate.chain, &certificate.key) {
            Ok((served, _)) => {
                self.tls.replace(served);
                *self.served.lock().unwrap_or_else(PoisonError::into_inner) = Some(stamp);
                tracing::info!(expires = iso_time(certificate.not_after), "serving a certificate by ACME");
                Ok(Some(certificate))
            }
            Err(error) => {
                tracing::error!("the certificate in the main database is of no use, another one is needed: {error:#}");
                Ok(None)
            }
        }
    }

    /// Only ends when the lease is lost.
    async fn hold(&self) -> Result<Certificate, Failure> {
        loop {
            tokio::time::sleep(SIGN_OF_LIFE).await;
            match self.app.main.hold_duty(DUTY, &self.holder, self.app.clock.now_ms() + LEASE_MS).await {
                Ok(true) => {}
                Ok(false) => return Err(Failure::new("another process took the order over", "nothing need be done")),
                Err(error) => tracing::warn!(%error, "cannot tell the others that an order goes on; trying again"),
            }
        }
    }
}

/// A certificate that nobody trusts, so that the port is there for watchdogs, and for the authority.
fn stopgap(domains: &[String]) -> anyhow::Result<Served> {
    let mut params = rcgen::CertificateParams::new(domains).context("the names of the certificate")?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, "djankiserv has no certificate yet");
    let key = rcgen::KeyPair::generate().context("a key")?;
    let certificate = params.self_signed(&key).context("a certificate")?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    Ok(Served::new(vec![certificate.into()], key)?.as_stopgap())
}

/// When to order the next one: after two thirds of its time or a little before, so that not all installations come at the same moment. Of one
/// that is hardly valid any more, some of what is left is used, as asking again at once would not help.
pub fn renew_at(validity: Validity, now: i64, jitter: u32) -> i64 {
    let lifetime = validity.not_after.saturating_sub(validity.not_before).max(0);
    let early = i128::from(lifetime / 30) * i128::from(jitter) / i128::from(u32::MAX);
    let by_age = validity.not_before + lifetime / 3 * 2 - i64::try_from(early).unwrap_or(0);
    by_age.max(now + (validity.not_after - now) / 4)
}

/// How long to wait after so many failures in a row: an hour, then twice as long each time, up to a day. Authorities count.
pub fn wait_after(failures: u32) -> i64 {
    match failures {
        0 => 0,
        _ => HOUR_MS.checked_shl((failures - 1).min(10)).map_or(24 * HOUR_MS, |wait| wait.min(24 * HOUR_MS)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renewal_leaves_time() {
        let day = 24 * HOUR_MS;
        let of = |begin: i64, end: i64| Validity { not_before: begin * day, not_after: end * day };
        assert_eq!(renew_at(of(0, 90), 0, 0), 60 * day);
        assert_eq!(renew_at(of(0, 90), 0, u32::MAX), 57 * day);
        assert_eq!(renew_at(of(-1, 5), 0, 0), 3 * day);
        // Our clock is late by most of its time: not at once, but not too late either.
        assert_eq!(renew_at(of(0, 90), 80 * day, 0), 80 * day + 10 * day / 4);
    }

    #[test]
    fn failures_make_patient() {
        let hours = [0, 1, 2, 3, 5, 6, 40, u32::MAX].map(|failures| wait_after(failures) / HOUR_MS);
        assert_eq!(hours, [0, 1, 2, 4, 16, 24, 24, 24]);
    }
}
