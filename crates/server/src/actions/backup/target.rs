//! Where backups lie: a folder, or a bucket. All of it blocks, and belongs on a thread that may.

use super::{COMPLETE, FORMAT};
use crate::config::BackupPlace;
use crate::media_store::Bucket;
use anyhow::{Context, bail};
use serde::Deserialize;
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use tempfile::NamedTempFile;

/// A place for backups. Names in it have slashes between their parts.
#[derive(Debug, Clone)]
pub struct Target(Place);

#[derive(Debug, Clone)]
enum Place {
    Folder(PathBuf),
    Bucket(Bucket),
}

/// A file of a backup, as it is listed.
pub(super) struct Listed {
    pub name: String,
    pub age_secs: u64,
}

impl Target {
    /// Uses a place for backups; an empty or missing folder becomes one.
    ///
    /// # Errors
    /// When it holds something else, or cannot be used.
    pub fn create(place: &BackupPlace) -> anyhow::Result<Self> {
        let target = Self::at(place)?;
        if let Place::Folder(folder) = &target.0 {
            fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        if target.format()?.is_none() {
            if !target.is_empty()? {
                bail!("{place} holds something else than backups of djankiserv");
            }
            target.put("format", &mut FORMAT.as_bytes())?;
        }
        Self::open(place)
    }

    /// Uses a place that holds backups.
    ///
    /// # Errors
    /// When it does not.
    pub fn open(place: &BackupPlace) -> anyhow::Result<Self> {
        let target = Self::at(place)?;
        match target.format().with_context(|| format!("cannot read {place}"))? {
            Some(format) if format == FORMAT => Ok(target),
            Some(_) => bail!("{place} holds backups of another version"),
            None => bail!("there is no backup of djankiserv in {place}"),
        }
    }

    fn at(place: &BackupPlace) -> io::Result<Self> {
        Ok(Self(match place {
            BackupPlace::Folder(path) => Place::Folder(path.clone()),
            BackupPlace::Bucket(location) => Place::Bucket(Bucket::connect(location)?),
        }))
    }

    fn format(&self) -> io::Result<Option<String>> {
        match self.read("format") {
            Ok(format) => Ok(Some(format)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn is_empty(&self) -> io::Result<bool> {
        match &self.0 {
            Place::Folder(folder) => Ok(fs::read_dir(folder)?.next().is_none()),
            Place::Bucket(bucket) => bucket.is_empty(),
        }
    }

    /// Begins a run at this time, and perhaps not as the only one in this second. Answers its name.
    pub(super) fn begin_run(&self, now: &str) -> anyhow::Result<String> {
        for number in 0..100 {
            let name = if number == 0 { now.to_owned() } else { format!("{now}-{number:02}") };
            let is_ours = match &self.0 {
                Place::Folder(folder) => {
                    let runs = folder.join("runs");
                    fs::create_dir_all(&runs)?;
                    match fs::create_dir(runs.join(&name)) {
                        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => false,
                        made => made.map(|()| true).with_context(|| format!("cannot make a folder in {}", runs.display()))?,
                    }
                }
                Place::Bucket(_) => self.list(&format!("runs/{name}"))?.is_empty(),
            };
            if is_ours {
                return Ok(name);
            }
        }
        bail!("there are too many runs of this second")
    }

    /// Removes what there is of a run that has failed, unless it is complete after all.
    pub(super) fn discard_run(&self, run: &str) -> io::Result<()> {
        let files = self.list(&format!("runs/{run}"))?;
        if files.iter().any(|file| complete_run(&file.name).is_some()) {
            return Ok(());
        }
        files.iter().try_for_each(|file| self.delete(&file.name))?;
        match &self.0 {
            // Without a file in it, it is there still.
            Place::Folder(folder) => match fs::remove_dir(folder.join("runs").join(run)) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
                _ => Ok(()),
            },
            Place::Bucket(_) => Ok(()),
        }
    }

    /// SHA-256 of all contents that are there.
    pub(super) fn contents(&self) -> io::Result<HashSet<String>> {
        Ok(self.list("contents")?.into_iter().filter_map(|file| file.name.rsplit('/').next().map(str::to_owned)).collect())
    }

    /// Writes a file, which is there as a whole or not at all.
    pub(super) fn put(&self, name: &str, content: &mut impl Read) -> io::Result<()> {
        match &self.0 {
            Place::Folder(folder) => {
                let path = folder.join(name);
                let parent = path.parent().ok_or_else(|| io::Error::other("a backup's files lie in folders"))?;
                fs::create_dir_all(parent)?;
                let mut file = NamedTempFile::new_in(parent)?;
                io::copy(content, &mut file)?;
                file.as_file().sync_all()?;
                file.persist(&path).map_err(|e| e.error)?;
                Ok(())
            }
            Place::Bucket(bucket) => bucket.put_named(name, content),
        }
    }

    /// Makes the names in a folder durable, and its own name. A bucket does so by itself.
    pub(super) fn settle(&self, name: &str) -> io::Result<()> {
        if let Place::Folder(folder) = &self.0 {
            let path = folder.join(name);
            File::open(&path)?.sync_all()?;
            File::open(path.parent().unwrap_or(&path))?.sync_all()?;
        }
        Ok(())
    }

    pub(super) fn get(&self, name: &str) -> io::Result<Box<dyn Read + Send>> {
        Ok(match &self.0 {
            Place::Folder(folder) => Box::new(File::open(folder.join(name))?),
            Place::Bucket(bucket) => Box::new(bucket.get_named(name)?),
        })
    }

    fn read(&self, name: &str) -> io::Result<String> {
        let mut text = String::new();
        self.get(name)?.read_to_string(&mut text)?;
        Ok(text)
    }

    /// The lines of a file, each of them JSON.
    pub(super) fn read_lines<T: for<'a> Deserialize<'a>>(&self, name: &str) -> io::Result<Vec<T>> {
        let damaged = |e| io::Error::new(io::ErrorKind::InvalidData, format!("{name} is damaged: {e}"));
        self.read(name)?.lines().map(|line| serde_json::from_str(line).map_err(damaged)).collect()
    }

    /// All files below a name.
    pub(super) fn list(&self, below: &str) -> io::Result<Vec<Listed>> {
        match &self.0 {
            Place::Folder(folder) => {
                let mut found = Vec::new();
                walk(folder, below, &mut found)?;
                Ok(found)
            }
            Place::Bucket(bucket) => Ok(bucket.list_named(below)?.into_iter().map(|(name, age_secs)| Listed { name, age_secs }).collect()),
        }
    }

    /// Removes a file, and the folder of a run with its last file.
    pub(super) fn delete(&self, name: &str) -> io::Result<()> {
        match &self.0 {
            Place::Folder(folder) => {
                let path = folder.join(name);
                fs::remove_file(&path)?;
                // Those of contents stay, as somebody may be about to write into them.
                match path.parent().filter(|_| name.starts_with("runs/")).map(fs::remove_dir) {
                    Some(Err(e)) if e.kind() != io::ErrorKind::DirectoryNotEmpty => Err(e),
                    _ => Ok(()),
                }
            }
            Place::Bucket(bucket) => bucket.delete_named(name),
        }
    }
}

/// The name of the run whose last file this is.
pub(super) fn complete_run(name: &str) -> Option<String> {
    let (run, file) = name.strip_prefix("runs/")?.split_once('/')?;
    (file == COMPLETE).then(|| run.to_owned())
}

fn walk(top: &Path, below: &str, found: &mut Vec<Listed>) -> io::Result<()> {
    let entries = match fs::read_dir(top.join(below)) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let name = format!("{below}/{name}");
        if entry.file_type()?.is_dir() {
            walk(top, &name, found)?;
        } else {
            let age_secs = age(entry.metadata()?.modified()?);
            found.push(Listed { name, age_secs });
        }
    }
    Ok(())
}

fn age(changed: SystemTime) -> u64 {
    changed.elapsed().map_or(0, |age| age.as_secs())
}
