//! Request bodies: small ones into memory, large ones through a decompressor into a temporary file, in either case with a limit that
//! counts what comes out.

use super::error::{SyncError, SyncResult};
use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Stream, TryStreamExt};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use tempfile::NamedTempFile;
use zstd::stream::{raw, zio};

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    None,
    Gzip,
    Zstd,
}

/// A body in a file of its own, which is removed with it.
pub struct Spooled {
    pub file: NamedTempFile,
    /// Bytes after decompression.
    pub size: u64,
}

/// Clients send pieces of a few KB; decompressing each by itself costs several times the time of the decompression.
const BLOCK: usize = 256 << 10;
/// The largest window that a zstd frame may ask memory for, as a power of two. Clients use up to 2^23.
const WINDOW_LOG_MAX: u32 = 25;
/// From here on decompressing takes so long that it must not hold up other requests of the same thread: bytes that come in, and bytes
/// that come out.
const INLINE_LIMIT: usize = 64 << 10;
const INLINE_OUTPUT: usize = 256 << 10;

/// Collects a body in memory.
///
/// # Errors
/// 413 above `limit` bytes after decompression, 400 for a body that does not decompress.
pub async fn into_memory(chunks: impl Stream<Item = SyncResult<Bytes>>, compression: Compression, limit: u64) -> SyncResult<Vec<u8>> {
    let mut chunks = std::pin::pin!(chunks);
    let mut body = BytesMut::new();
    let packed_limit = if compression == Compression::None { limit } else { packed_limit(limit) };
    while let Some(chunk) = chunks.try_next().await? {
        if (body.len() + chunk.len()) as u64 > packed_limit {
            return Err(over(limit));
        }
        body.extend_from_slice(&chunk);
    }
    let body = body.freeze();
    if compression == Compression::None {
        return Ok(body.into());
    }
    if body.len() <= INLINE_LIMIT
        && let Some(out) = unpack_little(&body, compression)?
    {
        return if out.len() as u64 > limit { Err(over(limit)) } else { Ok(out) };
    }
    let decompress = move || {
        let mut out = Vec::new();
        copy(decoder(body.reader(), compression)?, &mut out, limit)?;
        Ok(out)
    };
    tokio::task::spawn_blocking(decompress).await?
}

/// What `limit` bytes are at most when they are packed: what cannot be compressed becomes a little larger by it.
pub fn packed_limit(limit: u64) -> u64 {
    limit.saturating_add(limit / 16 + 4096)
}

/// Unpacks what does not become much. A few bytes can unpack to many, so nothing comes back for what does.
fn unpack_little(body: &[u8], compression: Compression) -> SyncResult<Option<Vec<u8>>> {
    let mut out = Vec::new();
    let most = INLINE_OUTPUT as u64 + 1;
    let read = match compression {
        Compression::None => return Ok(Some(body.to_vec())),
        Compression::Gzip => flate2::bufread::MultiGzDecoder::new(body).take(most).read_to_end(&mut out),
        Compression::Zstd => zstd_decoder(body)?.take(most).read_to_end(&mut out),
    };
    read.map_err(|e| broken(&e))?;
    Ok((out.len() <= INLINE_OUTPUT).then_some(out))
}

fn broken(error: &io::Error) -> SyncError {
    SyncError::bad_request(format!("the body does not decompress: {error}"))
}

fn zstd_decoder<R: BufRead>(source: R) -> SyncResult<zstd::Decoder<'static, R>> {
    let mut decoder = zstd::Decoder::with_buffer(source).map_err(|e| SyncError::internal(e.to_string()))?;
    decoder.window_log_max(WINDOW_LOG_MAX).map_err(|e| SyncError::internal(e.to_string()))?;
    Ok(decoder)
}

/// Writes a body to a temporary file in `folder`, decompressing it while it arrives.
///
/// A thread works on it only while there is a block to work on: of threads there are some hundred, of slow clients there can be more.
///
/// # Errors
/// As [`into_memory`]; 503 when the disk is full.
pub async fn into_file(
    chunks: impl Stream<Item = SyncResult<Bytes>>,
    compression: Compression,
    limit: u64,
    folder: &Path,
) -> SyncResult<Spooled> {
    let mut chunks = std::pin::pin!(chunks);
    let unpacker = Unpacker::new(NamedTempFile::new_in(folder)?, compression, limit)?;
    let mut work = tokio::task::spawn_blocking(move || Ok(unpacker));
    let mut block = BytesMut::new();
    while let Some(chunk) = chunks.try_next().await? {
        block.extend_from_slice(&chunk);
        if block.len() >= BLOCK {
            // The next block arrives while this one is worked on.
            let (mut unpacker, full): (Unpacker, Bytes) = (work.await??, block.split().freeze());
            work = tokio::task::spawn_blocking(move || unpacker.write(&full).map(|()| unpacker));
            block.reserve(BLOCK);
        }
    }
    let mut unpacker = work.await??;
    tokio::task::spawn_blocking(move || unpacker.write(&block).and_then(|()| unpacker.finish())).await?
}

