//! Applies what a sync has staged, inside the transaction that holds the collection's lock, in the order in which it was sent.

mod changes;
mod graves;
mod rows;

use super::context::Context;
use super::error::{SyncError, SyncResult};
use anki::wire::changes::Changes;
use anki::wire::chunk::Chunk;
use anki::wire::graves::Graves;
use store::collection::Collection;
use store::user_db::sessions::Session;
use store::user_db::staging::PieceKind;
use store::user_db::{Counts, Current, Locked};

/// What all parts of the work know.
struct Applying<'a> {
    stored: Collection<'a>,
    /// The usn that everything is stamped with: ours, whatever the client wrote.
    usn: i32,
    /// Stored rows from this usn on were changed since the client's last sync.
    client_usn: i32,
    now_ms: i64,
    counts: Counts,
    shapes: super::shapes::Shapes,
}

/// Applies all pieces and answers the row counts that result. Stamps and facts that the changes touch are updated in `current`.
pub(super) async fn all(cx: &Context, locked: &Locked, session: &Session, current: &mut Current, now_ms: i64) -> SyncResult<Counts> {
    let schema = current.schema.clone();
    let mut applying = Applying {
        stored: Collection::within(&locked.tx, &schema),
        usn: session.base_usn,
        client_usn: session.client_usn,
        now_ms,
        counts: current.counts,
        shapes: super::shapes::Shapes::default(),
    };
    let mut done = 0;
    while done < session.pieces {
        let pieces = cx.app.user.staged_in(&locked.tx, session, done).await?;
        if pieces.is_empty() {
            return Err(SyncError::conflict("a part of what was sent is missing"));
        }
        done += pieces.len() as i32;
        let mut rows = Chunk::default();
        for parsed in parse(pieces).await? {
            match parsed {
                Parsed::Rows(mut chunk) => {
                    rows.reviews.append(&mut chunk.reviews);
                    rows.cards.append(&mut chunk.cards);
                    rows.notes.append(&mut chunk.notes);
                }
                Parsed::Graves(graves) => {
                    applying.rows(std::mem::take(&mut rows)).await?;
                    applying.graves(&graves).await?;
                }
                Parsed::Changes(changes) => {
                    applying.rows(std::mem::take(&mut rows)).await?;
                    applying.changes(changes, current).await?;
                }
            }
        }
        applying.rows(rows).await?;
    }
    Ok(applying.counts)
}

enum Parsed {
    Graves(Graves),
    Changes(Changes),
    Rows(Chunk),
}

/// Pieces were checked when they were staged.
async fn parse(pieces: Vec<(PieceKind, Vec<u8>)>) -> Result<Vec<Parsed>, SyncError> {
    let size: usize = pieces.iter().map(|(_, piece)| piece.len()).sum();
    let parse = move || {
        let parsed = pieces.into_iter().map(|(kind, piece)| match kind {
            PieceKind::Graves => Graves::parse_apply(&piece).map(Parsed::Graves),
            PieceKind::Changes => Changes::parse(&piece).map(Parsed::Changes),
            PieceKind::Rows => Chunk::parse(&piece).map(Parsed::Rows),
        });
        parsed.collect::<Result<_, _>>().map_err(|e| SyncError::internal(format!("staged piece: {e}")))
    };
    if size > 64 << 10 { tokio::task::spawn_blocking(parse).await? } else { parse() }
}
