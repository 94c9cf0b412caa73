//! Members of a package, and how they become pieces of a stream.

use anki::package::{Packing, ZipLayout, ZipMember};
use bytes::Bytes;
use flate2::Crc;
use sha1::{Digest, Sha1};
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::Path;
use tempfile::SpooledTempFile;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::mpsc;

/// Bytes of a piece, and read at a time.
const PIECE: usize = 128 << 10;
/// A media file larger than this goes through the disk.
const IN_MEMORY: usize = 2 << 20;
/// Most media is compressed already, so trying harder only costs time.
const LEVEL: i32 = 1;

/// The content of a member, with what its header says.
pub struct Content {
    bytes: Source,
    packing: Packing,
    packed_size: u64,
    size: u64,
    crc: u32,
}

enum Source {
    Memory(Bytes),
    /// Stands at its start.
    File(File),
}

impl Content {
    /// What is in memory, as it is.
    pub fn memory(bytes: Bytes) -> Self {
        let mut crc = Crc::new();
        crc.update(&bytes);
        let size = bytes.len() as u64;
        Self { bytes: Source::Memory(bytes), packing: Packing::Stored, packed_size: size, size, crc: crc.sum() }
    }

    /// A file as it is. Blocks.
    ///
    /// # Errors
    /// When reading fails.
    pub fn file(mut file: File) -> io::Result<Self> {
        file.rewind()?;
        let (mut crc, mut size) = (Crc::new(), 0);
        each_block(&mut file, |block| {
            crc.update(block);
            size += block.len() as u64;
            Ok(())
        })?;
        file.rewind()?;
        Ok(Self { bytes: Source::File(file), packing: Packing::Stored, packed_size: size, size, crc: crc.sum() })
    }

    /// A file packed into `target`. Blocks.
    ///
    /// # Errors
    /// When reading or writing fails.
    pub fn deflated(path: &Path, target: File) -> io::Result<Self> {
        let (mut crc, mut size) = (Crc::new(), 0);
        let mut encoder = flate2::write::DeflateEncoder::new(target, flate2::Compression::fast());
        each_block(&mut File::open(path)?, |block| {
            crc.update(block);
            size += block.len() as u64;
            encoder.write_all(block)
        })?;
        let mut target = encoder.finish()?;
        let packed_size = target.stream_position()?;
        target.rewind()?;
        Ok(Self { bytes: Source::File(target), packing: Packing::Deflated, packed_size, size, crc: crc.sum() })
    }

    /// A media file, as a zstd frame if `compress`; also the SHA-1 and size of what it was before. Blocks.
    ///
    /// # Errors
    /// When reading or writing fails.
    pub fn media(mut file: impl Read, compress: bool, folder: &Path) -> io::Result<(Self, [u8; 20], u64)> {
        let (mut sha1, mut original) = (Sha1::new(), 0);
        let mut spool = Spool { out: tempfile::spooled_tempfile_in(IN_MEMORY, folder), crc: Crc::new(), size: 0 };
        let mut take = |block: &[u8]| {
            sha1.update(block);
            original += block.len() as u64;
        };
        if compress {
            let mut encoder = zstd::Encoder::new(&mut spool, LEVEL)?;
            each_block(&mut file, |block| {
                take(block);
                encoder.write_all(block)
            })?;
            encoder.finish()?;
        } else {
            each_block(&mut file, |block| {
                take(block);
                spool.write_all(block)
            })?;
        }
        let Spool { mut out, crc, size } = spool;
        out.rewind()?;
        let bytes = match out.into_inner() {
            tempfile::SpooledData::InMemory(memory) => Source::Memory(memory.into_inner().into()),
            tempfile::SpooledData::OnDisk(file) => Source::File(file),
        };
        let content = Self { bytes, packing: Packing::Stored, packed_size: size, size, crc: crc.sum() };
        Ok((content, sha1.finalize().into(), original))
    }

    /// Bytes in the package.
    pub fn packed_size(&self) -> u64 {
        self.packed_size
    }
}

/// Sums up what goes through it.
struct Spool {
    out: SpooledTempFile,
    crc: Crc,
    size: u64,
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.crc.update(bytes.get(..count).unwrap_or_default());
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn each_block(file: &mut impl Read, mut each: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut block = vec![0; PIECE];
    loop {
        match file.read(&mut block) {
            Ok(0) => return Ok(()),
            Ok(count) => each(block.get(..count).unwrap_or_default())?,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

/// Sends a zip in pieces.
pub struct Sender {
    layout: ZipLayout,
    out: mpsc::Sender<io::Result<Bytes>>,
}

impl Sender {
    /// A zip whose pieces go to `out`.
    pub fn new(out: mpsc::Sender<io::Result<Bytes>>) -> Self {
        Self { layout: ZipLayout::default(), out }
    }

    /// Sends a member, at the pace of whoever takes the pieces.
    ///
    /// # Errors
    /// When reading fails, or nobody takes the pieces any more.
    pub async fn member(&mut self, name: &str, content: Content) -> io::Result<()> {
        let Content { bytes, packing, packed_size, size, crc } = content;
        let header = self.layout.begin(ZipMember { name: name.to_owned(), packing, packed_size, size, crc })?;
        self.send(header.into()).await?;
        match bytes {
            Source::Memory(bytes) => self.send(bytes).await,
            Source::File(file) => self.file(tokio::fs::File::from_std(file), packed_size).await,
        }
    }

    /// Sends what stands at the end of a zip.
    ///
    /// # Errors
    /// When nobody takes the pieces any more.
    pub async fn end(&mut self) -> io::Result<()> {
        let end = std::mem::take(&mut self.layout).end()?;
        self.send(end.into()).await
    }

    /// Exactly as many bytes as the header has promised.
    async fn file(&self, mut file: impl AsyncRead + Unpin, size: u64) -> io::Result<()> {
        let mut left = size;
        while left > 0 {
            let mut piece = vec![0; usize::try_from(left).unwrap_or(PIECE).min(PIECE)];
            file.read_exact(&mut piece).await?;
            left -= piece.len() as u64;
            self.send(piece.into()).await?;
        }
        Ok(())
    }

    async fn send(&self, piece: Bytes) -> io::Result<()> {
        self.out.send(Ok(piece)).await.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    }
}
