//! `import colpkg`.

use super::{ACTOR, media, tell_collection, tell_media, tell_quotas};
use crate::actions::import::media::Index;
use crate::actions::import::package::Package;
use crate::actions::import::{self, Stamping};
use crate::actions::username::Username;
use crate::app::App;
use crate::cli::support::output;
use anyhow::{Context, bail};
use std::path::PathBuf;
use std::sync::Arc;

/// Replace a user's collection by a .colpkg file
///
/// Takes what `djankiserv export colpkg` and Anki's "File, Export" write, in all forms. Media files of the package are added to those that
/// the user has. At the next sync every device is asked for a one-way sync: choose "download from the server" there.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  djankiserv import colpkg ann.colpkg ann --dry-run\n  djankiserv import colpkg ann.colpkg ann")]
pub struct Args {
    /// The package
    file: PathBuf,
    /// The user, who must exist
    username: String,
    /// Read everything and say what would be imported, but change nothing
    #[arg(long)]
    dry_run: bool,
}

pub async fn run(app: &Arc<App>, args: Args) -> anyhow::Result<()> {
    if args.file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("apkg")) {
        bail!("an .apkg holds single decks, and is merged into a collection by `djankiserv import apkg`");
    }
    let account = app.accounts.find(&Username::new(&args.username)?).await?;
    let (path, temporary, limit) = (args.file.clone(), app.temporary.clone(), app.config.limits.max_upload);
    let read = tokio::task::spawn_blocking(move || {
        let mut package = Package::open(&path)?;
        let collection = package.collection(&temporary, limit)?;
        let entries = package.media()?;
        Ok::<_, import::ImportError>((package, collection, entries))
    });
    let (package, collection, entries) = read.await?.with_context(|| format!("cannot import {}", args.file.display()))?;
    let opened = import::open(app, collection).await?;
    if args.dry_run {
        tell_collection(&account.username, "would become", &import::look(&opened).await?);
        output::line(&format!("{}: {} media files would be brought in", account.username, entries.len()));
        return Ok(());
    }
    // Before media is stored for a collection that is refused in the end.
    import::look(&opened).await?;
    let outcome = media(app, &account, package, entries, Index::Merge).await?;
    let imported = import::replace(app, &account, opened, Stamping::Renew).await?;
    let what = format!("`{}`: replaced by a package", account.username);
    app.accounts.record(&ACTOR.into(), Some(account.id), "collection.import", what).await;
    tell_collection(&account.username, "is now", &imported);
    tell_media(&account.username, &outcome);
    tell_quotas(app, &account).await
}
