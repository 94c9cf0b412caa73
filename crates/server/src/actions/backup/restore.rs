use super::{AccountLine, AuditLine, DeviceLine, IdentityLine, MediaLine, Target, TokenLine};
use super::{collection_name, content_name, file_of, media_name};
use crate::actions::import::media::{self, Entry, Index, Source};
use crate::actions::import::{self, Stamping};
use crate::actions::username::Username;
use crate::app::App;
use anyhow::{Context, bail};
use std::io::{self, Read};
use std::sync::Arc;
use store::StoreError;
use store::main_db::{Account, AccountChange, ApiToken, AuditEntry, Client, Identity, NewAccount};
use store::user_db::Counts;
use tempfile::NamedTempFile;

/// Stands in the place of a password's hash, and fits no password, until all of an account is back. A restore that was cut off knows by it
/// where to go on.
const NOT_LET_IN: &str = "!restoring";

/// An account that was brought back.
#[derive(Debug, Clone)]
pub struct Restored {
    pub username: String,
    /// Whether there was an account of that name already: then only collection and media were brought back.
    pub existed: bool,
    pub counts: Option<Counts>,
    pub media: media::Outcome,
    /// Quotas that are exceeded now.
    pub warnings: Vec<String>,
}

/// Brings back all accounts of a run, or the one named `user`. Accounts that exist keep their password and devices; their collection is
/// replaced, and the one before is kept. `done` hears of each.
///
/// Collections get new stamps: devices may have been ahead of the backup, so each is asked for one one-way sync.
///
/// # Errors
/// When there is no such run or user, the backup is damaged, or a database or the disk fails. Can be run again.
pub async fn restore(
    app: &Arc<App>,
    target: &Target,
    run: &str,
    user: Option<&Username>,
    mut done: impl FnMut(&Restored),
) -> anyhow::Result<()> {
    let lines: Vec<AccountLine> = read(target, file_of(run, "accounts.jsonl")).await?;
    let mut found = false;
    for line in lines {
        let username = Username::new(&line.username)?;
        if user.is_some_and(|user| user.key() != username.key()) {
            continue;
        }
        found = true;
        let name = line.username.clone();
        let restored = one(app, target, run, line, &username).await.with_context(|| name)?;
        done(&restored);
    }
    match user {
        Some(user) if !found => bail!("there is no user `{}` in this backup", user.typed()),
        Some(_) => Ok(()),
        None => audit(app, target, run).await,
    }
}

async fn read<T: for<'a> serde::Deserialize<'a> + Send + 'static>(target: &Target, name: String) -> anyhow::Result<Vec<T>> {
    let target = target.clone();
    Ok(tokio::task::spawn_blocking(move || target.read_lines(&name)).await??)
}

/// Entries that are there already stay as they are.
async fn audit(app: &App, target: &Target, run: &str) -> anyhow::Result<()> {
    let (name, place) = (file_of(run, "audit.jsonl"), target.clone());
    let lines = tokio::task::spawn_blocking(move || place.read_lines::<AuditLine>(&name)).await?;
    let lines = match lines {
        // Runs of one user have none, nor had those of earlier versions.
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        lines => lines?,
    };
    for AuditLine { id, at, actor, address, account, action, detail } in lines {
        match app.main.write_audit(id, &AuditEntry { at, actor, address, account, action, detail }).await {
            Ok(()) | Err(StoreError::AlreadyExists(_)) => {}
            Err(e) => return Err(e.into()),
        }
    }
    Ok(())
}

