//! How connections to databases are encrypted, and how far the server is checked: in the five steps that both engines' own clients know.

use crate::error::{Result, StoreError};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Whether and how a connection is encrypted. It does not concern unix sockets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Encryption {
    pub mode: TlsMode,
    /// Certificates of authorities, in PEM form, in place of those that the system trusts.
    pub roots: Option<PathBuf>,
}

/// From nothing to everything. By their names in PostgreSQL (`sslmode`) and MySQL (`ssl-mode`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsMode {
    /// Never.
    #[default]
    Off,
    /// If the server can. Whoever listens is kept out, whoever pretends to be the server is not.
    Prefer,
    /// Always, with a server that may be anybody; with `roots`, as [`TlsMode::VerifyCa`].
    Require,
    /// The server has a certificate of a trusted authority, for whatever name.
    VerifyCa,
    /// It has one for the name by which we reach it.
    VerifyFull,
}

impl TlsMode {
    /// By the names of either engine.
    pub fn from_name(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().replace('_', "-").as_str() {
            "disable" | "disabled" => Some(Self::Off),
            "allow" | "prefer" | "preferred" => Some(Self::Prefer),
            "require" | "required" => Some(Self::Require),
            "verify-ca" => Some(Self::VerifyCa),
            "verify-full" | "verify-identity" => Some(Self::VerifyFull),
            _ => None,
        }
    }
}

impl Encryption {
    /// Whether a server that does not speak TLS, or badly, is spoken to all the same.
    pub(super) fn is_optional(&self) -> bool {
        self.mode == TlsMode::Prefer
    }

    /// How far the server is checked: files of authorities are not there for nothing.
    pub(super) fn check(&self) -> TlsMode {
        match self.mode {
            TlsMode::Require if self.roots.is_some() => TlsMode::VerifyCa,
            mode => mode,
        }
    }

    /// The authorities to trust.
    ///
    /// # Errors
    /// When there are none.
    pub(super) fn trusted(&self) -> Result<Vec<CertificateDer<'static>>> {
        if let Some(path) = &self.roots {
            return read_roots(path).map_err(StoreError::Internal);
        }
        let found = rustls_native_certs::load_native_certs().certs;
        if found.is_empty() {
            let text = "this machine has no certificates to trust: install ca-certificates, or name a file by sslrootcert";
            return Err(StoreError::Internal(text.into()));
        }
        Ok(found)
    }

    /// For connections of a driver that takes it.
    ///
    /// # Errors
    /// When authorities are needed and there are none.
    pub(super) fn client_config(&self) -> Result<ClientConfig> {
        let provider = Arc::new(ring::default_provider());
        let verifier: Arc<dyn ServerCertVerifier> = match self.check() {
            TlsMode::Off | TlsMode::Prefer | TlsMode::Require => Arc::new(Anybody(provider.clone())),
            mode => {
                let trusted = self.trusted()?;
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(trusted.clone());
                let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build();
                let inner = inner.map_err(|e| StoreError::Internal(format!("the certificates to trust are of no use: {e}")))?;
                Arc::new(OfAuthority { inner, trusted, checks_name: mode == TlsMode::VerifyFull })
            }
        };
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.map_err(|e| StoreError::Internal(format!("TLS cannot be set up: {e}")))?;
        Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
    }
}

/// The certificates of a file.
///
/// # Errors
/// What is wrong with the file.
pub fn read_roots(path: &Path) -> std::result::Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(path).and_then(|all| all.collect::<std::result::Result<Vec<_>, _>>());
    match read {
        Ok(all) if all.is_empty() => Err(format!("there is no certificate in {}; it has to be in PEM form", path.display())),
        Ok(all) => Ok(all),
        Err(error) => Err(format!("cannot read certificates from {}: {error}", path.display())),
    }
}

