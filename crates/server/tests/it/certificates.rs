//! Certificates by ACME, as far as it goes without an authority: e2e/test_acme.py has a real one.

use crate::support::{NOW, TestServer};
use axum::body::Body;
use axum::http::Request;
use djankiserv::acme::{Acme, DUTY};
use djankiserv::config::{Acme as Settings, Challenge};
use djankiserv::http::plain::router_with_challenges;
use djankiserv::http::tls::Tls;
use http_body_util::BodyExt;
use rcgen::{CertificateParams, KeyPair};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use store::main_db::Certificate;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use tower::ServiceExt;

const HOUR: i64 = 60 * 60 * 1000;

/// An authority that nobody reaches.
fn settings() -> Settings {
    Settings {
        domains: vec!["a.example".into()],
        email: None,
        directory: "https://127.0.0.1:1/dir".into(),
        ca_file: None,
        challenge: Challenge::TlsAlpn,
        external_account: None,
    }
}

fn certificate(subject: &str, obtained: i64, renew_at: i64) -> Certificate {
    let key = KeyPair::generate().unwrap();
    let made = CertificateParams::new(vec!["a.example".into()]).unwrap().self_signed(&key).unwrap();
    Certificate {
        subject: subject.into(),
        chain: made.pem(),
        key: key.serialize_pem(),
        not_before: obtained,
        not_after: obtained + 90 * 24 * HOUR,
        renew_at,
        obtained,
    }
}

/// Believes everybody: the tests look at the certificate themselves.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

/// A port whose connections are greeted after the handshake.
async fn listen(tls: Arc<Tls>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let tls = tls.clone();
            tokio::spawn(async move {
                if let Ok(Some(mut stream)) = tls.accept(stream).await {
                    // Echoes, so that a connection can be seen to live.
                    let mut byte = [0];
                    while stream.read_exact(&mut byte).await.is_ok() && stream.write_all(&byte).await.is_ok() {}
                }
            });
        }
    });
    port
}

async fn connect(port: u16, protocol: &str, name: &str) -> std::io::Result<TlsStream<TcpStream>> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider())).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody)).with_no_client_auth();
    config.alpn_protocols = vec![protocol.into()];
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(name.to_owned()).unwrap(), stream).await
}

