use super::{AccountLine, AuditLine, COMPLETE, DeviceLine, IdentityLine, MediaLine, Target, TokenLine};
use super::{collection_name, content_name, file_of, media_name};
use crate::actions::collection_file;
use crate::app::App;
use anki::file::Schema;
use anyhow::bail;
use futures_util::TryStreamExt;
use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};
use std::collections::HashSet;
use std::fmt;
use std::io::{self, Cursor, Read, Seek, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::main_db::{Account, ApiToken, AuditEntry, Identity};
use store::user_db::UserDb;
use store::user_db::media::MediaFile;
use tempfile::NamedTempFile;

/// How long to wait for an upload that is still being loaded.
const PATIENCE: Duration = Duration::from_secs(300);
const AUDIT_AT_ONCE: i64 = 1000;

/// After so many users in a row that could not be backed up, it is not about them.
const MOST_IN_A_ROW: usize = 10;

/// A user who is not in a run, though they should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    pub user: String,
    pub problem: String,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.user, self.problem)
    }
}

/// What a run has written.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Written {
    pub run: String,
    /// The one user whom the run is of. None for all.
    pub of: Option<String>,
    pub accounts: u64,
    pub collections: u64,
    pub media: u64,
    /// Contents that were not in the backup yet, and their bytes.
    pub new_contents: u64,
    pub new_bytes: u64,
    /// `user: file` of media whose content is lost or damaged.
    pub lost: Vec<String>,
    /// Users whose data could not be read or written.
    pub failed: Vec<Failed>,
}

/// Writes everything of `accounts` as a new run, and the audit log if that `is_all` of them. `progress` is told how many accounts are done.
///
/// What is wrong with one account keeps no other one out: see [`Written::failed`].
///
/// # Errors
/// When a database or a disk fails, so that nobody's data could be written, or those of many in a row. Nothing is left of the run then.
pub async fn backup(
    app: &Arc<App>,
    target: &Target,
    accounts: &[Account],
    is_all: bool,
    progress: impl FnMut(u64),
) -> anyhow::Result<Written> {
    let (now, place) = (crate::clock::iso_time(app.clock.now_ms()).replace(':', "-"), target.clone());
    let begin = tokio::task::spawn_blocking(move || anyhow::Ok((place.begin_run(&now)?, place.contents()?)));
    let (name, contents) = begin.await??;
    let mut run = Run { target: target.clone(), name: name.clone(), contents: Arc::new(Mutex::new(contents)) };
    let written = fill(app, &mut run, accounts, is_all, progress).await;
    if written.is_err() {
        // Contents stay: the next run needs them.
        let place = target.clone();
        if let Err(error) = tokio::task::spawn_blocking(move || place.discard_run(&name)).await? {
            tracing::warn!(%error, "cannot remove what a failed backup has left; trying again with a later one");
        }
    }
    written
}

async fn fill(app: &Arc<App>, run: &mut Run, accounts: &[Account], is_all: bool, mut progress: impl FnMut(u64)) -> anyhow::Result<Written> {
    let of = accounts.first().filter(|_| !is_all).map(|account| account.username.clone());
    let mut written = Written { run: run.name.clone(), of, ..Written::default() };
    let (mut lines, mut in_a_row) = (Vec::new(), 0);
    for (number, account) in (1..).zip(accounts) {
        let mut with_this = written.clone();
        match one(app, run, account, &mut with_this).await {
            Ok(Some(line)) => {
                written = with_this;
                lines.extend(serde_json::to_vec(&line)?);
                lines.push(b'\n');
                written.accounts += 1;
                in_a_row = 0;
            }
            // One that was deleted since the list was read is left out.
            Ok(None) => {}
            Err(_) if matches!(app.main.account_by_id(account.id).await, Ok(None)) => {}
            Err(error) => {
                in_a_row += 1;
                let failed = Failed { user: account.username.clone(), problem: format!("{error:#}") };
                if in_a_row >= MOST_IN_A_ROW {
                    bail!("{failed}; and so for the {MOST_IN_A_ROW} users before");
                }
                tracing::error!(account = failed.user, error = failed.problem, "a user could not be backed up; going on with the others");
                written.failed.push(failed);
            }
        }
        progress(number);
    }
    if let (0, Some(failed)) = (written.accounts, written.failed.first()) {
        bail!("{failed}");
    }
    if is_all {
        audit(app, run).await?;
    }
    run.put("accounts.jsonl".to_owned(), Cursor::new(lines)).await?;
    // A run without this is not one: whatever was cut off does not look like a backup.
    run.put(COMPLETE.to_owned(), Cursor::new(serde_json::to_vec(&written)?)).await?;
    let (place, name) = (run.target.clone(), format!("runs/{}", run.name));
    tokio::task::spawn_blocking(move || place.settle(&name)).await??;
    Ok(written)
}

