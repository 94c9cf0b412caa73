//! `chunk` and `applyChunk`: notes, cards and reviews, ours to the client and the client's into staging.

use super::context::{Context, Running};
use super::error::{SyncError, SyncResult};
use super::row_ids::RowIds;
use super::shapes::Shapes;
use super::{graves, quota, staging};
use anki::merge::{self, Stamp};
use anki::wire::NULL;
use anki::wire::chunk::{Chunk, ChunkWriter};
use std::collections::HashSet;
use store::collection::Collection;
use store::user_db::staging::{Piece, PieceKind};

/// An answer becomes about this large, in bytes. Clients take chunks of any size, and round trips are what a user waits for.
const ANSWER: usize = 2 << 20;
/// Rows of one query. Notes have texts of any length, reviews are small.
const NOTES: i64 = 500;
const CARDS: i64 = 5_000;
const REVIEWS: i64 = 10_000;

/// How far the answers to `chunk` have come: the table, and the usn and id of the last row sent.
#[derive(Clone, Copy)]
struct Position {
    table: Table,
    after: (i32, i64),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Table {
    Notes,
    Cards,
    Reviews,
    None,
}

const TABLES: [(Table, &str); 4] = [(Table::Notes, "notes"), (Table::Cards, "cards"), (Table::Reviews, "revlog"), (Table::None, "none")];
const BEFORE_ALL: (i32, i64) = (i32::MIN, i64::MIN);

impl Position {
    fn parse(text: &str) -> SyncResult<Self> {
        if text.is_empty() {
            return Ok(Self { table: Table::Notes, after: BEFORE_ALL });
        }
        let mut words = text.split(' ');
        let table = words.next().and_then(|word| TABLES.iter().find(|(_, name)| *name == word));
        let usn = words.next().and_then(|word| word.parse().ok());
        let id = words.next().and_then(|word| word.parse().ok());
        match (table, usn, id) {
            (Some((table, _)), Some(usn), Some(id)) => Ok(Self { table: *table, after: (usn, id) }),
            _ => Err(SyncError::internal(format!("unreadable send position {text:?}"))),
        }
    }

    fn text(self) -> String {
        let name = TABLES.iter().find(|(table, _)| *table == self.table).map_or("", |(_, name)| name);
        format!("{name} {} {}", self.after.0, self.after.1)
    }

