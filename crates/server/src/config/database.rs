//! The settings of the two databases: parts or an address, and what stands in for parts that are missing.

use super::database_url::parse_url;
use super::secret::Secret;
use super::settings::{self, Setting};
use super::source::Reader;
use std::path::PathBuf;
use store::engine::{ConnectTo, Encryption, Engine, Host, TlsMode, read_roots};

/// Which databases to use.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "a program has one of these")]
pub enum Databases {
    /// A private PostgreSQL in the data folder, which the program starts itself.
    Embedded,
    /// Servers that somebody else runs. Both may be the same.
    External { main: ConnectTo, user: ConnectTo },
}

/// The settings of one database.
struct Names {
    engine: &'static Setting,
    name: &'static Setting,
    user: &'static Setting,
    password: &'static Setting,
    host: &'static Setting,
    port: &'static Setting,
    sslmode: &'static Setting,
    sslrootcert: &'static Setting,
    url: &'static Setting,
}

const MAIN: Names = Names {
    engine: settings::MAINDB_ENGINE,
    name: settings::MAINDB_NAME,
    user: settings::MAINDB_USER,
    password: settings::MAINDB_PASSWORD,
    host: settings::MAINDB_HOST,
    port: settings::MAINDB_PORT,
    sslmode: settings::MAINDB_SSLMODE,
    sslrootcert: settings::MAINDB_SSLROOTCERT,
    url: settings::MAINDB_URL,
};

const USER: Names = Names {
    engine: settings::USERDB_ENGINE,
    name: settings::USERDB_NAME,
    user: settings::USERDB_USER,
    password: settings::USERDB_PASSWORD,
    host: settings::USERDB_HOST,
    port: settings::USERDB_PORT,
    sslmode: settings::USERDB_SSLMODE,
    sslrootcert: settings::USERDB_SSLROOTCERT,
    url: settings::USERDB_URL,
};

/// What was given for one database.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) engine: Option<Engine>,
    pub(super) name: Option<String>,
    pub(super) user: Option<String>,
    pub(super) password: Option<Secret>,
    pub(super) host: Option<Host>,
    pub(super) port: Option<u16>,
    pub(super) tls: Option<TlsMode>,
    pub(super) roots: Option<PathBuf>,
    /// Something was given in an unusable way, which has been reported already.
    pub(super) broken: bool,
    pub(super) any: bool,
}

/// Reads both databases. None when something is wrong, which the reader then knows.
pub(super) fn read(reader: &mut Reader, max_connections: usize) -> Option<Databases> {
    let main = read_parts(reader, &MAIN);
    let user = read_parts(reader, &USER);
    if main.broken || user.broken {
        return None;
    }
    if !main.any {
        if user.any {
            reader.refuse(
                settings::MAINDB_NAME,
                "a USERDB setting is set but no MAINDB setting is; set both, or neither to use the embedded database",
            );
            return None;
        }
        return Some(Databases::Embedded);
    }
    let engine = main.engine.unwrap_or(Engine::Postgres);
    let host = main.host.unwrap_or_else(|| Host::Tcp(settings::MAINDB_HOST.default.into()));
    let main_to = ConnectTo {
        engine,
        encryption: encryption(main.tls, main.roots.clone(), &host),
        host,
        port: main.port.unwrap_or(engine.default_port()),
        user: main.user.unwrap_or_else(|| settings::MAINDB_USER.default.into()),
        password: main.password.map(|secret| secret.expose().to_owned()),
        database: main.name.unwrap_or_else(|| settings::MAINDB_NAME.default.into()),
        max_connections,
    };
    let engine = user.engine.unwrap_or(main_to.engine);
    let same_engine = engine == main_to.engine;
    let host = user.host.unwrap_or_else(|| match &main_to.host {
        // Another kind of server does not listen on main's socket.
        Host::Socket(_) if !same_engine => Host::Tcp(settings::MAINDB_HOST.default.into()),
        host => host.clone(),
    });
    let same_server = same_engine && host == main_to.host && user.port.is_none_or(|port| port == main_to.port);
    let user_to = ConnectTo {
        engine,
        port: user.port.unwrap_or(if same_server { main_to.port } else { engine.default_port() }),
        user: user.user.unwrap_or_else(|| main_to.user.clone()),
        // Main's password is not sent to another server.
        password: user.password.map(|s| s.expose().to_owned()).or_else(|| main_to.password.clone().filter(|_| same_server)),
        database: user.name.unwrap_or_else(|| main_to.database.clone()),
        max_connections,
        // What was demanded of main's server is demanded of this one too.
        encryption: match user.tls {
            Some(_) => encryption(user.tls, user.roots, &host),
            None => encryption(main.tls, main.roots, &host),
        },
        host,
    };
    let main_ok = check_password(reader, &main_to, &MAIN);
    let user_ok = !user.any || check_password(reader, &user_to, &USER);
    (main_ok && user_ok).then_some(Databases::External { main: main_to, user: user_to })
}

