//! The configuration: environment variables in, one typed value out.
//!
//! [`settings`] is the list of variables; [`Config::load`] gives them meaning. Apart from where the system keeps
//! files (`HOME`, `PATH` and the like), nothing else in the program reads the environment.

mod ankiconnect;
mod backups;
mod data_root;
mod database;
mod database_url;
mod docs;
mod hosts;
mod limits;
mod log;
mod logins;
mod media;
mod secret;
mod secret_key;
mod settings;
mod source;
mod tls;
mod web;

pub use ankiconnect::{AnkiConnect, Fetching};
pub use backups::{BackupPlace, BackupPlan, Backups};
pub use data_root::DataRoot;
pub use database::Databases;
pub use database_url::connect_to_url;
pub use docs::markdown;
pub use hosts::{AllowedHosts, TrustedProxies};
pub use limits::{Limits, LoginLimits};
pub use log::{Log, LogFormat};
pub use logins::{Link, Logins, OidcSettings};
pub use secret::Secret;
pub use source::{ConfigErrors, SettingError, Shown, Source};
pub(crate) use tls::external_key;
pub use tls::{Acme, Challenge, TlsSource};
pub use web::{Mail, Web};

use crate::media_store::MediaLocation;
use source::Reader;
use std::net::IpAddr;
use std::path::PathBuf;

/// What the administrator decided, checked and with defaults filled in.
#[derive(Debug, Clone)]
pub struct Config {
    /// An IP address without brackets, or a host name.
    pub listen_address: String,
    /// 0 for any free port.
    pub listen_port: u16,
    pub data_root: DataRoot,
    /// None when it is to be generated: see [`Config::secret_key`].
    configured_key: Option<Secret>,
    pub allowed_hosts: AllowedHosts,
    pub trusted_proxies: TrustedProxies,
    /// Sites whose pages may use the API: `https://example.com`, or `*` for all.
    pub cors_origins: Vec<String>,
    pub databases: Databases,
    /// None for the folder in the data root.
    pub media: Option<MediaLocation>,
    pub ankiconnect: AnkiConnect,
    pub backups: Backups,
    pub log: Log,
    /// None to speak plain HTTP.
    pub tls: Option<TlsSource>,
    /// Where browsers are led to https, if TLS is used.
    pub plain_port: Option<u16>,
    /// Where metrics are served, as `address:port`.
    pub metrics_address: Option<String>,
    pub limits: Limits,
    pub login: LoginLimits,
    pub web: Web,
    /// Logins to the pages by others than us.
    pub logins: Logins,
    /// How many daily dumps of the embedded database are kept.
    pub dumps_kept: usize,
    /// Files that secrets were read from.
    pub secret_files: Vec<PathBuf>,
    /// What to tell the administrator about variables that do nothing.
    pub warnings: Vec<String>,
    /// Every setting as it is in force, for `config show`.
    pub shown: Vec<Shown>,
}

