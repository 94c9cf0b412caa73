//! Media files.

use super::args::Args;
use super::context::Context;
use super::failed::{Result, said};
use super::fetch;
use crate::actions::media_files::{self, Wanted};
use anki::media::usable_name;
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use md5::{Digest, Md5};
use serde_json::{Value, json};

/// As lenient as the add-on's decoder.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent).with_decode_allow_trailing_bits(true),
);

/// Where a file's content comes from.
#[derive(Debug, Clone)]
pub enum Source {
    Data(String),
    Url(String),
}

impl Source {
    /// # Errors
    /// When there is none, or it would be a file of ours.
    pub fn of(data: Option<&str>, path: Option<&str>, url: Option<&str>) -> Result<Self> {
        match (data.filter(|s| !s.is_empty()), path.filter(|s| !s.is_empty()), url.filter(|s| !s.is_empty())) {
            (Some(data), _, _) => Ok(Self::Data(data.to_owned())),
            (None, Some(_), _) => Err(said("`path` would be a file of the server; send the content as `data`, or give a `url`")),
            (None, None, Some(url)) => Ok(Self::Url(url.to_owned())),
            (None, None, None) => Err(said("You must provide a \"data\", \"path\", or \"url\" field.")),
        }
    }

    async fn content(self, cx: &Context<'_>) -> Result<Vec<u8>> {
        match self {
            Self::Url(url) => fetch::download(cx.app.config.ankiconnect.fetch, &url).await,
            Self::Data(data) => decoded(&data),
        }
    }
}

/// The bytes that stand in base64.
pub fn decoded(data: &str) -> Result<Vec<u8>> {
    let data: Vec<u8> = data.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    BASE64.decode(data).map_err(|_| said("`data` has to be the content in base64"))
}

/// Stores a file and answers its name; None when its content has the hash that was to be skipped.
pub async fn put(cx: &Context<'_>, name: &str, source: Source, skip_hash: Option<&str>, replace: bool) -> Result<Option<String>> {
    let content = source.content(cx).await?;
    if skip_hash.is_some_and(|skip| skip == hex::encode(Md5::digest(&content))) {
        return Ok(None);
    }
    Ok(Some(media_files::put(cx.app, &cx.caller.account, Wanted::Like { name, replace }, content.into()).await?.name))
}

pub async fn store(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let source = Source::of(args.opt_text("data")?, args.opt_text("path")?, args.opt_text("url")?)?;
    let name = put(cx, args.text("filename")?, source, args.opt_text("skipHash")?, args.flag("deleteExisting", true)?).await?;
    Ok(json!(name))
}

/// The content in base64, or false.
pub async fn retrieve(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let name = args.text("filename")?;
    // The add-on takes the last part of a path.
    let name = name.rsplit('/').next().unwrap_or_default();
    let content = match usable_name(name) {
        Some(name) => media_files::get(cx.app, cx.account(), &name).await?,
        None => None,
    };
    Ok(content.map_or(Value::Bool(false), |content| base64::engine::general_purpose::STANDARD.encode(content).into()))
}

pub async fn names(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let pattern = args.opt_text("pattern")?.unwrap_or("*");
    if pattern.len() > 1000 {
        return Err(said("`pattern` is too long"));
    }
    let pattern: Vec<char> = pattern.chars().collect();
    let files = media_files::list(cx.app, cx.account()).await?;
    let names: Vec<String> = files.into_iter().map(|file| file.name).filter(|name| fits(&pattern, name)).collect();
    Ok(json!(names))
}

pub async fn delete(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    media_files::delete(cx.app, cx.account(), &[args.text("filename")?.to_owned()]).await?;
    Ok(Value::Null)
}

/// Whether a name fits a pattern of shells: `*`, `?`, `[abc]`, `[!a-z]`. Hidden files are found by patterns that begin with a dot only.
fn fits(pattern: &[char], name: &str) -> bool {
    let name: Vec<char> = name.chars().collect();
    if name.first() == Some(&'.') && pattern.first() != Some(&'.') {
        return false;
    }
    // Back to the last asterisk when something does not fit.
    let (mut p, mut n) = (0, 0);
    let mut last: Option<(usize, usize)> = None;
    while n < name.len() {
        let step = match pattern.get(p) {
            Some('*') => {
                last = Some((p, n));
                p += 1;
                continue;
            }
            Some('?') => Some(1),
            Some('[') => one_of(&pattern[p..], name[n]),
            Some(c) if *c == name[n] => Some(1),
            _ => None,
        };
        match (step, last) {
            (Some(length), _) => (p, n) = (p + length, n + 1),
            (None, Some((at, from))) => {
                last = Some((at, from + 1));
                (p, n) = (at + 1, from + 1);
            }
            (None, None) => return false,
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// The length of a set such as `[a-z]` if it has the character. A bracket that is not closed is a character.
fn one_of(set: &[char], wanted: char) -> Option<usize> {
    let negated = matches!(set.get(1), Some('!'));
    let first = if negated { 2 } else { 1 };
    let Some(end) = set.iter().skip(first + 1).position(|c| *c == ']').map(|at| at + first + 1) else {
        return (wanted == '[').then_some(1);
    };
    let (mut at, mut has) = (first, false);
    while at < end {
        if at + 2 < end && set[at + 1] == '-' {
            has |= (set[at]..=set[at + 2]).contains(&wanted);
            at += 3;
        } else {
            has |= set[at] == wanted;
            at += 1;
        }
    }
    (has != negated).then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, name, wanted) in [
            ("*", "a.jpg", true),
            ("*", ".a", false),
            (".*", ".a", true),
            ("*.jpg", "a.jpg", true),
            ("*.jpg", "a.JPG", false),
            ("_*a*.mp3", "_xxaya.mp3", true),
            ("?.jpg", "é.jpg", true),
            ("?.jpg", "ab.jpg", false),
            ("[ab].x", "b.x", true),
            ("[!ab].x", "b.x", false),
            ("[a-c]*", "cat", true),
            ("[]]", "]", true),
            ("[a", "[a", true),
            ("", "", true),
            ("", "a", false),
            ("a**b", "ab", true),
        ] {
            assert_eq!(fits(&pattern.chars().collect::<Vec<_>>(), name), wanted, "{pattern} {name}");
        }
    }
}
