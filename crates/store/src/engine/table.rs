//! How a table is described to the engines.

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Int,
    Text,
    Bytes,
}

/// A table that is written in bulk: its columns in the order of the rows' values, and its key.
#[derive(Debug)]
pub struct Table {
    pub name: &'static str,
    pub columns: &'static [(&'static str, Kind)],
    pub key: &'static [&'static str],
}

impl Table {
    /// The column names, separated by commas, for SELECT and INSERT.
    pub fn column_list(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| *name).collect();
        names.join(", ")
    }
}

/// A secondary index: its name and its columns, separated by commas.
pub type Index = (&'static str, &'static str);
