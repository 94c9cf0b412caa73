//! The original djankiserv, a Django project: its collections as files, its sessions as host keys.

use super::ImportError;
use super::folder::MediaFolder;
use super::media::Entry;
use crate::actions::collection_file::{Lot, WriteError, hand_over};
use anki::file::{FileWriter, Schema};
use anki::model::{Grave, GraveKind, Stamps};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::io::Read;
use std::path::Path;
use store::django::{OldCollection, OldMedia, OldSession};
use tempfile::NamedTempFile;
use tokio::sync::mpsc;

/// The longest session that is unpacked, in bytes.
const LONGEST_SESSION: u64 = 1 << 20;

/// A collection of the original, as a file.
pub struct OldFile {
    pub file: NamedTempFile,
    pub notes: u64,
    pub cards: u64,
    pub reviews: u64,
    /// Cards without a note, which were left out.
    pub orphans: i64,
}

/// Writes a collection to a file of schema 11. None for a user who has never synced.
///
/// # Errors
/// When the database or the disk fails.
pub async fn collection(old: &OldCollection, temporary: &Path) -> Result<Option<OldFile>, ImportError> {
    let Some(col) = old.col().await? else { return Ok(None) };
    let orphans = old.orphans().await?;
    let graves = old.graves().await?;
    let graves: Vec<Grave> = graves
        .into_iter()
        .filter_map(|(id, kind, usn)| Some(Grave { id, kind: GraveKind::from_number(kind)?, usn: usn.try_into().ok()? }))
        .collect();
    let stamps = Stamps {
        created: col.created,
        modified: col.modified,
        schema_modified: col.schema_modified,
        usn: col.usn.try_into().map_err(|_| ImportError::Refused(format!("the usn {} of the collection is impossible", col.usn)))?,
        last_sync: col.last_sync,
    };
    let target = NamedTempFile::new_in(temporary)?;
    // The writer makes the file itself.
    std::fs::remove_file(target.path())?;
    let path = target.path().to_owned();
    let (sender, mut lots) = mpsc::channel::<Lot>(4);
    let writer = tokio::task::spawn_blocking(move || {
        let mut writer = FileWriter::create(&path, Schema::V11, &stamps)?;
        writer.put_graves(&graves)?;
        let (mut notes, mut cards, mut reviews) = (0, 0, 0);
        loop {
            match lots.blocking_recv() {
                Some(Lot::Notes(rows)) => {
                    notes += rows.len() as u64;
                    rows.iter().try_for_each(|row| writer.add_note(row))?;
                }
                Some(Lot::Cards(rows)) => {
                    cards += rows.len() as u64;
                    rows.iter().try_for_each(|row| writer.add_card(row))?;
                }
                Some(Lot::Reviews(rows)) => {
                    reviews += rows.len() as u64;
                    rows.iter().try_for_each(|row| writer.add_review(row))?;
                }
                Some(Lot::End) => {
                    writer.finish_with_columns(col.json)?;
                    return Ok((notes, cards, reviews));
                }
                None => return Err(WriteError::Stopped),
            }
        }
    });
    let read = async {
        hand_over(&sender, old.notes().await?, |note| note.fields.len(), Lot::Notes).await?;
        hand_over(&sender, old.cards().await?, |card| card.data.len(), Lot::Cards).await?;
        hand_over(&sender, old.reviews().await?, |_| 0, Lot::Reviews).await?;
        sender.send(Lot::End).await.map_err(|_| WriteError::Stopped)
    };
    let read = read.await;
    drop(sender);
    let written = writer.await?;
    let (notes, cards, reviews) = match read {
        Err(WriteError::Stopped) | Ok(()) => written.map_err(failed)?,
        Err(e) => return Err(failed(e)),
    };
    Ok(Some(OldFile { file: target, notes, cards, reviews, orphans }))
}

fn failed(error: WriteError) -> ImportError {
    match error {
        WriteError::Store(e) => e.into(),
        WriteError::File(e) => e.into(),
        WriteError::Stopped => ImportError::Failed(error.to_string()),
    }
}

/// The usn of a media index and all files. The index may be empty although there are files: a full upload cleared it. Hashes are not
/// taken from it but from the files. Blocks.
///
/// # Errors
/// When the folder cannot be read.
pub fn media(index: Vec<OldMedia>, folder: &MediaFolder) -> Result<(i32, Vec<Entry>), ImportError> {
    let indexed = index.into_iter().filter_map(|file| {
        let usn = i32::try_from(file.usn).ok().filter(|usn| *usn > 0)?;
        Some(Entry { member: file.name.clone(), name: file.name, sha1: None, usn, deleted: file.deleted })
    });
    let indexed: Vec<Entry> = indexed.collect();
    let usn = indexed.iter().map(|entry| entry.usn).max().unwrap_or(0);
    Ok((usn, folder.with_files(indexed)?))
}

/// Whose device a session belongs to: its host key is the session's key. None for a session of a browser, one that was over at `now`
/// (`2026-01-31 12:00:00`), or one that cannot be read.
pub fn device_of(session: &OldSession, now: &str) -> Option<String> {
    if session.expires.as_str() <= now {
        return None;
    }
    // `[.]base64:time:signature`, compressed if it begins with a dot. Who can write to the database could make a signature as well.
    let payload = session.data.split(':').next()?;
    let (payload, packed) = match payload.strip_prefix('.') {
        Some(payload) => (payload, true),
        None => (payload, false),
    };
    let bytes = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    let mut text = Vec::new();
    if packed {
        flate2::read::ZlibDecoder::new(&bytes[..]).take(LONGEST_SESSION).read_to_end(&mut text).ok()?;
    } else {
        text = bytes;
    }
    let fields: serde_json::Value = serde_json::from_slice(&text).ok()?;
    fields.get("skey")?;
    Some(fields.get("name")?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_of_devices_are_told_from_others() {
        // Made by Django 3.1.7: signing.dumps(…, salt="django.contrib.sessions.SessionStore", compress=True).
        let session = |data: &str, expires: &str| OldSession { key: "k".into(), data: data.into(), expires: expires.into() };
        let device = URL_SAFE_NO_PAD.encode(r#"{"skey":"a1b2","name":"ann","min_usn":0}"#);
        let browser = URL_SAFE_NO_PAD.encode(r#"{"_auth_user_id":"1"}"#);
        let now = "2026-11-25 00:00:00";
        for (data, expires, want) in [
            (format!("{device}:1abc:sig"), "2026-11-26 00:00:00", Some("ann")),
            (format!("{device}:1abc:sig"), "2026-11-24 23:59:59", None),
            (format!("{browser}:1abc:sig"), "2026-11-26 00:00:00", None),
            ("junk".into(), "2026-11-26 00:00:00", None),
            (".junk:x:y".into(), "2026-11-26 00:00:00", None),
            (String::new(), "2026-11-26 00:00:00", None),
        ] {
            assert_eq!(device_of(&session(&data, expires), now).as_deref(), want, "{data}");
        }
    }
}