/// As it was set, or else if the server can, unless it is on this machine: there it would cost time and protect nothing.
pub(super) fn encryption(mode: Option<TlsMode>, roots: Option<PathBuf>, host: &Host) -> Encryption {
    let by_itself = if host.is_local() { TlsMode::Off } else { TlsMode::Prefer };
    Encryption { mode: mode.unwrap_or(by_itself), roots }
}

/// What is wrong with a file of authorities, if there is one.
pub(super) fn check_roots(mode: Option<TlsMode>, roots: Option<&PathBuf>) -> Result<(), String> {
    let Some(path) = roots else { return Ok(()) };
    if mode < Some(TlsMode::Require) {
        return Err("is of no use without sslmode=verify-full or verify-ca, as the server's certificate is not checked then".to_owned());
    }
    read_roots(path).map(drop)
}

fn check_password(reader: &mut Reader, to: &ConnectTo, names: &Names) -> bool {
    let fine = to.password.is_some() || matches!(to.host, Host::Socket(_));
    if !fine {
        let name = names.password.name;
        reader.refuse(
            names.password,
            format!("is missing: a database on another server needs a password. Set {name}, or {name}_FILE to a file that contains it"),
        );
    }
    fine
}

fn read_parts(reader: &mut Reader, names: &Names) -> Parts {
    let engine = reader.text(names.engine);
    let mut parts =
        Parts { name: reader.text(names.name), user: reader.text(names.user), password: reader.secret(names.password), ..Parts::default() };
    let host = reader.text(names.host);
    let port = reader.text(names.port);
    let sslmode = reader.text(names.sslmode);
    parts.roots = reader.text(names.sslrootcert).map(PathBuf::from);
    let url = reader.secret(names.url);
    let separate = [
        (names.name, parts.name.is_some()),
        (names.user, parts.user.is_some()),
        (names.host, host.is_some()),
        (names.port, port.is_some()),
    ];
    parts.any = engine.is_some()
        || url.is_some()
        || sslmode.is_some()
        || parts.roots.is_some()
        || parts.password.is_some()
        || separate.iter().any(|(_, set)| *set);

    if let Some(engine) = &engine {
        parts.engine = Engine::from_name(engine);
        if parts.engine.is_none() {
            reader.refuse(
                names.engine,
                format!(
                    "`{engine}` is not known; it must be django.db.backends.postgresql or django.db.backends.mysql (which is MariaDB too)"
                ),
            );
            parts.broken = true;
        }
    }
    parts.host = host.as_deref().map(parse_host);
    if let Some(text) = port {
        parts.port = text.parse().ok().filter(|port| *port != 0);
        if parts.port.is_none() {
            reader.refuse(
                names.port,
                format!("`{text}` is not usable; it must be a port number from 1 to 65535, usually 5432 for PostgreSQL and 3306 for MySQL"),
            );
            parts.broken = true;
        }
    }
    if let Some(text) = sslmode {
        parts.tls = TlsMode::from_name(&text);
        if parts.tls.is_none() {
            reader.refuse(names.sslmode, format!("`{text}` is not known; {MODES}"));
            parts.broken = true;
        }
    }
    if let Some(url) = url {
        for (setting, _) in separate.iter().filter(|(_, set)| *set) {
            reader.refuse(setting, format!("is set together with {}, which says it already; set only one of them", names.url.name));
            parts.broken = true;
        }
        match parse_url(url.expose()) {
            Ok(from_url) => {
                if from_url.password.is_some() && parts.password.is_some() {
                    reader.refuse(names.password, format!("is set, but {} contains a password too; set only one of them", names.url.name));
                    parts.broken = true;
                }
                if parts.engine.is_some_and(|engine| from_url.engine != Some(engine)) {
                    reader.refuse(
                        names.engine,
                        format!("is set to another kind of database than {} names; set only one of them", names.url.name),
                    );
                    parts.broken = true;
                }
                for (setting, twice) in [
                    (names.sslmode, from_url.tls.is_some() && parts.tls.is_some()),
                    (names.sslrootcert, from_url.roots.is_some() && parts.roots.is_some()),
                ] {
                    if twice {
                        reader.refuse(setting, format!("is set, but {} says it too; set only one of them", names.url.name));
                        parts.broken = true;
                    }
                }
                let password = from_url.password.or(parts.password);
                let (tls, roots) = (from_url.tls.or(parts.tls), from_url.roots.or(parts.roots));
                parts = Parts { password, tls, roots, any: true, broken: parts.broken, ..from_url };
            }
            Err(problem) => {
                reader.refuse(names.url, problem);
                parts.broken = true;
            }
        }
    }
    if let Err(problem) = check_roots(parts.tls, parts.roots.as_ref())
        && !parts.broken
    {
        reader.refuse(names.sslrootcert, problem);
        parts.broken = true;
    }
    parts
}

