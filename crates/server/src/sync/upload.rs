//! `upload`: the client's whole collection takes the place of ours. It is loaded beside it, checked, and only then switched to.

use super::context::Context;
use super::error::{SyncError, SyncResult};
use super::import::{self, Upload};
use super::incoming::Incoming;
use super::reply;
use super::spool::Spooled;
use crate::actions::load_collection::LoadError;
use crate::actions::quota::{Full, exceeds};
use anki::file::{CollectionFile, FileError, Limits};
use axum::body::Body;
use axum::http::{Response, StatusCode};
use std::sync::Arc;
use std::time::Instant;
use store::StoreError;
use tokio::sync::oneshot;
use tracing::Instrument;

pub async fn upload(cx: &mut Context, mut incoming: Incoming) -> SyncResult<Response<Body>> {
    let version = cx.version;
    let spooled = incoming.payload_file(cx.app.config.limits.max_upload, &cx.app.temporary).await;
    cx.body_has_come();
    let outcome = match spooled {
        Ok(spooled) => replace(cx, spooled).await,
        Err(e) if e.status == StatusCode::PAYLOAD_TOO_LARGE => Err(Refusal::Tell(e.reason)),
        Err(e) => Err(Refusal::Status(e)),
    };
    match outcome {
        Ok(()) => reply::bytes(version, b"OK".to_vec()).await,
        // Any text other than OK is shown to the user, which a status is not.
        Err(Refusal::Tell(text)) => {
            tracing::warn!(account = %cx.username, client = %cx.client.text, reason = text, "upload refused");
            reply::bytes(version, text.into_bytes()).await
        }
        Err(Refusal::Status(e) | Refusal::Unknown(e)) => Err(e),
    }
}

async fn replace(cx: &Context, spooled: Spooled) -> Result<(), Refusal> {
    let received = Instant::now();
    let app = &cx.app;
    cx.wait_until_replaceable().await?;
    let permit = tokio::time::timeout(cx.patience(), app.transfers.clone().acquire_owned()).await;
    let Ok(Ok(permit)) = permit else {
        return Err(SyncError::unavailable("too many uploads and downloads at the same time").into());
    };
    let limits = Limits { max_bytes: app.config.limits.max_upload, ..Limits::default() };
    if let Some(quota) = cx.quota_collection
        && exceeds(0, spooled.file.as_file().metadata()?.len(), quota)
    {
        return Err(Refusal::Tell(Full::Collection(quota).for_user()));
    }
    let opened = tokio::task::spawn_blocking(move || {
        let file = CollectionFile::open_unchecked(spooled.file.path(), &limits)?;
        Ok::<_, FileError>((Arc::new(file), spooled.file))
    });
    let (file, spooled) = opened.await??;
    let upload = Upload {
        account: cx.account,
        username: cx.username.clone(),
        client: cx.client.text.clone(),
        file,
        spooled,
        received,
        quota: cx.quota_collection,
    };
    let (sender, answer) = oneshot::channel();
    // In a task of its own: an import goes on when the client hangs up, and its next sync finds it done.
    let task = import::import(app.clone(), upload, |outcome| {
        let _ = sender.send(outcome);
    });
    let task = async move {
        task.await;
        drop(permit);
    };
    tokio::spawn(task.in_current_span());
    answer.await.unwrap_or_else(|_| Err(SyncError::internal("the import died").into()))
}

/// Why an upload did not take place, or may not have.
pub enum Refusal {
    /// Something that the user can be told.
    Tell(String),
    /// A fault that has a status.
    Status(SyncError),
    /// A fault in the moment of the switch, which may have taken place.
    Unknown(SyncError),
}

impl Refusal {
    /// For the log.
    pub fn reason(&self) -> String {
        match self {
            Self::Tell(text) => text.clone(),
            Self::Status(e) | Self::Unknown(e) => e.reason.clone(),
        }
    }

    /// Whether the upload may have taken place all the same.
    pub fn outcome_is_unknown(&self) -> bool {
        matches!(self, Self::Unknown(_))
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Status(error.into())
    }
}

impl From<SyncError> for Refusal {
    fn from(error: SyncError) -> Self {
        Self::Status(error)
    }
}

impl From<FileError> for Refusal {
    fn from(error: FileError) -> Self {
        if error.is_refusal() { Self::Tell(error.to_string()) } else { Self::Status(SyncError::unavailable(error.to_string())) }
    }
}

impl From<LoadError> for Refusal {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::File(e) => e.into(),
            LoadError::Store(e) => e.into(),
            LoadError::GivenUp | LoadError::LeaseLost => Self::Status(SyncError::unavailable(error.to_string())),
            LoadError::Incomplete(_) | LoadError::Task(_) => Self::Status(SyncError::internal(error.to_string())),
        }
    }
}

impl From<std::io::Error> for Refusal {
    fn from(error: std::io::Error) -> Self {
        Self::Status(error.into())
    }
}

impl From<tokio::task::JoinError> for Refusal {
    fn from(error: tokio::task::JoinError) -> Self {
        Self::Status(error.into())
    }
}
