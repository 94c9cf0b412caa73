//! Media files.

use super::problem::{Answer, Problem};
use super::request::{self, Api, Page, Path, Query, limit};
use crate::actions::api_tokens::Scope;
use crate::actions::media_files::{self, MediaFailed, Wanted};
use axum::Json;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::io::Read;
use store::user_db::media::MediaFile;
use utoipa::{IntoParams, ToSchema};

const BLOCK: usize = 64 << 10;

/// Which files to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListMedia {
    /// What `next` of the page before said. With the one that was last seen, later changes can be asked for: then deleted files are
    /// listed too, with `size` 0.
    pub cursor: Option<i32>,
    /// From 1 to 1000; 100 without.
    pub limit: Option<u32>,
}

/// A file.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MediaFile)]
pub struct MediaView {
    pub name: String,
    /// In bytes; 0 for a deleted one.
    pub size: i64,
    /// Of its content, in hexadecimal digits; empty for a deleted one.
    pub sha1: String,
    /// Its place in the list.
    pub cursor: i32,
}

/// Lists files, in the order in which they were last changed.
#[utoipa::path(get, path = "/api/v2/media", tag = "media", params(ListMedia), responses((status = 200, body = Page<MediaView>, description = "A page of files")))]
pub async fn list(api: Api, Query(query): Query<ListMedia>) -> Answer<Json<Page<MediaView>>> {
    api.needs(Scope::Media)?;
    let limit = usize::try_from(limit(query.limit)?).unwrap_or(100);
    let files = api.app.user.media_changes(api.account(), query.cursor.unwrap_or(0), limit).await?;
    let next = files.last().filter(|_| files.len() == limit).map(|file| file.usn.to_string());
    let items = files.iter().filter(|file| query.cursor.is_some() || file.size > 0).map(view).collect();
    Ok(Json(Page { items, next }))
}

/// Answers a file. Ranges and `If-None-Match` work.
#[utoipa::path(get, path = "/api/v2/media/{name}", tag = "media", params(("name" = String, Path)), responses((status = 200, content_type = "*/*", body = Vec<u8>, description = "The bytes"), (status = 206, content_type = "*/*", body = Vec<u8>, description = "Some of them"), (status = 304, description = "It is what `If-None-Match` says"), (status = 416, description = "There are no such bytes"), (status = 404, body = Problem)))]
pub async fn get(api: Api, Path(name): Path<String>, headers: HeaderMap) -> Answer<Response> {
    api.needs(Scope::Media)?;
    let file = find(&api, &name).await?;
    let tag = format!("\"{}\"", file.sha1);
    let wanted = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if wanted(header::IF_NONE_MATCH).is_some_and(|known| known.split(',').any(|known| known.trim() == tag)) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    let size = file.size.unsigned_abs();
    let fits = wanted(header::IF_RANGE).is_none_or(|seen| seen == tag);
    let range = wanted(header::RANGE).filter(|_| fits).and_then(|range| parse_range(range, size));
    if range == Some(None) {
        let mut answer = StatusCode::RANGE_NOT_SATISFIABLE.into_response();
        answer.headers_mut().insert(header::CONTENT_RANGE, text(&format!("bytes */{size}")));
        return Ok(answer);
    }
    let (start, end) = range.flatten().unwrap_or((0, size));
    let body = content(&api, &file, start, end - start).await?;
    let mut answer = Response::new(body);
    let partial = range.flatten().is_some();
    *answer.status_mut() = if partial { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let out = answer.headers_mut();
    if partial {
        out.insert(header::CONTENT_RANGE, text(&format!("bytes {start}-{}/{size}", end - 1)));
    }
    out.insert(header::ETAG, text(&tag));
    out.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    out.insert(header::CONTENT_LENGTH, (end - start).into());
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(&file.name)));
    // Whatever a file holds, a browser must not run it as a page of ours.
    out.insert("content-security-policy", HeaderValue::from_static("sandbox; default-src 'none'"));
    out.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    Ok(answer)
}

/// Stores a file under a name, in place of the one that is there. The body is its bytes, at most 100 MiB.
#[utoipa::path(put, path = "/api/v2/media/{name}", tag = "media", params(("name" = String, Path)), request_body(content = Vec<u8>, content_type = "application/octet-stream"), responses((status = 200, body = MediaView), (status = 422, body = Problem)))]
pub async fn put(api: Api, Path(name): Path<String>, request: Request) -> Answer<Json<MediaView>> {
    api.needs(Scope::Media)?;
    media_files::checked_name(&name)?;
    let bytes = request::read(&api.app, request, media_files::LARGEST).await?;
    let file = media_files::put(&api.app, &api.caller.account, Wanted::Exactly(&name), bytes).await?;
    Ok(Json(view(&file)))
}