/// Unpacks a file that turned out to be compressed after it had been written.
pub async fn decompress_file(spooled: Spooled, compression: Compression, limit: u64, folder: &Path) -> SyncResult<Spooled> {
    let target = NamedTempFile::new_in(folder)?;
    tokio::task::spawn_blocking(move || {
        let mut target = target;
        let source = std::fs::File::open(spooled.file.path())?;
        let size = copy(decoder(source, compression)?, target.as_file_mut(), limit)?;
        Ok(Spooled { file: target, size })
    })
    .await?
}

fn decoder(source: impl Read + Send + 'static, compression: Compression) -> SyncResult<Box<dyn Read>> {
    Ok(match compression {
        Compression::None => Box::new(source),
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(BufReader::with_capacity(BLOCK, source))),
        Compression::Zstd => Box::new(zstd_decoder(BufReader::with_capacity(BLOCK, source))?),
    })
}

fn copy(source: Box<dyn Read>, target: &mut impl Write, limit: u64) -> SyncResult<u64> {
    let mut source = BufReader::with_capacity(BLOCK, source.take(limit + 1));
    let mut size = 0;
    loop {
        let block = match source.fill_buf() {
            Ok(block) => block,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(broken(&e)),
        };
        if block.is_empty() {
            return Ok(size);
        }
        size += block.len() as u64;
        if size > limit {
            return Err(over(limit));
        }
        target.write_all(block)?;
        let used = block.len();
        source.consume(used);
    }
}

/// Says that a body is larger than `limit` bytes.
pub fn over(limit: u64) -> SyncError {
    SyncError::too_large(format!("the body is larger than the limit of {} MiB; the operator can raise it", limit >> 20))
}

/// Decompresses what it is given, piece by piece, into a file.
enum Unpacker {
    None(Target),
    Gzip(Box<flate2::write::MultiGzDecoder<Target>>),
    Zstd { decoder: zio::Writer<Target, raw::Decoder<'static>>, begun: bool },
}

impl Unpacker {
    fn new(file: NamedTempFile, compression: Compression, limit: u64) -> SyncResult<Self> {
        let target = Target { file, size: 0, limit, failed: None };
        Ok(match compression {
            Compression::None => Self::None(target),
            Compression::Gzip => Self::Gzip(Box::new(flate2::write::MultiGzDecoder::new(target))),
            Compression::Zstd => {
                let mut decoder = raw::Decoder::new()?;
                decoder.set_parameter(raw::DParameter::WindowLogMax(WINDOW_LOG_MAX))?;
                Self::Zstd { decoder: zio::Writer::new(target, decoder), begun: false }
            }
        })
    }

    fn write(&mut self, block: &[u8]) -> SyncResult<()> {
        let written = match self {
            Self::None(target) => target.write_all(block),
            Self::Gzip(decoder) => decoder.write_all(block),
            Self::Zstd { decoder, begun } => {
                *begun |= !block.is_empty();
                decoder.write_all(block)
            }
        };
        written.map_err(|e| self.why(&e))
    }

    /// Makes sure that nothing is missing.
    fn finish(mut self) -> SyncResult<Spooled> {
        let finished = match &mut self {
            Self::Gzip(decoder) => decoder.try_finish(),
            Self::Zstd { decoder, begun: true } => decoder.finish(),
            Self::Zstd { begun: false, .. } | Self::None(_) => Ok(()),
        };
        finished.map_err(|e| self.why(&e))?;
        let target = match self {
            Self::None(target) => target,
            Self::Gzip(decoder) => decoder.finish().map_err(|e| SyncError::bad_request(format!("the body does not decompress: {e}")))?,
            Self::Zstd { decoder, .. } => decoder.into_inner().0,
        };
        Ok(Spooled { file: target.file, size: target.size })
    }

