use super::settings;
use super::source::Reader;

/// What tools that speak AnkiConnect may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnkiConnect {
    /// Origins of web pages, or `*`.
    pub origins: Vec<String>,
    pub fetch: Fetching,
}

/// From where the server fetches files for its users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetching {
    Off,
    /// Addresses that everybody can reach.
    Public,
    /// Those of our own network too.
    Any,
}

pub(super) fn read(reader: &mut Reader) -> Option<AnkiConnect> {
    let origins = reader.parsed(
        settings::ANKICONNECT_ORIGINS,
        "origins separated by commas, each with scheme and host and without a path, such as https://tool.example.com, or *",
        origins,
    );
    let fetch = reader.parsed(settings::ANKICONNECT_FETCH, "public, any or off", |text| match text {
        "public" => Some(Fetching::Public),
        "any" => Some(Fetching::Any),
        "off" => Some(Fetching::Off),
        _ => None,
    });
    Some(AnkiConnect { origins: origins?, fetch: fetch? })
}

fn origins(text: &str) -> Option<Vec<String>> {
    let all: Vec<String> = text.split(',').map(|one| one.trim().trim_end_matches('/').to_owned()).filter(|one| !one.is_empty()).collect();
    let is_origin = |one: &String| {
        one == "*" || one.split_once("://").is_some_and(|(scheme, host)| !scheme.is_empty() && !host.is_empty() && !host.contains('/'))
    };
    all.iter().all(is_origin).then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_origins() {
        for (text, wanted) in [
            ("", Some(vec![])),
            ("*", Some(vec!["*"])),
            ("http://localhost, app://obsidian.md/", Some(vec!["http://localhost", "app://obsidian.md"])),
            ("localhost", None),
            ("https://a.example/b", None),
        ] {
            assert_eq!(origins(text), wanted.map(|list| list.into_iter().map(str::to_owned).collect()), "{text}");
        }
    }
}
