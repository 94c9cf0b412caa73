use super::{AccountLine, COMPLETE, DeviceLine, Folder, MediaLine, collection_name, media_name};
use crate::actions::collection_file;
use crate::app::App;
use anki::file::Schema;
use anyhow::{Context, bail};
use futures_util::TryStreamExt;
use serde::Serialize;
use sha1::{Digest, Sha1};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use store::main_db::Account;
use store::user_db::media::MediaFile;
use store::user_db::{GenerationState, UserDb};
use tempfile::NamedTempFile;

/// An upload that is still being loaded is waited for, so long.
const PATIENCE: Duration = Duration::from_secs(300);
const BLOCK: usize = 128 << 10;

/// What a run has written.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Written {
    pub run: String,
    pub accounts: u64,
    pub collections: u64,
    pub media: u64,
    /// Contents that were not in the backup yet, and their bytes.
    pub new_contents: u64,
    pub new_bytes: u64,
    /// `user: file` of media whose content is lost or damaged.
    pub lost: Vec<String>,
}

/// Writes everything of `accounts` as a new run. `progress` is told how many accounts are done.
///
/// # Errors
/// When a database or a disk fails; what was written of the run does not count then.
pub async fn backup(app: &Arc<App>, folder: &Folder, accounts: &[Account], mut progress: impl FnMut(u64)) -> anyhow::Result<Written> {
    let name = new_run(folder, &crate::clock::iso_time(app.clock.now_ms()).replace(':', "-"))?;
    let run = folder.run(&name);
    let mut written = Written { run: name, ..Written::default() };
    let mut lines = Vec::new();
    for (number, account) in (1..).zip(accounts) {
        // One that was deleted since the list was read is left out.
        if let Some(line) = one(app, folder, &run, account, &mut written).await.with_context(|| account.username.clone())? {
            lines.extend(serde_json::to_vec(&line)?);
            lines.push(b'\n');
            written.accounts += 1;
        }
        progress(number);
    }
    write_file(&run.join("accounts.jsonl"), &lines)?;
    // A run without this is not one: whatever was cut off does not look like a backup.
    write_file(&run.join(COMPLETE), &serde_json::to_vec(&written)?)?;
    for folder in [&run, &folder.0.join("runs")] {
        File::open(folder)?.sync_all()?;
    }
    Ok(written)
}

/// Makes the folder of a run that begins now, and perhaps not as the only one in this second.
fn new_run(folder: &Folder, now: &str) -> anyhow::Result<String> {
    let mut name = now.to_owned();
    for number in 1..100 {
        match fs::create_dir(folder.run(&name)) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => name = format!("{now}-{number:02}"),
            made => {
                made.with_context(|| format!("cannot make {}", folder.run(&name).display()))?;
                return Ok(name);
            }
        }
    }
    bail!("there are too many runs of this second in the folder")
}

async fn one(app: &Arc<App>, folder: &Folder, run: &Path, account: &Account, written: &mut Written) -> anyhow::Result<Option<AccountLine>> {
    let id = account.id;
    let username = crate::actions::username::Username::new(&account.username)?;
    let Some((account, password_hash)) = app.main.account_with_password(username.key()).await? else { return Ok(None) };
    let devices = app.main.host_keys(id).await?;
    let (tx, state) = settled(app, id).await?;
    let media: Vec<MediaFile> = UserDb::stream_media(&tx, id).await?.try_collect().await?;
    let media_usn = app.user.media_state_in(&tx, id).await?.unwrap_or_default().usn;
    let current = state.and_then(|state| state.current);
    if let Some(current) = &current {
        let temporary = tempfile::tempdir_in(&app.temporary)?;
        let path = temporary.path().join("collection");
        collection_file::write(&tx, current, Schema::V18, &path).await?;
        let target = run.join(collection_name(id));
        let packing = NamedTempFile::new_in(run)?;
        let packed = tokio::task::spawn_blocking(move || collection_file::pack(&path, packing, true)).await??.0;
        packed.as_file().sync_all()?;
        packed.persist(target)?;
        written.collections += 1;
    }
    tx.rollback().await?;
    let (store, into, user) = (app.clone(), folder.clone(), account.username.clone());
    let copied = tokio::task::spawn_blocking(move || copy_media(&store, &into, id, &user, media)).await??;
    write_file(&run.join(media_name(id)), &copied.lines)?;
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
    }))
}

type Snapshot = (store::engine::Tx, Option<store::user_db::CollectionState>);

/// A snapshot in which no upload is half loaded.
async fn settled(app: &App, account: i64) -> anyhow::Result<Snapshot> {
    let until = tokio::time::Instant::now() + PATIENCE;
    loop {
        let (tx, state) = app.user.snapshot(account).await?;
        let importing = state.as_ref().and_then(|s| s.current.as_ref()).is_some_and(|c| c.state == GenerationState::Importing);
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

fn copy_media(app: &App, folder: &Folder, account: i64, user: &str, media: Vec<MediaFile>) -> anyhow::Result<Copied> {
    let mut copied = Copied::default();
    for file in media {
        let mut content = String::new();
        if file.size > 0 {
            content = sha256_of(&file.content_key).to_owned();
            let target = folder.content(&content)?;
            if !target.exists() {
                if !copy_content(app, account, &file, &target)? {
                    copied.lost.push(format!("{user}: {}", file.name));
                    continue;
                }
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
fn copy_content(app: &App, account: i64, file: &MediaFile, target: &Path) -> io::Result<bool> {
    let mut content = match app.media.get(account, &file.content_key) {
        Ok(content) => content,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(e) => return Err(e),
    };
    let parent = target.parent().ok_or_else(|| io::Error::other("contents lie in folders"))?;
    fs::create_dir_all(parent)?;
    let mut copy = NamedTempFile::new_in(parent)?;
    let (mut sha1, mut block) = (Sha1::new(), vec![0; BLOCK]);
    loop {
        let count = content.read(&mut block)?;
        if count == 0 {
            break;
        }
        let read = block.get(..count).unwrap_or_default();
        sha1.update(read);
        copy.write_all(read)?;
    }
    if hex::encode(sha1.finalize()) != file.sha1 {
        return Ok(false);
    }
    copy.as_file().sync_all()?;
    copy.persist(target).map_err(|e| e.error)?;
    Ok(true)
}

fn write_file(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(content)?;
    file.sync_all()
}