impl Config {
    /// Reads and checks all settings.
    ///
    /// # Errors
    /// A list of all settings that cannot be used, each with what would be right.
    pub fn load(source: &Source) -> Result<Self, ConfigErrors> {
        let mut reader = Reader::new(source);
        let r = &mut reader;
        let listen_address =
            r.parsed(settings::LISTEN_ADDRESS, "an IP address or a host name, such as 127.0.0.1 or 0.0.0.0", parse_address);
        let listen_port = r.parsed(settings::LISTEN_PORT, "a port number from 0 to 65535, such as 8002", |text| text.parse().ok());
        let data_root = read_data_root(r);
        let configured_key = secret_key::read(r);
        let allowed_hosts = r.parsed(
            settings::ALLOWED_HOSTS,
            "host names separated by commas, without http:// or port, such as anki.example.com, or .example.com for all names of a domain, or *",
            AllowedHosts::parse,
        );
        let trusted_proxies = r.parsed(
            settings::TRUSTED_PROXIES,
            "addresses or networks separated by commas, such as 127.0.0.1, 10.0.0.0/8",
            TrustedProxies::parse,
        );
        let cors_origins = r.parsed(
            settings::CORS_ORIGINS,
            "addresses of sites separated by commas, without a path, such as https://example.com, or *",
            parse_origins,
        );
        let log = log::read(r);
        let metrics_address =
            r.parsed(settings::METRICS_ADDRESS, "an address with a port, such as 127.0.0.1:9102 or [::1]:9102", parse_address_with_port);
        let plain_port = r.parsed(settings::PLAIN_PORT, "a port number from 0 to 65535, or nothing", |text| {
            if text.is_empty() { Some(None) } else { text.parse().ok().map(Some) }
        });
        let tls = tls::read(r, plain_port.flatten());
        let limits = limits::read(r);
        let databases = database::read(r, limits.as_ref().map_or(1, |limits| limits.db_connections));
        let media = media::read(r);
        let ankiconnect = ankiconnect::read(r);
        let backups = backups::read(r, media.as_ref().and_then(Option::as_ref));
        let login = limits::read_login(r);
        let web = web::read(r);
        let logins = logins::read(r, trusted_proxies.as_ref());
        if let (Some(web), Some(logins)) = (&web, &logins)
            && web.signup_open
            && let Some(reason) = logins.trusts_names()
        {
            r.refuse(
                settings::SIGNUP,
                format!("cannot be open {reason}: anybody could make an account that belongs to somebody else's login"),
            );
        }
        let dumps_kept = r.number(settings::DUMPS_KEPT, 0..=365);
        let secret_files = reader.secret_files();
        let (shown, errors) = reader.finish();
        let mut warnings = source::warnings(source);
        let config = || {
            Some(Self {
                listen_address: listen_address?,
                listen_port: listen_port?,
                data_root: data_root?,
                configured_key: configured_key?,
                allowed_hosts: allowed_hosts?,
                trusted_proxies: trusted_proxies?,
                cors_origins: cors_origins?,
                databases: databases?,
                media: media?,
                ankiconnect: ankiconnect?,
                backups: backups?,
                log: log?,
                tls: tls?,
                plain_port: plain_port?,
                metrics_address: metrics_address?,
                limits: limits?,
                login: login?,
                web: web?,
                logins: logins?,
                dumps_kept: usize::try_from(dumps_kept?).ok()?,
                secret_files,
                warnings: Vec::new(),
                shown,
            })
        };
        match config() {
            Some(config) if errors.is_empty() => {
                warnings.extend(config.doubts());
                Ok(Self { warnings, ..config })
            }
            _ => Err(ConfigErrors(errors)),
        }
    }

    /// Settings that can be used, but hardly do what was meant.
    fn doubts(&self) -> Vec<String> {
        let mut doubts = Vec::new();
        if self.plain_port.is_some() && self.tls.is_none() {
            doubts.push("DJANKISERV_PLAIN_PORT is ignored: it belongs to TLS, which is not set up (DJANKISERV_TLS_CERT or DJANKISERV_ACME_DOMAINS); without, DJANKISERV_LISTEN_PORT speaks plain http".to_owned());
        }
        let is_loopback = self.listen_address == "localhost" || self.listen_address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        if matches!(self.tls, Some(TlsSource::Acme(_))) && is_loopback {
            doubts.push(format!(
                "DJANKISERV_ACME_DOMAINS is set, but the server listens on {} only, where no authority reaches it unless something on this machine leads there: set DJANKISERV_LISTEN_ADDRESS to 0.0.0.0",
                self.listen_address
            ));
        }
        if let Some(BackupPlan { to: BackupPlace::Folder(folder), .. }) = &self.backups.plan
            && folder.starts_with(self.data_root.path())
        {
            doubts.push(format!(
                "DJANKISERV_BACKUP_TO ({}) is inside the data folder: what destroys one destroys the other; take another disk, or a bucket",
                folder.display()
            ));
        }
        doubts
    }

    /// The configured secret key, or the one in the data folder, which is made if it is not there yet.
    ///
    /// # Errors
    /// When the data folder cannot be used.
    pub fn secret_key(&self) -> std::io::Result<Secret> {
        match &self.configured_key {
            Some(key) => Ok(key.clone()),
            None => self.data_root.secret_key(),
        }
    }
}

fn parse_address(text: &str) -> Option<String> {
    let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let is_ip = inner.parse::<std::net::IpAddr>().is_ok();
    let is_name = inner.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '.' | '_'));
    (is_ip || is_name).then(|| inner.to_owned())
}

/// The outer None is an error, the inner one means that it is not set.
#[expect(clippy::option_option, reason = "two different absences")]
fn parse_address_with_port(text: &str) -> Option<Option<String>> {
    if text.is_empty() {
        return Some(None);
    }
    let (address, port) = text.rsplit_once(':')?;
    let is_bare_ipv6 = address.contains(':') && !address.starts_with('[');
    (!address.is_empty() && !is_bare_ipv6 && parse_address(address).is_some() && port.parse::<u16>().is_ok()).then(|| Some(text.to_owned()))
}