    /// Goes on after a page: after its last row, or with the next table when the page was not full.
    fn advance(&mut self, page: usize, limit: i64, last: Option<(i32, i64)>) {
        match last {
            Some(last) if page as i64 == limit => self.after = last,
            _ => {
                self.after = BEFORE_ALL;
                self.table = match self.table {
                    Table::Notes => Table::Cards,
                    Table::Cards => Table::Reviews,
                    Table::Reviews | Table::None => Table::None,
                };
            }
        }
    }
}

pub async fn chunk(cx: &Context) -> SyncResult<Vec<u8>> {
    let Running { session, schema } = cx.running().await?;
    let deleted = graves::staged(cx, &session).await?;
    let deleted_notes: HashSet<i64> = deleted.notes.into_iter().collect();
    let deleted_cards: HashSet<i64> = deleted.cards.into_iter().collect();
    let stored = Collection::new(cx.app.user.db(), &schema);
    let since = session.client_usn;
    let mut position = Position::parse(&session.send_position)?;
    let mut answer = ChunkWriter::new();
    while position.table != Table::None && answer.size() < ANSWER {
        match position.table {
            Table::Notes => {
                let page = stored.notes_since(since, position.after, NOTES).await?;
                page.iter().filter(|n| !deleted_notes.contains(&n.id)).for_each(|n| answer.note(n));
                position.advance(page.len(), NOTES, page.last().map(|n| (n.usn, n.id)));
            }
            Table::Cards => {
                let page = stored.cards_since(since, position.after, CARDS).await?;
                page.iter().filter(|c| !deleted_cards.contains(&c.id)).for_each(|c| answer.card(c));
                position.advance(page.len(), CARDS, page.last().map(|c| (c.usn, c.id)));
            }
            Table::Reviews => {
                let page = stored.reviews_since(since, position.after, REVIEWS).await?;
                page.iter().for_each(|r| answer.review(r));
                position.advance(page.len(), REVIEWS, page.last().map(|r| (r.usn, r.id)));
            }
            Table::None => {}
        }
    }
    let done = position.table == Table::None;
    if !cx.app.user.put_send_position(&session, &position.text(), cx.now_ms()).await? {
        return Err(cx.not_running().await);
    }
    Ok(answer.finish(done))
}

pub async fn apply_chunk(cx: &Context, body: Vec<u8>) -> SyncResult<Vec<u8>> {
    let Running { session, schema } = cx.running().await?;
    let (chunk, body) = parse(body).await?;
    if chunk.notes.is_empty() && chunk.cards.is_empty() && chunk.reviews.is_empty() {
        // Every sync ends with one that holds nothing.
        return Ok(NULL.to_vec());
    }
    let stored = Collection::new(cx.app.user.db(), &schema);
    let mut shapes = Shapes::from_session(&session)?;
    shapes.load(stored, &chunk.notes).await?;
    let problems: Vec<_> = chunk.notes.iter().filter_map(|note| Some((note, shapes.problem(note)?))).collect();
    if !problems.is_empty() {
        // A note that our own newer one beats is never stored, so what is wrong with it does not matter.
        let ids: Vec<i64> = problems.iter().map(|(note, _)| note.id).collect();
        let stamps = stored.note_stamps(&ids).await?;
        // One that the client has deleted in this sync is gone by then, and beats nothing.
        let deleted: HashSet<i64> = graves::staged(cx, &session).await?.notes.into_iter().collect();
        for (note, problem) in problems {
            let ours = stamps.get(&note.id).filter(|_| !deleted.contains(&note.id)).map(|s| Stamp { usn: s.usn, mtime: s.modified });
            if merge::takes_edit(ours, note.mtime, session.client_usn) {
                return Err(SyncError::bad_request(problem));
            }
        }
    }
    quota::check_rows(cx, &schema, session.staged_bytes.unsigned_abs() + body.len() as u64).await?;
    let bodies = if body.len() <= staging::PIECE { vec![body] } else { cut(&chunk) };
    // The ids of all of it are beside the first piece, and none beside the others.
    let mut ids = RowIds::of(&chunk);
    let with_ids = |body| Piece { body, summary: Some(std::mem::take(&mut ids).pack()) };
    let pieces: Vec<Piece> = bodies.into_iter().map(with_ids).collect();
    staging::stage(cx, &session, PieceKind::Rows, pieces).await?;
    Ok(NULL.to_vec())
}

/// Large bodies are parsed where they do not hold up other requests.
async fn parse(body: Vec<u8>) -> SyncResult<(Chunk, Vec<u8>)> {
    let large = body.len() > 256 << 10;
    let parse = move || match Chunk::parse(&body) {
        Ok(chunk) => Ok((chunk, body)),
        Err(e) => Err(SyncError::bad_request(e.to_string())),
    };
    if large { tokio::task::spawn_blocking(parse).await? } else { parse() }
}

fn cut(chunk: &Chunk) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    let mut writer = ChunkWriter::new();
    let mut next = |writer: &mut ChunkWriter| {
        if writer.size() >= staging::PIECE {
            pieces.push(wrap(std::mem::replace(writer, ChunkWriter::new())));
        }
    };
    for note in &chunk.notes {
        writer.note(note);
        next(&mut writer);
    }
    for card in &chunk.cards {
        writer.card(card);
        next(&mut writer);
    }
    for review in &chunk.reviews {
        writer.review(review);
        next(&mut writer);
    }
    pieces.push(wrap(writer));
    pieces
}

fn wrap(writer: ChunkWriter) -> Vec<u8> {
    let mut piece = b"{\"chunk\":".to_vec();
    piece.extend(writer.finish(false));
    piece.push(b'}');
    piece
}