/// Deletes a file.
#[utoipa::path(delete, path = "/api/v2/media/{name}", tag = "media", params(("name" = String, Path)), responses((status = 204), (status = 404, body = Problem)))]
pub async fn delete(api: Api, Path(name): Path<String>) -> Answer<StatusCode> {
    api.needs(Scope::Media)?;
    match media_files::delete(&api.app, api.account(), &[name]).await? {
        0 => Err(Problem::not_found("there is no such file")),
        _ => Ok(StatusCode::NO_CONTENT),
    }
}

async fn find(api: &Api, name: &str) -> Answer<MediaFile> {
    media_files::find(&api.app, api.account(), name).await?.ok_or_else(|| Problem::not_found("there is no such file"))
}

/// So many bytes of a file, sent as they are read.
async fn content(api: &Api, file: &MediaFile, start: u64, length: u64) -> Answer<Body> {
    let (app, account, key) = (api.app.clone(), api.account(), file.content_key.clone());
    let opened = tokio::task::spawn_blocking(move || {
        let mut content = app.media.get(account, &key)?;
        std::io::copy(&mut (&mut content).take(start), &mut std::io::sink())?;
        Ok::<_, std::io::Error>(content)
    })
    .await?;
    let content = opened?;
    let (sender, mut receiver) = tokio::sync::mpsc::channel(4);
    tokio::task::spawn_blocking(move || {
        let mut content = content.take(length);
        loop {
            let mut block = vec![0; BLOCK];
            let piece: std::io::Result<Bytes> = match content.read(&mut block) {
                Ok(0) => return,
                Ok(count) => {
                    block.truncate(count);
                    Ok(Bytes::from(block))
                }
                Err(error) => Err(error),
            };
            let failed = piece.is_err();
            if sender.blocking_send(piece).is_err() || failed {
                return;
            }
        }
    });
    Ok(Body::from_stream(futures_util::stream::poll_fn(move |task| receiver.poll_recv(task))))
}

/// The first and the end of `bytes=…`. None for what is to be ignored, `Some(None)` for what lies outside.
fn parse_range(range: &str, size: u64) -> Option<Option<(u64, u64)>> {
    let (from, to) = range.strip_prefix("bytes=").filter(|range| !range.contains(','))?.trim().split_once('-')?;
    let range = match (from.trim(), to.trim()) {
        ("", last) => (size.saturating_sub(last.parse().ok()?), size),
        (from, "") => (from.parse().ok()?, size),
        (from, to) => (from.parse().ok()?, to.parse::<u64>().ok()?.saturating_add(1).min(size)),
    };
    Some(Some(range).filter(|(from, end)| from < end))
}

fn content_type(name: &str) -> &'static str {
    let extension = name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    match extension.as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "svg" => "image/svg+xml",
        "mp3" => "audio/mpeg",
        "ogg" | "oga" | "opus" => "audio/ogg",
        "wav" => "audio/wav",
        "m4a" => "audio/mp4",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "css" => "text/css; charset=utf-8",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

fn text(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).unwrap_or(HeaderValue::from_static(""))
}

fn view(file: &MediaFile) -> MediaView {
    MediaView { name: file.name.clone(), size: file.size, sha1: file.sha1.clone(), cursor: file.usn }
}

impl From<MediaFailed> for Problem {
    fn from(error: MediaFailed) -> Self {
        let detail = error.to_string();
        match error {
            MediaFailed::Name(..) => Self::invalid("name", detail),
            MediaFailed::Empty => Self::invalid("", detail),
            MediaFailed::TooLarge => Self::too_large(detail),
            MediaFailed::Full(_) => Self::quota(detail),
            MediaFailed::Store(error) => error.into(),
            MediaFailed::Io(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        for (range, want) in [
            ("bytes=0-3", Some(Some((0, 4)))),
            ("bytes=4-", Some(Some((4, 10)))),
            ("bytes=-3", Some(Some((7, 10)))),
            ("bytes=-30", Some(Some((0, 10)))),
            ("bytes=8-100", Some(Some((8, 10)))),
            ("bytes=10-", Some(None)),
            ("bytes=5-4", Some(None)),
            ("bytes=-0", Some(None)),
            ("bytes=0-1,3-4", None),
            ("lines=1-2", None),
            ("bytes=a-", None),
        ] {
            assert_eq!(parse_range(range, 10), want, "{range}");
        }
    }
}
