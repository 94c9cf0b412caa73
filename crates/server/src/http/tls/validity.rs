//! From when to when a certificate is valid.

use anyhow::anyhow;
use tokio_rustls::rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

/// In milliseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    pub not_before: i64,
    pub not_after: i64,
}

/// Reads it from the certificate.
///
/// # Errors
/// When that is none.
pub fn validity(certificate: &CertificateDer<'_>) -> anyhow::Result<Validity> {
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(|e| anyhow!("it is not a certificate: {e}"))?;
    let ms = |seconds: i64| seconds.saturating_mul(1000);
    let validity = parsed.validity();
    Ok(Validity { not_before: ms(validity.not_before.timestamp()), not_after: ms(validity.not_after.timestamp()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() -> anyhow::Result<()> {
        let mut params = rcgen::CertificateParams::new(vec!["a.example".to_owned()])?;
        params.not_before = rcgen::date_time_ymd(2026, 1, 1);
        // Beyond 2049 they are written in another form.
        params.not_after = rcgen::date_time_ymd(2050, 1, 1);
        let certificate = params.self_signed(&rcgen::KeyPair::generate()?)?;
        let want = Validity { not_before: 1_767_225_600_000, not_after: 2_524_608_000_000 };
        assert_eq!(validity(certificate.der())?, want);
        assert!(validity(&CertificateDer::from(vec![0x30, 1, 0])).is_err());
        Ok(())
    }
}