async fn one(app: &Arc<App>, target: &Target, run: &str, line: AccountLine, username: &Username) -> anyhow::Result<Restored> {
    let existing = app.main.account_with_password(username.key()).await?;
    let existed = existing.as_ref().is_some_and(|(_, hash)| hash != NOT_LET_IN);
    let account = match existing {
        Some((account, _)) if existed => account,
        unfinished => make(app, &line, username, unfinished.map(|(account, _)| account)).await?,
    };
    let lines: Vec<MediaLine> = read(target, file_of(run, &media_name(line.id))).await?;
    let state = app.user.media_state(account.id).await?.unwrap_or_default();
    // Devices of an account that existed may come at any moment, and count from where its index is.
    let empty = !existed && state.usn == 0;
    let entries = lines.into_iter().filter(|line| empty || line.size > 0).map(|line| Entry {
        member: line.content,
        name: line.name,
        deleted: line.size == 0,
        sha1: (line.size > 0).then_some(line.sha1),
        usn: line.usn,
    });
    let index = if empty { Index::Keep(line.media_usn) } else { Index::Merge };
    let media = media::import(app, &account, Contents(target.clone()), entries.collect(), index, |_| ()).await?;
    let mut counts = None;
    if line.has_collection {
        let (packed, temporary, place) = (file_of(run, &collection_name(line.id)), app.temporary.clone(), target.clone());
        let unpacked = tokio::task::spawn_blocking(move || {
            let file = NamedTempFile::new_in(temporary)?;
            zstd::stream::copy_decode(place.get(&packed)?, file.as_file())?;
            Ok::<_, io::Error>(file)
        });
        let opened = import::open(app, unpacked.await??).await?;
        counts = Some(import::replace(app, &account, opened, Stamping::Renew).await?.counts);
    }
    if !existed {
        let_in(app, &line, account.id).await?;
    }
    let warnings = import::over_quota(app, &account).await?;
    Ok(Restored { username: account.username, existed, counts, media, warnings })
}

/// The account as it was, with the same id, or what an earlier try has made of it. Nobody can log in yet.
async fn make(app: &App, line: &AccountLine, username: &Username, unfinished: Option<Account>) -> anyhow::Result<Account> {
    let id = unfinished.as_ref().map_or(line.id, |account| account.id);
    if unfinished.is_none() {
        let new = NewAccount {
            id,
            username: username.typed().to_owned(),
            username_key: username.key().to_owned(),
            email: line.email.clone(),
            password_hash: NOT_LET_IN.to_owned(),
            is_staff: line.is_staff,
            is_superuser: line.is_superuser,
        };
        match app.main.create_account(&new, line.created).await {
            Err(StoreError::AlreadyExists(_)) => {
                bail!("its number belongs to another account here, which has been renamed or deleted meanwhile")
            }
            made => made?,
        }
    }
    if !line.is_active {
        app.main.set_active(id, false).await?;
    }
    let change = AccountChange {
        email: line.email.clone(),
        is_staff: line.is_staff,
        is_superuser: line.is_superuser,
        quota_collection_bytes: line.quota_collection_bytes,
        quota_media_bytes: line.quota_media_bytes,
    };
    app.main.change_account(id, &change).await?;
    app.user.create_collection(id, app.clock.now_ms()).await?;
    Ok(app.accounts.find(username).await?)
}

/// Lets user and devices in, once everything is there: a device that came earlier would find its media gone, or only some of them, and
/// send its own into the middle of them.
async fn let_in(app: &App, line: &AccountLine, id: i64) -> anyhow::Result<()> {
    for device in &line.devices {
        let DeviceLine { digest, client_name, client_version, client_platform, last_address } = device.clone();
        let client = Client { name: client_name, version: client_version, platform: client_platform };
        match app.main.add_host_key(&digest, id, &client, &last_address, app.clock.now_ms()).await {
            Ok(()) | Err(StoreError::AlreadyExists(_)) => {}
            Err(e) => return Err(e.into()),
        }
    }
    for TokenLine { digest, name, scopes, created, expires } in line.tokens.clone() {
        match app.main.add_api_token(&ApiToken { digest, account: id, name, scopes, created, last_used: None, expires }).await {
            Ok(()) | Err(StoreError::AlreadyExists(_)) => {}
            Err(e) => return Err(e.into()),
        }
    }
    for IdentityLine { digest, issuer, subject, label, created, last_used } in line.identities.clone() {
        match app.main.add_identity(&Identity { digest, account: id, issuer, subject, label, created, last_used }).await {
            Ok(()) | Err(StoreError::AlreadyExists(_)) => {}
            Err(e) => return Err(e.into()),
        }
    }
    // Last, as it says that the account is finished. Not if an administrator has set another one meanwhile.
    Ok(app.main.renew_password_hash(id, NOT_LET_IN, &line.password_hash).await?)
}

struct Contents(Target);

impl Source for Contents {
    fn read(&mut self, entry: &Entry, take: &mut dyn FnMut(&mut dyn Read) -> io::Result<()>) -> io::Result<()> {
        take(&mut self.0.get(&content_name(&entry.member)?)?)
    }
}