pub(super) fn parse_host(text: &str) -> Host {
    if text.starts_with('/') {
        return Host::Socket(PathBuf::from(text));
    }
    let without_brackets = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    Host::Tcp(without_brackets.to_owned())
}

pub(super) const MODES: &str = "sslmode must be disable, prefer, require, verify-ca or verify-full";

#[cfg(test)]
mod tests {
    use super::super::source::{SettingError, Source};
    use super::*;
    use crate::config::connect_to_url;

    fn read_pairs(pairs: &[(&str, &str)]) -> Result<Databases, Vec<SettingError>> {
        let pairs: Vec<(String, &str)> = pairs.iter().map(|(name, value)| (format!("DJANKISERV_{name}"), *value)).collect();
        let source = Source::from_pairs(pairs.iter().map(|(name, value)| (name.as_str(), *value)));
        let mut reader = Reader::new(&source);
        let databases = read(&mut reader, 5);
        let (_, errors) = reader.finish();
        if errors.is_empty() { Ok(databases.expect("no error, so a result")) } else { Err(errors) }
    }

    fn to(host: Host, port: u16, user: &str, password: Option<&str>, database: &str) -> ConnectTo {
        let encryption = encryption(None, None, &host);
        ConnectTo {
            engine: Engine::Postgres,
            host,
            port,
            user: user.into(),
            password: password.map(Into::into),
            database: database.into(),
            max_connections: 5,
            encryption,
        }
    }

    fn encrypted(mode: TlsMode, roots: Option<&str>, to: ConnectTo) -> ConnectTo {
        ConnectTo { encryption: Encryption { mode, roots: roots.map(PathBuf::from) }, ..to }
    }

    fn mysql(to: ConnectTo) -> ConnectTo {
        ConnectTo { engine: Engine::Mysql, ..to }
    }

    fn tcp(host: &str) -> Host {
        Host::Tcp(host.into())
    }

