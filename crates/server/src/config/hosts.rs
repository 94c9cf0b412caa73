//! Lists of names and addresses: which hosts we answer as, which proxies we believe.

use ipnet::IpNet;
use std::net::IpAddr;

/// The host names under which the server answers, in the forms that Django knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedHosts(Vec<Pattern>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
    Any,
    Exactly(String),
    /// The domain without its leading dot: itself and everything below it.
    Domain(String),
}

impl AllowedHosts {
    /// Parses a list such as `anki.example.com, .example.org, [::1]`. None when an entry is not a name.
    pub fn parse(text: &str) -> Option<Self> {
        let entries = text.split([',', ' ']).filter(|entry| !entry.is_empty());
        let patterns = entries.map(|entry| {
            if entry == "*" {
                return Some(Pattern::Any);
            }
            let (name, whole_domain) = match entry.strip_prefix('.') {
                Some(rest) => (rest, true),
                None => (entry, false),
            };
            let name = normalise(name)?;
            Some(if whole_domain { Pattern::Domain(name) } else { Pattern::Exactly(name) })
        });
        patterns.collect::<Option<Vec<_>>>().filter(|list| !list.is_empty()).map(Self)
    }

    /// Whether a request with this `Host` header (with or without a port) is meant for us.
    pub fn allow(&self, host_header: &str) -> bool {
        if self.0.contains(&Pattern::Any) {
            return true;
        }
        let Some(host) = without_port(host_header).and_then(normalise) else { return false };
        self.0.iter().any(|pattern| match pattern {
            Pattern::Any => true,
            Pattern::Exactly(name) => *name == host,
            Pattern::Domain(domain) => host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')),
        })
    }
}

/// Lower case, no trailing dot, no brackets around an IPv6 address. None for what cannot be a host.
fn normalise(name: &str) -> Option<String> {
    let name = name.strip_suffix('.').unwrap_or(name);
    if let Some(inner) = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return inner.parse::<IpAddr>().ok().map(|ip| ip.to_string());
    }
    if let Ok(ip) = name.parse::<IpAddr>() {
        return Some(ip.to_string());
    }
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '.' | '_'));
    is_name.then(|| name.to_lowercase())
}

fn without_port(header: &str) -> Option<&str> {
    if header.starts_with('[') {
        let end = header.find(']')?;
        let (host, port) = header.split_at(end + 1);
        return (port.is_empty() || port.starts_with(':')).then_some(host);
    }
    Some(header.split_once(':').map_or(header, |(host, _)| host))
}

/// Addresses and networks of reverse proxies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Parses a list such as `127.0.0.1, 10.0.0.0/8, fd00::/8`. None when an entry is not an address or network.
    pub fn parse(text: &str) -> Option<Self> {
        let entries = text.split([',', ' ']).filter(|entry| !entry.is_empty());
        let networks = entries.map(|entry| match entry.parse::<IpAddr>() {
            Ok(address) => Some(address.into()),
            Err(_) => entry.parse().ok(),
        });
        networks.collect::<Option<Vec<_>>>().map(Self)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the peer is one of them. An IPv4 peer of an IPv6 socket is recognised as IPv4.
    pub fn contain(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.0.iter().any(|network| network.contains(&peer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        let cases = [
            ("*", "anything:80", true),
            ("a.example.com", "A.example.com:8002", true),
            ("a.example.com", "a.example.com.", true),
            ("a.example.com", "b.example.com", false),
            (".example.com", "example.com", true),
            (".example.com", "x.y.example.com", true),
            (".example.com", "badexample.com", false),
            ("localhost,127.0.0.1,[::1]", "127.0.0.1:8002", true),
            ("localhost,127.0.0.1,[::1]", "[0:0:0:0:0:0:0:1]:8002", true),
            ("localhost,127.0.0.1,::1", "[::1]", true),
            ("localhost", "", false),
            ("localhost", "local host", false),
            ("localhost", "[localhost", false),
        ];
        for (list, host, want) in cases {
            let hosts = AllowedHosts::parse(list).expect("a usable list");
            assert_eq!(hosts.allow(host), want, "{list} {host}");
        }
        for list in ["", " , ", "http://example.com", "a/b", "*.example.com"] {
            assert_eq!(AllowedHosts::parse(list), None, "{list}");
        }
    }

    #[test]
    fn proxies() -> Result<(), std::net::AddrParseError> {
        let list = TrustedProxies::parse("127.0.0.1, 10.0.0.0/8,fd00::/8 0:0::1 192.168.7.9/24").expect("a usable list");
        let cases = [
            ("127.0.0.1", true),
            ("127.0.0.2", false),
            ("10.200.3.4", true),
            ("11.0.0.1", false),
            ("::ffff:10.1.1.1", true),
            ("fd12::1", true),
            ("fe80::1", false),
            ("::1", true),
            ("192.168.7.1", true),
            ("192.168.8.1", false),
        ];
        for (peer, want) in cases {
            assert_eq!(list.contain(peer.parse()?), want, "{peer}");
        }
        assert!(TrustedProxies::parse("0.0.0.0/0").expect("usable").contain("9.9.9.9".parse()?));
        assert!(!TrustedProxies::default().contain("127.0.0.1".parse()?));
        for list in ["10.0.0.0/33", "example.com", "10.0.0.0/x"] {
            assert_eq!(TrustedProxies::parse(list), None, "{list}");
        }
        Ok(())
    }
}
