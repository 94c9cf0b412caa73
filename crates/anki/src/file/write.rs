use std::path::Path;

use super::{FileError, Schema};
use crate::model::{Card, ConfigEntry, Deck, Grave, Note, Notetype, Preset, Review, Stamps, Tag};

/// Makes a collection file.
#[derive(Debug)]
pub struct FileWriter {}

impl FileWriter {
    /// Makes a new file; `path` must not exist.
    pub fn create(path: &Path, schema: Schema, stamps: &Stamps) -> Result<Self, FileError> {
        let _ = (path, schema, stamps);
        Err(FileError::Empty)
    }

    pub fn put_notetypes(&mut self, _notetypes: &[Notetype]) -> Result<(), FileError> {
        Err(FileError::Empty)
    }

    pub fn put_decks(&mut self, _decks: &[Deck]) -> Result<(), FileError> {
        Err(FileError::Empty)
    }

    pub fn put_presets(&mut self, _presets: &[Preset]) -> Result<(), FileError> {
        Err(FileError::Empty)
    }

    pub fn put_tags(&mut self, _tags: &[Tag]) -> Result<(), FileError> {
        Err(FileError::Empty)
    }

    pub fn put_config(&mut self, _entries: &[ConfigEntry]) -> Result<(), FileError> {
        Err(FileError::Empty)
    }

    pub fn put_graves(&mut self, _graves: &[Grave]) -> Result<(), FileError> {
        Err(FileError::Empty)
    }

    pub fn add_note(&mut self, _note: &Note) -> Result<(), FileError> {
        Err(FileError::Empty)
    }

    pub fn add_card(&mut self, _card: &Card) -> Result<(), FileError> {
        Err(FileError::Empty)
    }

    pub fn add_review(&mut self, _review: &Review) -> Result<(), FileError> {
        Err(FileError::Empty)
    }

    /// Builds the indexes, commits and closes the file.
    pub fn finish(self) -> Result<(), FileError> {
        Err(FileError::Empty)
    }
}