    /// An error in the words of the one who is to blame.
    fn why(&mut self, error: &io::Error) -> SyncError {
        let target = match self {
            Self::None(target) => target,
            Self::Gzip(decoder) => decoder.get_mut(),
            Self::Zstd { decoder, .. } => decoder.writer_mut(),
        };
        target.failed.take().unwrap_or_else(|| SyncError::bad_request(format!("the body does not decompress: {error}")))
    }
}

/// The file that is written to, up to a limit.
struct Target {
    file: NamedTempFile,
    size: u64,
    limit: u64,
    /// Why writing failed: decompressors hand on no more than that it did.
    failed: Option<SyncError>,
}

impl Write for Target {
    fn write(&mut self, block: &[u8]) -> io::Result<usize> {
        let written = if self.size + block.len() as u64 > self.limit {
            Err(over(self.limit))
        } else {
            self.file.as_file_mut().write(block).map_err(SyncError::from)
        };
        match written {
            Ok(count) => {
                self.size += count as u64;
                Ok(count)
            }
            Err(e) => {
                self.failed = Some(e);
                Err(io::Error::other("the target does not take it"))
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn pieces(body: &[u8], size: usize) -> impl Stream<Item = SyncResult<Bytes>> + use<> {
        let pieces: Vec<_> = body.chunks(size).map(|c| Ok(Bytes::copy_from_slice(c))).collect();
        futures_util::stream::iter(pieces)
    }

    #[tokio::test]
    async fn nothing_is_an_empty_body() {
        let folder = tempfile::tempdir().unwrap();
        for compression in [Compression::None, Compression::Zstd] {
            assert_eq!(into_file(pieces(b"", 1), compression, 5, folder.path()).await.unwrap().size, 0);
        }
    }

    /// More slow clients than there are threads.
    #[tokio::test]
    async fn who_sends_slowly_holds_no_thread() {
        let folder = tempfile::tempdir().unwrap();
        let slow = |compression| {
            let folder = folder.path().to_owned();
            tokio::spawn(async move { into_file(futures_util::stream::pending(), compression, 5, &folder).await.map(drop) })
        };
        let slow: Vec<_> = (0..600).map(|n| slow(if n % 2 == 0 { Compression::Zstd } else { Compression::Gzip })).collect();
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        let other = tokio::task::spawn_blocking(|| 5);
        assert_eq!(tokio::time::timeout(std::time::Duration::from_secs(5), other).await.unwrap().unwrap(), 5);
        slow.iter().for_each(tokio::task::JoinHandle::abort);
    }

    #[tokio::test]
    async fn bodies_are_unpacked_within_their_limit() {
        let body: Vec<u8> = (0..200_000u32).flat_map(u32::to_le_bytes).collect();
        let zstd = zstd::encode_all(&body[..], 3).unwrap();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&body).unwrap();
        let gzip = gzip.finish().unwrap();
        let folder = tempfile::tempdir().unwrap();
        for (compression, packed) in [(Compression::None, body.clone()), (Compression::Zstd, zstd), (Compression::Gzip, gzip)] {
            let size = body.len() as u64;
            assert_eq!(into_memory(pieces(&packed, 1000), compression, size).await.unwrap(), body);
            let spooled = into_file(pieces(&packed, 1000), compression, size, folder.path()).await.unwrap();
            assert_eq!((std::fs::read(spooled.file.path()).unwrap(), spooled.size), (body.clone(), size));
            for status in [
                into_memory(pieces(&packed, 1000), compression, size - 1).await.unwrap_err().status,
                into_file(pieces(&packed, 1000), compression, size - 1, folder.path()).await.err().unwrap().status,
            ] {
                assert_eq!(status, 413, "{compression:?}");
            }
            if compression != Compression::None {
                let cut = &packed[..packed.len() - 5];
                assert_eq!(
                    into_file(pieces(cut, 999), compression, size, folder.path()).await.err().unwrap().status,
                    400,
                    "{compression:?}"
                );
                assert_eq!(into_memory(pieces(b"junk", 2), compression, size).await.unwrap_err().status, 400);
                assert_eq!(into_file(pieces(b"junk", 2), compression, size, folder.path()).await.err().unwrap().status, 400);
                let two = [&packed[..], &packed[..]].concat();
                let spooled = into_file(pieces(&two, 100_000), compression, 2 * size, folder.path()).await.unwrap();
                assert_eq!(spooled.size, 2 * size, "{compression:?}: one after the other");
                let (first, last) = (packed[0], packed.len() - 1);
                let damaged = [&[first ^ 1], &packed[1..]].concat();
                assert_eq!(into_file(pieces(&damaged, 999), compression, size, folder.path()).await.err().unwrap().status, 400);
                let with_junk = [&packed[..=last], b"junk"].concat();
                assert_eq!(into_file(pieces(&with_junk, 999), compression, size, folder.path()).await.err().unwrap().status, 400);
            }
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "temporary files are removed");
    }
}
