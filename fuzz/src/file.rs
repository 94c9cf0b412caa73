//! Collection files: whatever can be opened and read can be written anew, and is whole then.

use crate::seeds;
use anki::file::{CollectionFile, FileError, FileWriter, Limits, Schema};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
static NUMBER: AtomicU64 = AtomicU64::new(0);

pub fn file(data: &[u8]) {
    let folder = FOLDER.get_or_init(|| {
        // In memory where that is possible: a million files are written.
        tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
    });
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let path = folder.path().join(format!("{number}"));
    std::fs::write(&path, seeds::unpack(data)).unwrap();
    let copy = folder.path().join(format!("{number}-copy"));
    let outcome = carry_over(&path, &copy, number);
    assert!(!matches!(outcome, Err(Trouble::Writing(_))), "{outcome:?}");
    for left in [path, copy] {
        let _ = std::fs::remove_file(left);
    }
}

#[derive(Debug)]
enum Trouble {
    Reading(#[expect(dead_code, reason = "shown")] FileError),
    Writing(#[expect(dead_code, reason = "shown")] FileError),
}

impl From<FileError> for Trouble {
    fn from(error: FileError) -> Self {
        Self::Reading(error)
    }
}

fn carry_over(path: &Path, copy: &PathBuf, number: u64) -> Result<(), Trouble> {
    let begun = Instant::now();
    let limits =
        Limits { max_bytes: 8 << 20, max_value_bytes: 1 << 20, stop: Some(Arc::new(move || begun.elapsed() > Duration::from_secs(5))) };
    let read = CollectionFile::open(path, &limits)?;
    let (notetypes, decks, presets) = (read.notetypes()?, read.decks()?, read.presets()?);
    let (tags, config, graves) = (read.tags()?, read.config()?, read.graves()?);
    let _ = read.scheduler()?;
    let (mut notes, mut cards, mut reviews) = (Vec::new(), Vec::new(), Vec::new());
    read.for_each_note::<FileError>(|row| {
        notes.push(row.clone());
        Ok(())
    })?;
    read.for_each_card::<FileError>(|row| {
        cards.push(row.clone());
        Ok(())
    })?;
    read.for_each_review::<FileError>(|row| {
        reviews.push(row.clone());
        Ok(())
    })?;
    let counts = read.counts()?;
    assert_eq!((counts.notes, counts.cards, counts.reviews), (notes.len() as u64, cards.len() as u64, reviews.len() as u64));

    let schema = if number % 2 == 0 { Schema::V11 } else { Schema::V18 };
    let write = || {
        let mut writer = FileWriter::create(copy, schema, &read.stamps())?;
        writer.put_notetypes(&notetypes)?;
        writer.put_decks(&decks)?;
        writer.put_presets(&presets)?;
        writer.put_tags(&tags)?;
        writer.put_config(&config)?;
        writer.put_graves(&graves)?;
        notes.iter().try_for_each(|row| writer.add_note(row))?;
        cards.iter().try_for_each(|row| writer.add_card(row))?;
        reviews.iter().try_for_each(|row| writer.add_review(row))?;
        writer.finish()
    };
    write().map_err(Trouble::Writing)?;
    let again = CollectionFile::open(copy, &Limits::default()).map_err(Trouble::Writing)?;
    let objects = (
        again.notetypes().map_err(Trouble::Writing)?,
        again.decks().map_err(Trouble::Writing)?,
        again.presets().map_err(Trouble::Writing)?,
    );
    assert_eq!((objects.0.len(), objects.1.len(), objects.2.len()), (notetypes.len(), decks.len(), presets.len()));
    assert_eq!(again.tags().map_err(Trouble::Writing)?.len(), tags.len());
    assert_eq!(again.config().map_err(Trouble::Writing)?.len(), config.len());
    let counted = again.counts().map_err(Trouble::Writing)?;
    assert_eq!(counted, counts);
    Ok(())
}
