//! How we talk to an authority.

use anyhow::{Context, bail};
use axum::http::{Request, Response};
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;

const TIMEOUT: Duration = Duration::from_secs(30);
/// Far more than any answer of an authority.
const LONGEST_ANSWER: usize = 1 << 20;

/// Requests by https only, to servers that the system trusts, or an authority of ours.
pub(super) struct Http(reqwest::Client);

impl Http {
    /// Trusts the certificates of that file too.
    ///
    /// # Errors
    /// When there are none in it.
    pub fn new(roots: Option<&Path>) -> anyhow::Result<Self> {
        // There may be one already, and then it is the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let roots = roots.map(read_roots).transpose()?.unwrap_or_default();
        let roots = roots.iter().map(|root| reqwest::Certificate::from_der(root)).collect::<Result<Vec<_>, _>>()?;
        let builder = reqwest::Client::builder().https_only(true).redirect(reqwest::redirect::Policy::none()).timeout(TIMEOUT);
        Ok(Self(builder.tls_certs_merge(roots).build().context("cannot make a client for https")?))
    }
}

/// The certificates of a file.
///
/// # Errors
/// When it cannot be read, or there are none in it.
pub fn read_roots(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(path).and_then(|all| all.collect::<Result<Vec<_>, _>>());
    let roots = read.with_context(|| format!("cannot read {}", path.display()))?;
    if roots.is_empty() {
        bail!("there is no certificate in {}; it has to be in PEM form", path.display());
    }
    Ok(roots)
}

impl HttpClient for Http {
    fn request(&self, request: Request<BodyWrapper<Bytes>>) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let client = self.0.clone();
        Box::pin(async move { send(&client, request).await.map_err(|error| Error::Other(error.into())) })
    }
}

async fn send(client: &reqwest::Client, request: Request<BodyWrapper<Bytes>>) -> anyhow::Result<BytesResponse> {
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await.map(|body| body.to_bytes());
    let request = client.request(head.method, head.uri.to_string()).headers(head.headers).body(body);
    let mut answer = request.send().await?;
    let mut body = BytesMut::new();
    while let Some(block) = answer.chunk().await? {
        body.extend_from_slice(&block);
        if body.len() > LONGEST_ANSWER {
            bail!("the answer of {} is too long", head.uri);
        }
    }
    let mut whole = Response::new(Full::new(body.freeze()));
    *whole.status_mut() = answer.status();
    *whole.headers_mut() = answer.headers().clone();
    Ok(whole.into())
}
