//! TLS-ALPN-01 (RFC 8737): an authority asks for a name by a protocol that nobody else speaks, and gets a certificate that only the
//! owner of the account could make. The answers are in the main database, so any process can give them.

use crate::clock::Clock;
use anyhow::Context;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use store::main_db::MainDb;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::ClientHello;
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::server::TlsStream;

const PROTOCOL: &[u8] = b"acme-tls/1";

/// Where the answers are.
pub struct Challenges {
    main: MainDb,
    clock: Clock,
}

impl Challenges {
    /// Those in this database.
    pub fn new(main: MainDb, clock: Clock) -> Self {
        Self { main, clock }
    }

    /// What to answer, if this is an authority, and about a name that is waited for. Everybody else gets the handshake that all get, in
    /// which this protocol is refused.
    pub(super) async fn config_for(&self, hello: &ClientHello<'_>) -> Option<Arc<ServerConfig>> {
        let is_authority = hello.alpn().is_some_and(|protocols| protocols.eq([PROTOCOL]));
        let name = hello.server_name().filter(|_| is_authority)?.to_ascii_lowercase();
        let answer = self.main.challenge_for(&name, self.clock.now_ms()).await;
        let answer = answer.inspect_err(|error| tracing::warn!(%error, "cannot look up the answer to an ACME challenge")).ok()??;
        tracing::info!(name, "an ACME authority checks that this name is ours");
        certificate(name, &answer).inspect_err(|error| tracing::warn!("cannot answer an ACME challenge: {error:#}")).ok()
    }
}

fn certificate(name: String, answer: &str) -> anyhow::Result<Arc<ServerConfig>> {
    let mut params = rcgen::CertificateParams::new(vec![name]).context("the name")?;
    params.custom_extensions = vec![rcgen::CustomExtension::new_acme_identifier(&Sha256::digest(answer.as_bytes()))];
    let key = rcgen::KeyPair::generate().context("a key")?;
    let certificate = params.self_signed(&key).context("a certificate")?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let key = ring::default_provider().key_provider.load_private_key(key).context("a key")?;
    // Without the checks that other certificates get: what makes this one special is an extension that nobody else shall understand.
    super::config(CertifiedKey::new(vec![certificate.into()], key), PROTOCOL)
}

/// The handshake was all.
pub(super) async fn close(mut stream: TlsStream<TcpStream>) {
    let _ = stream.shutdown().await;
}