/// A run that is being written.
struct Run {
    target: Target,
    name: String,
    /// SHA-256 of contents that are there, from earlier runs or this one.
    contents: Arc<Mutex<HashSet<String>>>,
}

impl Run {
    async fn put(&self, name: String, mut content: impl Read + Send + 'static) -> anyhow::Result<()> {
        let (target, name) = (self.target.clone(), file_of(&self.name, &name));
        Ok(tokio::task::spawn_blocking(move || target.put(&name, &mut content)).await??)
    }
}

/// Who did what, as it may be asked for long after the database is gone.
async fn audit(app: &App, run: &Run) -> anyhow::Result<()> {
    let mut file = tempfile::tempfile_in(&app.temporary)?;
    let mut last = None;
    loop {
        let entries = app.main.audit_after(last, AUDIT_AT_ONCE).await?;
        let Some((id, entry)) = entries.last() else { break };
        last = Some((entry.at, *id));
        let mut lines = Vec::new();
        for (id, AuditEntry { at, actor, address, account, action, detail }) in entries {
            serde_json::to_writer(&mut lines, &AuditLine { id, at, actor, address, account, action, detail })?;
            lines.push(b'\n');
        }
        file.write_all(&lines)?;
    }
    file.rewind()?;
    run.put("audit.jsonl".to_owned(), file).await
}

async fn one(app: &Arc<App>, run: &mut Run, account: &Account, written: &mut Written) -> anyhow::Result<Option<AccountLine>> {
    let id = account.id;
    let username = crate::actions::username::Username::new(&account.username)?;
    let Some((account, password_hash)) = app.main.account_with_password(username.key()).await? else { return Ok(None) };
    let (devices, tokens) = (app.main.host_keys(id).await?, app.main.api_tokens(id).await?);
    let identities = app.main.identities(id).await?;
    let (tx, state) = settled(app, id).await?;
    let media: Vec<MediaFile> = UserDb::stream_media(&tx, id).await?.try_collect().await?;
    let media_usn = app.user.media_state_in(&tx, id).await?.unwrap_or_default().usn;
    let current = state.and_then(|state| state.current);
    // The snapshot ends before packing and sending, which may take longer than databases let a transaction wait.
    match &current {
        None => collection_file::end_snapshot(tx).await,
        Some(current) => {
            let temporary = tempfile::tempdir_in(&app.temporary)?;
            let path = temporary.path().join("collection");
            collection_file::write(tx, current, Schema::V18, &path).await?;
            let packing = NamedTempFile::new_in(&app.temporary)?;
            let mut packed = tokio::task::spawn_blocking(move || collection_file::pack(&path, packing, true)).await??.0.into_file();
            packed.rewind()?;
            run.put(collection_name(id), packed).await?;
            written.collections += 1;
        }
    }
    let (store, target, contents, user) = (app.clone(), run.target.clone(), run.contents.clone(), account.username.clone());
    let copied = tokio::task::spawn_blocking(move || copy_media(&store, &target, &contents, id, &user, media)).await??;
    run.put(media_name(id), Cursor::new(copied.lines)).await?;
    written.media += copied.files;
    written.new_contents += copied.new_contents;
    written.new_bytes += copied.new_bytes;
    written.lost.extend(copied.lost);
    let devices = devices.into_iter().map(|key| DeviceLine {
        digest: key.digest,
        client_name: key.client.name,
        client_version: key.client.version,
        client_platform: key.client.platform,
        last_address: key.last_address,
    });
    let tokens = tokens.into_iter().map(|ApiToken { digest, name, scopes, created, expires, .. }| TokenLine {
        digest,
        name,
        scopes,
        created,
        expires,
    });
    let identities = identities.into_iter().map(|Identity { digest, issuer, subject, label, created, last_used, .. }| IdentityLine {
        digest,
        issuer,
        subject,
        label,
        created,
        last_used,
    });
    Ok(Some(AccountLine {
        id,
        username: account.username,
        email: account.email,
        password_hash,
        is_active: account.is_active,
        is_staff: account.is_staff,
        is_superuser: account.is_superuser,
        created: account.created,
        has_collection: current.is_some(),
        media_usn,
        devices: devices.collect(),
        quota_collection_bytes: account.quota_collection_bytes,
        quota_media_bytes: account.quota_media_bytes,
        tokens: tokens.collect(),
        identities: identities.collect(),
    }))
}

