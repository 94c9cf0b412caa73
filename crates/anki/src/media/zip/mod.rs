//! As much of the zip format as media sync needs: few members, stored or deflated, not encrypted, far below 4 GiB.
//!
//! A general library would read whatever a hostile client sends, with tens of thousands of members in many forms. This reads
//! what clients write and refuses everything else before allocating for it. Layouts are those of PKWARE's APPNOTE, sections
//! 4.3.7 (local header), 4.3.12 (central directory) and 4.3.16 (its end).

mod reader;
mod writer;

pub use reader::MemberReader;
pub(super) use reader::{ZipError, ZipReader};
pub(super) use writer::ZipWriter;

const LOCAL_HEADER: u32 = 0x0403_4b50;
const DIRECTORY_ENTRY: u32 = 0x0201_4b50;
const DIRECTORY_END: u32 = 0x0605_4b50;

const LOCAL_HEADER_BYTES: usize = 30;
const DIRECTORY_ENTRY_BYTES: usize = 46;
const DIRECTORY_END_BYTES: usize = 22;

const STORED: u16 = 0;
const DEFLATED: u16 = 8;
