//! Writes the rows of large tables, and their indexes, as pages of SQLite's file format: several times faster than SQLite, which has to be
//! ready for rows in any order, sets up a statement for each, and sorts rows where numbers would do.
//!
//! SQLite itself makes the file, its schema and the small tables; what is written here takes the place of the empty root pages of the large
//! ones and goes behind all other pages. The format is public and does not change: <https://www.sqlite.org/fileformat2.html>. Tests compare
//! with what SQLite makes of the same rows, and let it check all pages.

mod keys;
mod pages;
mod record;
mod tree;

pub(super) use keys::{Keys, Spill};
pub(super) use pages::Pages;
pub(super) use record::{Cell, Record};
pub(super) use tree::Tree;
