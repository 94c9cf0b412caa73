//! `/account/collection/download/`: one's collection with its media as a file.

use super::collection::HERE;
use crate::actions::export::{self, ExportError};
use crate::web::error::{WebError, WebResult};
use crate::web::form::Fields;
use crate::web::layout::Layout;
use crate::web::show;
use crate::web::visit::SignedIn;
use anki::package::Form;
use askama::Template;
use axum::body::Body;
use axum::http::{Method, header};
use axum::response::IntoResponse;

#[derive(Template)]
#[template(path = "account_download.html")]
struct DownloadPage {
    l: Layout,
    media: String,
}

pub async fn show(who: SignedIn) -> WebResult {
    who.need_password(&page())?;
    let media = who.app.user.media_state(who.active.account.id).await?.unwrap_or_default();
    who.page(&DownloadPage { l: super::layout(&who, "Download your collection", "collection"), media: show::size(media.bytes) })
}

/// The file itself, sent as fast as it is made and taken.
pub async fn file(method: Method, who: SignedIn, query: Fields) -> WebResult {
    who.need_password(&page())?;
    let form = if query.get("form") == "legacy" { Form::Legacy } else { Form::Current };
    let kind = [(header::CONTENT_TYPE, "application/octet-stream")];
    if method == Method::HEAD {
        return Ok(kind.into_response());
    }
    let account = &who.active.account;
    let export = export::prepare(&who.app, account, form).await?;
    let detail = format!("downloaded the collection of `{}`", account.username);
    who.app.accounts.record(&who.actor(), Some(account.id), "collection.download", detail).await;
    let disposition = format!("attachment; filename=\"{}\"", export.file_name());
    let (mut pieces, _) = export.start();
    let body = Body::from_stream(futures_util::stream::poll_fn(move |context| pieces.poll_recv(context)));
    Ok((kind, [(header::CONTENT_DISPOSITION, disposition)], body).into_response())
}

fn page() -> String {
    format!("{HERE}download/")
}

impl From<ExportError> for WebError {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Store(error) => error.into(),
            ExportError::Importing => Self::Conflict("Your last upload is large and still being loaded. Try again in a minute.".into()),
            other => {
                tracing::error!(error = %other, "a collection cannot be exported");
                Self::Internal
            }
        }
    }
}
