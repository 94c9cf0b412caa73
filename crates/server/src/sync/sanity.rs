//! `sanityCheck2`: does the client count as we will once its changes are applied? Writes nothing to the collection.

use super::context::{Context, Running};
use super::error::{SyncError, SyncResult};
use super::row_ids::RowIds;
use anki::model::GraveKind;
use anki::wire::changes::Changes;
use anki::wire::chunk::Chunk;
use anki::wire::graves::Graves;
use anki::wire::sanity::{self, Counts};
use std::collections::HashMap;
use store::collection::Collection;
use store::repeat::repeat;
use store::user_db::sessions::Session;
use store::user_db::staging::{Gist, PieceKind};
use store::user_db::{Counts as Rows, Current};

pub async fn sanity_check(cx: &Context, body: &[u8]) -> SyncResult<Vec<u8>> {
    let client = Counts::parse(body).map_err(|e| SyncError::bad_request(e.to_string()))?;
    let Running { session, schema } = cx.running().await?;
    let state = cx.app.user.state(cx.account).await?;
    let Some(current) = state.and_then(|state| state.current).filter(|current| is_base(&session, current)) else {
        return Err(SyncError::conflict("the collection was changed from elsewhere during this sync"));
    };
    let staged = Staged::read(cx, &session).await?;
    let difference = staged.difference(Collection::new(cx.app.user.db(), &schema)).await?;
    let mut expected = difference.added_to(current.counts);
    if wire(expected) != Some(client) {
        // The counters may have gone wrong; what is really there decides.
        let counted = repeat("recounting", || recount(cx, &session, &current)).await?;
        expected = difference.added_to(counted);
    }
    let ours = wire(expected);
    if ours == Some(client) {
        let counts = serde_json::to_string(&as_list(expected)).unwrap_or_default();
        if !cx.app.user.put_counts_agree(&session, &counts, cx.now_ms()).await? {
            return Err(cx.not_running().await);
        }
    } else {
        tracing::warn!(account = %cx.username, client = %cx.client.text, ?client, server = ?ours, "sanity check failed: the sync is undone");
        cx.app.user.drop_session(cx.account, &cx.session_key).await?;
    }
    Ok(sanity::sanity_answer(client, ours))
}

/// Whether the collection is as it was when the sync began.
pub(super) fn is_base(session: &Session, current: &Current) -> bool {
    (session.generation, session.base_usn, session.base_modified) == (current.number, current.stamps.usn, current.stamps.modified)
}

/// Counts the rows and puts the counters right if they are wrong.
async fn recount(cx: &Context, session: &Session, seen: &Current) -> SyncResult<Rows> {
    let locked = cx.app.user.lock(cx.account).await?;
    let mut current = locked.current()?.clone();
    if !is_base(session, &current) {
        return Err(SyncError::conflict("the collection was changed from elsewhere during this sync"));
    }
    let counted = Collection::within(&locked.tx, &current.schema).count().await?;
    if counted == current.counts {
        locked.tx.rollback().await?;
        return Ok(counted);
    }
    tracing::error!(account = %cx.username, kept = ?seen.counts, ?counted, "the counters of the collection were wrong and have been put right");
    current.counts = counted;
    locked.put_current(&current).await?;
    locked.tx.commit().await?;
    Ok(counted)
}

/// The counts as a list, for the session's row.
pub(super) fn as_list(counts: Rows) -> [i64; 6] {
    [counts.cards, counts.notes, counts.revlog, counts.notetypes, counts.decks, counts.presets]
}

fn wire(counts: Rows) -> Option<Counts> {
    let [cards, notes, reviews, notetypes, decks, presets] = as_list(counts).map(u32::try_from);
    Some(Counts {
        cards: cards.ok()?,
        notes: notes.ok()?,
        reviews: reviews.ok()?,
        notetypes: notetypes.ok()?,
        decks: decks.ok()?,
        presets: presets.ok()?,
    })
}

/// Whether each id that the client has named will exist in the end.
#[derive(Default)]
struct Staged {
    notes: HashMap<i64, bool>,
    cards: HashMap<i64, bool>,
    reviews: HashMap<i64, bool>,
    notetypes: HashMap<i64, bool>,
    decks: HashMap<i64, bool>,
    presets: HashMap<i64, bool>,
}

