//! The settings of TLS: files, or ACME.

use super::source::Reader;
use super::{Secret, settings};
use crate::http::tls::TlsFiles;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use std::path::PathBuf;

/// Where the certificate comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsSource {
    Files(TlsFiles),
    Acme(Acme),
}

/// How to get a certificate by ACME.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acme {
    /// In lower case, as they stand in DNS.
    pub domains: Vec<String>,
    pub email: Option<String>,
    /// The address of the authority's directory.
    pub directory: String,
    /// Certificates to trust when talking to the authority, beside the system's.
    pub ca_file: Option<PathBuf>,
    pub challenge: Challenge,
    /// The id and key of an account at an authority that wants to know its customers.
    pub external_account: Option<(String, Secret)>,
}

/// How the authority finds out whose the names are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Challenge {
    /// It fetches a file from port 80.
    Http,
    /// It shakes hands at port 443.
    TlsAlpn,
}

impl Acme {
    /// Stands for the authority and the names. A certificate of another subject is not the wanted one.
    pub fn subject(&self) -> String {
        let mut names = self.domains.clone();
        names.sort();
        digest(&[&self.directory, &names.join(",")])
    }

    /// Stands for our account at the authority.
    pub fn account(&self) -> String {
        let id = self.external_account.as_ref().map_or("", |(id, _)| id);
        digest(&[&self.directory, id, self.email.as_deref().unwrap_or_default()])
    }
}

fn digest(parts: &[&str]) -> String {
    hex::encode(Sha256::digest(parts.join("\n")))
}

/// The outer None is an error, which the reader then knows; the inner one means plain http.
#[expect(clippy::option_option, reason = "two different absences")]
pub(super) fn read(r: &mut Reader, plain_port: Option<u16>) -> Option<Option<TlsSource>> {
    let files = read_files(r);
    let acme = read_acme(r, plain_port);
    match (files?, acme?) {
        (Some(_), Some(_)) => {
            r.refuse(
                settings::ACME_DOMAINS,
                "is set together with DJANKISERV_TLS_CERT; set only one of them: certificates come from files, or the server gets its own",
            );
            None
        }
        (files, acme) => Some(files.map(TlsSource::Files).or(acme.map(TlsSource::Acme))),
    }
}

/// Both files or none.
#[expect(clippy::option_option, reason = "two different absences")]
fn read_files(r: &mut Reader) -> Option<Option<TlsFiles>> {
    let certificate = r.text(settings::TLS_CERT).map(PathBuf::from);
    let key = r.text(settings::TLS_KEY).map(PathBuf::from);
    match (certificate, key) {
        (Some(certificate), Some(key)) => Some(Some(TlsFiles { certificate, key })),
        (None, None) => Some(None),
        (Some(_), None) => {
            r.refuse(settings::TLS_KEY, "is not set, but DJANKISERV_TLS_CERT is; set both, or neither");
            None
        }
        (None, Some(_)) => {
            r.refuse(settings::TLS_CERT, "is not set, but DJANKISERV_TLS_KEY is; set both, or neither");
            None
        }
    }
}

