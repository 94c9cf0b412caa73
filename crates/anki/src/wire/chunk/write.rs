use std::io::Write;

use crate::model::{Card, Note, Review};

/// Writes a chunk for a client row by row, so that its size is known at any time.
///
/// Values that a client's parser would refuse are moved to the nearest that it takes: one odd number in an old collection must
/// not make every sync fail.
#[derive(Debug, Clone, Default)]
pub struct ChunkWriter {
    reviews: Vec<u8>,
    cards: Vec<u8>,
    notes: Vec<u8>,
    rows: usize,
}

impl ChunkWriter {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn review(&mut self, review: &Review) {
        let Review { id, card_id, usn, .. } = review;
        let ease = review.ease.clamp(0, u8::MAX.into());
        let interval = signed(review.interval);
        let last_interval = signed(review.last_interval);
        let factor = unsigned(review.factor);
        let time = unsigned(review.time);
        let kind = if (0..=5).contains(&review.kind) { review.kind } else { 0 };
        let row = format_args!("[{id},{card_id},{usn},{ease},{interval},{last_interval},{factor},{time},{kind}]");
        begin_row(&mut self.reviews);
        write(&mut self.reviews, row);
        self.rows += 1;
    }

    pub fn card(&mut self, card: &Card) {
        let Card { id, note_id, deck_id, mtime, usn, original_deck_id, .. } = card;
        let ord = card.ord.clamp(0, u16::MAX.into());
        let kind = card.kind.clamp(0, 3);
        let queue = card.queue.clamp(-3, 4);
        let due = signed(card.due);
        let interval = unsigned(card.interval);
        let factor = card.factor.clamp(0, u16::MAX.into());
        let [reps, lapses, left] = [card.reps, card.lapses, card.left].map(unsigned);
        let original_due = signed(card.original_due);
        let flags = card.flags.clamp(0, u8::MAX.into());
        let out = &mut self.cards;
        begin_row(out);
        write(out, format_args!("[{id},{note_id},{deck_id},{ord},{mtime},{usn},{kind},{queue},{due},{interval},{factor},"));
        write(out, format_args!("{reps},{lapses},{left},{original_due},{original_deck_id},{flags},"));
        write_text(out, &card.data);
        out.push(b']');
        self.rows += 1;
    }

    /// The derived columns and the unused ones are empty on the wire.
    pub fn note(&mut self, note: &Note) {
        let Note { id, notetype_id, mtime, usn, .. } = note;
        let out = &mut self.notes;
        begin_row(out);
        write(out, format_args!("[{id},"));
        write_text(out, &note.guid);
        write(out, format_args!(",{notetype_id},{mtime},{usn},"));
        write_text(out, &note.tags);
        out.push(b',');
        write_text(out, &note.fields);
        out.extend_from_slice(br#","","",0,""]"#);
        self.rows += 1;
    }

    /// Bytes written so far, to within a few dozen.
    pub fn size(&self) -> usize {
        self.reviews.len() + self.cards.len() + self.notes.len()
    }

    /// Rows written so far.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The whole chunk. `done` tells the client that it is the last one.
    pub fn finish(self, done: bool) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.size() + 64);
        write(&mut out, format_args!("{{\"done\":{done}"));
        for (name, rows) in [("revlog", self.reviews), ("cards", self.cards), ("notes", self.notes)] {
            if !rows.is_empty() {
                write(&mut out, format_args!(",\"{name}\":["));
                out.extend(rows);
                out.push(b']');
            }
        }
        out.push(b'}');
        out
    }
}

fn signed(number: i64) -> i64 {
    number.clamp(i32::MIN.into(), i32::MAX.into())
}

fn unsigned(number: i64) -> i64 {
    number.clamp(0, u32::MAX.into())
}

fn begin_row(out: &mut Vec<u8>) {
    if !out.is_empty() {
        out.push(b',');
    }
}

fn write(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to memory does not fail.
    let _ = out.write_fmt(text);
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    // Neither does turning a text into JSON.
    let _ = serde_json::to_writer(out, text);
}
