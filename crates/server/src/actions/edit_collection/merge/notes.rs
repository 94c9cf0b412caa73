//! Notes meet by guid. One that is here is brought up to date if the package's is newer and of the same notetype.

use super::super::notes::{Tags, clean, normalizes};
use super::super::{Edit, Problem, Result};
use super::media::Media;
use super::{Merged, Update};
use crate::actions::quota::ROW;
use anki::model::Note;
use anki::text::{self, FIELD_SEPARATOR, split_fields};
use std::collections::{HashMap, HashSet};
use store::collection::{FreeId, NoteIdentity};

/// Notes of which ids and guids are read at a time.
const PAGE: i64 = 20_000;
/// How far clients step to find a free id.
const STEP: i64 = 999;
const DAY_MS: i64 = 86_400_000;

pub(super) struct Notes {
    /// Those that are here, by guid.
    here: HashMap<String, Here>,
    /// The package's notetypes: id and sort field here.
    notetypes: HashMap<i64, (i64, i32)>,
    update: Update,
    tags: Tags,
    nfc: bool,
    /// Ids that were given out.
    given: HashSet<i64>,
    /// Where the package's notes are here, for all but those that conflict.
    ids: HashMap<i64, Place>,
}

#[derive(Clone, Copy)]
struct Here {
    id: i64,
    modified: i64,
    notetype: i64,
}

/// A note of the package, here.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub id: i64,
    /// It was here before, so it may have cards.
    pub is_old: bool,
}

impl Notes {
    pub(super) async fn load(notetypes: HashMap<i64, (i64, i32)>, update: Update, edit: &Edit) -> Result<Self> {
        let mut here = HashMap::new();
        let mut after = i64::MIN;
        loop {
            let page = edit.stored().note_identities(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.id;
            for NoteIdentity { id, guid, modified, notetype } in page {
                here.insert(guid, Here { id, modified, notetype });
            }
        }
        let (tags, nfc) = (Tags::load(edit).await?, normalizes(edit).await?);
        Ok(Self { here, notetypes, update, tags, nfc, given: HashSet::new(), ids: HashMap::new() })
    }

    /// Where a note of the package is here. None if it was left alone.
    pub(super) fn place(&self, note: i64) -> Option<Place> {
        self.ids.get(&note).copied()
    }

    pub(super) async fn merge(&mut self, rows: Vec<Note>, media: &mut Media, edit: &mut Edit, report: &mut Merged) -> Result<()> {
        let (mut new, mut updated) = (Vec::new(), HashMap::<i64, Note>::new());
        for mut note in rows {
            let Some((notetype, sort_field)) = self.notetypes.get(&note.notetype_id).copied() else {
                return Err(Problem::invalid("package", format!("note {} has a notetype that is not there", note.id)).into());
            };
            note.notetype_id = notetype;
            match self.here.get(&note.guid).copied() {
                Some(here) if here.notetype != notetype => report.notes_conflicting += 1,
                Some(here) => {
                    self.ids.insert(note.id, Place { id: here.id, is_old: true });
                    if !self.update.applies(here.modified, note.mtime) {
                        report.notes_unchanged += 1;
                        continue;
                    }
                    note.id = here.id;
                    self.here.insert(note.guid.clone(), Here { modified: note.mtime, ..here });
                    self.make_ready(&mut note, sort_field, media, edit);
                    updated.insert(note.id, note);
                }
                // Another note of the package with the same guid is added as well, as in clients: it may say something else.
                None => {
                    self.make_ready(&mut note, sort_field, media, edit);
                    new.push(note);
                }
            }
        }
        report.notes_updated += updated.len() as u64;
        report.notes_added += new.len() as u64;
        edit.current.counts.notes += new.len() as i64;
        edit.adds(new.iter().map(|note| ROW + bytes(note)).sum());
        let old = edit.stored().notes_by_id(&updated.keys().copied().collect::<Vec<_>>()).await?;
        let longer = |old: &Note| updated.get(&old.id).map_or(0, |new| bytes(new).saturating_sub(bytes(old)));
        edit.adds(old.iter().map(longer).sum());
        let ids: Vec<i64> = new.iter().map(|note| note.id).collect();
        let free = free_ids(&ids, FreeId::Notes, &mut self.given, edit).await?;
        for (note, id) in new.iter_mut().zip(free) {
            self.ids.insert(note.id, Place { id, is_old: false });
            note.id = id;
        }
        new.extend(updated.into_values());
        edit.stored().put_notes(new).await?;
        Ok(())
    }

    /// Gives a note what it has here. The time of its change stays the package's, so that a later state of it can be told from this one.
    fn make_ready(&mut self, note: &mut Note, sort_field: i32, media: &mut Media, edit: &Edit) {
        let fields: Vec<String> = split_fields(&media.refer(&note.fields)).map(|field| clean(field, self.nfc)).collect();
        note.fields = fields.join(&FIELD_SEPARATOR.to_string());
        note.tags = self.tags.register(std::iter::once(note.tags.as_str()), edit.usn());
        note.usn = edit.usn();
        text::fill_derived(note, sort_field);
    }

    /// Writes the tags that were new.
    pub(super) async fn finish(&mut self, edit: &mut Edit) -> Result<()> {
        self.tags.write_added(edit).await
    }
}

/// What a quota counts of a note.
fn bytes(note: &Note) -> usize {
    note.fields.len() + note.tags.len() + note.sort_field.len()
}

/// Free ids for notes or cards that want those of `wanted`.
pub(super) async fn free_ids(wanted: &[i64], table: FreeId, given: &mut HashSet<i64>, edit: &Edit) -> Result<Vec<i64>> {
    // Ids are moments. Clients call one that lies ahead damage.
    let possible = 1..=edit.now_ms + DAY_MS;
    let mut ids: Vec<i64> = wanted.iter().map(|id| if possible.contains(id) { *id } else { edit.now_ms }).collect();
    let mut open: Vec<usize> = (0..ids.len()).collect();
    while !open.is_empty() {
        let asked: Vec<i64> = open.iter().map(|at| ids[*at]).collect();
        let taken = match table {
            FreeId::Cards => edit.stored().existing_cards(&asked).await?,
            _ => edit.stored().existing_notes(&asked).await?,
        };
        let taken: HashSet<i64> = taken.into_iter().collect();
        let mut still = Vec::new();
        for at in open {
            if taken.contains(&ids[at]) || !given.insert(ids[at]) {
                ids[at] += STEP;
                still.push(at);
            }
        }
        open = still;
    }
    Ok(ids)
}
