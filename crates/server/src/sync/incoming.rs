//! A request on its way in: which framing it has, whose it is, and its payload, which is only read once that is known.

use super::error::{SyncError, SyncResult};
use super::pace;
use super::spool::{self, Compression, Spooled};
use anki::wire::client::ClientVersion;
use anki::wire::header::{self, SyncHeader};
use anki::wire::version::SyncVersion;
use axum::body::Body;
use axum::http::{HeaderMap, Request, header::CONTENT_TYPE};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt};
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

#[expect(clippy::large_enum_variant, reason = "there is one per request, and it is moved once")]
enum Source {
    Zstd(Body),
    Multipart {
        parts: multer::Multipart<'static>,
        payload: Option<multer::Field<'static>>,
        gzip: Option<bool>,
    },
    /// A multipart payload that had to be read to find the key behind it.
    ReadAhead(Spooled),
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

    /// Reads a payload that stands before the key, so that the key is known. Does nothing where it is known already.
    ///
    /// # Errors
    /// As [`Incoming::payload_file`].
    pub async fn find_key(&mut self, limit: u64, folder: &Path) -> SyncResult<()> {
        if self.envelope.host_key.is_empty() && matches!(&self.source, Source::Multipart { payload: Some(_), .. }) {
            let spooled = self.payload_file(limit, folder).await?;
            self.source = Source::ReadAhead(spooled);
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
            Source::ReadAhead(spooled) if spooled.size > limit => Err(spool::over(limit)),
            Source::ReadAhead(spooled) => Ok(tokio::fs::read(spooled.file.path()).await?),
            Source::Multipart { parts, mut payload, gzip } => {
                let raw = match payload.take() {
                    Some(field) => spool::into_memory(field_chunks(field), Compression::None, limit).await?,
                    // AnkiDroid leaves the part out when there is nothing to say.
                    None => Vec::new(),
                };
                let gzip = self.rest_of(parts, gzip).await?;
                let raw = if gzip && !raw.is_empty() {
                    let once = futures_util::stream::once(async { Ok(Bytes::from(raw)) });
                    spool::into_memory(once, Compression::Gzip, limit).await?
                } else {
                    raw
                };
                Ok(if raw.is_empty() { b"{}".to_vec() } else { raw })
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
            Source::ReadAhead(spooled) => Ok(spooled),
            Source::Multipart { parts, mut payload, gzip } => {
                let field = payload.take().ok_or_else(|| SyncError::bad_request("the part `data` is missing"))?;
                let known = match gzip {
                    Some(true) => Compression::Gzip,
                    _ => Compression::None,
                };
                let spooled = spool::into_file(field_chunks(field), known, limit, folder).await?;
                let gzip_after = self.rest_of(parts, gzip).await?;
                if gzip.is_none() && gzip_after {
                    return spool::decompress_file(spooled, Compression::Gzip, limit, folder).await;
                }
                Ok(spooled)
            }
        }
    }

    /// Reads the parts that follow the payload and answers whether it is compressed.
    async fn rest_of(&mut self, parts: multer::Multipart<'static>, gzip: Option<bool>) -> SyncResult<bool> {
        self.source = Source::Multipart { parts, payload: None, gzip };
        self.next_parts().await?;
        match &self.source {
            Source::Multipart { gzip, .. } => Ok(gzip.unwrap_or(false)),
            _ => Ok(false),
        }
    }

    /// Reads parts up to the payload, or to the end.
    async fn next_parts(&mut self) -> SyncResult<()> {
        for _ in 0..MOST_PARTS {
            let Source::Multipart { parts, payload, gzip } = &mut self.source else { return Ok(()) };
            let Some(mut field) = parts.next_field().await.map_err(|e| broken(&e))? else { return Ok(()) };
            let name = field.name().unwrap_or_default().to_owned();
            if name == "data" {
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
    Ok(Source::Multipart { parts: multer::Multipart::new(chunks(body), boundary), payload: None, gzip: None })
}

fn chunks(body: Body) -> impl Stream<Item = SyncResult<Bytes>> + Send + 'static {
    pace::keep(body.into_data_stream().map_err(|e| SyncError::bad_request(format!("the request broke off: {e}"))))
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
