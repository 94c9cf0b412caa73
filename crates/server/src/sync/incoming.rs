//! A request on its way in: which framing it has, whose it is, and its payload, which is only read once that is known.

use super::before_key::{BeforeKey, Packed};
use super::error::{SyncError, SyncResult};
use super::gate::{self, Gate};
use super::spool::{self, Compression, Spooled};
use crate::http::paced::too_slow;
use anki::wire::client::ClientVersion;
use anki::wire::header::{self, SyncHeader};
use anki::wire::version::SyncVersion;
use axum::body::Body;
use axum::http::{HeaderMap, Request, header::CONTENT_TYPE};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt};
use std::net::IpAddr;
use std::path::Path;

/// What a request says of itself, beside its payload.
#[derive(Debug, Clone)]
pub struct Envelope {
    pub version: SyncVersion,
    /// Empty when the request brought none (yet): in a multipart body the parts can come in any order.
    pub host_key: String,
    /// The client's id of this sync; empty when there is none.
    pub session_key: String,
    pub client: ClientVersion,
}

/// A request whose payload has not been read yet.
pub struct Incoming {
    pub envelope: Envelope,
    source: Source,
}

enum Source {
    Zstd(Body),
    Multipart {
        parts: multer::Multipart<'static>,
        payload: Option<multer::Field<'static>>,
        gzip: Option<bool>,
        gate: Gate,
    },
    /// A multipart payload that had to be read to find the key behind it, and how it is compressed.
    ReadAhead(Packed, Compression),
    /// A GET request, which has its parameters in the address.
    Address,
}

/// A key or id longer than this is none of ours.
const LONGEST_PART: usize = 1000;
/// Parts of a multipart body. Clients send up to four.
const MOST_PARTS: usize = 20;

impl Envelope {
    /// The envelope of a multipart request before its parts are read.
    fn multipart() -> Self {
        Self { version: SyncVersion::MULTIPART, host_key: String::new(), session_key: String::new(), client: ClientVersion::default() }
    }
}

impl Incoming {
    /// Reads the envelope, up to the payload.
    ///
    /// # Errors
    /// 400 when it is neither framing.
    pub async fn open(request: Request<Body>) -> SyncResult<Self> {
        let (head, body) = request.into_parts();
        if let Some(value) = head.headers.get(header::NAME) {
            let header = SyncHeader::parse(value.as_bytes()).map_err(|e| SyncError::bad_request(e.to_string()))?;
            return Ok(Self {
                envelope: Envelope {
                    version: header.version,
                    host_key: header.host_key,
                    session_key: header.session,
                    client: header.client,
                },
                source: if header.version.is_zstd() { Source::Zstd(body) } else { multipart(&head.headers, body)? },
            });
        }
        let mut incoming = Self { envelope: Envelope::multipart(), source: multipart(&head.headers, body)? };
        incoming.next_parts().await?;
        Ok(incoming)
    }

