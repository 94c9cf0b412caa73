use std::io;

const LOCAL_HEADER: u32 = 0x0403_4b50;
const DIRECTORY_ENTRY: u32 = 0x0201_4b50;
const DIRECTORY_END: u32 = 0x0605_4b50;
const DIRECTORY_END_64: u32 = 0x0606_4b50;
const DIRECTORY_END_64_LOCATOR: u32 = 0x0706_4b50;
/// Version 1.0 of the format: stored members. Version 4.5: Zip64.
const PLAIN: u16 = 10;
const ZIP64: u16 = 45;
/// Names are UTF-8.
const FLAGS: u16 = 1 << 11;
/// The first of January 1980, the earliest date there is. The same content makes the same zip.
const DATE: u16 = 0x21;

/// How the bytes of a member are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    Stored = 0,
    Deflated = 8,
}

/// A member of a zip, whose content follows its header.
#[derive(Debug, Clone)]
pub struct ZipMember {
    pub name: String,
    pub packing: Packing,
    /// Bytes that follow.
    pub packed_size: u64,
    /// Bytes that they unpack to.
    pub size: u64,
    /// CRC-32 of what they unpack to.
    pub crc: u32,
}

/// Writes everything of a zip of any size but its contents, front to back, so that it can be sent while it is made.
///
/// Layouts are those of PKWARE's APPNOTE, sections 4.3.7, 4.3.12, 4.3.14 to 4.3.16 and 4.5.3. The Zip64 forms are used only where a
/// number does not fit otherwise. Sizes and checksums are in the local headers, so a member's must be known before it is written: not
/// all readers understand descriptors that follow.
#[derive(Debug, Default)]
pub struct ZipLayout {
    at: u64,
    done: Vec<Placed>,
}

#[derive(Debug)]
struct Placed {
    of: ZipMember,
    header_at: u64,
}

impl ZipLayout {
    /// What to write before the content of a member, of which exactly `packed_size` bytes must follow.
    ///
    /// # Errors
    /// When its name is too long.
    pub fn begin(&mut self, member: ZipMember) -> io::Result<Vec<u8>> {
        let placed = Placed { of: member, header_at: self.at };
        let header = local_header(&placed)?;
        self.at += header.len() as u64 + placed.of.packed_size;
        self.done.push(placed);
        Ok(header)
    }

    /// What to write at the end: the directory.
    ///
    /// # Errors
    /// When a name is too long.
    pub fn end(self) -> io::Result<Vec<u8>> {
        let mut all = Vec::new();
        for member in &self.done {
            all.extend(directory_entry(member)?);
        }
        let end = directory_end(self.done.len() as u64, all.len() as u64, self.at);
        all.extend(end);
        Ok(all)
    }
}

fn local_header(member: &Placed) -> io::Result<Vec<u8>> {
    let mut header = LOCAL_HEADER.to_le_bytes().to_vec();
    let large = is_large(member);
    let extra = if large { zip64(&[member.of.size, member.of.packed_size]) } else { Vec::new() };
    put_description(&mut header, member, if large { ZIP64 } else { PLAIN }, &extra)?;
    header.extend(member.of.name.as_bytes());
    header.extend(extra);
    Ok(header)
}

fn directory_entry(member: &Placed) -> io::Result<Vec<u8>> {
    let mut numbers = Vec::new();
    if is_large(member) {
        numbers.extend([member.of.size, member.of.packed_size]);
    }
    if fits32(member.header_at).is_none() {
        numbers.push(member.header_at);
    }
    let needed = if numbers.is_empty() { PLAIN } else { ZIP64 };
    let extra = if numbers.is_empty() { Vec::new() } else { zip64(&numbers) };
    let mut entry = DIRECTORY_ENTRY.to_le_bytes().to_vec();
    entry.extend(needed.to_le_bytes());
    put_description(&mut entry, member, needed, &extra)?;
    // Length of the comment, disk, two kinds of attributes.
    entry.extend([0; 10]);
    entry.extend(fits32(member.header_at).unwrap_or(u32::MAX).to_le_bytes());
    entry.extend(member.of.name.as_bytes());
    entry.extend(extra);
    Ok(entry)
}

/// What a local header and an entry of the directory have in common: from the version needed to the length of the extra field.
fn put_description(out: &mut Vec<u8>, member: &Placed, needed: u16, extra: &[u8]) -> io::Result<()> {
    // Both sizes in the long form, or none.
    let short = |size| if is_large(member) { u32::MAX } else { fits32(size).unwrap_or(u32::MAX) };
    for number in [needed, FLAGS, member.of.packing as u16, 0, DATE] {
        out.extend(number.to_le_bytes());
    }
    out.extend(member.of.crc.to_le_bytes());
    out.extend(short(member.of.packed_size).to_le_bytes());
    out.extend(short(member.of.size).to_le_bytes());
    let name = u16::try_from(member.of.name.len()).map_err(|_| io::Error::other("the name of a zip member is too long"))?;
    out.extend(name.to_le_bytes());
    // At most 28 bytes.
    out.extend((extra.len() as u16).to_le_bytes());
    Ok(())
}

