//! A TLS connection as a client makes it, with the certificates that the system trusts.

use anyhow::{Context, anyhow};
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Shakes hands for `host`, as HTTP/1.1. Certificates in the file `ca` are trusted too.
///
/// # Errors
/// When the certificate is not trusted, does not fit, or the other side does not speak TLS 1.2 or 1.3.
pub(super) async fn connect(stream: TcpStream, host: &str, ca: Option<&Path>) -> anyhow::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    let of_system = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(of_system.certs);
    if let Some(ca) = ca {
        for certificate in CertificateDer::pem_file_iter(ca).with_context(|| format!("cannot read {}", ca.display()))? {
            roots.add(certificate?)?;
        }
    }
    if roots.is_empty() {
        return Err(anyhow!("this machine has no certificates to trust: install ca-certificates, or use --ca"));
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider())).with_safe_default_protocol_versions()?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let name = ServerName::try_from(host.to_owned()).context("not a name that a certificate could have")?;
    Ok(TlsConnector::from(Arc::new(config)).connect(name, stream).await?)
}