#[expect(clippy::option_option, reason = "two different absences")]
fn read_acme(r: &mut Reader, plain_port: Option<u16>) -> Option<Option<Acme>> {
    let domains = r.parsed(
        settings::ACME_DOMAINS,
        "host names separated by commas, without http:// or port, such as anki.example.com; no addresses, and no names with *",
        domains,
    );
    let email = r.parsed(settings::ACME_EMAIL, "a mail address such as ann@example.com", |text| {
        let is_usable = text.is_empty() || (text.parse::<lettre::Address>().is_ok());
        is_usable.then(|| Some(text.to_owned()).filter(|text| !text.is_empty()))
    });
    let directory = r.parsed(settings::ACME_DIRECTORY, "an address that begins with https://", |text| {
        let url = url::Url::parse(text).ok()?;
        (url.scheme() == "https" && url.has_host() && url.username().is_empty() && url.password().is_none()).then(|| url.to_string())
    });
    let agrees = r.boolean(settings::ACME_AGREE_TERMS);
    let challenge = r.parsed(settings::ACME_CHALLENGE, "http-01, tls-alpn-01, or nothing", |text| match text {
        "" => Some(None),
        "http-01" => Some(Some(Challenge::Http)),
        "tls-alpn-01" => Some(Some(Challenge::TlsAlpn)),
        _ => None,
    });
    let ca_file = r.text(settings::ACME_CA_FILE).map(PathBuf::from);
    let external_account = read_external_account(r);
    let (domains, email, directory, agrees) = (domains?, email?, directory?, agrees?);
    let (challenge, external_account) = (challenge?, external_account?);
    if domains.is_empty() {
        return Some(None);
    }
    if !agrees {
        r.refuse(
            settings::ACME_AGREE_TERMS,
            "is not true: certificates are given only to those who agree to the terms of the authority (Let's Encrypt's are at https://letsencrypt.org/repository/). Set it to true if you do",
        );
        return None;
    }
    if challenge == Some(Challenge::Http) && plain_port.is_none() {
        r.refuse(
            settings::ACME_CHALLENGE,
            "is http-01, which needs DJANKISERV_PLAIN_PORT: the authority asks at port 80, which has to lead there",
        );
        return None;
    }
    if let Some(path) = &ca_file
        && let Err(problem) = crate::acme::read_roots(path)
    {
        r.refuse(settings::ACME_CA_FILE, format!("cannot be used: {problem:#}"));
        return None;
    }
    let by_itself = if plain_port.is_some() { Challenge::Http } else { Challenge::TlsAlpn };
    Some(Some(Acme { domains, email, directory, ca_file, challenge: challenge.unwrap_or(by_itself), external_account }))
}

#[expect(clippy::option_option, reason = "two different absences")]
fn read_external_account(r: &mut Reader) -> Option<Option<(String, Secret)>> {
    let id = r.text(settings::ACME_EAB_ID);
    let key = r.secret(settings::ACME_EAB_KEY);
    match (id, key) {
        (None, None) => Some(None),
        (Some(id), Some(key)) if external_key(&key).is_some() => Some(Some((id, key))),
        (Some(_), Some(_)) => {
            r.refuse(settings::ACME_EAB_KEY, "is not usable; it must be what the authority gave you, in base64url");
            None
        }
        _ => {
            r.refuse(settings::ACME_EAB_KEY, "and DJANKISERV_ACME_EAB_ID belong together; set both, or neither");
            None
        }
    }
}

/// The bytes of a key as authorities give it out.
pub(crate) fn external_key(key: &Secret) -> Option<Vec<u8>> {
    BASE64_URL_SAFE_NO_PAD.decode(key.expose().trim().trim_end_matches('=')).ok().filter(|bytes| !bytes.is_empty())
}

/// Names as they stand in DNS. Authorities take up to a hundred.
fn domains(text: &str) -> Option<Vec<String>> {
    let mut all: Vec<String> = Vec::new();
    for name in text.split([',', ' ']).filter(|name| !name.is_empty()) {
        let Ok(url::Host::Domain(name)) = url::Host::parse(name.trim_end_matches('.')) else { return None };
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        if name.len() > 253 || !name.split('.').all(is_label) {
            return None;
        }
        if !all.contains(&name) {
            all.push(name);
        }
    }
    (all.len() <= 100).then_some(all)
}

#[cfg(test)]
mod tests {
    use super::super::source::{SettingError, Source};
    use super::*;

    fn read_pairs(pairs: &[(&str, &str)], plain_port: Option<u16>) -> Result<Option<TlsSource>, Vec<SettingError>> {
        let pairs: Vec<(String, &str)> = pairs.iter().map(|(name, value)| (format!("DJANKISERV_{name}"), *value)).collect();
        let source = Source::from_pairs(pairs.iter().map(|(name, value)| (name.as_str(), *value)));
        let mut reader = Reader::new(&source);
        let read = read(&mut reader, plain_port);
        let (_, errors) = reader.finish();
        if errors.is_empty() { Ok(read.expect("no error, so a result")) } else { Err(errors) }
    }

