//! How to reach a MySQL or MariaDB, encrypted or not.

use super::error::{connecting, is_denied};
use crate::engine::tls::{Encryption, TlsMode, with_advice};
use crate::engine::{ConnectTo, Host};
use crate::error::{Result, StoreError};
use mysql_async::{Conn, DriverError, Error, Opts, OptsBuilder, SslOpts};
use rustls::RootCertStore;

/// Statements that stay prepared: those that ask for texts in the shared tables.
const PREPARED: usize = 64;
/// Most bytes of a row that we read: the most that the protocol knows.
const LARGEST_ANSWER: usize = 1 << 30;
/// The driver knows that a certificate is for another name by this word in the text of the error, which has in it what name was wanted.
const ANY_NAME: &str = "NotValidForName.invalid";

/// Opens a connection, and answers how further ones are made. Where encryption is wished for but not demanded, both are tried.
pub(super) async fn connect(to: &ConnectTo) -> Result<(Conn, Opts)> {
    let encryption = match to.host {
        Host::Tcp(_) => to.encryption.clone(),
        // What is on the same machine nobody listens to, and nobody can pretend to be.
        Host::Socket(_) => Encryption::default(),
    };
    let opts = options(to, ssl(&encryption)?);
    let error = match Conn::new(opts.clone()).await {
        Ok(conn) => return Ok((conn, opts)),
        Err(error) => error,
    };
    if encryption.is_optional() {
        let plain = options(to, None);
        if let Ok(conn) = Conn::new(plain.clone()).await {
            let text = connecting(error);
            tracing::info!(database = ?to, "the connection to the database is not encrypted: {text}");
            return Ok((conn, plain));
        }
    }
    let is_denied = is_denied(&error);
    let text = match &error {
        Error::Driver(DriverError::NoClientSslFlagFromServer) => "the server does not support TLS".to_owned(),
        _ => match connecting(error) {
            StoreError::Unavailable(text) => text,
            other => return Err(other),
        },
    };
    let text = match to.host {
        Host::Tcp(_) => with_advice(text, &encryption),
        Host::Socket(_) => text,
    };
    Err(if is_denied { StoreError::Denied(text) } else { StoreError::Unavailable(text) })
}

fn options(to: &ConnectTo, ssl: Option<SslOpts>) -> Opts {
    let builder = OptsBuilder::default().user(Some(&to.user)).pass(to.password.as_ref()).db_name(Some(&to.database)).ssl_opts(ssl);
    let builder = match &to.host {
        Host::Tcp(host) => builder.ip_or_hostname(host).tcp_port(to.port),
        // Debian's name for the socket in a folder that was given as for PostgreSQL.
        Host::Socket(path) if path.is_dir() => builder.socket(Some(path.join("mysqld.sock").to_string_lossy())),
        Host::Socket(path) => builder.socket(Some(path.to_string_lossy())),
    };
    // A row that was loaded can be larger than what the server takes in one statement, and has to be readable all the same.
    let builder = builder.max_allowed_packet(Some(LARGEST_ANSWER));
    // An UPDATE counts the rows that it finds, changed or not, as on PostgreSQL.
    builder.client_found_rows(true).prefer_socket(false).stmt_cache_size(PREPARED).into()
}

/// The driver makes its own TLS, from these.
fn ssl(encryption: &Encryption) -> Result<Option<SslOpts>> {
    // There may be one already, and then it is the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let trusting = || {
        let mut usable = RootCertStore::empty();
        let trusted = encryption.trusted()?.into_iter().filter(|root| usable.add(root.clone()).is_ok());
        let trusted: Vec<_> = trusted.map(|root| root.to_vec().into()).collect();
        if trusted.is_empty() {
            return Err(StoreError::Internal("the certificates to trust are of no use".into()));
        }
        Ok(SslOpts::default().with_disable_built_in_roots(true).with_root_certs(trusted))
    };
    Ok(match encryption.check() {
        TlsMode::Off => None,
        TlsMode::Prefer | TlsMode::Require => Some(SslOpts::default().with_danger_accept_invalid_certs(true)),
        TlsMode::VerifyCa => Some(trusting()?.with_danger_skip_domain_validation(true).with_danger_tls_hostname_override(Some(ANY_NAME))),
        TlsMode::VerifyFull => Some(trusting()?),
    })
}
