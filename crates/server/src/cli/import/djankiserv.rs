//! `import djankiserv`.

use super::{ACTOR, media, tell_collection, tell_media, tell_quotas};
use crate::actions::accounts::AdoptedUser;
use crate::actions::import::folder::MediaFolder;
use crate::actions::import::media::Index;
use crate::actions::import::{self, Stamping, django};
use crate::actions::username::Username;
use crate::app::App;
use crate::cli::support::output;
use crate::clock::readable_time;
use crate::config::connect_to_url;
use anyhow::{Context, bail};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use store::django::{OldCollections, OldMain, OldUser};

/// Take over an installation of the original djankiserv, the Django project
///
/// Stop it first. Its databases and folder are only read. Users keep their passwords, roles and devices: nobody has to log in again, and
/// devices go on with a normal sync once they have the new address. An import that was cut off can be run again.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  djankiserv import djankiserv --maindb postgresql://djankiserv@db/djankiserv --old-data-root /opt/djankiserv --dry-run"
)]
pub struct Args {
    /// Its main database, as `postgresql://` or `mysql://` address. With a password in it, better give it by the environment
    #[arg(long, value_name = "URL", env = "DJANKISERV_OLD_MAINDB_URL", hide_env_values = true)]
    maindb: String,
    /// Its user database; by default the same
    #[arg(long, value_name = "URL", env = "DJANKISERV_OLD_USERDB_URL", hide_env_values = true)]
    userdb: Option<String>,
    /// Its data folder, with a folder of media for each user
    #[arg(long = "old-data-root", alias = "media", value_name = "FOLDER")]
    old_data_root: PathBuf,
    /// Read everything and say what would be imported, but change nothing
    #[arg(long)]
    dry_run: bool,
}

struct Old {
    collections: OldCollections,
    schemas: Vec<String>,
    /// Host keys by username.
    keys: HashMap<String, Vec<String>>,
}

pub async fn run(app: &Arc<App>, args: Args) -> anyhow::Result<()> {
    let connect = |url: &str| connect_to_url(url, 2).map_err(anyhow::Error::msg);
    let main = OldMain::connect(&connect(&args.maindb).context("--maindb")?).await.context("cannot use the old main database")?;
    let userdb = connect(args.userdb.as_ref().unwrap_or(&args.maindb)).context("--userdb")?;
    let collections = OldCollections::connect(&userdb).await.context("cannot use the old user database")?;
    if !args.old_data_root.is_dir() {
        bail!("there is no folder {}", args.old_data_root.display());
    }
    let users = main.users().await.context("this is not the main database of a djankiserv")?;
    let now = readable_time(app.clock.now_ms());
    let mut keys: HashMap<String, Vec<String>> = HashMap::new();
    for session in main.sessions().await? {
        if let Some(name) = django::device_of(&session, &now) {
            keys.entry(name).or_default().push(session.key);
        }
    }
    let old = Old { schemas: collections.schemas().await?, collections, keys };
    let mut failed = 0;
    for user in &users {
        if let Err(error) = one(app, &args, &old, user).await {
            output::error(&format!("{}: {error:#}", user.username));
            failed += 1;
        }
    }
    if failed > 0 {
        bail!("{failed} of {} users could not be imported; the others were", users.len());
    }
    Ok(())
}

async fn one(app: &Arc<App>, args: &Args, old: &Old, user: &OldUser) -> anyhow::Result<()> {
    let name = &user.username;
    for leftover in old.schemas.iter().filter(|schema| is_leftover(schema, name)) {
        output::line(&format!("{name}: a cut-off upload has left {leftover} in the old database, which is not imported"));
    }
    // PostgreSQL has folded the name, as it stood in statements without quotation marks.
    let schema = old.schemas.iter().find(|schema| *schema == name).or_else(|| old.schemas.iter().find(|s| **s == name.to_lowercase()));
    let (file, index) = match schema {
        None => (None, Vec::new()),
        Some(schema) => {
            let collection = old.collections.open(schema).await?;
            let read = (django::collection(&collection, &app.temporary).await?, collection.media().await?);
            collection.close().await?;
            read
        }
    };
    let folder = MediaFolder(args.old_data_root.join(name));
    let read = tokio::task::spawn_blocking(move || {
        let (usn, entries) = django::media(index, &folder)?;
        Ok::<_, import::ImportError>((folder, usn, entries))
    });
    let (folder, usn, entries) = read.await??;
    let keys = old.keys.get(name).map_or(&[][..], Vec::as_slice);
    let opened = match file {
        None => None,
        Some(file) => {
            if file.orphans > 0 {
                output::line(&format!("{name}: {} cards without a note, left by the old server, are left out", file.orphans));
            }
            let wanted = [file.notes, file.cards, file.reviews].map(u64::cast_signed);
            let opened = import::open(app, file.file).await?;
            let seen = import::look(&opened).await?;
            if [seen.counts.notes, seen.counts.cards, seen.counts.revlog] != wanted {
                bail!("of {wanted:?} notes, cards and reviews only {:?} could be read back", seen.counts);
            }
            Some((opened, seen))
        }
    };
    if !user.password.starts_with("pbkdf2_sha256$") {
        output::line(&format!("{name}: the password cannot be taken over; set a new one by `djankiserv user passwd`"));
    }
    if args.dry_run {
        match &opened {
            Some((_, seen)) => tell_collection(name, "would be taken over", seen),
            None => output::line(&format!("{name}: would be taken over, without a collection")),
        }
        let files = entries.iter().filter(|entry| !entry.deleted).count();
        output::line(&format!("{name}: {files} media files and {} logged-in devices would be taken over", keys.len()));
        return Ok(());
    }
    let username = Username::new(name)?;
    let account = match app.main.account_by_username(username.key()).await? {
        Some(account) => account,
        None => {
            let adopted = AdoptedUser {
                username,
                email: user.email.clone(),
                password_hash: user.password.clone(),
                is_active: user.is_active,
                is_staff: user.is_staff,
                is_superuser: user.is_superuser,
            };
            app.accounts.adopt(adopted, ACTOR).await?
        }
    };
    if app.user.media_state(account.id).await?.is_some_and(|state| state.usn > 0) {
        output::line(&format!("{name}: media is there already"));
    } else {
        tell_media(name, &media(app, &account, folder, entries, Index::Keep(usn)).await?);
    }
    if let Some((opened, seen)) = opened {
        let imported = import::replace(app, &account, opened, Stamping::Keep).await?;
        if !imported.already_there && imported.counts != seen.counts {
            bail!("{:?} arrived, but {:?} were sent", imported.counts, seen.counts);
        }
        tell_collection(name, if imported.already_there { "is there already" } else { "taken over" }, &imported);
    } else {
        output::line(&format!("{name}: taken over, without a collection"));
    }
    for key in keys {
        app.accounts.adopt_host_key(account.id, key).await?;
    }
    output::line(&format!("{name}: {} devices stay logged in", keys.len()));
    tell_quotas(app, &account).await
}

/// `ann_old`, or `ann_1612345678_123`.
fn is_leftover(schema: &str, user: &str) -> bool {
    let rest = schema.strip_prefix(&user.to_lowercase()).or_else(|| schema.strip_prefix(user)).and_then(|rest| rest.strip_prefix('_'));
    rest.is_some_and(|rest| {
        rest == "old"
            || rest.split_once('_').is_some_and(|(a, b)| [a, b].iter().all(|n| !n.is_empty() && n.bytes().all(|c| c.is_ascii_digit())))
    })
}
