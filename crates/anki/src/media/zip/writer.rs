use std::io::{self, Seek, SeekFrom, Write};

use flate2::Crc;

use super::{DIRECTORY_END, DIRECTORY_END_BYTES, DIRECTORY_ENTRY, DIRECTORY_ENTRY_BYTES, LOCAL_HEADER, STORED};

/// Version 1.0 of the format: stored members.
const VERSION_NEEDED: u16 = 10;
/// The first of January 1980, the earliest date there is. The same content makes the same zip.
const DATE: u16 = 0x21;

/// Writes a zip whose members are stored uncompressed.
///
/// Sizes and checksums go into the local headers, so that readers which do not look at the directory, as some of Java do, can
/// read it too. That is why the output must allow going back.
#[derive(Debug)]
pub(in crate::media) struct ZipWriter<W> {
    out: W,
    at: u64,
    done: Vec<Member>,
    current: Option<Member>,
}

#[derive(Debug)]
struct Member {
    name: String,
    header_at: u64,
    crc: Crc,
    size: u64,
}

impl<W: Write + Seek> ZipWriter<W> {
    /// A zip that begins where `out` stands, which must be its start.
    pub fn new(out: W) -> Self {
        Self { out, at: 0, done: Vec::new(), current: None }
    }

    /// Begins a member. What is written from now on belongs to it.
    pub fn start_member(&mut self, name: String) -> io::Result<()> {
        self.end_member()?;
        let member = Member { name, header_at: self.at, crc: Crc::new(), size: 0 };
        let header = local_header(&member)?;
        self.put(&header)?;
        self.current = Some(member);
        Ok(())
    }

    pub fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let member = self.current.as_mut().ok_or_else(|| io::Error::other("no zip member was begun"))?;
        member.crc.update(bytes);
        member.size += bytes.len() as u64;
        self.put(bytes)
    }

    /// Ends the zip and gives the output back, standing at its end.
    pub fn finish(mut self) -> io::Result<W> {
        self.end_member()?;
        let start = self.at;
        for member in std::mem::take(&mut self.done) {
            self.put(&directory_entry(&member)?)?;
            self.done.push(member);
        }
        let end = directory_end(self.done.len(), self.at - start, start)?;
        self.put(&end)?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn end_member(&mut self) -> io::Result<()> {
        if let Some(member) = self.current.take() {
            self.out.seek(SeekFrom::Start(member.header_at))?;
            self.out.write_all(&local_header(&member)?)?;
            self.out.seek(SeekFrom::Start(self.at))?;
            self.done.push(member);
        }
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.at += bytes.len() as u64;
        Ok(())
    }
}

fn local_header(member: &Member) -> io::Result<Vec<u8>> {
    let mut header = LOCAL_HEADER.to_le_bytes().to_vec();
    put_description(&mut header, member)?;
    header.extend(member.name.as_bytes());
    Ok(header)
}

fn directory_entry(member: &Member) -> io::Result<Vec<u8>> {
    let mut entry = Vec::with_capacity(DIRECTORY_ENTRY_BYTES + member.name.len());
    entry.extend(DIRECTORY_ENTRY.to_le_bytes());
    entry.extend(VERSION_NEEDED.to_le_bytes());
    put_description(&mut entry, member)?;
    // Length of the comment, disk, two kinds of attributes.
    entry.extend([0; 10]);
    entry.extend(limited(member.header_at)?.to_le_bytes());
    entry.extend(member.name.as_bytes());
    Ok(entry)
}

/// What a local header and an entry of the directory have in common: from the version needed to the length of the extra field.
fn put_description(out: &mut Vec<u8>, member: &Member) -> io::Result<()> {
    let size = limited(member.size)?.to_le_bytes();
    for number in [VERSION_NEEDED, 0, STORED, 0, DATE] {
        out.extend(number.to_le_bytes());
    }
    out.extend(member.crc.sum().to_le_bytes());
    out.extend(size);
    out.extend(size);
    out.extend(u16::try_from(member.name.len()).map_err(|_| too_large())?.to_le_bytes());
    out.extend([0; 2]);
    Ok(())
}

fn directory_end(members: usize, size: u64, start: u64) -> io::Result<Vec<u8>> {
    let count = u16::try_from(members).map_err(|_| too_large())?.to_le_bytes();
    let mut end = Vec::with_capacity(DIRECTORY_END_BYTES);
    end.extend(DIRECTORY_END.to_le_bytes());
    end.extend([0; 4]);
    end.extend(count);
    end.extend(count);
    end.extend(limited(size)?.to_le_bytes());
    end.extend(limited(start)?.to_le_bytes());
    end.extend([0; 2]);
    Ok(end)
}

/// The form without Zip64, which not every client reads, ends below 4 GiB.
fn limited(number: u64) -> io::Result<u32> {
    u32::try_from(number).ok().filter(|number| *number < u32::MAX).ok_or_else(too_large)
}

fn too_large() -> io::Error {
    io::Error::other("too large for a zip")
}