type Snapshot = (store::engine::Tx, Option<store::user_db::CollectionState>);

/// A snapshot in which no upload is half loaded.
async fn settled(app: &App, account: i64) -> anyhow::Result<Snapshot> {
    let until = tokio::time::Instant::now() + PATIENCE;
    loop {
        let (tx, state) = app.user.snapshot(account).await?;
        let importing = state.as_ref().and_then(|s| s.current.as_ref()).is_some_and(|c| !c.has_all_rows());
        if !importing {
            return Ok((tx, state));
        }
        tx.rollback().await?;
        if tokio::time::Instant::now() > until {
            bail!("the last upload is still being loaded after five minutes");
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[derive(Default)]
struct Copied {
    lines: Vec<u8>,
    files: u64,
    new_contents: u64,
    new_bytes: u64,
    lost: Vec<String>,
}

fn copy_media(
    app: &App,
    target: &Target,
    known: &Mutex<HashSet<String>>,
    account: i64,
    user: &str,
    media: Vec<MediaFile>,
) -> anyhow::Result<Copied> {
    let mut copied = Copied::default();
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    for file in media {
        let mut content = String::new();
        if file.size > 0 {
            content = sha256_of(&file.content_key).to_owned();
            if !known.contains(&content) {
                if !copy_content(app, account, &file, target, &content_name(&content)?)? {
                    copied.lost.push(format!("{user}: {}", file.name));
                    continue;
                }
                known.insert(content.clone());
                copied.new_contents += 1;
                copied.new_bytes += file.size.unsigned_abs();
            }
            copied.files += 1;
        }
        let line = MediaLine { name: file.name, sha1: file.sha1, content, size: file.size, usn: file.usn };
        serde_json::to_writer(&mut copied.lines, &line)?;
        copied.lines.push(b'\n');
    }
    Ok(copied)
}

/// Keys of contents are `folder/SHA256-random`.
fn sha256_of(key: &str) -> &str {
    key.rsplit('/').next().unwrap_or_default().split('-').next().unwrap_or_default()
}

/// Copies content, unless it is lost or not what its row says.
fn copy_content(app: &App, account: i64, file: &MediaFile, target: &Target, name: &str) -> io::Result<bool> {
    let content = match app.media.get(account, &file.content_key) {
        Ok(content) => content,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(e) => return Err(e),
    };
    let mut content = Checked { content, sha1: Sha1::new(), wanted: &file.sha1, is_wrong: false };
    match target.put(name, &mut content) {
        Err(_) if content.is_wrong => Ok(false),
        put => put.map(|()| true),
    }
}

/// Fails at the end of content that is not the right one, so that it is not written.
struct Checked<'a, R> {
    content: R,
    sha1: Sha1,
    wanted: &'a str,
    is_wrong: bool,
}

impl<R: Read> Read for Checked<'_, R> {
    fn read(&mut self, block: &mut [u8]) -> io::Result<usize> {
        let count = self.content.read(block)?;
        self.sha1.update(block.get(..count).unwrap_or_default());
        if count == 0 && !block.is_empty() && hex::encode(self.sha1.clone().finalize()) != self.wanted {
            self.is_wrong = true;
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the content is damaged"));
        }
        Ok(count)
    }
}