/// By how much the counts will change.
#[derive(Default)]
struct Difference(Rows);

impl Staged {
    async fn read(cx: &Context, session: &Session) -> SyncResult<Self> {
        let mut staged = Self::default();
        let mut from = 0;
        loop {
            let pieces = cx.app.user.staged_gists(session, from).await?;
            if pieces.is_empty() {
                break;
            }
            from += pieces.len() as i32;
            let is_large = pieces.iter().any(|(_, gist)| matches!(gist, Gist::Body(body) if body.len() > 64 << 10));
            let add = move || pieces.into_iter().try_for_each(|(kind, gist)| staged.add(kind, gist)).map(|()| staged);
            staged = if is_large { tokio::task::spawn_blocking(add).await? } else { add() }?;
        }
        if from != session.pieces {
            return Err(cx.not_running().await);
        }
        Ok(staged)
    }

    fn add(&mut self, kind: PieceKind, gist: Gist) -> SyncResult<()> {
        let piece = match gist {
            Gist::Body(piece) => piece,
            Gist::Summary(ids) => {
                let ids = RowIds::unpack(&ids).ok_or_else(|| SyncError::internal("unreadable ids beside a staged piece"))?;
                self.rows(&ids);
                return Ok(());
            }
        };
        let piece = piece.as_slice();
        let unreadable = |e: anki::wire::WireError| SyncError::internal(format!("staged piece: {e}"));
        match kind {
            PieceKind::Graves => {
                for (kind, id) in Graves::parse_apply(piece).map_err(unreadable)?.iter() {
                    let ids = match kind {
                        GraveKind::Note => &mut self.notes,
                        GraveKind::Card => &mut self.cards,
                        GraveKind::Deck => &mut self.decks,
                    };
                    ids.insert(id, false);
                }
            }
            PieceKind::Changes => {
                let changes = Changes::parse(piece).map_err(unreadable)?;
                self.notetypes.extend(changes.notetypes.iter().map(|o| (o.id, true)));
                self.decks.extend(changes.decks.iter().map(|o| (o.id, true)));
                self.presets.extend(changes.presets.iter().map(|o| (o.id, true)));
            }
            PieceKind::Rows => {
                // A version before has staged it.
                self.rows(&RowIds::of(&Chunk::parse(piece).map_err(unreadable)?));
            }
        }
        Ok(())
    }

    fn rows(&mut self, ids: &RowIds) {
        self.notes.extend(ids.notes.iter().map(|id| (*id, true)));
        self.cards.extend(ids.cards.iter().map(|id| (*id, true)));
        self.reviews.extend(ids.reviews.iter().map(|id| (*id, true)));
    }

    async fn difference(&self, stored: Collection<'_>) -> SyncResult<Difference> {
        let ids = |staged: &HashMap<i64, bool>| staged.keys().copied().collect::<Vec<i64>>();
        let change = |staged: &HashMap<i64, bool>, existing: &[i64]| {
            let before = existing.len() as i64;
            // Ids that exist in the end: all that are sent last as rows. A grave of something that never was changes nothing.
            let after = staged.values().filter(|exists| **exists).count() as i64;
            after - before
        };
        Ok(Difference(Rows {
            notes: change(&self.notes, &stored.existing_notes(&ids(&self.notes)).await?),
            cards: change(&self.cards, &stored.existing_cards(&ids(&self.cards)).await?),
            revlog: change(&self.reviews, &stored.existing_reviews(&ids(&self.reviews)).await?),
            notetypes: change(&self.notetypes, &stored.existing_notetypes(&ids(&self.notetypes)).await?),
            decks: change(&self.decks, &stored.existing_decks(&ids(&self.decks)).await?),
            presets: change(&self.presets, &stored.existing_presets(&ids(&self.presets)).await?),
        }))
    }
}

impl Difference {
    fn added_to(&self, counts: Rows) -> Rows {
        Rows {
            notes: counts.notes + self.0.notes,
            cards: counts.cards + self.0.cards,
            revlog: counts.revlog + self.0.revlog,
            notetypes: counts.notetypes + self.0.notetypes,
            decks: counts.decks + self.0.decks,
            presets: counts.presets + self.0.presets,
        }
    }
}
