use super::super::Problem;
use anki::cards::CardRules;
use anki::text::{self, FIELD_SEPARATOR};

/// The fields of a note as a caller gives them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fields {
    /// In the order of the notetype. All of them.
    InOrder(Vec<String>),
    /// By name. Those that are not named are empty in a new note, and stay as they are in an old one.
    ByName(Vec<(String, String)>),
}

impl Fields {
    /// The fields in order, cleaned as a client cleans them. `field` is where they stand in the request; `old` are those of a note that
    /// exists.
    pub(super) fn resolve(&self, field: &str, rules: &CardRules, old: Option<&[&str]>, nfc: bool) -> Result<Vec<String>, Problem> {
        let names = rules.field_names();
        let mut values: Vec<String> = match old {
            Some(old) => (0..names.len()).map(|at| old.get(at).copied().unwrap_or_default().to_owned()).collect(),
            None => vec![String::new(); names.len()],
        };
        match self {
            Self::InOrder(given) if given.len() == names.len() => {
                for (value, given) in values.iter_mut().zip(given) {
                    *value = clean(given, nfc);
                }
            }
            Self::InOrder(given) => {
                let reason = format!("the notetype has {} fields, not {}: {}", names.len(), given.len(), names.join(", "));
                return Err(Problem::invalid(field, reason));
            }
            Self::ByName(given) => {
                for (name, text) in given {
                    // The exact name first: two may differ by case only.
                    let at = names
                        .iter()
                        .position(|known| known == name)
                        .or_else(|| names.iter().position(|known| anki::names::same(known, name)));
                    let Some(at) = at else {
                        let reason = format!("the notetype has no such field; it has {}", names.join(", "));
                        return Err(Problem::invalid(format!("{field}.{name}"), reason));
                    };
                    values[at] = clean(text, nfc);
                }
            }
        }
        Ok(values)
    }
}

/// A field without control characters, in composed form unless the owner has switched that off.
pub(in super::super) fn clean(text: &str, nfc: bool) -> String {
    let without = text::strip_control_characters(text).replace(FIELD_SEPARATOR, "");
    if nfc { text::normalize_nfc(&without).into_owned() } else { without }
}