fn zip64(numbers: &[u64]) -> Vec<u8> {
    let mut extra = vec![1, 0];
    extra.extend((numbers.len() as u16 * 8).to_le_bytes());
    numbers.iter().for_each(|number| extra.extend(number.to_le_bytes()));
    extra
}

fn directory_end(members: u64, size: u64, start: u64) -> Vec<u8> {
    let count = u16::try_from(members).ok().filter(|count| *count < u16::MAX);
    let (short_size, short_start) = (fits32(size), fits32(start));
    let mut end = Vec::new();
    if count.is_none() || short_size.is_none() || short_start.is_none() {
        let at = start + size;
        end.extend(DIRECTORY_END_64.to_le_bytes());
        // Bytes that follow in this record.
        end.extend(44_u64.to_le_bytes());
        end.extend(ZIP64.to_le_bytes());
        end.extend(ZIP64.to_le_bytes());
        // Two numbers of disks.
        end.extend([0; 8]);
        for number in [members, members, size, start] {
            end.extend(number.to_le_bytes());
        }
        end.extend(DIRECTORY_END_64_LOCATOR.to_le_bytes());
        end.extend([0; 4]);
        end.extend(at.to_le_bytes());
        end.extend(1_u32.to_le_bytes());
    }
    end.extend(DIRECTORY_END.to_le_bytes());
    end.extend([0; 4]);
    for _ in 0..2 {
        end.extend(count.unwrap_or(u16::MAX).to_le_bytes());
    }
    end.extend(short_size.unwrap_or(u32::MAX).to_le_bytes());
    end.extend(short_start.unwrap_or(u32::MAX).to_le_bytes());
    end.extend([0; 2]);
    end
}

fn is_large(member: &Placed) -> bool {
    fits32(member.of.size.max(member.of.packed_size)).is_none()
}

/// The number if the short form can hold it; its largest value means that the long form has it.
fn fits32(number: u64) -> Option<u32> {
    u32::try_from(number).ok().filter(|number| *number < u32::MAX)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use flate2::Crc;
    use std::fs::File;
    use std::io::{Read, Seek, SeekFrom, Write};

    fn stored(name: &str, content: &[u8]) -> ZipMember {
        let mut crc = Crc::new();
        crc.update(content);
        let size = content.len() as u64;
        ZipMember { name: name.to_owned(), packing: Packing::Stored, packed_size: size, size, crc: crc.sum() }
    }

    fn add(zip: &mut ZipLayout, out: &mut impl Write, name: &str, content: &[u8]) {
        out.write_all(&zip.begin(stored(name, content)).unwrap()).unwrap();
        out.write_all(content).unwrap();
    }

    #[test]
    fn another_library_reads_it() {
        let (mut zip, mut out) = (ZipLayout::default(), Vec::new());
        add(&mut zip, &mut out, "meta", b"\x08\x03");
        add(&mut zip, &mut out, "empty", b"");
        add(&mut zip, &mut out, "日本", b"x");
        let content = vec![b'a'; 300_000];
        let mut packed = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(&content).unwrap();
        let packed = packed.finish().unwrap();
        let deflated = ZipMember { packing: Packing::Deflated, packed_size: packed.len() as u64, ..stored("0", &content) };
        out.extend(zip.begin(deflated).unwrap());
        out.extend(packed);
        out.extend(zip.end().unwrap());
        let mut archive = zip::ZipArchive::new(io::Cursor::new(out)).unwrap();
        let names: Vec<_> = (0..archive.len()).map(|i| archive.by_index(i).unwrap().name().unwrap().into_owned()).collect();
        assert_eq!(names, ["meta", "empty", "日本", "0"]);
        let mut read = Vec::new();
        archive.by_name("0").unwrap().read_to_end(&mut read).unwrap();
        assert_eq!(read, content);
    }

    #[test]
    fn many_members_and_large_ones_need_zip64() {
        let folder = tempfile::tempdir().unwrap();
        let (mut zip, path) = (ZipLayout::default(), folder.path().join("many"));
        let mut out = io::BufWriter::new(File::create(&path).unwrap());
        (0..70_000).for_each(|number| add(&mut zip, &mut out, &number.to_string(), b""));
        out.write_all(&zip.end().unwrap()).unwrap();
        drop(out);
        assert_eq!(zip::ZipArchive::new(File::open(path).unwrap()).unwrap().len(), 70_000);

        // A hole instead of 4 GiB of zeros, whose checksum nobody asks for.
        let (mut zip, path) = (ZipLayout::default(), folder.path().join("large"));
        let mut out = File::create(&path).unwrap();
        let size = (4 << 30) + 5;
        out.write_all(&zip.begin(ZipMember { packed_size: size, size, ..stored("large", b"") }).unwrap()).unwrap();
        out.seek(SeekFrom::Current(size as i64)).unwrap();
        add(&mut zip, &mut out, "after", b"here");
        out.write_all(&zip.end().unwrap()).unwrap();
        drop(out);
        let mut large = zip::ZipArchive::new(File::open(path).unwrap()).unwrap();
        assert_eq!(large.by_name("large").unwrap().size(), size);
        let mut read = String::new();
        large.by_name("after").unwrap().read_to_string(&mut read).unwrap();
        assert_eq!(read, "here");
    }
}
