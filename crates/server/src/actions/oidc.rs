//! OpenID Connect: sending somebody to the provider, and finding out who came back. Authorization code with PKCE, state and nonce.

use crate::config::OidcSettings;
use openidconnect::core::{
    CoreAuthPrompt, CoreAuthenticationFlow, CoreClient, CoreClientAuthMethod, CoreProviderMetadata, CoreUserInfoClaims,
};
use openidconnect::{
    AccessTokenHash, AuthType, AuthorizationCode, ClientId, ClientSecret, CsrfToken, HttpRequest, HttpResponse, IssuerUrl, Nonce,
    OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, TokenResponse,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(15);
/// Far more than any answer of a provider.
const LONGEST_ANSWER: usize = 1 << 20;

/// Why nobody could be recognised. The text is for the log: what a provider says may be anything.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct OidcError(String);

/// What the browser has to keep while it is at the provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secrets {
    pub state: String,
    nonce: String,
    verifier: String,
}

/// Who came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    pub issuer: String,
    pub subject: String,
    /// Only if the provider has verified it.
    pub email: Option<String>,
    pub username: Option<String>,
    /// When the provider last asked who it is, in seconds since the epoch.
    pub asked_at: Option<i64>,
}

/// The address to send a browser to. `ask` makes the provider ask who it is, even if it knows.
///
/// # Errors
/// When the provider cannot be reached or says something odd.
pub async fn begin(settings: &OidcSettings, redirect: &str, ask: bool) -> Result<(String, Secrets), OidcError> {
    let http = http_client()?;
    let metadata = discover(settings, &http).await?;
    let client = CoreClient::from_provider_metadata(metadata, client_id(settings), client_secret(settings))
        .set_redirect_uri(RedirectUrl::new(redirect.to_owned()).map_err(failed("the address to come back to"))?);
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let mut request = client
        .authorize_url(CoreAuthenticationFlow::AuthorizationCode, CsrfToken::new_random, Nonce::new_random)
        .add_scope(Scope::new("profile".into()))
        .add_scope(Scope::new("email".into()))
        .set_pkce_challenge(challenge);
    if ask {
        request = request.add_prompt(CoreAuthPrompt::Login).set_max_age(Duration::ZERO);
    }
    let (url, state, nonce) = request.url();
    let secrets = Secrets { state: state.into_secret(), nonce: nonce.secret().clone(), verifier: verifier.into_secret() };
    Ok((url.into(), secrets))
}

/// Who it is that came back with this code.
///
/// # Errors
/// When the provider does not confirm it.
pub async fn finish(settings: &OidcSettings, redirect: &str, secrets: Secrets, code: &str) -> Result<Person, OidcError> {
    let http = http_client()?;
    // Afresh, with the keys of this moment.
    let metadata = discover(settings, &http).await?;
    let methods = metadata.token_endpoint_auth_methods_supported().cloned().unwrap_or_default();
    let only_in_body =
        methods.contains(&CoreClientAuthMethod::ClientSecretPost) && !methods.contains(&CoreClientAuthMethod::ClientSecretBasic);
    let client = CoreClient::from_provider_metadata(metadata, client_id(settings), client_secret(settings))
        .set_redirect_uri(RedirectUrl::new(redirect.to_owned()).map_err(failed("the address to come back to"))?)
        .set_auth_type(if only_in_body { AuthType::RequestBody } else { AuthType::BasicAuth });
    let answer = client
        .exchange_code(AuthorizationCode::new(code.to_owned()))
        .map_err(failed("the code"))?
        .set_pkce_verifier(PkceCodeVerifier::new(secrets.verifier))
        .request_async(&|request| send(http.clone(), request))
        .await
        .map_err(failed("exchanging the code"))?;
    let token = answer.id_token().ok_or_else(|| OidcError("the provider sent no id token".into()))?;
    let verifier = client.id_token_verifier();
    let claims = token.claims(&verifier, &Nonce::new(secrets.nonce)).map_err(failed("the id token"))?;
    if let Some(expected) = claims.access_token_hash() {
        let algorithm = token.signing_alg().map_err(failed("the id token"))?;
        let key = token.signing_key(&verifier).map_err(failed("the id token"))?;
        if AccessTokenHash::from_token(answer.access_token(), algorithm, key).map_err(failed("the id token"))? != *expected {
            return Err(OidcError("the access token is not the one that belongs to the id token".into()));
        }
    }
    let mut person = Person {
        issuer: settings.issuer.clone(),
        subject: claims.subject().as_str().to_owned(),
        email: claims.email().filter(|_| claims.email_verified() == Some(true)).map(|email| email.as_str().to_owned()),
        username: claims.preferred_username().map(|name| name.as_str().to_owned()),
        asked_at: claims.auth_time().map(|time| time.timestamp()),
    };
    // Many providers tell the rest only when they are asked for it.
    if (person.email.is_none() || person.username.is_none())
        && let Ok(request) = client.user_info(answer.access_token().clone(), Some(claims.subject().clone()))
    {
        let more: CoreUserInfoClaims =
            request.request_async(&|request| send(http.clone(), request)).await.map_err(failed("asking for the rest"))?;
        let email = more.email().filter(|_| more.email_verified() == Some(true)).map(|email| email.as_str().to_owned());
        person.email = person.email.or(email);
        person.username = person.username.or_else(|| more.preferred_username().map(|name| name.as_str().to_owned()));
    }
    Ok(person)
}

async fn discover(settings: &OidcSettings, http: &reqwest::Client) -> Result<CoreProviderMetadata, OidcError> {
    let issuer = IssuerUrl::new(settings.issuer.clone()).map_err(failed("the issuer"))?;
    CoreProviderMetadata::discover_async(issuer, &|request| send(http.clone(), request))
        .await
        .map_err(failed("asking the provider about itself"))
}

fn client_id(settings: &OidcSettings) -> ClientId {
    ClientId::new(settings.client_id.clone())
}

fn client_secret(settings: &OidcSettings) -> Option<ClientSecret> {
    settings.client_secret.as_ref().map(|secret| ClientSecret::new(secret.expose().to_owned()))
}

fn http_client() -> Result<reqwest::Client, OidcError> {
    // There may be one already, and then it is the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // A redirect could lead into our own network.
    let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(TIMEOUT);
    builder.build().map_err(failed("a client for requests"))
}

async fn send(client: reqwest::Client, request: HttpRequest) -> Result<HttpResponse, OidcError> {
    let request = reqwest::Request::try_from(request).map_err(failed("a request"))?;
    let mut answer = client.execute(request).await.map_err(failed("a request"))?;
    let mut head = axum::http::Response::builder().status(answer.status());
    for (name, value) in answer.headers() {
        head = head.header(name, value);
    }
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(failed("an answer"))? {
        if body.len() + piece.len() > LONGEST_ANSWER {
            return Err(OidcError("an answer is too long".into()));
        }
        body.extend(piece);
    }
    head.body(body).map_err(failed("an answer"))
}

/// With what it was caused by: the outermost text alone says little.
fn failed<E: std::error::Error>(what: &'static str) -> impl Fn(E) -> OidcError {
    move |error| {
        let mut text = format!("{what}: {error}");
        let mut cause = error.source();
        while let Some(inner) = cause {
            text = format!("{text}: {inner}");
            cause = inner.source();
        }
        OidcError(text)
    }
}
