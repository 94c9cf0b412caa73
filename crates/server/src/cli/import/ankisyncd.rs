//! `import ankisyncd`.

use super::ACTOR;
use super::sync_server::{Contents, account};
use crate::actions::accounts::AdoptedUser;
use crate::actions::import::ImportError;
use crate::actions::import::sync_server::{UserFolder, copy_database};
use crate::actions::username::Username;
use crate::app::App;
use crate::cli::support::output;
use crate::passwords::from_ankisyncd;
use anki::ankisyncd::{User, read_sessions, read_users};
use anyhow::{Context, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::main_db::Account;

/// Take over the users of the community's servers: ankisyncd, anki-sync-server-rs
///
/// Stop that server first. Its files are only read. Users keep their passwords, and devices stay logged in and go on with a normal sync
/// once they have the new address. An import that was cut off can be run again.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  djankiserv import ankisyncd /srv/ankisyncd --dry-run\n  djankiserv import ankisyncd /srv/ankisyncd --auth-db /etc/ankisyncd/auth.db"
)]
pub struct Args {
    /// The folder with `auth.db`, `session.db` and `collections` (data_root), or the latter itself
    folder: PathBuf,
    /// The database of users (auth_db_path), by default `auth.db` in that folder
    #[arg(long, value_name = "FILE")]
    auth_db: Option<PathBuf>,
    /// The database of logins (session_db_path), by default `session.db` in that folder
    #[arg(long, value_name = "FILE")]
    session_db: Option<PathBuf>,
    /// Let every device log in anew
    #[arg(long)]
    new_logins: bool,
    /// Read everything and say what would be imported, but change nothing
    #[arg(long)]
    dry_run: bool,
}

/// What there is besides the users' folders.
struct Old {
    collections: PathBuf,
    hashes: BTreeMap<String, String>,
    /// Host keys by username.
    keys: BTreeMap<String, Vec<String>>,
}

pub async fn run(app: &Arc<App>, args: Args) -> anyhow::Result<()> {
    if !args.folder.is_dir() {
        bail!("there is no folder {}", args.folder.display());
    }
    let collections = Some(args.folder.join("collections")).filter(|folder| folder.is_dir()).unwrap_or_else(|| args.folder.clone());
    let auth_db = database(&args, args.auth_db.as_ref(), "auth.db")?;
    let session_db = database(&args, args.session_db.as_ref(), "session.db")?;
    let temporary = app.temporary.clone();
    let read = tokio::task::spawn_blocking(move || {
        let users = read_copy(auth_db.as_deref(), &temporary, read_users)?;
        let sessions = read_copy(session_db.as_deref(), &temporary, read_sessions)?;
        let folders = folders(&collections)?;
        let mut keys: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for session in sessions {
            keys.entry(session.user).or_default().push(session.host_key);
        }
        let names: BTreeSet<String> = users.iter().map(|user| user.name.clone()).chain(folders).collect();
        let hashes = users.into_iter().map(|User { name, hash }| (name, hash)).collect();
        Ok::<_, anyhow::Error>((Old { collections, hashes, keys }, names))
    });
    let (old, names) = read.await??;
    if names.is_empty() {
        bail!("there are no users in {}: neither an auth.db nor a folder with a collection.anki2", args.folder.display());
    }
    let mut failed = 0;
    for user in &names {
        if let Err(error) = one(app, &args, &old, user).await {
            output::error(&format!("{user}: {error:#}"));
            failed += 1;
        }
    }
    if failed > 0 {
        bail!("{failed} of {} users could not be imported; the others were", names.len());
    }
    Ok(())
}

async fn one(app: &Arc<App>, args: &Args, old: &Old, user: &str) -> anyhow::Result<()> {
    if user.contains(['/', '\\', '\0']) || matches!(user, "" | "." | "..") {
        bail!("this is no name of a user's folder");
    }
    let folder = UserFolder::new(&old.collections, user);
    let mut keys = old.keys.get(user).cloned().unwrap_or_default();
    // The newer server in Rust gives out the stored hash as the key.
    if folder.is_of_anki() {
        keys.extend(old.hashes.get(user).cloned());
    }
    if args.new_logins {
        keys.clear();
    }
    let password = old.hashes.get(user).map(|hash| from_ankisyncd(user, hash));
    let contents = Contents::read(app, folder).await?;
    if args.dry_run {
        if !matches!(password, Some(Some(_))) {
            output::line(&format!("{user}: would get a new password, as none is known"));
        }
        contents.tell(user);
        output::line(&format!("{user}: {} devices would stay logged in", keys.len()));
        return Ok(());
    }
    let account = match password.flatten() {
        Some(hash) => adopted(app, user, hash).await?,
        None => account(app, user, None).await?,
    };
    contents.take_over(app, user, &account).await?;
    for key in &keys {
        app.accounts.adopt_host_key(account.id, key).await?;
    }
    output::line(&format!("{user}: {} devices stay logged in", keys.len()));
    Ok(())
}

/// The user's account, made with the old password if there is none.
async fn adopted(app: &Arc<App>, user: &str, password_hash: String) -> anyhow::Result<Account> {
    let username = Username::new(user)?;
    if let Some(account) = app.main.account_by_username(username.key()).await? {
        return Ok(account);
    }
    let new = AdoptedUser { username, email: String::new(), password_hash, is_active: true, is_staff: false, is_superuser: false };
    Ok(app.accounts.adopt(new, ACTOR).await?)
}

/// A database that was named, which has to be there, or the usual one, which may not be.
fn database(args: &Args, named: Option<&PathBuf>, usual: &str) -> anyhow::Result<Option<PathBuf>> {
    match named {
        Some(file) if file.is_file() => Ok(Some(file.clone())),
        Some(file) => bail!("there is no file {}", file.display()),
        None => {
            let found = Some(args.folder.join(usual)).filter(|file| file.is_file());
            if found.is_none() {
                output::line(&format!("there is no {usual} in {}", args.folder.display()));
            }
            Ok(found)
        }
    }
}

fn read_copy<T>(file: Option<&Path>, temporary: &Path, read: fn(&Path) -> Result<Vec<T>, String>) -> anyhow::Result<Vec<T>> {
    let Some(file) = file else { return Ok(Vec::new()) };
    let unreadable = || format!("cannot read {}", file.display());
    let (folder, copy) = copy_database(file, temporary).with_context(unreadable)?;
    let rows = read(&copy).map_err(ImportError::Refused).with_context(unreadable)?;
    drop(folder);
    Ok(rows)
}

/// The names of folders with a collection.
fn folders(collections: &Path) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(collections)? {
        let entry = entry?;
        if entry.path().join("collection.anki2").is_file() {
            match entry.file_name().into_string() {
                Ok(name) => names.push(name),
                Err(name) => bail!("the name of the folder {} is not UTF-8 text", Path::new(&name).display()),
            }
        }
    }
    Ok(names)
}
