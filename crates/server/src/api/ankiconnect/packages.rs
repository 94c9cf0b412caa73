//! Packages of decks.

use super::args::Args;
use super::context::Context;
use super::failed::{Failed, Result, internal, said};
use super::media;
use crate::actions::api_tokens::Scope;
use crate::actions::edit_collection::merge::MergeOptions;
use crate::actions::exchange::Extent;
use crate::actions::export::apkg::{PackageOptions, Selection};
use crate::actions::export::{self, ExportError};
use crate::actions::import::ImportError;
use crate::actions::import::apkg::{self, Giver};
use crate::actions::media_files;
use anki::media::usable_name;
use anki::package::Form;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::io::Write;
use std::time::Duration;
use tempfile::NamedTempFile;

/// How long to wait for other whole collections to come in and go out.
const PATIENCE: Duration = Duration::from_secs(10);

/// Merges a package: sent as `data`, or, as with the add-on, a file among the media, by its name.
pub async fn import(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    if !cx.caller.may(Scope::Media) {
        return Err(said(format!("this key does not allow {}: it needs the scope `media` too", args.spec.name)));
    }
    let content = match (args.opt_text("data")?, args.opt_text("path")?) {
        (Some(data), _) => media::decoded(data)?,
        (None, Some(path)) => {
            let missing = || said(format!("there is no media file `{path:.200}`; store it first, or send its content as `data`"));
            let name = usable_name(path).ok_or_else(missing)?;
            media_files::get(cx.app, cx.account(), &name).await?.ok_or_else(missing)?
        }
        (None, None) => return Err(said("You must provide a \"data\" or \"path\" field.")),
    };
    let permit = tokio::time::timeout(PATIENCE, cx.app.transfers.acquire()).await;
    let Ok(Ok(_permit)) = permit else { return Err(said("too many whole collections at the same time; try again")) };
    let folder = cx.app.temporary.clone();
    let spooled = tokio::task::spawn_blocking(move || {
        let mut file = NamedTempFile::new_in(&folder)?;
        file.write_all(&content)?;
        Ok::<_, std::io::Error>(file)
    });
    let file = spooled.await.map_err(ImportError::from)?.map_err(ImportError::from)?;
    // Anki's own dialogue leaves the options of decks out as well.
    let options = MergeOptions { with_scheduling: true, ..MergeOptions::default() };
    apkg::import(cx.app, &cx.caller.account, file.path().to_owned(), options, Giver::User).await?;
    Ok(true.into())
}

/// The largest package that goes into an answer: in base64 it is as long as the longest request.
const LARGEST: usize = 50 << 20;

/// A deck with those below it, in base64; false if there is no such deck, as with the add-on. Nothing is stored.
pub async fn export(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    if !cx.caller.may(Scope::Media) {
        return Err(said(format!("this key does not allow {}: it needs the scope `media` too", args.spec.name)));
    }
    if args.opt_text("path")?.is_some_and(|path| !path.is_empty()) {
        return Err(said("`path` would be a file of the server; leave it out, and the answer is the package in base64"));
    }
    let with_scheduling = args.flag("includeSched", false)?;
    // As with the add-on: what every Anki reads, with the options of decks if with their schedule.
    let extent = Extent { scheduling: with_scheduling, presets: with_scheduling };
    let options = PackageOptions { extent, with_media: true, form: Form::Legacy };
    let deck = Selection::Deck(args.text("deck")?.to_owned());
    let export = match export::apkg::prepare(cx.app, &cx.caller.account, &deck, options, Some(PATIENCE)).await {
        Err(ExportError::NoDeck) => return Ok(false.into()),
        export => export?,
    };
    let (mut pieces, _outcome) = export.start();
    let mut package = Vec::new();
    while let Some(piece) = pieces.recv().await {
        package.extend_from_slice(&piece.map_err(|e| internal(&e.to_string()))?);
        if package.len() > LARGEST {
            return Err(said("the package is too large for an answer; GET /api/v2/collection/export sends it as a file"));
        }
    }
    let encoded = tokio::task::spawn_blocking(move || STANDARD.encode(package)).await;
    Ok(encoded.map_err(|e| internal(&e.to_string()))?.into())
}

impl From<ExportError> for Failed {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Store(error) => error.into(),
            ExportError::File(_) | ExportError::Write(_) | ExportError::Io(_) => internal(&error.to_string()),
            refused => Self(refused.to_string()),
        }
    }
}

impl From<ImportError> for Failed {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Edit(error) => error.into(),
            ImportError::Store(error) => error.into(),
            ImportError::Io(error) => internal(&error.to_string()),
            ImportError::Task(error) => internal(&error.to_string()),
            ImportError::File(error) if !error.is_refusal() => internal(&error.to_string()),
            refused => Self(refused.to_string()),
        }
    }
}