    #[test]
    fn names() {
        for (text, wanted) in [
            ("", Some(vec![])),
            ("Anki.Example.com, a.example. a.example", Some(vec!["anki.example.com", "a.example"])),
            ("bücher.example", Some(vec!["xn--bcher-kva.example"])),
            ("localhost", Some(vec!["localhost"])),
            ("*.example.com", None),
            ("192.0.2.7", None),
            ("[::1]", None),
            ("https://a.example", None),
            ("a.example:443", None),
            ("a_b.example", None),
            ("-a.example", None),
            ("a..example", None),
        ] {
            assert_eq!(domains(text), wanted.map(|list| list.into_iter().map(str::to_owned).collect()), "{text}");
        }
        let many: Vec<String> = (0..101).map(|n| format!("n{n}.example")).collect();
        assert_eq!(domains(&many.join(",")), None);
    }

    #[test]
    fn what_is_used() {
        let agreed = [("ACME_DOMAINS", "b.example,a.example"), ("ACME_AGREE_TERMS", "true")];
        let Ok(Some(TlsSource::Acme(acme))) = read_pairs(&agreed, Some(80)) else { panic!("usable") };
        assert_eq!((acme.challenge, acme.email.clone()), (Challenge::Http, None));
        assert!(acme.directory.contains("acme-v02.api.letsencrypt.org"), "{}", acme.directory);
        assert_eq!(acme.subject(), Acme { domains: vec!["a.example".into(), "b.example".into()], ..acme.clone() }.subject());
        assert_ne!(acme.subject(), Acme { domains: vec!["a.example".into()], ..acme.clone() }.subject());
        let account = acme.account();
        assert_ne!(account, Acme { email: Some("a@b.example".into()), ..acme }.account());
        let Ok(Some(TlsSource::Acme(acme))) = read_pairs(&agreed, None) else { panic!("usable") };
        assert_eq!(acme.challenge, Challenge::TlsAlpn);
        let with = |more: &[(&'static str, &'static str)]| read_pairs(&[&agreed[..], more].concat(), Some(80));
        let Ok(Some(TlsSource::Acme(acme))) = with(&[("ACME_EAB_ID", "me"), ("ACME_EAB_KEY", "c2VjcmV0")]) else { panic!("usable") };
        let (_, key) = acme.external_account.expect("it is set");
        assert_eq!(external_key(&key).as_deref(), Some(&b"secret"[..]));
        assert_eq!(read_pairs(&[("ACME_AGREE_TERMS", "true")], None), Ok(None));
    }

    #[test]
    fn what_is_refused() {
        let agreed = [("ACME_DOMAINS", "a.example"), ("ACME_AGREE_TERMS", "true")];
        type Case = (&'static [(&'static str, &'static str)], &'static str, &'static str);
        let cases: &[Case] = &[
            (&[("ACME_AGREE_TERMS", "false")], "ACME_AGREE_TERMS", "terms"),
            (&[("ACME_DOMAINS", "*.example.com")], "ACME_DOMAINS", "names with *"),
            (&[("TLS_CERT", "/c"), ("TLS_KEY", "/k")], "ACME_DOMAINS", "only one"),
            (&[("TLS_CERT", "/c")], "TLS_KEY", "set both"),
            (&[("ACME_CHALLENGE", "http-01")], "ACME_CHALLENGE", "PLAIN_PORT"),
            (&[("ACME_CHALLENGE", "dns-01")], "ACME_CHALLENGE", "tls-alpn-01"),
            (&[("ACME_DIRECTORY", "http://a.example/dir")], "ACME_DIRECTORY", "https://"),
            (&[("ACME_EMAIL", "me")], "ACME_EMAIL", "mail address"),
            (&[("ACME_EAB_ID", "me")], "ACME_EAB_KEY", "belong together"),
            (&[("ACME_EAB_ID", "me"), ("ACME_EAB_KEY", "secret!")], "ACME_EAB_KEY", "base64url"),
            (&[("ACME_CA_FILE", "/nowhere")], "ACME_CA_FILE", "/nowhere"),
        ];
        for (pairs, setting, part) in cases {
            let errors = read_pairs(&[&agreed[..], pairs].concat(), None).expect_err("refused");
            assert_eq!(errors.len(), 1, "{pairs:?}: {errors:?}");
            assert_eq!(errors[0].name, format!("DJANKISERV_{setting}"), "{pairs:?}");
            assert!(errors[0].problem.contains(part), "{pairs:?}: {errors:?}");
            assert!(!errors[0].problem.contains("secret!"), "{errors:?}");
        }
    }
}
