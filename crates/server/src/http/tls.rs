//! TLS of our own: a certificate and its key from files, looked at again when they change.

use anyhow::{Context, bail};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, version};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(10);

/// Where the certificate and its key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// In PEM form, with the certificates between it and the authority behind it.
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// What new connections are made with.
pub struct Tls {
    files: TlsFiles,
    current: RwLock<Arc<ServerConfig>>,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// When one of them cannot be read, or they do not belong together.
    pub fn load(files: TlsFiles) -> anyhow::Result<Arc<Self>> {
        let current = RwLock::new(read(&files)?);
        Ok(Arc::new(Self { files, current }))
    }

    /// For the next connection.
    pub fn acceptor(&self) -> TlsAcceptor {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone().into()
    }

    /// Reads the files again whenever they have changed. Files that are of no use, such as half of a pair, change nothing.
    pub async fn watch(self: Arc<Self>) {
        let mut seen = self.stamps();
        loop {
            tokio::time::sleep(LOOK).await;
            let stamps = self.stamps();
            if stamps == seen {
                continue;
            }
            let files = self.files.clone();
            match tokio::task::spawn_blocking(move || read(&files)).await {
                Ok(Ok(new)) => {
                    *self.current.write().unwrap_or_else(PoisonError::into_inner) = new;
                    seen = stamps;
                    tracing::info!(certificate = %self.files.certificate.display(), "read a new certificate");
                }
                // Tried again at the next look: the other file may still be on its way.
                Ok(Err(error)) => tracing::warn!("cannot use the new certificate yet: {error:#}"),
                Err(error) => tracing::warn!(%error, "cannot read the new certificate"),
            }
        }
    }

    fn stamps(&self) -> [Option<(SystemTime, u64)>; 2] {
        [&self.files.certificate, &self.files.key].map(|path| {
            let metadata = std::fs::metadata(path).ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        })
    }
}

fn read(files: &TlsFiles) -> anyhow::Result<Arc<ServerConfig>> {
    let named = |path: &Path, what: &str| format!("cannot use {} as {what}", path.display());
    let chain = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(|certificates| certificates.collect::<Result<Vec<_>, _>>())
        .with_context(|| named(&files.certificate, "TLS certificate"))?;
    if chain.is_empty() {
        bail!("{}: there is no certificate in it; it has to be in PEM form", named(&files.certificate, "TLS certificate"));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).with_context(|| named(&files.key, "TLS key"))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])
        .context("TLS cannot be set up")?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .with_context(|| format!("{} and {} do not belong together", files.certificate.display(), files.key.display()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
