//! The settings of logins by others than us: a provider of OpenID Connect, or a proxy that knows who somebody is.

use super::source::Reader;
use super::{Secret, TrustedProxies, settings};
use axum::http::HeaderName;

/// Which of them there are, for the pages. Clients always log in with passwords.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Logins {
    pub oidc: Option<OidcSettings>,
    /// The header in which trusted proxies name the user.
    pub proxy_header: Option<HeaderName>,
    /// Whether somebody whom the proxy names gets an account.
    pub proxy_creates: bool,
}

impl Logins {
    /// Where a name or an address decides whose account it is, and so none must be there to be taken by whoever comes first.
    pub fn trusts_names(&self) -> Option<&'static str> {
        if self.proxy_header.is_some() {
            return Some("with DJANKISERV_AUTH_PROXY_HEADER");
        }
        match self.oidc.as_ref()?.link {
            Link::Never => None,
            Link::Email => Some("with DJANKISERV_OIDC_LINK=email"),
            Link::Username => Some("with DJANKISERV_OIDC_LINK=username"),
        }
    }

    /// Whether whoever owns an e-mail address gets the account that has it.
    pub fn trusts_emails(&self) -> bool {
        self.oidc.as_ref().is_some_and(|oidc| oidc.link == Link::Email)
    }
}

/// A provider of OpenID Connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcSettings {
    pub issuer: String,
    pub client_id: String,
    pub client_secret: Option<Secret>,
    /// What its button says.
    pub name: String,
    pub link: Link,
    /// Whether somebody whom we do not know gets an account.
    pub creates: bool,
}

/// To which account somebody belongs who comes from a provider for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// To none, until its owner says so.
    Never,
    /// To the one with the same e-mail address, if the provider has verified it.
    Email,
    /// To the one with the same username.
    Username,
}

pub(super) fn read(r: &mut Reader, proxies: Option<&TrustedProxies>) -> Option<Logins> {
    let issuer = r.parsed(
        settings::OIDC_ISSUER,
        "an address that begins with https:// (or http://, within a network that you trust), such as https://login.example.com",
        |text| {
            if text.is_empty() {
                return Some(None);
            }
            let url = url::Url::parse(text).ok()?;
            let is_usable = matches!(url.scheme(), "http" | "https") && url.has_host() && url.query().is_none() && url.fragment().is_none();
            is_usable.then(|| Some(text.to_owned()))
        },
    );
    let client_id = r.text(settings::OIDC_CLIENT_ID);
    let client_secret = r.secret(settings::OIDC_CLIENT_SECRET);
    let name = r.parsed(settings::OIDC_NAME, "a name of 1 to 50 characters", |text| {
        (1..=50).contains(&text.chars().count()).then(|| text.to_owned())
    });
    let link = r.parsed(settings::OIDC_LINK, "never, email or username", |text| match text {
        "never" => Some(Link::Never),
        "email" => Some(Link::Email),
        "username" => Some(Link::Username),
        _ => None,
    });
    let creates = r.boolean(settings::OIDC_CREATE_USERS);
    let header = r.parsed(settings::AUTH_PROXY_HEADER, "the name of a header, such as Remote-User", |text| {
        if text.is_empty() { Some(None) } else { text.parse::<HeaderName>().ok().map(Some) }
    });
    let proxy_creates = r.boolean(settings::AUTH_PROXY_CREATE_USERS);
    let (issuer, header) = (issuer?, header?);
    if header.is_some() && proxies.is_some_and(|proxies| *proxies == TrustedProxies::default()) {
        r.refuse(
            settings::AUTH_PROXY_HEADER,
            "needs DJANKISERV_TRUSTED_PROXIES: the header is believed only when it comes from an address that is listed there",
        );
        return None;
    }
    let oidc = match (issuer, client_id) {
        (None, _) => None,
        (Some(_), None) => {
            r.refuse(
                settings::OIDC_CLIENT_ID,
                "is needed with DJANKISERV_OIDC_ISSUER; the provider gives it out when you register this server there",
            );
            return None;
        }
        (Some(issuer), Some(client_id)) => {
            Some(OidcSettings { issuer, client_id, client_secret, name: name?, link: link?, creates: creates? })
        }
    };
    Some(Logins { oidc, proxy_header: header, proxy_creates: proxy_creates? })
}
