//! One order, from the account to the certificate.

use super::http::Http;
use super::problem::Failure;
use super::schedule::renew_at;
use crate::clock::Clock;
use crate::config::{self, Challenge, external_key};
use crate::http::tls::{Served, validity};
use crate::random;
use instant_acme::{
    Account, AccountCredentials, AuthorizationStatus, ChallengeType, ExternalAccountKey, Identifier, NewAccount, NewOrder, Order,
    OrderStatus, RetryPolicy,
};
use std::time::Duration;
use store::main_db::{Certificate, MainDb};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// How long an authority may take to look whose the names are, and again to make the certificate.
const PATIENCE: RetryPolicy = RetryPolicy::new().initial_delay(Duration::from_millis(500)).backoff(1.5).timeout(Duration::from_secs(120));
/// Answers to challenges that nobody took away.
const CHALLENGE_MS: i64 = 60 * 60 * 1000;
const REPEATS: u32 = 3;
const LONGEST_TOKEN: usize = 128;

/// Who orders what.
pub(super) struct Customer<'a> {
    pub main: &'a MainDb,
    pub clock: &'a Clock,
    pub settings: &'a config::Acme,
}

impl Customer<'_> {
    /// Orders a certificate for all names.
    ///
    /// # Errors
    /// What was in the way.
    pub async fn order(&self) -> Result<Certificate, Failure> {
        let mut tokens = Vec::new();
        let mut outcome = self.order_with(&mut tokens).await;
        // Each request is repeated a few times already. An authority that has bad luck with its nonces is no reason to wait an hour.
        for _ in 0..REPEATS {
            if !matches!(&outcome, Err(failure) if failure.kind.as_deref() == Some("badNonce")) {
                break;
            }
            outcome = self.order_with(&mut tokens).await;
        }
        if let Err(error) = self.main.drop_challenges(&tokens, self.clock.now_ms()).await {
            tracing::warn!(%error, "cannot take away the answers to ACME challenges; they expire in an hour");
        }
        outcome
    }

    async fn order_with(&self, tokens: &mut Vec<String>) -> Result<Certificate, Failure> {
        let names: Vec<Identifier> = self.settings.domains.iter().cloned().map(Identifier::Dns).collect();
        let request = NewOrder::new(&names);
        let doing = "ordering the certificate";
        let mut order = match self.known_account().await? {
            Some(account) => match account.new_order(&request).await.map_err(|e| Failure::of(doing, &e, self.settings)) {
                // It has forgotten us, or is another one at the same address.
                Err(failure) if failure.kind.as_deref() == Some("accountDoesNotExist") => {
                    tracing::warn!("the authority does not know our account any more; making a new one");
                    self.new_order(&request).await?
                }
                order => order?,
            },
            None => self.new_order(&request).await?,
        };
        self.answer(&mut order, tokens).await?;
        let ready = order.poll_ready(&PATIENCE).await;
        if !matches!(ready, Ok(OrderStatus::Ready)) {
            return Err(match self.refusal(&mut order).await {
                Some(failure) => failure,
                None => match ready {
                    Err(error) => Failure::of("proving whose the names are", &error, self.settings),
                    Ok(_) => Failure::new("the authority does not believe that the names are ours, and does not say why", "see its log"),
                },
            });
        }
        let doing = "getting the certificate";
        let key = order.finalize().await.map_err(|e| Failure::of(doing, &e, self.settings))?;
        let chain = order.poll_certificate(&PATIENCE).await.map_err(|e| Failure::of(doing, &e, self.settings))?;
        self.certificate(chain, key)
    }

    async fn new_order(&self, request: &NewOrder<'_>) -> Result<Order, Failure> {
        let account = self.new_account().await?;
        account.new_order(request).await.map_err(|e| Failure::of("ordering the certificate", &e, self.settings))
    }

    fn http(&self) -> Result<Box<Http>, Failure> {
        let http = Http::new(self.settings.ca_file.as_deref());
        http.map(Box::new).map_err(|e| Failure::new(format!("{e:#}"), "correct DJANKISERV_ACME_CA_FILE, or install ca-certificates"))
    }

    async fn known_account(&self) -> Result<Option<Account>, Failure> {
        let kept = self.main.acme_account(&self.settings.account()).await.map_err(database)?;
        let Some(credentials) = kept.and_then(|text| serde_json::from_str::<AccountCredentials>(&text).ok()) else { return Ok(None) };
        let account = Account::builder_with_http(self.http()?).from_credentials(credentials).await;
        account.map(Some).map_err(|e| Failure::of("asking the authority for its directory", &e, self.settings))
    }

    async fn new_account(&self) -> Result<Account, Failure> {
        let contact = self.settings.email.as_ref().map(|email| format!("mailto:{email}"));
        let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
        let new = NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
        let external = self.settings.external_account.as_ref();
        let external = external.and_then(|(id, key)| Some(ExternalAccountKey::new(id.clone(), &external_key(key)?)));
        let builder = Account::builder_with_http(self.http()?);
        let made = builder.create(&new, self.settings.directory.clone(), external.as_ref()).await;
        let (account, credentials) = made.map_err(|e| Failure::of("making an account", &e, self.settings))?;
        let text = serde_json::to_string(&credentials).map_err(|e| Failure::new(format!("the new account: {e}"), ""))?;
        self.main.keep_acme_account(&self.settings.account(), &text, self.clock.now_ms()).await.map_err(database)?;
        tracing::info!(directory = self.settings.directory, "made an account at the authority for certificates");
        Ok(account)
    }

    /// Puts the answers where all processes find them, and has the authority look.
    async fn answer(&self, order: &mut Order, tokens: &mut Vec<String>) -> Result<(), Failure> {
        let doing = "asking how to prove whose the names are";
        let (wanted, word) = match self.settings.challenge {
            Challenge::Http => (ChallengeType::Http01, "http-01"),
            Challenge::TlsAlpn => (ChallengeType::TlsAlpn01, "tls-alpn-01"),
        };
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization.map_err(|e| Failure::of(doing, &e, self.settings))?;
            let name = authorization.identifier().to_string();
            match authorization.status {
                AuthorizationStatus::Pending => {}
                AuthorizationStatus::Valid => continue,
                status => return Err(Failure::new(format!("{name}: the authority's word on it is {status:?}"), "the server tries again")),
            }
            let Some(mut challenge) = authorization.challenge(wanted.clone()) else {
                let advice = "set DJANKISERV_ACME_CHALLENGE to the other kind, or use another authority";
                return Err(Failure::new(format!("{name}: the authority does not offer {word}"), advice));
            };
            let is_token = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
            if challenge.token.is_empty() || challenge.token.len() > LONGEST_TOKEN || !challenge.token.bytes().all(is_token) {
                return Err(Failure::new(format!("{name}: the token of the authority is none"), "use another authority"));
            }
            let (answer, expires) = (challenge.key_authorization(), self.clock.now_ms() + CHALLENGE_MS);
            tokens.push(challenge.token.clone());
            self.main.put_challenge(&challenge.token, &name, answer.as_str(), expires).await.map_err(database)?;
            challenge.set_ready().await.map_err(|e| Failure::of(&name, &e, self.settings))?;
        }
        Ok(())
    }

    /// What the authority did not like, of the first name that it did not.
    async fn refusal(&self, order: &mut Order) -> Option<Failure> {
        let mut authorizations = order.authorizations();
        while let Some(Ok(mut authorization)) = authorizations.next().await {
            let name = authorization.identifier().to_string();
            let Ok(state) = authorization.refresh().await else { continue };
            if let Some(problem) = state.challenges.iter().find_map(|challenge| challenge.error.as_ref()) {
                return Some(Failure::from_problem(&name, problem, self.settings));
            }
        }
        None
    }

    fn certificate(&self, chain: String, key: String) -> Result<Certificate, Failure> {
        let odd =
            |error: anyhow::Error| Failure::new(format!("the certificate of the authority is of no use: {error:#}"), "use another one");
        let (_, validity) = usable(&chain, &key).map_err(odd)?;
        let now = self.clock.now_ms();
        if validity.not_after <= now {
            return Err(Failure::new("the new certificate has expired already", "set the clock of this machine by NTP"));
        }
        let jitter = random::bytes::<4>().map(u32::from_le_bytes).map_err(|e| odd(e.into()))?;
        Ok(Certificate {
            subject: self.settings.subject(),
            chain,
            key,
            not_before: validity.not_before,
            not_after: validity.not_after,
            renew_at: renew_at(validity, now, jitter),
            obtained: now,
        })
    }
}

/// A certificate and its key in PEM form, ready to be served.
pub(super) fn usable(chain: &str, key: &str) -> anyhow::Result<(Served, crate::http::tls::Validity)> {
    let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes())?;
    let first = chain.first().ok_or_else(|| anyhow::anyhow!("it is empty"))?;
    let validity = validity(first)?;
    Ok((Served::new(chain, key)?, validity))
}

#[expect(clippy::needless_pass_by_value, reason = "used as a function in map_err")]
fn database(error: store::StoreError) -> Failure {
    Failure::new(format!("the main database: {error}"), "see that it runs")
}
