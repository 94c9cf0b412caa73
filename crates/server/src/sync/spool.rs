//! Request bodies: small ones into memory, large ones through a decompressor into a temporary file, in either case with a limit that
//! counts what comes out.

use super::error::{SyncError, SyncResult};
use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Stream, TryStreamExt};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use tempfile::NamedTempFile;
use tokio::sync::mpsc;

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
    // What cannot be compressed becomes a little larger by it.
    let packed_limit = if compression == Compression::None { limit } else { limit + limit / 16 + 4096 };
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
/// # Errors
/// As [`into_memory`]; 503 when the disk is full.
pub async fn into_file(
    chunks: impl Stream<Item = SyncResult<Bytes>>,
    compression: Compression,
    limit: u64,
    folder: &Path,
) -> SyncResult<Spooled> {
    let mut chunks = std::pin::pin!(chunks);
    let file = NamedTempFile::new_in(folder)?;
    let (sender, receiver) = mpsc::channel::<Bytes>(2);
    let writer = tokio::task::spawn_blocking(move || {
        let mut file = file;
        let size = copy(decoder(Blocks { receiver, current: Bytes::new() }, compression)?, file.as_file_mut(), limit)?;
        Ok::<_, SyncError>(Spooled { file, size })
    });
    let mut block = BytesMut::with_capacity(BLOCK);
    let mut failed = None;
    loop {
        let chunk = match chunks.try_next().await {
            Ok(chunk) => chunk,
            Err(e) => {
                failed = Some(e);
                break;
            }
        };
        let ended = chunk.is_none();
        block.extend_from_slice(&chunk.unwrap_or_default());
        // The receiver is gone when writing has failed; the writer's own error says why.
        if (ended || block.len() >= BLOCK) && sender.send(block.split().freeze()).await.is_err() {
            break;
        }
        if ended {
            break;
        }
        block.reserve(BLOCK);
    }
    drop(sender);
    let spooled = writer.await?;
    match failed {
        Some(e) => Err(e),
        None => spooled,
    }
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

/// Reads what an asynchronous task sends.
struct Blocks {
    receiver: mpsc::Receiver<Bytes>,
    current: Bytes,
}

impl Read for Blocks {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.receiver.blocking_recv() {
                Some(block) => self.current = block,
                None => return Ok(0),
            }
        }
        let n = out.len().min(self.current.len());
        self.current.copy_to_slice(&mut out[..n]);
        Ok(n)
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
            }
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "temporary files are removed");
    }
}
