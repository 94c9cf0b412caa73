//! Where settings come from: the environment, files named in it, and command-line flags. Reads all of them before it gives up, so
//! that one run shows every mistake.

use super::secret::{MASK, Secret};
use super::settings::{self, Setting, WITHOUT_MEANING};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {problem}")]
pub struct SettingError {
    /// The variable.
    pub name: String,
    /// What is wrong with it and what would be right. Never contains a secret.
    pub problem: String,
}

/// All that is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<SettingError>);

impl std::error::Error for ConfigErrors {}

impl std::fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the configuration cannot be used:")?;
        for error in &self.0 {
            write!(f, "\n  {error}")?;
        }
        f.write_str("\nAll settings are explained by `djankiserv config docs`.")
    }
}

/// The variables whose names begin with `DJANKISERV_`, as they are set.
#[derive(Clone, Default)]
pub struct Source {
    vars: BTreeMap<String, String>,
    /// Names whose value is not UTF-8.
    unreadable: Vec<String>,
}

/// What the names of our variables begin with.
const PREFIX: &str = "DJANKISERV_";

impl Source {
    /// Takes the process's environment.
    pub fn from_env() -> Self {
        let mut source = Self::default();
        for (name, value) in std::env::vars_os() {
            let Ok(name) = name.into_string() else { continue };
            if !name.starts_with(PREFIX) {
                continue;
            }
            match value.into_string() {
                Ok(value) => source.set(&name, &value),
                Err(_) => source.unreadable.push(name),
            }
        }
        source
    }

    /// Takes the given pairs, for tests.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut source = Self::default();
        for (name, value) in pairs {
            source.set(name, value);
        }
        source
    }

    /// Sets a variable, as a command-line flag does.
    pub fn set(&mut self, name: &str, value: &str) {
        self.vars.insert(name.to_owned(), value.to_owned());
    }
}

/// A setting as it was found, for `config show`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    pub name: &'static str,
    /// Stars for a secret.
    pub value: String,
    /// Whether it was set, rather than left to its default.
    pub is_set: bool,
}

/// Reads settings and collects what is wrong with them.
pub(super) struct Reader<'a> {
    source: &'a Source,
    errors: Vec<SettingError>,
    shown: Vec<Shown>,
    /// Files that secrets were read from.
    secret_files: Vec<PathBuf>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(source: &'a Source) -> Self {
        let errors =
            source.unreadable.iter().map(|name| SettingError { name: name.clone(), problem: "is not UTF-8 text".into() }).collect();
        Self { source, errors, shown: Vec::new(), secret_files: Vec::new() }
    }

    /// Notes that a setting cannot be used.
    pub(super) fn refuse(&mut self, setting: &Setting, problem: impl Into<String>) {
        self.errors.push(SettingError { name: setting.name.into(), problem: problem.into() });
    }

    /// The text of a setting, None if it is not set. Set to nothing counts as not set, as compose files and charts often do that.
    pub(super) fn text(&mut self, setting: &'static Setting) -> Option<String> {
        let found = self.find(setting);
        let value = match &found {
            Some(_) if setting.secret => MASK.to_owned(),
            Some(text) => text.clone(),
            None => setting.default.to_owned(),
        };
        self.shown.push(Shown { name: setting.name, value, is_set: found.is_some() });
        found
    }

    /// A secret, from the variable or from the file that `<name>_FILE` names.
    pub(super) fn secret(&mut self, setting: &'static Setting) -> Option<Secret> {
        self.text(setting).map(Secret::new)
    }

    /// A setting that is more than text. `wanted` completes the sentence "must be …".
    pub(super) fn parsed<T>(&mut self, setting: &'static Setting, wanted: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let text = self.text(setting).unwrap_or_else(|| setting.default.to_owned());
        let value = parse(&text);
        if value.is_none() {
            self.refuse(setting, format!("`{text}` is not usable; it must be {wanted}"));
        }
        value
    }

    /// A whole number within limits.
    pub(super) fn number(&mut self, setting: &'static Setting, range: std::ops::RangeInclusive<u64>) -> Option<u64> {
        let wanted = format!("a whole number from {} to {}, such as {}", range.start(), range.end(), setting.default);
        self.parsed(setting, &wanted, |text| text.parse().ok().filter(|n| range.contains(n)))
    }

    /// True or false, in the spellings that people use.
    pub(super) fn boolean(&mut self, setting: &'static Setting) -> Option<bool> {
        self.parsed(setting, "true or false", |text| match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Some(true),
            "false" | "0" | "no" | "off" => Some(false),
            _ => None,
        })
    }

    /// Replaces what `config show` prints for a setting whose default depends on others.
    pub(super) fn show_default(&mut self, setting: &Setting, value: String) {
        if let Some(shown) = self.shown.iter_mut().find(|shown| shown.name == setting.name && !shown.is_set) {
            shown.value = value;
        }
    }

    pub(super) fn secret_files(&self) -> Vec<PathBuf> {
        self.secret_files.clone()
    }

    pub(super) fn finish(self) -> (Vec<Shown>, Vec<SettingError>) {
        (self.shown, self.errors)
    }

    fn find(&mut self, setting: &Setting) -> Option<String> {
        let get = |name: &str| self.source.vars.get(name).map(|v| v.trim()).filter(|v| !v.is_empty());
        let direct = get(setting.name);
        let file_name = format!("{}_FILE", setting.name);
        let file = get(&file_name).filter(|_| setting.secret);
        match (direct, file) {
            (Some(_), Some(_)) => {
                self.refuse(setting, format!("is set together with {file_name}; set only one of them"));
                None
            }
            // A secret is taken as it is: its blanks may be part of it.
            (Some(_), None) if setting.secret => self.source.vars.get(setting.name).cloned(),
            (direct, None) => direct.map(str::to_owned),
            (None, Some(path)) => match std::fs::read_to_string(path) {
                Ok(text) if !text.trim().is_empty() => {
                    self.secret_files.push(path.into());
                    Some(text.trim_end_matches(['\n', '\r']).to_owned())
                }
                Ok(_) => {
                    self.errors.push(SettingError { name: file_name, problem: format!("the file {path} is empty") });
                    None
                }
                Err(e) => {
                    self.errors.push(SettingError { name: file_name, problem: format!("cannot read the file {path}: {e}") });
                    None
                }
            },
        }
    }
}