fn parse_origins(text: &str) -> Option<Vec<String>> {
    let origins = text.split(',').map(str::trim).filter(|origin| !origin.is_empty());
    let is_origin = |origin: &str| {
        let site = origin.split_once("://").map(|(_, site)| site);
        origin == "*" || site.is_some_and(|site| !site.is_empty() && !site.contains('/'))
    };
    origins.map(|origin| is_origin(origin).then(|| origin.to_owned())).collect()
}

fn read_data_root(reader: &mut Reader) -> Option<DataRoot> {
    let path = reader.text(settings::DATA_ROOT).map(PathBuf::from).or_else(DataRoot::default_path);
    let Some(path) = path else {
        reader.refuse(settings::DATA_ROOT, "is not set, and neither is HOME, so there is no default; set it to a folder");
        return None;
    };
    match DataRoot::new(&path) {
        Ok(root) => {
            reader.show_default(settings::DATA_ROOT, root.path().display().to_string());
            Some(root)
        }
        Err(e) => {
            reader.refuse(settings::DATA_ROOT, format!("`{}` cannot be used: {e}", path.display()));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(pairs: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
        let pairs: Vec<(String, &str)> = pairs.iter().map(|(name, value)| (format!("DJANKISERV_{name}"), *value)).collect();
        Config::load(&Source::from_pairs(pairs.iter().map(|(name, value)| (name.as_str(), *value))))
    }

    #[test]
    fn backups_to_a_bucket_need_its_keys() {
        let to = ("BACKUP_TO", "s3://bucket/backups");
        assert!(load(&[to]).expect_err("keys are missing").to_string().contains("DJANKISERV_BACKUP_ACCESS_KEY"));
        assert!(load(&[("BACKUP_TO", "/backups"), ("BACKUP_EVERY_HOURS", "0")]).is_err());
        assert!(load(&[("BACKUP_TO", "backups")]).expect_err("a relative folder").to_string().contains("give the whole path"));
        let own = load(&[to, ("BACKUP_ACCESS_KEY", "id"), ("BACKUP_SECRET_KEY", "x")]).expect("keys are there");
        assert_eq!(own.backups.plan.expect("a plan").to.to_string(), "s3://bucket/backups");
        let media = [to, ("MEDIA_URL", "s3://media"), ("MEDIA_ACCESS_KEY", "id"), ("MEDIA_SECRET_KEY", "x")];
        assert!(load(&media).expect("the keys of the bucket for media").backups.plan.is_some());
        assert!(load(&[]).expect("no setting is required").backups.plan.is_none());
    }

    #[test]
    fn nobody_joins_as_somebody_else() {
        let oidc = |link| [("OIDC_ISSUER", "https://x"), ("OIDC_CLIENT_ID", "y"), ("OIDC_LINK", link), ("SIGNUP", "open")];
        for link in ["email", "username"] {
            let refused = load(&oidc(link)).expect_err("names are believed").to_string();
            assert!(refused.contains("DJANKISERV_SIGNUP: cannot be open with DJANKISERV_OIDC_LINK"), "{refused}");
        }
        let proxy = [("AUTH_PROXY_HEADER", "Remote-User"), ("TRUSTED_PROXIES", "10.0.0.1"), ("SIGNUP", "open")];
        assert!(load(&proxy).expect_err("names are believed").to_string().contains("with DJANKISERV_AUTH_PROXY_HEADER"));
        assert!(load(&oidc("never")).is_ok() && load(&proxy[..2]).is_ok() && load(&proxy[2..]).is_ok());
    }

    #[test]
    fn defaults() {
        let config = load(&[]).expect("no setting is required");
        assert_eq!((config.listen_address.as_str(), config.listen_port), ("127.0.0.1", 8002));
        assert_eq!(config.databases, Databases::Embedded);
        assert_eq!(config.limits.max_upload, 4 << 30);
        assert_eq!(config.login, LoginLimits { attempts: 10, window_ms: 300_000 });
        assert!(config.allowed_hosts.allow("anything"));
        assert!(config.warnings.is_empty());
    }

    #[test]
    fn every_setting_is_read_and_shown() {
        let shown: Vec<&str> = load(&[]).expect("defaults are usable").shown.iter().map(|s| s.name).collect();
        for setting in settings::all() {
            assert_eq!(shown.iter().filter(|name| **name == setting.name).count(), 1, "{}", setting.name);
        }
        assert_eq!(shown.len(), settings::all().count());
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let errors = load(&[
            ("LISTEN_ADDRESS", "http://x"),
            ("LISTEN_PORT", "65536"),
            ("DEBUG", "maybe"),
            ("LOG", "info,=debug=x"),
            ("LOG_FORMAT", "xml"),
            ("ALLOWED_HOSTS", "https://a"),
            ("TRUSTED_PROXIES", "proxy"),
            ("MAX_BODY_MB", "-1"),
            ("KEPT_DAYS", "many"),
            ("SECRET_KEY", "a_very_secretive_key"),
            ("MAINDB_NAME", "x"),
            ("MEDIA_URL", "s3://bucket"),
        ])
        .expect_err("all wrong");
        let names: Vec<&str> = errors.0.iter().map(|e| e.name.trim_start_matches("DJANKISERV_")).collect();
        let want = ["LISTEN_ADDRESS", "LISTEN_PORT", "SECRET_KEY", "ALLOWED_HOSTS", "TRUSTED_PROXIES", "DEBUG", "LOG", "LOG_FORMAT"];
        for name in want.iter().chain(&["MAX_BODY_MB", "KEPT_DAYS", "MAINDB_PASSWORD", "MEDIA_ACCESS_KEY"]) {
            assert!(names.contains(name), "{name} in {names:?}");
        }
        let text = errors.to_string();
        assert!(text.contains("DJANKISERV_LISTEN_PORT: `65536` is not usable; it must be a port number"), "{text}");
        assert!(!text.contains("a_very_secretive_key"), "{text}");
    }

    #[test]
    fn secret_keys() {
        let long = "70e4b1c29d3f8a56e1b07c4d92fa8365";
        let cases = [
            (long, true),
            ("short", false),
            ("a_relly_secret_key", false),
            ("a_very_secretive_key_a_very_secretive_key", false),
            ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
            ("changeme-changeme-changeme-changeme-changeme", false),
            ("0123456789abcdef0123456789abcdef", false),
        ];
        for (key, usable) in cases {
            let result = load(&[("SECRET_KEY", key)]);
            assert_eq!(result.is_ok(), usable, "{key}");
            match result {
                Ok(config) => {
                    assert_eq!(config.secret_key().expect("configured").expose(), key);
                    assert!(!format!("{config:?}").contains(key));
                }
                Err(errors) => assert!(!errors.to_string().contains(key), "{errors}"),
            }
        }
    }

    #[test]
    fn what_hardly_does_what_was_meant_is_told() {
        let acme = [("ACME_DOMAINS", "anki.example.com"), ("ACME_AGREE_TERMS", "true")];
        for (pairs, part) in [
            (&[("PLAIN_PORT", "80")][..], "DJANKISERV_PLAIN_PORT is ignored"),
            (&acme[..], "listens on 127.0.0.1 only"),
            (&[("DATA_ROOT", "/data"), ("BACKUP_TO", "/data/backups")][..], "inside the data folder"),
        ] {
            let warnings = load(pairs).expect("usable").warnings;
            assert!(warnings.len() == 1 && warnings[0].contains(part), "{warnings:?}");
        }
        let fine =
            [&acme[..], &[("PLAIN_PORT", "80"), ("LISTEN_ADDRESS", "::"), ("BACKUP_TO", "/backups"), ("DATA_ROOT", "/data")]].concat();
        assert_eq!(load(&fine).expect("usable").warnings, Vec::<String>::new());
    }

    #[test]
    fn metrics_addresses() {
        assert!(load(&[]).is_ok_and(|c| c.metrics_address.is_none()));
        for usable in ["127.0.0.1:9102", "[::1]:0", "localhost:9102"] {
            assert!(load(&[("METRICS_ADDRESS", usable)]).is_ok_and(|c| c.metrics_address.as_deref() == Some(usable)), "{usable}");
        }
        for unusable in ["9102", ":9102", "127.0.0.1", "::1:9102", "http://localhost:9102", "localhost:x"] {
            assert!(load(&[("METRICS_ADDRESS", unusable)]).is_err(), "{unusable}");
        }
    }

    #[test]
    fn debug_means_more_log_unless_a_filter_is_set() {
        assert!(load(&[("DEBUG", "True")]).is_ok_and(|c| c.log.filter.contains("djankiserv=debug")));
        assert!(load(&[("DEBUG", "True"), ("LOG", "warn")]).is_ok_and(|c| c.log.filter == "warn"));
        assert!(load(&[("DEBUG", "False")]).is_ok_and(|c| c.log.filter == "info"));
    }
}