/// What a server says of a connection over the network that it has not let come about, in words that say what to set.
pub(super) fn with_advice(text: String, encryption: &Encryption) -> String {
    let lower = text.to_lowercase();
    let has = |parts: &[&str]| parts.iter().any(|part| lower.contains(part));
    let advice = if encryption.mode == TlsMode::Off && has(&["no encryption", "ssl off", "insecure transport"]) {
        "the server demands TLS: add sslmode=require to the address of the database, or better verify-full (docs/databases.md)"
    } else if encryption.mode == TlsMode::Off && has(&["access denied for user"]) {
        // MariaDB does not tell one from the other.
        "the name or the password is wrong, or the server demands TLS: then add sslmode=require to the address of the database (docs/databases.md)"
    } else if encryption.mode != TlsMode::Off && has(&["does not support tls"]) {
        "the server does not speak TLS: switch it on there, or set sslmode=disable"
    } else if has(&["unknownissuer", "unknown issuer", "causedasendentity"]) {
        "the certificate of the server is not of an authority that is trusted: name that authority's certificate by sslrootcert"
    } else if has(&["not valid for"]) {
        "the certificate of the server is for another name: use the one that it has, or set sslmode=verify-ca, which does not look at the name"
    } else if has(&["certificateexpired", "certificate expired"]) {
        "the certificate of the server has expired: renew it there"
    } else {
        return text;
    };
    format!("{text}; {advice}")
}

/// Encrypts with whoever answers, as the engines' own clients do in this mode. That the other side holds its key is checked.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> std::result::Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Wants a certificate of an authority that we trust, or the very one that is trusted itself, as many servers at home have signed their own.
#[derive(Debug)]
struct OfAuthority {
    inner: Arc<WebPkiServerVerifier>,
    trusted: Vec<CertificateDer<'static>>,
    checks_name: bool,
}

impl ServerCertVerifier for OfAuthority {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, Error> {
        if self.trusted.iter().any(|trusted| trusted.as_ref() == certificate.as_ref()) {
            if self.checks_name {
                rustls::client::verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
            }
            return Ok(ServerCertVerified::assertion());
        }
        match self.inner.verify_server_cert(certificate, between, name, ocsp, now) {
            // The name is looked at last, so all else is as it should be.
            Err(Error::InvalidCertificate(CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }))
                if !self.checks_name =>
            {
                Ok(ServerCertVerified::assertion())
            }
            outcome => outcome,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_both_engines() {
        for (name, mode) in [
            ("disable", Some(TlsMode::Off)),
            ("PREFERRED", Some(TlsMode::Prefer)),
            ("require", Some(TlsMode::Require)),
            ("VERIFY_CA", Some(TlsMode::VerifyCa)),
            ("verify-full", Some(TlsMode::VerifyFull)),
            ("VERIFY_IDENTITY", Some(TlsMode::VerifyFull)),
            ("yes", None),
        ] {
            assert_eq!(TlsMode::from_name(name), mode, "{name}");
        }
    }

    #[test]
    fn refusals_come_with_advice() {
        let off = Encryption::default();
        let full = Encryption { mode: TlsMode::VerifyFull, roots: None };
        for (text, encryption, part) in [
            ("no pg_hba.conf entry for host \"h\", no encryption (28000)", &off, "sslmode=require"),
            ("Connections using insecure transport are prohibited (3159)", &off, "sslmode=require"),
            ("Access denied for user 'a'@'b' (using password: YES) (1045)", &off, "sslmode=require"),
            ("server does not support TLS", &full, "sslmode=disable"),
            ("invalid peer certificate: UnknownIssuer", &full, "sslrootcert"),
            ("certificate not valid for name \"db\"", &full, "verify-ca"),
        ] {
            let text = with_advice(text.to_owned(), encryption);
            assert!(text.contains("; ") && text.contains(part), "{text}");
        }
        assert_eq!(with_advice("password authentication failed".into(), &off), "password authentication failed");
    }
}