/// What to tell about variables that are set but do nothing.
pub(super) fn warnings(source: &Source) -> Vec<String> {
    let known: BTreeSet<String> =
        settings::all().flat_map(|s| std::iter::once(s.name.to_owned()).chain(s.secret.then(|| format!("{}_FILE", s.name)))).collect();
    let mut warnings = Vec::new();
    for (name, value) in &source.vars {
        if known.contains(name) || is_for_tests(name) || is_from_kubernetes(name, value) {
            continue;
        }
        if let Some((_, why)) = WITHOUT_MEANING.iter().find(|(old, _)| old == name) {
            warnings.push(format!("{name} means nothing to this server and is ignored: {why}"));
            continue;
        }
        let nearest = known.iter().map(|k| (distance(k, name), k)).min();
        warnings.push(match nearest {
            Some((distance, nearest)) if distance <= 3 => format!("{name} is not a setting and is ignored; did you mean {nearest}?"),
            _ => format!("{name} is not a setting and is ignored; `djankiserv config docs` lists them all"),
        });
    }
    warnings
}

fn is_for_tests(name: &str) -> bool {
    name.starts_with("DJANKISERV_TEST_") || name == "DJANKISERV_BIN"
}

/// For a service named "djankiserv", Kubernetes sets `DJANKISERV_SERVICE_HOST`, `DJANKISERV_PORT=tcp://…` and the like by itself.
fn is_from_kubernetes(name: &str, value: &str) -> bool {
    name.contains("_SERVICE_HOST") || name.contains("_SERVICE_PORT") || name.contains("_TCP") || value.starts_with("tcp://")
}

/// How many letters must be added, removed or replaced to turn one name into the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut above_left = i;
        let mut left = i + 1;
        for (cell, cb) in row.iter_mut().skip(1).zip(&b) {
            let above = *cell;
            left = (above_left + usize::from(ca != *cb)).min(above + 1).min(left + 1);
            above_left = above;
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, want) in [("", "", 0), ("abc", "abc", 0), ("abc", "ab", 1), ("ab", "abc", 1), ("kitten", "sitting", 3), ("", "xyz", 3)] {
            assert_eq!(distance(a, b), want, "{a} {b}");
        }
    }

    #[test]
    fn warns_by_name() {
        let source = Source::from_pairs([
            ("DJANKISERV_LISTEN_PORT", "1"),
            ("DJANKISERV_SECRET_KEY_FILE", "x"),
            ("DJANKISERV_LISTENPORT", "1"),
            ("DJANKISERV_GUNICORN_WORKERS", "4"),
            ("DJANKISERV_SOMETHING_ELSE", "4"),
            ("DJANKISERV_TEST_POSTGRES", "x"),
            ("DJANKISERV_PORT", "tcp://10.0.0.1:80"),
            ("DJANKISERV_SERVICE_HOST", "10.0.0.1"),
        ]);
        let got = warnings(&source);
        assert_eq!(got.len(), 3, "{got:?}");
        assert!(got[0].contains("GUNICORN_WORKERS means nothing"), "{got:?}");
        assert!(got[1].contains("did you mean DJANKISERV_LISTEN_PORT?"), "{got:?}");
        assert!(got[2].contains("SOMETHING_ELSE is not a setting"), "{got:?}");
    }

    #[test]
    fn secrets_come_from_files_without_their_line_end() -> std::io::Result<()> {
        let path = std::env::temp_dir().join(format!("djankiserv-secret-{}", std::process::id()));
        std::fs::write(&path, " pass word \n")?;
        let name = path.display().to_string();
        let source = Source::from_pairs([("DJANKISERV_MAINDB_PASSWORD_FILE", name.as_str())]);
        let mut reader = Reader::new(&source);
        assert_eq!(reader.secret(settings::MAINDB_PASSWORD), Some(Secret::new(" pass word ")));
        let (shown, errors) = reader.finish();
        assert_eq!((shown[0].value.as_str(), errors.len()), (MASK, 0));
        std::fs::remove_file(&path)?;

        let mut reader = Reader::new(&source);
        assert_eq!(reader.secret(settings::MAINDB_PASSWORD), None);
        let (_, errors) = reader.finish();
        assert_eq!(errors[0].name, "DJANKISERV_MAINDB_PASSWORD_FILE");
        Ok(())
    }

    #[test]
    fn both_a_secret_and_its_file_is_an_error() {
        let source = Source::from_pairs([("DJANKISERV_SECRET_KEY", "a"), ("DJANKISERV_SECRET_KEY_FILE", "b")]);
        let mut reader = Reader::new(&source);
        assert_eq!(reader.secret(settings::SECRET_KEY), None);
        assert!(reader.finish().1[0].problem.contains("only one"));
    }
}
