//! Packages of decks (.apkg), merged into the collection.

use super::problem::{Answer, Problem};
use super::request::{Api, Query};
use crate::actions::api_tokens::Scope;
use crate::actions::edit_collection::merge::{MergeOptions, Merged};
use crate::actions::import::ImportError;
use crate::actions::import::apkg::{self, Giver};
use axum::Json;
use axum::extract::Request;
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
    /// Do everything, undo it, and answer what it was.
    pub dry_run: bool,
}

/// Merges a package of decks (.apkg) into the collection, as Anki's "File, Import" does: all of it, or nothing. The body is the file. Needs
/// the scopes `write` and `media`. Notes are known by their identity, so the same package can be sent again.
#[utoipa::path(post, path = "/api/v2/collection/import", tag = "collection", params(ImportPackage), request_body(content = Vec<u8>, content_type = "application/octet-stream"), responses((status = 200, body = Merged, description = "What became of it"), (status = 422, body = Problem)))]
pub async fn import(api: Api, Query(query): Query<ImportPackage>, request: Request) -> Answer<Json<Merged>> {
    api.needs(Scope::Write)?;
    api.needs(Scope::Media)?;
    let ImportPackage { with_scheduling, with_presets, dry_run } = query;
    let file = spooled(&api, request).await?;
    let permit = tokio::time::timeout(PATIENCE, api.app.transfers.acquire()).await;
    let Ok(Ok(_permit)) = permit else { return Err(Problem::unavailable("busy", "too many whole collections at the same time")) };
    let options = MergeOptions { with_scheduling, with_presets, dry_run };
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
