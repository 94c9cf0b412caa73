//! A certificate and its key from files, looked at again when they change.

use super::{Served, Tls};
use anyhow::Context;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(10);

/// Where the certificate and its key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// In PEM form, with the certificates between it and the authority behind it.
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl TlsFiles {
    /// Reads the files.
    ///
    /// # Errors
    /// When one of them cannot be read, or they do not belong together.
    pub fn read(&self) -> anyhow::Result<Served> {
        let named = |path: &Path, what: &str| format!("cannot use {} as {what}", path.display());
        let chain = CertificateDer::pem_file_iter(&self.certificate)
            .and_then(|certificates| certificates.collect::<Result<Vec<_>, _>>())
            .with_context(|| named(&self.certificate, "TLS certificate"))?;
        let key = PrivateKeyDer::from_pem_file(&self.key).with_context(|| named(&self.key, "TLS key"))?;
        Served::new(chain, key).with_context(|| format!("cannot use {} with {}", self.certificate.display(), self.key.display()))
    }

    fn stamps(&self) -> [Option<(SystemTime, u64)>; 2] {
        [&self.certificate, &self.key].map(|path| {
            let metadata = std::fs::metadata(path).ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        })
    }
}

/// Reads the files again whenever they have changed. Files that are of no use, such as half of a pair, change nothing.
pub async fn watch(files: TlsFiles, tls: Arc<Tls>) {
    let mut seen = files.stamps();
    loop {
        tokio::time::sleep(LOOK).await;
        let stamps = files.stamps();
        if stamps == seen {
            continue;
        }
        let now = files.clone();
        match tokio::task::spawn_blocking(move || now.read()).await {
            Ok(Ok(new)) => {
                tls.replace(new);
                seen = stamps;
                tracing::info!(certificate = %files.certificate.display(), "read a new certificate");
            }
            // Tried again at the next look: the other file may still be on its way.
            Ok(Err(error)) => tracing::warn!("cannot use the new certificate yet: {error:#}"),
            Err(error) => tracing::warn!(%error, "cannot read the new certificate"),
        }
    }
}
