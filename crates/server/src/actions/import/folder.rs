//! A folder of media files that lie there under their names.

use super::ImportError;
use super::media::{Entry, Source};
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::PathBuf;

/// A folder in which nothing is changed.
pub struct MediaFolder(pub PathBuf);

impl MediaFolder {
    /// Adds to the files of an index those that only lie in the folder. Of a name that the index has as deleted and that lies there all
    /// the same, the file counts. Blocks.
    ///
    /// # Errors
    /// When the folder cannot be read. That there is none is no error.
    pub fn with_files(&self, mut index: Vec<Entry>) -> Result<Vec<Entry>, ImportError> {
        let indexed: HashSet<String> = index.iter().filter(|entry| !entry.deleted).map(|entry| entry.name.clone()).collect();
        let files = match fs::read_dir(&self.0) {
            Ok(files) => files,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(index),
            Err(e) => return Err(e.into()),
        };
        let mut others = Vec::new();
        for file in files {
            let file = file?;
            if let Ok(name) = file.file_name().into_string()
                && file.file_type()?.is_file()
                && !indexed.contains(&name)
            {
                others.push(name);
            }
        }
        others.sort();
        let found: HashSet<&String> = others.iter().collect();
        index.retain(|entry| !found.contains(&entry.name));
        index.extend(others.into_iter().map(|name| Entry { member: name.clone(), name, ..Entry::default() }));
        Ok(index)
    }
}

impl Source for MediaFolder {
    fn read(&mut self, entry: &Entry, take: &mut dyn FnMut(&mut dyn Read) -> io::Result<()>) -> io::Result<()> {
        // Names in an index are data until now.
        if entry.member.contains(['/', '\\', '\0']) || matches!(entry.member.as_str(), "" | "." | "..") {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "its name would lead elsewhere"));
        }
        take(&mut File::open(self.0.join(&entry.member))?)
    }
}