    #[test]
    fn what_is_used() {
        let local = to(tcp("127.0.0.1"), 5432, "djankiserv", Some("pw"), "djankiserv");
        type Case<'a> = (&'a [(&'a str, &'a str)], ConnectTo, ConnectTo);
        let cases: &[Case] = &[
            (&[("MAINDB_PASSWORD", "pw")], local.clone(), local.clone()),
            (&[("MAINDB_PASSWORD", "pw"), ("MAINDB_ENGINE", "django.db.backends.postgresql")], local.clone(), local.clone()),
            (&[("MAINDB_PASSWORD", "pw"), ("USERDB_NAME", "cards")], local, to(tcp("127.0.0.1"), 5432, "djankiserv", Some("pw"), "cards")),
            (
                &[("MAINDB_PASSWORD", "pw"), ("MAINDB_PORT", "5555"), ("USERDB_HOST", "db2"), ("USERDB_PASSWORD", "pw2")],
                to(tcp("127.0.0.1"), 5555, "djankiserv", Some("pw"), "djankiserv"),
                to(tcp("db2"), 5432, "djankiserv", Some("pw2"), "djankiserv"),
            ),
            (
                &[("MAINDB_URL", "postgresql://me:p%40ss%3A%2F@[::1]:5433/my%20db"), ("USERDB_URL", "postgres://u:q@db2/x")],
                to(tcp("::1"), 5433, "me", Some("p@ss:/"), "my db"),
                to(tcp("db2"), 5432, "u", Some("q"), "x"),
            ),
            (
                &[("MAINDB_URL", "postgresql://me@/anki?host=/run/postgresql&port=5434")],
                to(Host::Socket("/run/postgresql".into()), 5434, "me", None, "anki"),
                to(Host::Socket("/run/postgresql".into()), 5434, "me", None, "anki"),
            ),
            (
                &[("MAINDB_URL", "postgresql://me@db/anki?sslmode=prefer"), ("MAINDB_PASSWORD", "pw")],
                to(tcp("db"), 5432, "me", Some("pw"), "anki"),
                to(tcp("db"), 5432, "me", Some("pw"), "anki"),
            ),
            (
                &[("MAINDB_HOST", "/var/run/postgresql")],
                to(Host::Socket("/var/run/postgresql".into()), 5432, "djankiserv", None, "djankiserv"),
                to(Host::Socket("/var/run/postgresql".into()), 5432, "djankiserv", None, "djankiserv"),
            ),
            (
                &[("MAINDB_PASSWORD", "pw"), ("MAINDB_ENGINE", "django.db.backends.mysql")],
                mysql(to(tcp("127.0.0.1"), 3306, "djankiserv", Some("pw"), "djankiserv")),
                mysql(to(tcp("127.0.0.1"), 3306, "djankiserv", Some("pw"), "djankiserv")),
            ),
            (
                &[("MAINDB_PASSWORD", "pw"), ("USERDB_ENGINE", "mariadb"), ("USERDB_PASSWORD", "pw2")],
                to(tcp("127.0.0.1"), 5432, "djankiserv", Some("pw"), "djankiserv"),
                mysql(to(tcp("127.0.0.1"), 3306, "djankiserv", Some("pw2"), "djankiserv")),
            ),
            (
                &[("MAINDB_URL", "mysql://me:pw@db/anki"), ("USERDB_URL", "postgresql:///cards?host=/run/postgresql&user=you")],
                mysql(to(tcp("db"), 3306, "me", Some("pw"), "anki")),
                to(Host::Socket("/run/postgresql".into()), 5432, "you", None, "cards"),
            ),
            (
                &[
                    ("MAINDB_URL", "mariadb://me@localhost/anki?socket=/run/mysqld/mysqld.sock"),
                    ("MAINDB_ENGINE", "mysql"),
                    ("USERDB_NAME", "cards"),
                ],
                mysql(to(Host::Socket("/run/mysqld/mysqld.sock".into()), 3306, "me", None, "anki")),
                mysql(to(Host::Socket("/run/mysqld/mysqld.sock".into()), 3306, "me", None, "cards")),
            ),
        ];
        for (pairs, main, user) in cases {
            assert_eq!(read_pairs(pairs), Ok(Databases::External { main: main.clone(), user: user.clone() }), "{pairs:?}");
        }
        assert_eq!(read_pairs(&[]), Ok(Databases::Embedded));
        assert_eq!(read_pairs(&[("MAINDB_HOST", "")]), Ok(Databases::Embedded), "empty counts as not set");
    }

    #[test]
    fn how_connections_are_encrypted() -> std::io::Result<()> {
        let file = std::env::temp_dir().join(format!("djankiserv-roots-{}.pem", std::process::id()));
        let made = rcgen::generate_simple_self_signed(vec!["db".to_owned()]).expect("a certificate");
        std::fs::write(&file, made.cert.pem())?;
        let roots = file.to_str().expect("a path");
        let db = to(tcp("db"), 5432, "me", Some("pw"), "anki");
        assert_eq!(db.encryption.mode, TlsMode::Prefer, "on another machine");
        assert_eq!(to(tcp("127.0.0.1"), 5432, "me", None, "anki").encryption.mode, TlsMode::Off, "on this one");
        let main = |pairs: &[(&str, &str)]| match read_pairs(pairs) {
            Ok(Databases::External { main, user }) => (main, user),
            other => panic!("{pairs:?}: {other:?}"),
        };
        let url = "postgresql://me:pw@db/anki";
        for (query, mode, with_roots) in [
            ("sslmode=disable", TlsMode::Off, false),
            ("sslmode=require", TlsMode::Require, false),
            ("ssl-mode=VERIFY_IDENTITY", TlsMode::VerifyFull, false),
            ("sslmode=verify-full&sslrootcert=system", TlsMode::VerifyFull, false),
            (&format!("sslmode=verify-ca&sslrootcert={roots}"), TlsMode::VerifyCa, true),
            (&format!("ssl-mode=VERIFY_CA&ssl-ca={roots}"), TlsMode::VerifyCa, true),
        ] {
            let want = encrypted(mode, with_roots.then_some(roots), db.clone());
            assert_eq!(main(&[("MAINDB_URL", &format!("{url}?{query}"))]), (want.clone(), want), "{query}");
            assert_eq!(connect_to_url(&format!("{url}?{query}"), 5).expect("usable").encryption.mode, mode, "{query}");
        }
        let separate = [("MAINDB_URL", url), ("MAINDB_SSLMODE", "verify-full"), ("MAINDB_SSLROOTCERT", roots)];
        let want = encrypted(TlsMode::VerifyFull, Some(roots), db);
        assert_eq!(main(&separate), (want.clone(), want.clone()));
        let other = [("USERDB_HOST", "db2"), ("USERDB_PASSWORD", "q")];
        let db2 = to(tcp("db2"), 5432, "me", Some("q"), "anki");
        let strict = encrypted(TlsMode::VerifyFull, Some(roots), db2.clone());
        assert_eq!(main(&[&separate[..], &other].concat()), (want.clone(), strict), "what is demanded of one is demanded of both");
        let own = encrypted(TlsMode::Require, None, db2);
        let pairs = [&separate[..], &other, &[("USERDB_SSLMODE", "require")]].concat();
        assert_eq!(main(&pairs), (want, own), "unless that has its own");
        std::fs::remove_file(&file)
    }

    #[test]
    fn what_is_refused() {
        type Case<'a> = (&'a [(&'a str, &'a str)], &'a str, &'a str);
        let cases: &[Case] = &[
            (&[("MAINDB_NAME", "x")], "MAINDB_PASSWORD", "is missing"),
            (&[("MAINDB_PASSWORD", "pw"), ("USERDB_HOST", "db2")], "USERDB_PASSWORD", "is missing"),
            (&[("USERDB_NAME", "x")], "MAINDB_NAME", "set both"),
            (&[("MAINDB_PASSWORD", "pw"), ("USERDB_ENGINE", "mysql")], "USERDB_PASSWORD", "is missing"),
            (&[("MAINDB_URL", "mysql://u:hunter2@h/n"), ("MAINDB_ENGINE", "postgresql")], "MAINDB_ENGINE", "only one"),
            (&[("MAINDB_URL", "mysql://u:hunter2@h/n?ssl-mode=SURE")], "MAINDB_URL", "verify-full"),
            (&[("MAINDB_PASSWORD", "pw"), ("MAINDB_SSLMODE", "yes")], "MAINDB_SSLMODE", "verify-full"),
            (&[("MAINDB_URL", "mysql://u:hunter2@h/n?sslmode=require"), ("MAINDB_SSLMODE", "require")], "MAINDB_SSLMODE", "only one"),
            (&[("MAINDB_PASSWORD", "pw"), ("MAINDB_SSLROOTCERT", "/ca.pem")], "MAINDB_SSLROOTCERT", "verify-full"),
            (&[("MAINDB_URL", "postgresql://u:hunter2@h/n?sslmode=verify-ca&sslrootcert=/nowhere")], "MAINDB_SSLROOTCERT", "/nowhere"),
            (
                &[("MAINDB_PASSWORD", "pw"), ("USERDB_HOST", "h"), ("USERDB_PASSWORD", "q"), ("USERDB_SSLROOTCERT", "/ca.pem")],
                "USERDB_SSLROOTCERT",
                "verify-full",
            ),
            (&[("MAINDB_PASSWORD", "pw"), ("MAINDB_ENGINE", "oracle")], "MAINDB_ENGINE", "django.db.backends.mysql"),
            (&[("MAINDB_PASSWORD", "pw"), ("MAINDB_PORT", "0")], "MAINDB_PORT", "5432"),
            (&[("MAINDB_URL", "http://u:hunter2@h/n")], "MAINDB_URL", "postgresql://"),
            (&[("MAINDB_URL", "u:hunter2")], "MAINDB_URL", "postgresql://"),
            (&[("MAINDB_URL", "postgresql://u:hunter2@h:port/n")], "MAINDB_URL", "not a usable address"),
            (&[("MAINDB_URL", "postgresql://u:hunter2@h/n?what=x")], "MAINDB_URL", "`what`"),
            (&[("MAINDB_URL", "postgresql://u:hunter2@h/n"), ("MAINDB_HOST", "h")], "MAINDB_HOST", "only one"),
            (&[("MAINDB_URL", "postgresql://u:hunter2@h/n"), ("MAINDB_PASSWORD", "q")], "MAINDB_PASSWORD", "only one"),
        ];
        for (pairs, setting, part) in cases {
            let errors = read_pairs(pairs).expect_err("refused");
            assert_eq!(errors.len(), 1, "{pairs:?}: {errors:?}");
            assert_eq!(errors[0].name, format!("DJANKISERV_{setting}"), "{pairs:?}");
            assert!(errors[0].problem.contains(part), "{pairs:?}: {errors:?}");
            assert!(!errors[0].problem.contains("hunter2"), "{errors:?}");
        }
    }
}
