//! Addresses of databases.

use super::database::{MODES, Parts, check_roots, encryption, parse_host};
use super::secret::Secret;
use super::settings;
use percent_encoding::percent_decode_str;
use std::borrow::Cow;
use std::path::PathBuf;
use store::engine::{ConnectTo, Engine, Host, TlsMode};

/// A database that an address names, such as `postgresql://user@host/name`.
///
/// # Errors
/// What is wrong with the address.
pub fn connect_to_url(url: &str, max_connections: usize) -> Result<ConnectTo, String> {
    let Parts { engine, name, user, password, host, port, tls, roots, .. } = parse_url(url)?;
    check_roots(tls, roots.as_ref()).map_err(|problem| format!("has sslrootcert, which {problem}"))?;
    let engine = engine.unwrap_or(Engine::Postgres);
    let host = host.unwrap_or_else(|| Host::Tcp(settings::MAINDB_HOST.default.into()));
    Ok(ConnectTo {
        engine,
        encryption: encryption(tls, roots, &host),
        host,
        port: port.unwrap_or(engine.default_port()),
        user: user.unwrap_or_else(|| settings::MAINDB_USER.default.into()),
        password: password.map(|secret| secret.expose().to_owned()),
        database: name.ok_or("names no database")?,
        max_connections,
    })
}

/// Parses the form of address that PostgreSQL's own tools use, and that is usual for MySQL. The error never contains the text, as that may contain a password.
pub(super) fn parse_url(text: &str) -> Result<Parts, String> {
    let form = "it must look like postgresql://user:password@host:5432/name or mysql://user:password@host:3306/name, with special characters percent-encoded";
    let url = url::Url::parse(&with_some_host(text)).map_err(|_| format!("is not a usable address; {form}"))?;
    let Some(engine) = Engine::from_scheme(url.scheme()) else { return Err(format!("begins with `{}:`; {form}", url.scheme())) };
    let decode = |text: &str| percent_decode_str(text).decode_utf8().map(|t| t.into_owned()).map_err(|_| format!("is not UTF-8; {form}"));
    let some = |text: String| Some(text).filter(|t| !t.is_empty());
    let mut parts = Parts {
        engine: Some(engine),
        name: some(decode(url.path().trim_start_matches('/'))?),
        user: some(decode(url.username())?),
        password: url.password().map(decode).transpose()?.and_then(some).map(Secret::new),
        host: url.host_str().map(decode).transpose()?.and_then(some).filter(|host| host != NO_HOST).map(|host| parse_host(&host)),
        port: url.port(),
        tls: None,
        roots: None,
        any: true,
        broken: false,
    };
    for (key, value) in url.query_pairs() {
        match (key.as_ref(), value.as_ref()) {
            ("host" | "socket", value) => parts.host = Some(parse_host(value)),
            ("port", value) => parts.port = Some(value.parse().map_err(|_| "has a port that is not a number")?),
            ("user", value) => parts.user = Some(value.to_owned()),
            ("password", value) => parts.password = Some(Secret::new(value)),
            ("dbname", value) => parts.name = Some(value.to_owned()),
            // Each engine's own words, on both.
            ("sslmode" | "ssl-mode", mode) => {
                parts.tls = Some(TlsMode::from_name(mode).ok_or_else(|| format!("has the unknown {key}={mode}; {MODES}"))?);
            }
            // libpq's word for those of the system.
            ("sslrootcert" | "ssl-ca", "system") => {}
            ("sslrootcert" | "ssl-ca", path) => parts.roots = Some(PathBuf::from(path)),
            ("application_name" | "connect_timeout", _) => {}
            (key, _) => {
                return Err(format!(
                    "has the parameter `{key}`, which is not supported; known are host, socket, port, user, password, dbname, sslmode, sslrootcert"
                ));
            }
        }
    }
    Ok(parts)
}

/// Stands in for a missing host, which URLs in general may not lack after a user name.
const NO_HOST: &str = "none.invalid";

/// `postgresql://user@/name?host=/run/postgresql` is fine for PostgreSQL's own tools.
fn with_some_host(text: &str) -> Cow<'_, str> {
    let Some(start) = text.find("://").map(|at| at + 3) else { return text.into() };
    let (scheme, rest) = text.split_at(start);
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if authority.ends_with('@') { format!("{scheme}{authority}{NO_HOST}{path}").into() } else { text.into() }
}
