use std::io::{self, Seek, Write};

use serde_json::{Map, Value};

use super::zip::ZipWriter;
use super::{MAX_FILES, META, TARGET_BYTES};

/// Writes the answer of `downloadFiles`: members `0`, `1` and so on, and `_meta`, an object that maps them to file names.
///
/// Put files in until [`is_full`](Self::is_full), at least one for a request that is not empty: a client that gets less than it
/// wanted asks for the rest, and one that gets nothing asks for ever. A wanted file that does not exist is answered with 409.
#[derive(Debug)]
pub struct DownloadZip<W> {
    zip: ZipWriter<W>,
    names: Map<String, Value>,
    bytes: u64,
}

impl<W: Write + Seek> DownloadZip<W> {
    /// A zip written to `out`, which stands at its start.
    pub fn new(out: W) -> Self {
        Self { zip: ZipWriter::new(out), names: Map::new(), bytes: 0 }
    }

    /// Begins a file. Its bytes are then to be written, in as many pieces as convenient.
    ///
    /// # Errors
    /// When writing fails.
    pub fn start_file(&mut self, name: &str) -> io::Result<()> {
        let member = self.names.len().to_string();
        self.zip.start_member(member.clone())?;
        self.names.insert(member, Value::from(name));
        Ok(())
    }

    /// Writes a piece of the file that was begun.
    ///
    /// # Errors
    /// When writing fails, or no file was begun.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes += bytes.len() as u64;
        self.zip.write_all(bytes)
    }

    /// Whether no further file should be begun.
    pub fn is_full(&self) -> bool {
        self.bytes > TARGET_BYTES || self.names.len() >= MAX_FILES
    }

    /// Ends the zip and gives the output back, standing at its end.
    ///
    /// # Errors
    /// When writing fails.
    pub fn finish(mut self) -> io::Result<W> {
        self.zip.start_member(META.to_owned())?;
        let names = Value::Object(std::mem::take(&mut self.names)).to_string();
        self.zip.write_all(names.as_bytes())?;
        self.zip.finish()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read};

    use super::super::zip::ZipReader;
    use super::*;

    fn member(zip: &mut ZipReader<Cursor<Vec<u8>>>, name: &str) -> Vec<u8> {
        let index = zip.find(name).expect("a member");
        let mut bytes = Vec::new();
        zip.open(index).expect("a header").read_to_end(&mut bytes).expect("the right checksum");
        bytes
    }

    #[test]
    fn members_are_numbered_and_named_in_meta() {
        let mut zip = DownloadZip::new(Cursor::new(Vec::new()));
        zip.start_file("b.jpg").expect("memory");
        zip.write(b"one").expect("memory");
        zip.write(b"two").expect("memory");
        zip.start_file("ä \".mp3").expect("memory");
        zip.write(&[0, 255]).expect("memory");
        let mut zip = ZipReader::new(zip.finish().expect("memory")).expect("a zip");
        assert_eq!(member(&mut zip, "0"), b"onetwo");
        assert_eq!(member(&mut zip, "1"), [0, 255]);
        assert_eq!(String::from_utf8_lossy(&member(&mut zip, "_meta")), r#"{"0":"b.jpg","1":"ä \".mp3"}"#);
    }

    #[test]
    fn full_with_the_file_that_goes_beyond_the_target() {
        let mut zip = DownloadZip::new(Cursor::new(Vec::new()));
        for (bytes, full) in [(2_621_440, false), (1, true)] {
            zip.start_file("a").expect("memory");
            zip.write(&vec![7; bytes]).expect("memory");
            assert_eq!(zip.is_full(), full);
        }
        let mut zip = DownloadZip::new(Cursor::new(Vec::new()));
        for index in 0..25 {
            assert!(!zip.is_full());
            zip.start_file(&index.to_string()).expect("memory");
        }
        assert!(zip.is_full());
    }

    #[test]
    fn bytes_without_a_file_are_an_error() {
        assert!(DownloadZip::new(Cursor::new(Vec::new())).write(b"x").is_err());
    }
}