    /// A request without a payload, whose key and client stand in its address: `GET msync/begin?k=…&v=…`.
    pub fn from_address(query: &str) -> Self {
        let mut incoming = Self { envelope: Envelope::multipart(), source: Source::Address };
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            incoming.part(&name, &value);
        }
        incoming
    }

    /// Reads a payload that stands before the key, so that the key is known; it is not unpacked yet. Does nothing where the key is known
    /// already.
    ///
    /// # Errors
    /// As [`BeforeKey::keep`], with `limit` for the unpacked payload.
    pub async fn find_key(&mut self, limit: u64, before_key: &BeforeKey, address: Option<IpAddr>) -> SyncResult<()> {
        if !self.envelope.host_key.is_empty() {
            return Ok(());
        }
        match std::mem::replace(&mut self.source, Source::Address) {
            Source::Multipart { parts, payload: Some(field), gzip, gate } => {
                let packed = before_key.keep(field_chunks(field), spool::packed_limit(limit), address).await?;
                let compression = self.rest_of(parts, gzip, gate).await?;
                self.source = Source::ReadAhead(packed, compression);
            }
            other => self.source = other,
        }
        Ok(())
    }

    /// Reads the payload into memory.
    ///
    /// # Errors
    /// 413 above `limit` bytes, 400 when it does not decompress.
    pub async fn payload(&mut self, limit: u64) -> SyncResult<Vec<u8>> {
        match std::mem::replace(&mut self.source, Source::Address) {
            Source::Zstd(body) => spool::into_memory(chunks(body), Compression::Zstd, limit).await,
            Source::Address => Ok(b"{}".to_vec()),
            Source::ReadAhead(Packed::Small(raw), compression) => unpack(raw, compression, limit).await,
            Source::ReadAhead(Packed::Large { spooled, .. }, _) if spooled.size > spool::packed_limit(limit) => Err(spool::over(limit)),
            Source::ReadAhead(Packed::Large { spooled, .. }, compression) => {
                let raw = Bytes::from(tokio::fs::read(spooled.file.path()).await?);
                unpack(raw, compression, limit).await
            }
            Source::Multipart { parts, mut payload, gzip, gate } => {
                let raw = match payload.take() {
                    Some(field) => spool::into_memory(field_chunks(field), Compression::None, limit).await?,
                    // AnkiDroid leaves the part out when there is nothing to say.
                    None => Vec::new(),
                };
                let compression = self.rest_of(parts, gzip, gate).await?;
                unpack(raw.into(), compression, limit).await
            }
        }
    }

    /// Reads the payload into a temporary file in `folder`.
    ///
    /// # Errors
    /// 413 above `limit` bytes, 400 when it does not decompress, 503 when the disk is full.
    pub async fn payload_file(&mut self, limit: u64, folder: &Path) -> SyncResult<Spooled> {
        match std::mem::replace(&mut self.source, Source::Address) {
            Source::Zstd(body) => spool::into_file(chunks(body), Compression::Zstd, limit, folder).await,
            Source::Address => Err(SyncError::bad_request("no payload")),
            Source::ReadAhead(Packed::Small(raw), compression) => spool::into_file(once(raw), compression, limit, folder).await,
            Source::ReadAhead(Packed::Large { spooled, .. }, Compression::None) if spooled.size > limit => Err(spool::over(limit)),
            Source::ReadAhead(Packed::Large { spooled, .. }, Compression::None) => Ok(spooled),
            Source::ReadAhead(Packed::Large { spooled, .. }, compression) => {
                spool::decompress_file(spooled, compression, limit, folder).await
            }
            Source::Multipart { parts, mut payload, gzip, gate } => {
                let field = payload.take().ok_or_else(|| SyncError::bad_request("the part `data` is missing"))?;
                let known = match gzip {
                    Some(true) => Compression::Gzip,
                    _ => Compression::None,
                };
                let spooled = spool::into_file(field_chunks(field), known, limit, folder).await?;
                match self.rest_of(parts, gzip, gate).await? {
                    Compression::Gzip if gzip.is_none() => spool::decompress_file(spooled, Compression::Gzip, limit, folder).await,
                    _ => Ok(spooled),
                }
            }
        }
    }

    /// Reads the parts that follow the payload and answers how it is compressed.
    async fn rest_of(&mut self, parts: multer::Multipart<'static>, gzip: Option<bool>, gate: Gate) -> SyncResult<Compression> {
        gate.narrow();
        self.source = Source::Multipart { parts, payload: None, gzip, gate };
        self.next_parts().await?;
        match &self.source {
            Source::Multipart { gzip: Some(true), .. } => Ok(Compression::Gzip),
            _ => Ok(Compression::None),
        }
    }

    /// Reads parts up to the payload, or to the end.
    async fn next_parts(&mut self) -> SyncResult<()> {
        for _ in 0..MOST_PARTS {
            let Source::Multipart { parts, payload, gzip, gate } = &mut self.source else { return Ok(()) };
            let Some(mut field) = parts.next_field().await.map_err(|e| broken(&e))? else { return Ok(()) };
            let name = field.name().unwrap_or_default().to_owned();
            if name == "data" {
                gate.open();
                *payload = Some(field);
                return Ok(());
            }
            let mut value = Vec::new();
            while let Some(chunk) = field.chunk().await.map_err(|e| broken(&e))? {
                value.extend_from_slice(&chunk);
                if value.len() > LONGEST_PART {
                    return Err(SyncError::bad_request(format!("the part {name:.20} is too long")));
                }
            }
            let value = String::from_utf8_lossy(&value);
            if name == "c" {
                *gzip = Some(!value.is_empty() && value != "0");
            }
            self.part(&name, &value);
        }
        Err(SyncError::bad_request("too many parts"))
    }

    fn part(&mut self, name: &str, value: &str) {
        match name {
            "k" | "sk" if !value.is_empty() => value.clone_into(&mut self.envelope.host_key),
            "s" => value.clone_into(&mut self.envelope.session_key),
            "v" => self.envelope.client = ClientVersion::parse(value),
            _ => {}
        }
    }
}

fn multipart(headers: &HeaderMap, body: Body) -> SyncResult<Source> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let boundary = multer::parse_boundary(content_type)
        .map_err(|_| SyncError::bad_request("neither an anki-sync header nor a multipart form: not a sync client"))?;
    let (gate, pieces) = gate::through(chunks(body));
    Ok(Source::Multipart { parts: multer::Multipart::new(pieces, boundary), payload: None, gzip: None, gate })
}

fn chunks(body: Body) -> impl Stream<Item = SyncResult<Bytes>> + Send + 'static {
    body.into_data_stream().map_err(|e| match too_slow(&e) {
        Some(slow) => SyncError::timed_out(slow.to_string()),
        None => SyncError::bad_request(format!("the request broke off: {e}")),
    })
}

fn once(body: Bytes) -> impl Stream<Item = SyncResult<Bytes>> + Send {
    futures_util::stream::once(async { Ok(body) })
}

/// Unpacks a payload. Clients leave it empty when there is nothing to say.
async fn unpack(raw: Bytes, compression: Compression, limit: u64) -> SyncResult<Vec<u8>> {
    let payload = if raw.is_empty() { Vec::new() } else { spool::into_memory(once(raw), compression, limit).await? };
    Ok(if payload.is_empty() { b"{}".to_vec() } else { payload })
}

fn field_chunks(field: multer::Field<'static>) -> impl Stream<Item = SyncResult<Bytes>> + Send {
    field.map(|chunk| chunk.map_err(|e| broken(&e)))
}

fn broken(error: &multer::Error) -> SyncError {
    // What went wrong below the form is told as it is.
    if let multer::Error::StreamReadFailed(cause) = error
        && let Some(cause) = cause.downcast_ref::<SyncError>()
    {
        return cause.clone();
    }
    SyncError::bad_request(format!("the multipart form is broken: {error}"))
}
