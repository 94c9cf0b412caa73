//! The settings of the pages for people.

use super::Secret;
use super::settings;
use super::source::Reader;

/// What the pages offer, and under which address.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Web {
    /// Whether anybody can make an account.
    pub signup_open: bool,
    /// Without a slash at its end.
    pub public_url: Option<String>,
    /// None where no mails can be sent.
    pub mail: Option<Mail>,
}

/// How mails are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    pub smtp_url: Secret,
    pub from: String,
}

pub(super) fn read(r: &mut Reader) -> Option<Web> {
    let signup_open = r.parsed(settings::SIGNUP, "closed or open", |text| match text {
        "closed" => Some(false),
        "open" => Some(true),
        _ => None,
    });
    let public_url =
        r.parsed(settings::PUBLIC_URL, "an address that begins with https:// or http://, such as https://anki.example.com", |text| {
            if text.is_empty() { Some(None) } else { address(text).map(Some) }
        });
    let from = r.parsed(settings::SMTP_FROM, "a mail address such as anki@example.com or Anki <anki@example.com>", |text| {
        let is_usable = text.is_empty() || text.parse::<lettre::message::Mailbox>().is_ok();
        is_usable.then(|| text.to_owned())
    });
    let smtp_url = r.secret(settings::SMTP_URL);
    let (public_url, from) = (public_url?, from?);
    let mail = match smtp_url {
        None => None,
        Some(url) => {
            if let Err(problem) = crate::actions::mail::check(url.expose()) {
                r.refuse(settings::SMTP_URL, problem);
                return None;
            }
            for (setting, is_missing) in [(settings::PUBLIC_URL, public_url.is_none()), (settings::SMTP_FROM, from.is_empty())] {
                if is_missing {
                    r.refuse(setting, "is needed to send mails; set it, or do not set DJANKISERV_SMTP_URL");
                    return None;
                }
            }
            Some(Mail { smtp_url: url, from })
        }
    };
    Some(Web { signup_open: signup_open?, public_url, mail })
}

fn address(text: &str) -> Option<String> {
    let url = url::Url::parse(text).ok()?;
    let is_usable = matches!(url.scheme(), "http" | "https") && url.has_host() && url.query().is_none() && url.fragment().is_none();
    is_usable.then(|| url.as_str().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        assert_eq!(address("https://Anki.example.com/"), Some("https://anki.example.com".into()));
        assert_eq!(address("http://[::1]:80/sub/"), Some("http://[::1]/sub".into()));
        for text in ["anki.example.com", "ftp://x", "https://", "https://x/?q", "https://x/#f"] {
            assert_eq!(address(text), None, "{text}");
        }
    }
}
