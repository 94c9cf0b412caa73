//! TLS of our own: shaking hands with the certificate of the moment, which comes from files or from ACME.

mod challenges;
mod files;
pub mod unchecked;
mod validity;

pub use challenges::Challenges;
pub use files::{TlsFiles, watch};
pub use validity::{Validity, validity};

use crate::metrics::TLS_EXPIRY;
use anyhow::Context;
use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::net::TcpStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::Acceptor;
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::rustls::{ServerConfig, version};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{LazyConfigAcceptor, TlsAcceptor};

/// What new connections are made with.
pub struct Tls {
    current: RwLock<Arc<ServerConfig>>,
    /// None where no authority proves by handshakes whose the names are.
    challenges: Option<Challenges>,
}

impl Tls {
    /// Begins with this certificate.
    pub fn new(certificate: Served, challenges: Option<Challenges>) -> Arc<Self> {
        TLS_EXPIRY.set([], certificate.expires_ms / 1000);
        Arc::new(Self { current: RwLock::new(certificate.config), challenges })
    }

    /// From now on, new connections get this certificate. Those that are open keep theirs.
    pub fn replace(&self, certificate: Served) {
        TLS_EXPIRY.set([], certificate.expires_ms / 1000);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = certificate.config;
    }

    fn current(&self) -> Arc<ServerConfig> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Shakes hands. Answers nothing if that was all that the other side wanted: it is an authority that checks that the name is ours.
    ///
    /// # Errors
    /// When the handshake fails.
    pub async fn accept(&self, stream: TcpStream) -> io::Result<Option<TlsStream<TcpStream>>> {
        let Some(challenges) = &self.challenges else {
            return TlsAcceptor::from(self.current()).accept(stream).await.map(Some);
        };
        let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
        match challenges.config_for(&start.client_hello()).await {
            Some(config) => {
                challenges::close(start.into_stream(config).await?).await;
                Ok(None)
            }
            None => start.into_stream(self.current()).await.map(Some),
        }
    }
}

/// A certificate with its key, ready for use.
pub struct Served {
    config: Arc<ServerConfig>,
    /// 0 for one that is only there until there is a real one, or that cannot be read.
    expires_ms: i64,
}

impl Served {
    /// Puts a certificate, the ones behind it and its key together.
    ///
    /// # Errors
    /// When they do not belong together.
    pub fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> anyhow::Result<Self> {
        let first = chain.first().context("there is no certificate in it; it has to be in PEM form")?;
        // What serves is up to the key; when it ends is only to be told.
        let expires_ms = validity(first).map_or(0, |validity| validity.not_after);
        let certified = CertifiedKey::from_der(chain, key, &ring::default_provider());
        let certified = certified.context("the certificate and the key do not belong together, or are of no use")?;
        let config = config(certified, b"http/1.1")?;
        Ok(Self { config, expires_ms })
    }

    /// When it expires, in milliseconds since the epoch; 0 if that is not known.
    pub fn expires_ms(&self) -> i64 {
        self.expires_ms
    }

    /// The same, as something that nobody should trust.
    pub fn as_stopgap(self) -> Self {
        Self { expires_ms: 0, ..self }
    }
}

fn config(certified: CertifiedKey, protocol: &[u8]) -> anyhow::Result<Arc<ServerConfig>> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])
        .context("TLS cannot be set up")?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    config.alpn_protocols = vec![protocol.to_vec()];
    Ok(Arc::new(config))
}