fn shown(stream: &TlsStream<TcpStream>) -> Vec<u8> {
    stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

fn is(certificate: &Certificate, shown: &[u8]) -> bool {
    use tokio_rustls::rustls::pki_types::pem::PemObject;
    CertificateDer::from_pem_slice(certificate.chain.as_bytes()).unwrap().as_ref() == shown
}

async fn echoes(stream: &mut TlsStream<TcpStream>) -> bool {
    let mut byte = [0];
    stream.write_all(b"x").await.is_ok() && stream.read_exact(&mut byte).await.is_ok() && byte == *b"x"
}

#[tokio::test]
async fn failures_are_written_down_and_make_all_processes_patient() {
    let server = TestServer::new().await;
    let second = server.second().await;
    let acme = Acme::start(&server.app, settings()).await.unwrap();
    let other = Acme::start(&second.app, settings()).await.unwrap();
    assert!(acme.round().await.unwrap());
    let duty = server.app.main.duty(DUTY).await.unwrap().unwrap();
    assert_eq!((duty.failed, duty.succeeded), (Some(NOW), None));
    assert!(duty.problem.contains("https://127.0.0.1:1/dir"), "{}", duty.problem);
    let mut failed = NOW;
    for (tries, wait) in [(1, 1), (2, 2), (3, 4)] {
        assert_eq!(server.app.main.duty_failures(DUTY).await.unwrap(), tries);
        server.clock.set(failed + wait * HOUR - 1);
        assert!(!acme.round().await.unwrap() && !other.round().await.unwrap(), "{tries}");
        failed += wait * HOUR;
        server.clock.set(failed);
        assert!(other.round().await.unwrap(), "{tries}");
        assert!(!acme.round().await.unwrap(), "{tries}");
    }
    // As the command does.
    server.app.main.forget_failures(DUTY).await.unwrap();
    assert!(acme.round().await.unwrap());
    assert_eq!(server.app.main.duty_failures(DUTY).await.unwrap(), 1);
    drop(second);
    server.end().await;
}

#[tokio::test]
async fn what_one_process_obtains_all_serve() {
    let server = TestServer::new().await;
    let main = &server.app.main;
    let acme = Acme::start(&server.app, settings()).await.unwrap();
    let port = listen(acme.tls()).await;
    let stopgap = connect(port, "http/1.1", "a.example").await.unwrap();
    let subject = settings().subject();

    let first = certificate(&subject, NOW, NOW + HOUR);
    main.keep_certificate(&first, NOW).await.unwrap();
    assert!(!acme.round().await.unwrap(), "it is not due");
    let mut old = connect(port, "http/1.1", "a.example").await.unwrap();
    assert!(is(&first, &shown(&old)) && !is(&first, &shown(&stopgap)));

    server.clock.set(NOW + HOUR);
    let next = certificate(&subject, NOW + HOUR, NOW + 3 * HOUR);
    main.keep_certificate(&next, NOW + HOUR).await.unwrap();
    assert!(!acme.round().await.unwrap(), "another process was faster");
    assert!(is(&next, &shown(&connect(port, "http/1.1", "a.example").await.unwrap())));
    assert!(echoes(&mut old).await, "connections that are open stay so");
    assert!(main.certificate(&subject).await.unwrap().unwrap() == next);

    // Other names: the old certificate is served until there is one for them.
    let wider = Settings { domains: vec!["a.example".into(), "b.example".into()], ..settings() };
    let after = Acme::start(&server.app, wider).await.unwrap();
    assert!(is(&next, &shown(&connect(listen(after.tls()).await, "http/1.1", "a.example").await.unwrap())));
    assert!(after.round().await.unwrap(), "one is to be ordered");

    // As the command does.
    main.forget_failures(DUTY).await.unwrap();
    assert!(!acme.round().await.unwrap());
    assert!(main.renew_certificate(&subject).await.unwrap());
    assert!(acme.round().await.unwrap(), "it is due now");
    assert!(is(&next, &shown(&connect(port, "http/1.1", "a.example").await.unwrap())), "and stays, as no other one came");
    server.end().await;
}

#[tokio::test]
async fn any_process_answers_the_authority() {
    let server = TestServer::new().await;
    let second = server.second().await;
    let main = &server.app.main;
    main.put_challenge("tok-en_1", "a.example", "tok-en_1.thumb", NOW + HOUR).await.unwrap();
    let plain = router_with_challenges(443, second.app.main.clone(), second.app.clock.clone());
    let ask = async |path: &str| {
        let answer = plain.clone().oneshot(Request::get(path).header("host", "h").body(Body::empty()).unwrap()).await.unwrap();
        let status = answer.status().as_u16();
        (status, String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap())
    };
    assert_eq!(ask("/.well-known/acme-challenge/tok-en_1").await, (200, "tok-en_1.thumb".into()));
    for path in ["tok-en_2", "tok-en_1%00", "a%20b", &"a".repeat(129)] {
        assert_eq!(ask(&format!("/.well-known/acme-challenge/{path}")).await.0, 404, "{path}");
    }

    let acme = Acme::start(&second.app, settings()).await.unwrap();
    let port = listen(acme.tls()).await;
    let mut stream = connect(port, "acme-tls/1", "a.example").await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"acme-tls/1"[..]));
    let digest = Sha256::digest(b"tok-en_1.thumb").to_vec();
    assert!(shown(&stream).windows(32).any(|part| part == digest));
    assert!(!echoes(&mut stream).await, "there is nothing behind the handshake");
    assert!(connect(port, "acme-tls/1", "b.example").await.is_err(), "nobody waits for that name");

    server.clock.set(NOW + HOUR);
    assert_eq!(ask("/.well-known/acme-challenge/tok-en_1").await.0, 404, "it is too old");
    assert!(connect(port, "acme-tls/1", "a.example").await.is_err());
    server.clock.set(NOW);
    main.drop_challenges(&["tok-en_1".into()], NOW).await.unwrap();
    assert_eq!(ask("/.well-known/acme-challenge/tok-en_1").await.0, 404);
    drop(second);
    server.end().await;
}
