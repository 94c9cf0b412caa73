//! `import anki-sync-server`.

use super::{ACTOR, media, tell_collection, tell_media, tell_quotas};
use crate::actions::accounts::NewUser;
use crate::actions::import::media::{Entry, Index};
use crate::actions::import::sync_server::{self, UserFolder};
use crate::actions::import::{self, ImportError, Imported, Opened, Stamping};
use crate::actions::username::Username;
use crate::app::App;
use crate::cli::support::output;
use anyhow::{Context, bail};
use sha1::{Digest, Sha1};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::main_db::Account;

/// Take over the users of Anki's own sync server
///
/// Stop that server first. Its base folder (SYNC_BASE) is only read. Collections keep their stamps and media its numbers, so that devices go
/// on with a normal sync once they have the new address. Users get the passwords of a file, or random ones, which are printed. An
/// import that was cut off can be run again.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  djankiserv import anki-sync-server ~/.syncserver --dry-run\n  djankiserv import anki-sync-server ~/.syncserver --users users.txt"
)]
pub struct Args {
    /// The base folder, with a folder for each user
    folder: PathBuf,
    /// A file with `user:password` lines, as in SYNC_USER1. Where it has a hash instead (PASSWORDS_HASHED), the user gets a new password
    #[arg(long, value_name = "FILE")]
    users: Option<PathBuf>,
    /// Let devices go on without a new login. The keys that they have are computed from name and password (or its hash) alone, so choose
    /// this only if the passwords are strong
    #[arg(long, requires = "users")]
    keep_logins: bool,
    /// Read everything and say what would be imported, but change nothing
    #[arg(long)]
    dry_run: bool,
}

pub async fn run(app: &Arc<App>, args: Args) -> anyhow::Result<()> {
    let passwords = match &args.users {
        Some(file) => read_users(file)?,
        None => HashMap::new(),
    };
    if !args.folder.is_dir() {
        bail!("there is no folder {}", args.folder.display());
    }
    let (users, mut failed) = (sync_server::users(&args.folder)?, 0);
    for user in &users {
        if let Err(error) = one(app, &args, user, passwords.get(user)).await {
            output::error(&format!("{user}: {error:#}"));
            failed += 1;
        }
    }
    if failed > 0 {
        bail!("{failed} of {} users could not be imported; the others were", users.len());
    }
    Ok(())
}

async fn one(app: &Arc<App>, args: &Args, user: &str, password: Option<&String>) -> anyhow::Result<()> {
    let contents = Contents::read(app, UserFolder::new(&args.folder, user)).await?;
    if args.dry_run {
        contents.tell(user);
        return Ok(());
    }
    let account = account(app, user, password).await?;
    contents.take_over(app, user, &account).await?;
    // Not before all is there: a device would take what is there by then for everything.
    if let Some(password) = password.filter(|_| args.keep_logins) {
        let key = hex::encode(Sha1::digest(format!("{user}:{password}")));
        app.accounts.adopt_host_key(account.id, &key).await?;
    }
    Ok(())
}

/// What is in a user's folder.
pub(super) struct Contents {
    folder: UserFolder,
    collection: Option<(Opened, Imported)>,
    media_usn: i32,
    media: Vec<Entry>,
}

impl Contents {
    pub(super) async fn read(app: &Arc<App>, folder: UserFolder) -> anyhow::Result<Self> {
        let temporary = app.temporary.clone();
        let read = tokio::task::spawn_blocking(move || {
            let collection = if folder.has_collection() { Some(folder.collection(&temporary)?) } else { None };
            let (usn, entries) = folder.media(&temporary)?;
            Ok::<_, ImportError>((folder, collection, usn, entries))
        });
        let (folder, collection, media_usn, media) = read.await??;
        let collection = match collection {
            Some(file) => {
                let opened = import::open(app, file).await?;
                let seen = import::look(&opened).await?;
                Some((opened, seen))
            }
            None => None,
        };
        Ok(Self { folder, collection, media_usn, media })
    }

    /// Says what would be done.
    pub(super) fn tell(&self, user: &str) {
        match &self.collection {
            Some((_, seen)) => tell_collection(user, "would be taken over", seen),
            None => output::line(&format!("{user}: would be taken over, without a collection")),
        }
        let files = self.media.iter().filter(|entry| !entry.deleted).count();
        output::line(&format!("{user}: {files} media files would be taken over"));
    }

    /// Media first: what no note names yet does no harm.
    pub(super) async fn take_over(self, app: &Arc<App>, user: &str, account: &Account) -> anyhow::Result<()> {
        if app.user.media_state(account.id).await?.is_some_and(|state| state.usn > 0) {
            output::line(&format!("{user}: media is there already"));
        } else {
            let outcome = media(app, account, self.folder, self.media, Index::Keep(self.media_usn)).await?;
            tell_media(user, &outcome);
        }
        match self.collection {
            Some((opened, _)) => {
                let imported = import::replace(app, account, opened, Stamping::Keep).await?;
                tell_collection(user, if imported.already_there { "is there already" } else { "taken over" }, &imported);
            }
            None => output::line(&format!("{user}: taken over, without a collection")),
        }
        tell_quotas(app, account).await
    }
}

/// The user's account, made if there is none.
pub(super) async fn account(app: &Arc<App>, user: &str, password: Option<&String>) -> anyhow::Result<Account> {
    let username = Username::new(user)?;
    if let Some(account) = app.main.account_by_username(username.key()).await? {
        return Ok(account);
    }
    let chosen = match password.filter(|password| !is_hash(password)) {
        Some(password) => password.clone(),
        None => {
            let random: String = crate::random::token()?.chars().take(20).collect();
            output::line(&format!("{user}: the new password is {random}"));
            random
        }
    };
    let new = NewUser { username, email: String::new(), password: chosen, is_staff: false, is_superuser: false };
    Ok(app.accounts.create(new, ACTOR).await?)
}

/// As that server takes it with PASSWORDS_HASHED.
fn is_hash(password: &str) -> bool {
    password.starts_with("$pbkdf2-")
}

fn read_users(file: &Path) -> anyhow::Result<HashMap<String, String>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut users = HashMap::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let Some((user, password)) = line.split_once(':') else {
            bail!("line {} of {} is not `user:password`", number + 1, file.display())
        };
        users.insert(user.to_owned(), password.to_owned());
    }
    Ok(users)
}
