//! Where backups go, and when the server makes them by itself.

use super::source::Reader;
use super::{Secret, settings};
use crate::media_store::MediaLocation;
use std::fmt;
use std::path::PathBuf;

/// A place for backups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackupPlace {
    Folder(PathBuf),
    Bucket(MediaLocation),
}

impl fmt::Display for BackupPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => path.display().fmt(f),
            Self::Bucket(MediaLocation { bucket, prefix, .. }) => write!(f, "s3://{bucket}/{prefix}"),
        }
    }
}

/// What the settings say of backups.
#[derive(Debug, Clone)]
pub struct Backups {
    /// None when the server makes none by itself.
    pub plan: Option<BackupPlan>,
    /// How to get into a bucket.
    keys: Option<(String, Secret)>,
}

/// What the server does by itself.
#[derive(Debug, Clone)]
pub struct BackupPlan {
    pub to: BackupPlace,
    pub every_ms: i64,
    pub keep: usize,
}

impl Backups {
    /// Reads a folder's name or a bucket's address.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn place(&self, text: &str) -> Result<BackupPlace, String> {
        if !text.starts_with("s3:") {
            return Ok(BackupPlace::Folder(PathBuf::from(text)));
        }
        let Some((id, secret)) = self.keys.clone() else {
            return Err("DJANKISERV_BACKUP_ACCESS_KEY and DJANKISERV_BACKUP_SECRET_KEY are needed to get into a bucket".to_owned());
        };
        let wanted = "it must be like s3://bucket/prefix?endpoint=https://s3.example.com&region=eu-central-1";
        MediaLocation::parse(text, id, secret).map(BackupPlace::Bucket).ok_or_else(|| format!("`{text}` is not usable; {wanted}"))
    }
}

/// `media` are the keys of the bucket for media, if there is one.
pub(super) fn read(r: &mut Reader, media: Option<&MediaLocation>) -> Option<Backups> {
    let to = r.text(settings::BACKUP_TO);
    let every = r.number(settings::BACKUP_EVERY_HOURS, 1..=8760);
    let keep = r.number(settings::BACKUP_KEEP, 1..=100_000);
    let own = r.text(settings::BACKUP_ACCESS_KEY).zip(r.secret(settings::BACKUP_SECRET_KEY));
    let keys = own.or_else(|| media.map(|location| (location.key_id.clone(), location.secret.clone())));
    let mut backups = Backups { plan: None, keys };
    if let Some(to) = to {
        match backups.place(&to) {
            Ok(BackupPlace::Folder(folder)) if folder.is_relative() => {
                let problem = format!("`{to}` depends on where the server is started: give the whole path, such as /backups/anki");
                r.refuse(settings::BACKUP_TO, problem);
                return None;
            }
            Ok(to) => {
                let every_ms = i64::try_from(every?).ok()? * 60 * 60 * 1000;
                backups.plan = Some(BackupPlan { to, every_ms, keep: usize::try_from(keep?).ok()? });
            }
            Err(problem) => {
                r.refuse(settings::BACKUP_TO, problem);
                return None;
            }
        }
    }
    every.and(keep).map(|_| backups)
}
