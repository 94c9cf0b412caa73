use std::fmt;

/// How often something odd in a file was put right while reading it, for the log. All zero for a sound file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Repairs {
    /// Numbers stored as something else: truncated reals, parsed texts, zero for the rest.
    pub numbers: u64,
    /// Texts that were no text, or not valid UTF-8.
    pub texts: u64,
    /// Update sequence numbers that marked something as unsent, or did not fit.
    pub usns: u64,
    /// Rows left out because their id came twice.
    pub duplicates: u64,
    /// Notes whose notetype does not exist.
    pub notes_without_notetype: u64,
    /// Names of decks, notetypes, fields or templates changed to Anki's form or to be unique.
    pub names: u64,
    /// Objects that had no id, or one that disagreed with their key.
    pub ids: u64,
    /// Graves of a sort that Anki does not define.
    pub graves: u64,
    /// Config values left out because they are no JSON.
    pub config: u64,
}

impl Repairs {
    /// Adds the counts of `other`.
    pub fn add(&mut self, other: &Self) {
        self.numbers += other.numbers;
        self.texts += other.texts;
        self.usns += other.usns;
        self.duplicates += other.duplicates;
        self.notes_without_notetype += other.notes_without_notetype;
        self.names += other.names;
        self.ids += other.ids;
        self.graves += other.graves;
        self.config += other.config;
    }

    /// Whether nothing had to be repaired.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Repairs {
    /// Writes the counts that are not zero, as `numbers 3, texts 1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [
            ("numbers", self.numbers),
            ("texts", self.texts),
            ("usns", self.usns),
            ("duplicates", self.duplicates),
            ("notes without notetype", self.notes_without_notetype),
            ("names", self.names),
            ("ids", self.ids),
            ("graves", self.graves),
            ("config", self.config),
        ];
        let mut separator = "";
        for (name, count) in counts.into_iter().filter(|(_, count)| *count != 0) {
            write!(f, "{separator}{name} {count}")?;
            separator = ", ";
        }
        Ok(())
    }
}
