//! Reading a `.colpkg` in any of its forms.

use super::ImportError;
use super::media::{Entry, Source};
use anki::package::{self, Form, MediaEntries};
use prost::Message;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use tempfile::NamedTempFile;
use zip::ZipArchive;

/// The longest list of media files that is read, in bytes: some 500,000 files.
const LONGEST_LIST: u64 = 64 << 20;

/// An opened package.
pub struct Package {
    archive: ZipArchive<BufReader<File>>,
    /// None for the oldest form.
    form: Option<Form>,
}

impl Package {
    /// Opens a package. Blocks.
    ///
    /// # Errors
    /// When it is none, or in a form that we do not know.
    pub fn open(path: &Path) -> Result<Self, ImportError> {
        let file = BufReader::new(File::open(path)?);
        let mut archive = ZipArchive::new(file).map_err(|e| ImportError::Refused(format!("this is not a package of Anki: {e}")))?;
        let has = |name: &str| archive.index_for_name(name).is_some();
        let form = if has(package::META) {
            let meta = read_all(&mut archive, package::META, false, 1000)?;
            match package::version(&meta) {
                Some(1) => None,
                Some(2) => Some(Form::Legacy),
                Some(3) => Some(Form::Current),
                _ => return Err(refused("the package is of a form that this server does not know: update the server")),
            }
        } else if has(Form::Legacy.collection()) {
            Some(Form::Legacy)
        } else {
            None
        };
        Ok(Self { archive, form })
    }

    /// Copies the collection to a file. Blocks.
    ///
    /// # Errors
    /// When it is not there, damaged, or has more bytes than `limit`.
    pub fn collection(&mut self, folder: &Path, limit: u64) -> Result<NamedTempFile, ImportError> {
        let name = self.form.map_or(package::OLDEST_COLLECTION, Form::collection);
        let mut target = NamedTempFile::new_in(folder)?;
        let zstd = self.is_zstd();
        let copied = with_member(&mut self.archive, name, zstd, &mut |content| {
            io::copy(&mut content.take(limit.saturating_add(1)), target.as_file_mut()).map(drop)
        });
        copied.map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => refused(&format!("this is not a package of Anki: it has no {name}")),
            io::ErrorKind::InvalidData => refused(&format!("the package is damaged: {name}: {e}")),
            _ => e.into(),
        })?;
        Ok(target)
    }

    /// The list of media files. Blocks.
    ///
    /// # Errors
    /// When it is damaged.
    pub fn media(&mut self) -> Result<Vec<Entry>, ImportError> {
        let zstd = self.is_zstd();
        let list = match read_all(&mut self.archive, package::MEDIA, zstd, LONGEST_LIST) {
            Err(ImportError::Io(e)) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            list => list?,
        };
        if zstd {
            let list = MediaEntries::decode(&list[..]).map_err(|e| refused(&format!("the list of media files is damaged: {e}")))?;
            let entries = list.entries.into_iter().enumerate();
            return Ok(entries
                .map(|(number, entry)| Entry {
                    member: entry.legacy_zip_filename.map_or_else(|| number.to_string(), |number| number.to_string()),
                    name: entry.name,
                    sha1: (!entry.sha1.is_empty()).then(|| hex::encode(entry.sha1)),
                    ..Entry::default()
                })
                .collect());
        }
        let names: BTreeMap<String, String> =
            serde_json::from_slice(&list).map_err(|e| refused(&format!("the list of media files is damaged: {e}")))?;
        Ok(names.into_iter().map(|(member, name)| Entry { member, name, ..Entry::default() }).collect())
    }

    fn is_zstd(&self) -> bool {
        self.form.is_some_and(Form::is_zstd)
    }
}

impl Source for Package {
    fn read(&mut self, entry: &Entry, take: &mut dyn FnMut(&mut dyn Read) -> io::Result<()>) -> io::Result<()> {
        let zstd = self.is_zstd();
        with_member(&mut self.archive, &entry.member, zstd, take)
    }
}

fn refused(text: &str) -> ImportError {
    ImportError::Refused(text.to_owned())
}

fn with_member(
    archive: &mut ZipArchive<BufReader<File>>,
    name: &str,
    zstd: bool,
    take: &mut dyn FnMut(&mut dyn Read) -> io::Result<()>,
) -> io::Result<()> {
    let mut member = archive.by_name(name).map_err(|e| match e {
        zip::result::ZipError::FileNotFound => io::Error::new(io::ErrorKind::NotFound, format!("there is no {name} in the package")),
        zip::result::ZipError::Io(e) => e,
        other => io::Error::new(io::ErrorKind::InvalidData, other.to_string()),
    })?;
    if !zstd {
        return take(&mut member);
    }
    // The decoder's word for broken frames is "other".
    let mut decoder = zstd::Decoder::new(member)?;
    take(&mut decoder)
        .map_err(|e| if e.kind() == io::ErrorKind::Other { io::Error::new(io::ErrorKind::InvalidData, e.to_string()) } else { e })
}

fn read_all(archive: &mut ZipArchive<BufReader<File>>, name: &str, zstd: bool, limit: u64) -> Result<Vec<u8>, ImportError> {
    let mut all = Vec::new();
    with_member(archive, name, zstd, &mut |content| content.take(limit + 1).read_to_end(&mut all).map(drop)).map_err(|e| {
        match e.kind() {
            io::ErrorKind::InvalidData => refused(&format!("the package is damaged: {name}: {e}")),
            _ => e.into(),
        }
    })?;
    if all.len() as u64 > limit { Err(refused(&format!("the package is not one of Anki's: its {name} is too large"))) } else { Ok(all) }
}
