//! Packages of decks (.apkg), merged into the collection, and made of it.

use super::problem::{Answer, Problem};
use super::request::{Api, Query};
use crate::actions::api_tokens::Scope;
use crate::actions::edit_collection::merge::{MergeOptions, Merged, Update};
use crate::actions::exchange::Extent;
use crate::actions::export::apkg::{PackageOptions, Selection};
use crate::actions::export::{self, ExportError};
use crate::actions::import::ImportError;
use crate::actions::import::apkg::{self, Giver};
use anki::package::Form;
use axum::Json;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{Method, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use serde::Deserialize;
use std::io::Write;
use std::time::Duration;
use tempfile::NamedTempFile;
use utoipa::IntoParams;

/// How long to wait for whole collections to come in and go out, before "try later".
const PATIENCE: Duration = Duration::from_secs(10);

/// What to take of a package.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct ImportPackage {
    /// When cards are due, and how they were answered. Without it they are new.
    pub with_scheduling: bool,
    /// The options of decks.
    pub with_presets: bool,
    /// Which notes that are here already get what the package says of them.
    pub update_notes: Update,
    /// Which notetypes that are here already, with the same fields and templates, get what the package says of them.
    pub update_notetypes: Update,
    /// Do everything, undo it, and answer what it was.
    pub dry_run: bool,
}

/// Merges a package of decks (.apkg) into the collection, as Anki's "File, Import" does: all of it, or nothing. The body is the file. Needs
/// the scopes `write` and `media`. Notes are known by their identity, so the same package can be sent again.
#[utoipa::path(post, path = "/api/v2/collection/import", tag = "collection", params(ImportPackage), request_body(content = Vec<u8>, content_type = "application/octet-stream"), responses((status = 200, body = Merged, description = "What became of it"), (status = 422, body = Problem)))]
pub async fn import(api: Api, Query(query): Query<ImportPackage>, request: Request) -> Answer<Json<Merged>> {
    api.needs(Scope::Write)?;
    api.needs(Scope::Media)?;
    let ImportPackage { with_scheduling, with_presets, update_notes, update_notetypes, dry_run } = query;
    let file = spooled(&api, request).await?;
    let permit = tokio::time::timeout(PATIENCE, api.app.transfers.acquire()).await;
    let Ok(Ok(_permit)) = permit else { return Err(Problem::unavailable("busy", "too many whole collections at the same time")) };
    let options = MergeOptions { with_scheduling, with_presets, update_notes, update_notetypes, dry_run };
    let merged = apkg::import(&api.app, &api.caller.account, file.path().to_owned(), options, Giver::User).await?;
    Ok(Json(merged))
}

/// The body in a file.
async fn spooled(api: &Api, request: Request) -> Answer<NamedTempFile> {
    let limit = api.app.config.limits.max_upload;
    let mut file = NamedTempFile::new_in(&api.app.temporary)?;
    let mut body = request.into_body().into_data_stream();
    let mut size: u64 = 0;
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|_| Problem::timed_out("the connection broke"))?;
        size += piece.len() as u64;
        if size > limit {
            return Err(Problem::too_large(format!("at most {limit} bytes")));
        }
        file = tokio::task::spawn_blocking(move || file.write_all(&piece).map(|()| file)).await??;
    }
    Ok(file)
}

/// What to put into a package.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
#[expect(clippy::struct_excessive_bools, reason = "each is a parameter of the request")]
pub struct ExportPackage {
    /// Only notes with cards in the deck of this name and those below it.
    pub deck: Option<String>,
    /// Only notes that this search finds. With neither, all notes.
    pub search: Option<String>,
    /// When cards are due, and how they were answered. Without it they are new, and the tags `marked` and `leech` stay behind.
    #[param(default = true)]
    pub with_scheduling: bool,
    /// The options of decks.
    #[param(default = true)]
    pub with_presets: bool,
    /// The media files that the notes use.
    #[param(default = true)]
    pub with_media: bool,
    /// The larger form that Anki 2.1.49 and older can read as well.
    pub legacy: bool,
}

impl Default for ExportPackage {
    fn default() -> Self {
        Self { deck: None, search: None, with_scheduling: true, with_presets: true, with_media: true, legacy: false }
    }
}

/// Some notes with what belongs to them as a package of decks (.apkg), made as Anki's "File, Export" makes it. Needs the scopes `read` and
/// `media`. The answer is the file as it was when the request came; one that ends early is of no use, and shows by that it has no end.
#[utoipa::path(get, path = "/api/v2/collection/export", tag = "collection", params(ExportPackage), responses((status = 200, content_type = "application/octet-stream", body = Vec<u8>), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub async fn export(api: Api, method: Method, Query(query): Query<ExportPackage>) -> Answer<Response> {
    api.needs(Scope::Read)?;
    api.needs(Scope::Media)?;
    let ExportPackage { deck, search, with_scheduling, with_presets, with_media, legacy } = query;
    let selection = match (deck, search) {
        (Some(_), Some(_)) => return Err(Problem::invalid("search", "a package is made of a deck or of what a search finds, not of both")),
        (Some(deck), None) => Selection::Deck(deck),
        (None, Some(search)) => Selection::Search(search),
        (None, None) => Selection::All,
    };
    let kind = [(header::CONTENT_TYPE, "application/octet-stream")];
    if method == Method::HEAD {
        return Ok(kind.into_response());
    }
    let form = if legacy { Form::Legacy } else { Form::Current };
    let options = PackageOptions { extent: Extent { scheduling: with_scheduling, presets: with_presets }, with_media, form };
    let export = export::apkg::prepare(&api.app, &api.caller.account, &selection, options, Some(PATIENCE)).await?;
    let disposition = format!("attachment; filename=\"{}\"", export.file_name());
    let (mut pieces, _) = export.start();
    let body = Body::from_stream(futures_util::stream::poll_fn(move |context| pieces.poll_recv(context)));
    Ok((kind, [(header::CONTENT_DISPOSITION, disposition)], body).into_response())
}

impl From<ExportError> for Problem {
    fn from(error: ExportError) -> Self {
        let detail = error.to_string();
        match error {
            ExportError::Nothing => Self::invalid("search", detail),
            ExportError::NoDeck => Self::not_found(detail).about("deck"),
            ExportError::Damaged(_) => Self::conflict(detail),
            ExportError::Busy => Self::unavailable("busy", detail),
            ExportError::Importing => Self::unavailable("importing", detail),
            ExportError::Search(error) => error.into(),
            ExportError::Store(error) => error.into(),
            ExportError::Io(error) => error.into(),
            ExportError::File(_) | ExportError::Write(_) => std::io::Error::other(detail).into(),
        }
    }
}

impl From<ImportError> for Problem {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Edit(error) => error.into(),
            ImportError::Store(error) => error.into(),
            ImportError::Io(error) => error.into(),
            ImportError::Task(error) => error.into(),
            ImportError::File(error) if !error.is_refusal() => std::io::Error::other(error.to_string()).into(),
            other => Self::invalid("", other.to_string()),
        }
    }
}
