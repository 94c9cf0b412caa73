//! `export`: collections with their media, and parts of them, as files that every Anki opens.

use super::support::open::Open;
use super::support::{output, progress};
use crate::actions::exchange::Extent;
use crate::actions::export::apkg::{self, PackageOptions, Selection};
use crate::actions::export::{self, Export, Exported};
use crate::actions::username::Username;
use crate::app::App;
use crate::config::Config;
use anki::package::Form;
use anyhow::{Context, bail};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::main_db::Account;
use tokio::io::AsyncWriteExt;

/// Write collections with their media to .colpkg files, or decks to .apkg files
///
/// A .colpkg holds all of a user's notes, cards, reviews, decks, settings and media as of one moment. Anki opens it by "File, Import", and
/// `djankiserv import colpkg` brings it back. An .apkg is what one gives to somebody else, who merges it into a collection. Safe while servers run and devices sync.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Write one user's collection to a file
    #[command(after_help = "Examples:\n  djankiserv export colpkg ann\n  djankiserv export colpkg ann /backups/ann.colpkg --legacy")]
    Colpkg {
        /// The user
        username: String,
        /// The file, which must not exist yet; by default named after user and day, in the current folder
        file: Option<PathBuf>,
        /// Write the larger form that Anki 2.1.49 and older can read as well
        #[arg(long)]
        legacy: bool,
    },
    /// Write decks or single notes of a user to a file that others can merge into their collections
    #[command(
        after_help = "Examples:\n  djankiserv export apkg ann french.apkg --deck French --no-scheduling\n  djankiserv export apkg ann --search 'tag:shared'"
    )]
    Apkg(ApkgArgs),
    /// Write every user's collection to a folder
    #[command(after_help = "Example:\n  djankiserv export all /backups/today")]
    All {
        /// The folder, made if it is missing; files in it are not replaced
        folder: PathBuf,
        /// Write the larger form that Anki 2.1.49 and older can read as well
        #[arg(long)]
        legacy: bool,
    },
}

/// What goes into an .apkg.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct ApkgArgs {
    /// The user
    username: String,
    /// The file, which must not exist yet; by default named after deck or user, and day, in the current folder
    file: Option<PathBuf>,
    /// Only notes with cards in this deck and those below it; otherwise all notes
    #[arg(long, value_name = "NAME")]
    deck: Option<String>,
    /// Only notes that this search finds, in the language of Anki's browser
    #[arg(long, value_name = "SEARCH", conflicts_with = "deck")]
    search: Option<String>,
    /// Leave out when cards are due and how they were answered, and the tags `marked` and `leech`
    #[arg(long)]
    no_scheduling: bool,
    /// Leave out the options of decks
    #[arg(long)]
    no_presets: bool,
    /// Leave out the media files that the notes use
    #[arg(long)]
    no_media: bool,
    /// Write the larger form that Anki 2.1.49 and older can read as well
    #[arg(long)]
    legacy: bool,
}

pub async fn run(config: Config, command: Command) -> anyhow::Result<()> {
    let config = Arc::new(config);
    Open::run_existing(&config.clone(), async |open| {
        let app = App::new(config, open.clock.clone(), open.main.clone(), open.user.clone(), open.accounts.clone());
        let app = Arc::new(app.context("cannot use the data folder")?);
        match command {
            Command::Colpkg { username, file, legacy } => {
                let account = app.accounts.find(&Username::new(&username)?).await?;
                one(&app, &account, file, None, form(legacy)).await
            }
            Command::Apkg(args) => some(&app, args).await,
            Command::All { folder, legacy } => all(&app, &folder, form(legacy)).await,
        }
    })
    .await
}

fn form(legacy: bool) -> Form {
    if legacy { Form::Legacy } else { Form::Current }
}

async fn all(app: &Arc<App>, folder: &Path, form: Form) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let (accounts, mut failed) = (app.accounts.list().await?, 0);
    for account in &accounts {
        // One user's trouble does not keep the others from their files.
        if let Err(error) = one(app, account, None, Some(folder), form).await {
            output::error(&format!("{}: {error:#}", account.username));
            failed += 1;
        }
    }
    if failed > 0 {
        bail!("{failed} of {} users could not be exported", accounts.len());
    }
    Ok(())
}

async fn one(app: &Arc<App>, account: &Account, file: Option<PathBuf>, folder: Option<&Path>, form: Form) -> anyhow::Result<()> {
    let spinner = progress::spinner(&account.username);
    let export = export::prepare(app, account, form).await;
    spinner.finish_and_clear();
    save(export?, account, file, folder).await
}

async fn some(app: &Arc<App>, args: ApkgArgs) -> anyhow::Result<()> {
    let account = app.accounts.find(&Username::new(&args.username)?).await?;
    let selection = match (args.deck, args.search) {
        (Some(deck), _) => Selection::Deck(deck),
        (None, Some(search)) => Selection::Search(search),
        (None, None) => Selection::All,
    };
    let extent = Extent { scheduling: !args.no_scheduling, presets: !args.no_presets };
    let options = PackageOptions { extent, with_media: !args.no_media, form: form(args.legacy) };
    let spinner = progress::spinner(&account.username);
    let export = apkg::prepare(app, &account, &selection, options, None).await;
    spinner.finish_and_clear();
    save(export?, &account, args.file, None).await
}

async fn save(export: Export, account: &Account, file: Option<PathBuf>, folder: Option<&Path>) -> anyhow::Result<()> {
    let path = file.unwrap_or_else(|| folder.unwrap_or_else(|| Path::new("")).join(export.file_name()));
    let (Exported { media, lost }, bytes) = write(export, &account.username, &path).await?;
    output::line(&format!("{}: {} ({bytes} bytes, {media} media files)", account.username, path.display()));
    if !lost.is_empty() {
        let names: Vec<&str> = lost.iter().take(5).map(String::as_str).collect();
        output::error(&format!(
            "{}: {} media files are not in it, as their content is lost or damaged, such as {}; see `djankiserv check {0} --deep`",
            account.username,
            lost.len(),
            names.join(", ")
        ));
    }
    Ok(())
}

/// The file gets its name when it is complete, so that a cut-off export cannot be taken for a whole one.
async fn write(export: export::Export, label: &str, path: &Path) -> anyhow::Result<(Exported, u64)> {
    if path.exists() {
        bail!("{} exists already", path.display());
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let file = tempfile::NamedTempFile::new_in(parent).with_context(|| format!("cannot write to {}", parent.display()))?;
    let mut out = tokio::fs::File::from_std(file.reopen()?);
    let bar = progress::bytes(label, export.estimate());
    let (mut pieces, outcome) = export.start();
    let mut written = 0;
    while let Some(piece) = pieces.recv().await {
        let piece = piece?;
        out.write_all(&piece).await.with_context(|| format!("cannot write to {}", parent.display()))?;
        written += piece.len() as u64;
        bar.set_position(written);
    }
    let exported = outcome.await.context("the export was cut off")?;
    out.flush().await?;
    out.sync_all().await?;
    bar.finish_and_clear();
    file.persist_noclobber(path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok((exported, written))
}
