use std::io::{self, Read, Seek};

use sha1::{Digest, Sha1};
use sha2::Sha256;

use super::zip::{MemberReader, ZipError, ZipReader};
use super::{BadName, MAX_FILES, META, check_name};

/// What an upload may contain, beyond what the protocol fixes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadLimits {
    /// Bytes of one file.
    pub max_file_bytes: u64,
    /// Bytes of all files together.
    pub max_total_bytes: u64,
}

impl Default for UploadLimits {
    /// The protocol's 100 MiB for one file. A client adds files until it has 2.5 MiB, so all of them have little more.
    fn default() -> Self {
        const MIB: u64 = 1024 * 1024;
        Self { max_file_bytes: 100 * MIB, max_total_bytes: 110 * MIB }
    }
}

const MAX_META_BYTES: u64 = 50 * 1024;

/// Why an upload was not taken. Nothing of it must be applied then.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    #[error("bad media zip: {0}")]
    Zip(&'static str),
    #[error("bad media zip: {0}")]
    Read(#[source] io::Error),
    #[error("media zip without _meta")]
    NoMeta,
    #[error("_meta of the media zip has more than {MAX_META_BYTES} bytes")]
    LongMeta,
    #[error("_meta of the media zip is not a list of names and members: {0}")]
    BadMeta(#[source] serde_json::Error),
    #[error("{0} files in a media zip, at most {MAX_FILES} are allowed")]
    TooMany(usize),
    #[error("bad name of media file {index}: {problem}")]
    Name { index: usize, problem: BadName },
    #[error("media file {index} is missing in the zip")]
    Missing { index: usize },
    #[error("media file {index} is empty")]
    Empty { index: usize },
    #[error("media file {index} has more than {limit} bytes")]
    TooLarge { index: usize, limit: u64 },
    #[error("the files of a media zip have more than {limit} bytes")]
    TotalTooLarge { limit: u64 },
}

impl UploadError {
    /// Whether the fault lies with the zip, as opposed to the disk that it was read from.
    pub fn is_refusal(&self) -> bool {
        use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
        // These are what a wrong checksum, damaged compression and a cut-off member look like.
        !matches!(self, Self::Read(error) if !matches!(error.kind(), InvalidData | InvalidInput | UnexpectedEof))
    }
}

impl From<ZipError> for UploadError {
    fn from(error: ZipError) -> Self {
        match error {
            ZipError::Invalid(problem) => Self::Zip(problem),
            ZipError::Io(error) => Self::Read(error),
        }
    }
}

/// One change of an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadChange {
    pub name: String,
    /// Nothing means that the file was deleted.
    pub content: Option<Content>,
}

/// The content of an added or changed file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Bytes, at least 1.
    pub size: u64,
    pub sha1: [u8; 20],
    pub sha256: [u8; 32],
    member: usize,
}

/// The body of `uploadChanges`, found valid from end to end.
#[derive(Debug)]
pub struct UploadBatch<R> {
    zip: ZipReader<R>,
    entries: usize,
    changes: Vec<UploadChange>,
}

impl<R: Read + Seek> UploadBatch<R> {
    /// Reads and checks the whole zip: every file is decompressed once, to measure it and to compute its hashes.
    ///
    /// Sizes that the zip states are not believed. Names may occur more than once, as may members.
    ///
    /// # Errors
    /// When anything in it is refused; also when reading fails.
    pub fn read(input: R, limits: &UploadLimits) -> Result<Self, UploadError> {
        let mut zip = ZipReader::new(input)?;
        let entries = read_meta(&mut zip)?;
        let mut budget = Budget { limits, used: 0 };
        let mut changes = Vec::with_capacity(entries.len());
        for (index, (name, member)) in entries.iter().enumerate() {
            let content = match member.as_deref() {
                // AnkiDroid writes an empty text where others write null.
                None | Some("") => None,
                Some(member) => {
                    check_name(name).map_err(|problem| UploadError::Name { index, problem })?;
                    let member = zip.find(member).ok_or(UploadError::Missing { index })?;
                    Some(measure(zip.open(member)?, index, member, &mut budget)?)
                }
            };
            // No file has a name that could not be stored, so there is nothing to delete. Clients may hold such names, though,
            // and would repeat a refused batch for ever.
            if content.is_some() || check_name(name).is_ok() {
                changes.push(UploadChange { name: name.clone(), content });
            }
        }
        Ok(Self { zip, entries: entries.len(), changes })
    }

    /// The number of entries in `_meta`, which the answer must repeat.
    pub fn entries(&self) -> usize {
        self.entries
    }

    /// The changes, to be applied in this order.
    pub fn changes(&self) -> &[UploadChange] {
        &self.changes
    }

    /// The bytes of a change's file.
    ///
    /// # Errors
    /// When reading fails.
    pub fn open(&mut self, content: &Content) -> io::Result<MemberReader<'_, R>> {
        self.zip.open(content.member).map_err(|error| match error {
            ZipError::Invalid(problem) => io::Error::new(io::ErrorKind::InvalidData, problem),
            ZipError::Io(error) => error,
        })
    }
}

/// Entries of `_meta`: file name, and name of the member.
type Entries = Vec<(String, Option<String>)>;

fn read_meta<R: Read + Seek>(zip: &mut ZipReader<R>) -> Result<Entries, UploadError> {
    let index = zip.find(META).ok_or(UploadError::NoMeta)?;
    let mut json = Vec::new();
    zip.open(index)?.take(MAX_META_BYTES + 1).read_to_end(&mut json).map_err(UploadError::Read)?;
    if json.len() as u64 > MAX_META_BYTES {
        return Err(UploadError::LongMeta);
    }
    let entries: Entries = serde_json::from_slice(&json).map_err(UploadError::BadMeta)?;
    if entries.len() > MAX_FILES {
        return Err(UploadError::TooMany(entries.len()));
    }
    Ok(entries)
}

/// What is left of the limits.
struct Budget<'a> {
    limits: &'a UploadLimits,
    used: u64,
}

impl Budget<'_> {
    fn spend(&mut self, bytes: u64) -> Result<(), UploadError> {
        self.used += bytes;
        let limit = self.limits.max_total_bytes;
        if self.used > limit { Err(UploadError::TotalTooLarge { limit }) } else { Ok(()) }
    }
}

fn measure(mut file: impl Read, index: usize, member: usize, budget: &mut Budget<'_>) -> Result<Content, UploadError> {
    let mut buffer = vec![0; 64 * 1024];
    let mut size = 0_u64;
    let mut sha1 = Sha1::new();
    let mut sha256 = Sha256::new();
    loop {
        let count = file.read(&mut buffer).map_err(UploadError::Read)?;
        let bytes = buffer.get(..count).unwrap_or_default();
        if bytes.is_empty() {
            break;
        }
        size += bytes.len() as u64;
        if size > budget.limits.max_file_bytes {
            return Err(UploadError::TooLarge { index, limit: budget.limits.max_file_bytes });
        }
        budget.spend(bytes.len() as u64)?;
        sha1.update(bytes);
        sha256.update(bytes);
    }
    if size == 0 {
        return Err(UploadError::Empty { index });
    }
    Ok(Content { size, sha1: sha1.finalize().into(), sha256: sha256.finalize().into(), member })
}

#[cfg(test)]
mod tests;
