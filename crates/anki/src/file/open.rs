use std::path::Path;

use super::{FileError, Limits, Repairs, Schema};
use crate::model::{Card, ConfigEntry, Deck, Grave, Note, Notetype, Preset, Review, Stamps, Tag};

/// A collection file opened for reading.
///
/// Each method works on a database connection of its own, so several threads can read several tables of one file at a time.
#[derive(Debug)]
pub struct CollectionFile {}

/// What `meta` must know about the scheduler of a collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scheduler {
    /// 1, 2 or 3.
    pub version: i32,
    /// Whether the timezone of creation is recorded (config `creationOffset`), which clients before sync version 10 do not know.
    pub has_creation_offset: bool,
}

/// Numbers of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    pub cards: u64,
    pub notes: u64,
    pub reviews: u64,
    pub graves: u64,
}

impl CollectionFile {
    /// Opens a file that somebody else made, and refuses what is damaged or not a collection.
    ///
    /// The file must be a private copy: the journal mode in its header is set to one that needs no second file.
    pub fn open(path: &Path, limits: &Limits) -> Result<Self, FileError> {
        let _ = (path, limits);
        Err(FileError::Empty)
    }

    pub fn schema(&self) -> Schema {
        Schema::V11
    }

    pub fn stamps(&self) -> Stamps {
        Stamps::default()
    }

    pub fn scheduler(&self) -> Result<Scheduler, FileError> {
        Err(FileError::Empty)
    }

    pub fn counts(&self) -> Result<Counts, FileError> {
        Err(FileError::Empty)
    }

    pub fn notetypes(&self) -> Result<Vec<Notetype>, FileError> {
        Err(FileError::Empty)
    }

    pub fn decks(&self) -> Result<Vec<Deck>, FileError> {
        Err(FileError::Empty)
    }

    pub fn presets(&self) -> Result<Vec<Preset>, FileError> {
        Err(FileError::Empty)
    }

    pub fn tags(&self) -> Result<Vec<Tag>, FileError> {
        Err(FileError::Empty)
    }

    pub fn config(&self) -> Result<Vec<ConfigEntry>, FileError> {
        Err(FileError::Empty)
    }

    pub fn graves(&self) -> Result<Vec<Grave>, FileError> {
        Err(FileError::Empty)
    }

    /// Hands out every note in the order of ids, in one reused [`Note`].
    pub fn for_each_note<E: From<FileError>>(
        &self,
        take: impl FnMut(&Note) -> Result<(), E>,
    ) -> Result<(), E> {
        drop(take);
        Err(FileError::Empty.into())
    }

    /// Hands out every card in the order of ids, in one reused [`Card`].
    pub fn for_each_card<E: From<FileError>>(
        &self,
        take: impl FnMut(&Card) -> Result<(), E>,
    ) -> Result<(), E> {
        drop(take);
        Err(FileError::Empty.into())
    }

    /// Hands out every review in the order of ids, in one reused [`Review`].
    pub fn for_each_review<E: From<FileError>>(
        &self,
        take: impl FnMut(&Review) -> Result<(), E>,
    ) -> Result<(), E> {
        drop(take);
        Err(FileError::Empty.into())
    }

    /// What was put right by the methods called so far.
    pub fn repairs(&self) -> Repairs {
        Repairs::default()
    }
}
