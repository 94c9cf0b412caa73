use std::io::{self, Read, Seek, SeekFrom, Take};

use flate2::Crc;
use flate2::read::DeflateDecoder;

use super::{
    DEFLATED, DIRECTORY_END, DIRECTORY_END_BYTES, DIRECTORY_ENTRY, DIRECTORY_ENTRY_BYTES, LOCAL_HEADER, LOCAL_HEADER_BYTES, STORED,
};

/// The largest number of members in a zip; more than clients ever put into one.
const MAX_MEMBERS: u16 = 100;
/// The largest directory that we read: a hundred members with generous names and extra fields.
const MAX_DIRECTORY_BYTES: u32 = 200_000;

/// Why a zip could not be read.
#[derive(Debug, thiserror::Error)]
pub(in crate::media) enum ZipError {
    #[error("{0}")]
    Invalid(&'static str),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A member, as the directory describes it.
#[derive(Debug, Clone)]
struct Member {
    name: Vec<u8>,
    method: u16,
    crc: u32,
    compressed: u64,
    header_at: u64,
}

/// A zip whose directory has been read.
#[derive(Debug)]
pub(in crate::media) struct ZipReader<R> {
    input: R,
    members: Vec<Member>,
}

impl<R: Read + Seek> ZipReader<R> {
    pub fn new(mut input: R) -> Result<Self, ZipError> {
        let (count, size, start) = find_directory(&mut input)?;
        if count > MAX_MEMBERS || size > MAX_DIRECTORY_BYTES {
            return Err(ZipError::Invalid("too many members"));
        }
        input.seek(SeekFrom::Start(start.into()))?;
        let mut directory = Vec::new();
        input.by_ref().take(size.into()).read_to_end(&mut directory)?;
        let mut rest = directory.as_slice();
        let mut members = Vec::with_capacity(count.into());
        for _ in 0..count {
            members.push(read_entry(&mut rest).ok_or(ZipError::Invalid("damaged directory"))??);
        }
        Ok(Self { input, members })
    }

    /// The index of the member with a name; of several, the last.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.members.iter().rposition(|member| member.name == name.as_bytes())
    }

    /// The bytes of a member.
    pub fn open(&mut self, index: usize) -> Result<MemberReader<'_, R>, ZipError> {
        let member = self.members.get(index).ok_or(ZipError::Invalid("no such member"))?;
        self.input.seek(SeekFrom::Start(member.header_at))?;
        let mut header = [0; LOCAL_HEADER_BYTES];
        self.input.read_exact(&mut header)?;
        let mut fields = header.as_slice();
        if u32_from(&mut fields) != Some(LOCAL_HEADER) {
            return Err(ZipError::Invalid("damaged member"));
        }
        // The directory has told everything; here it matters only how long this header is.
        let mut lengths = fields.get(22..).unwrap_or_default();
        let skip = i64::from(u16_from(&mut lengths).unwrap_or_default()) + i64::from(u16_from(&mut lengths).unwrap_or_default());
        self.input.seek(SeekFrom::Current(skip))?;
        let data = self.input.by_ref().take(member.compressed);
        let body = if member.method == DEFLATED { Body::Deflated(DeflateDecoder::new(data)) } else { Body::Stored(data) };
        Ok(MemberReader { body, crc: Crc::new(), wanted_crc: member.crc })
    }
}

/// Reads one member of a zip. Its end is an error if the checksum is wrong.
pub struct MemberReader<'a, R> {
    body: Body<'a, R>,
    crc: Crc,
    wanted_crc: u32,
}

enum Body<'a, R> {
    Stored(Take<&'a mut R>),
    Deflated(DeflateDecoder<Take<&'a mut R>>),
}

impl<R: Read> Read for MemberReader<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match &mut self.body {
            Body::Stored(data) => data.read(buffer)?,
            Body::Deflated(data) => data.read(buffer)?,
        };
        self.crc.update(buffer.get(..count).unwrap_or_default());
        if count == 0 && !buffer.is_empty() && self.crc.sum() != self.wanted_crc {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "wrong checksum"));
        }
        Ok(count)
    }
}

/// The number of members, and the directory's size and position.
fn find_directory<R: Read + Seek>(input: &mut R) -> Result<(u16, u32, u32), ZipError> {
    let length = input.seek(SeekFrom::End(0))?;
    let longest_end = DIRECTORY_END_BYTES as u64 + u64::from(u16::MAX);
    input.seek(SeekFrom::Start(length.saturating_sub(longest_end)))?;
    let mut tail = Vec::new();
    input.take(longest_end).read_to_end(&mut tail)?;
    memchr::memmem::rfind_iter(&tail, &DIRECTORY_END.to_le_bytes())
        .find_map(|at| read_end(tail.get(at..)?))
        .ok_or(ZipError::Invalid("not a zip"))
}

/// Reads the end of the directory, which a comment may follow, up to the end of the file and no further.
fn read_end(mut bytes: &[u8]) -> Option<(u16, u32, u32)> {
    let length = bytes.len();
    let fields = &mut bytes;
    u32_from(fields)?;
    let disks = [u16_from(fields)?, u16_from(fields)?];
    let counts = [u16_from(fields)?, u16_from(fields)?];
    let (size, start) = (u32_from(fields)?, u32_from(fields)?);
    let comment = usize::from(u16_from(fields)?);
    (disks == [0, 0] && counts[0] == counts[1] && length == DIRECTORY_END_BYTES + comment).then_some((counts[0], size, start))
}

/// Reads an entry of the directory off the front of `bytes`. Nothing means that there is none.
fn read_entry(bytes: &mut &[u8]) -> Option<Result<Member, ZipError>> {
    let (mut fixed, rest) = bytes.split_at_checked(DIRECTORY_ENTRY_BYTES)?;
    let fields = &mut fixed;
    if u32_from(fields)? != DIRECTORY_ENTRY {
        return None;
    }
    let [_made_by, _needed, flags, method, _time, _date] = [(); 6].map(|()| u16_from(fields).unwrap_or_default());
    let [crc, compressed, _size] = [(); 3].map(|()| u32_from(fields).unwrap_or_default());
    let [name, extra, comment, _disk, _kind] = [(); 5].map(|()| u16_from(fields).unwrap_or_default());
    let [_attributes, header_at] = [(); 2].map(|()| u32_from(fields).unwrap_or_default());
    let (name, rest) = rest.split_at_checked(name.into())?;
    let (_, rest) = rest.split_at_checked(usize::from(extra) + usize::from(comment))?;
    *bytes = rest;
    if flags & 1 != 0 || !matches!(method, STORED | DEFLATED) {
        return Some(Err(ZipError::Invalid("a member is encrypted or compressed in a way that we do not know")));
    }
    if compressed == u32::MAX || header_at == u32::MAX {
        return Some(Err(ZipError::Invalid("a member is in Zip64 form")));
    }
    Some(Ok(Member { name: name.to_vec(), method, crc, compressed: compressed.into(), header_at: header_at.into() }))
}

fn u16_from(bytes: &mut &[u8]) -> Option<u16> {
    let (number, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(u16::from_le_bytes(*number))
}

fn u32_from(bytes: &mut &[u8]) -> Option<u32> {
    let (number, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(u32::from_le_bytes(*number))
}
