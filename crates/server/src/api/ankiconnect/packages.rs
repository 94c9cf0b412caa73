//! Packages of decks.

use super::args::Args;
use super::context::Context;
use super::failed::{Failed, Result, internal, said};
use super::media;
use crate::actions::api_tokens::Scope;
use crate::actions::edit_collection::merge::MergeOptions;
use crate::actions::import::ImportError;
use crate::actions::import::apkg::{self, Giver};
use crate::actions::media_files;
use anki::media::usable_name;
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
    let options = MergeOptions { with_scheduling: true, with_presets: false, dry_run: false };
    apkg::import(cx.app, &cx.caller.account, file.path().to_owned(), options, Giver::User).await?;
    Ok(true.into())
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
