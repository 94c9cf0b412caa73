//! Media files of a package: those that notes which come along refer to. A file whose name has another content here gets its hash into
//! the name, and the notes refer to it by that. Static ones (`_name`, `latex-…`) come along unless their name is taken.

use super::super::{Edit, EditError, Result};
use super::{MergePackage, Merged};
use crate::actions::quota::{Full, exceeds};
use anki::media::{name_with_hash, usable_name};
use anki::text::{FIELD_SEPARATOR, rename_media, split_fields};
use std::borrow::Cow;
use std::collections::HashMap;
use store::user_db::media::{MediaWrite, StoredContent};

/// A file of a package.
#[derive(Debug, Clone)]
pub struct PackedMedia {
    /// As clients store it.
    pub name: String,
    pub sha1: String,
    /// None when the account has this content under this name.
    pub content_key: Option<String>,
    pub size: i64,
}

pub(super) struct Media {
    /// By the name in the package.
    files: HashMap<String, File>,
    /// Content of the others by name.
    taken: HashMap<String, String>,
}

struct File {
    packed: PackedMedia,
    /// The name that it has or gets here.
    name: String,
    is_here: bool,
    used: bool,
}

impl Media {
    /// Looks at what the account has, which stays so until the transaction ends.
    pub(super) async fn load(package: &MergePackage, edit: &Edit) -> Result<Self> {
        let renamed = package.media.iter().map(|file| name_with_hash(&file.name, &file.sha1));
        let names: Vec<String> = package.media.iter().map(|file| file.name.clone()).chain(renamed).collect();
        let here = package.user.lock_media_in(&edit.locked.tx, edit.locked.state.account, &names).await?;
        let taken: HashMap<String, String> = here.into_iter().map(|file| (file.name, file.sha1)).collect();
        let mut files = HashMap::new();
        for packed in &package.media {
            let is_static = is_static(&packed.name);
            let (name, is_here) = match taken.get(&packed.name) {
                None => (packed.name.clone(), false),
                Some(sha1) if *sha1 == packed.sha1 || is_static => (packed.name.clone(), true),
                Some(_) => {
                    let name = name_with_hash(&packed.name, &packed.sha1);
                    let is_here = taken.get(&name) == Some(&packed.sha1);
                    (name, is_here)
                }
            };
            files.insert(packed.name.clone(), File { packed: packed.clone(), name, is_here, used: is_static });
        }
        Ok(Self { files, taken })
    }

    /// The fields of a note, referring to files by the names that they have here.
    pub(super) fn refer<'a>(&mut self, fields: &'a str) -> Cow<'a, str> {
        let mut changed = false;
        let fields_here: Vec<Cow<'_, str>> = split_fields(fields)
            .map(|field| match rename_media(field, |name| self.name_here(name)) {
                Some(new) => {
                    changed = true;
                    Cow::Owned(new)
                }
                None => Cow::Borrowed(field),
            })
            .collect();
        if changed { Cow::Owned(fields_here.join(&FIELD_SEPARATOR.to_string())) } else { Cow::Borrowed(fields) }
    }

    fn name_here(&mut self, name: &str) -> Option<String> {
        let normal = safe_name(name)?;
        match self.files.get_mut(&normal) {
            Some(file) => {
                file.used = true;
                (file.name != name).then(|| file.name.clone())
            }
            // Perhaps a file that is here.
            None => (normal != name).then_some(normal),
        }
    }

    /// Writes the files that are used now, and not here yet.
    pub(super) async fn write(self, package: &MergePackage, edit: &mut Edit, report: &mut Merged) -> Result<()> {
        let mut writes = Vec::new();
        for file in self.files.into_values().filter(|file| file.used && !file.is_here) {
            let PackedMedia { sha1, content_key, size, name } = file.packed;
            // The content was there when the package was read, and is not any more.
            if content_key.is_none() && !package.options.dry_run {
                return Err(EditError::Store(store::StoreError::Busy(format!("media changed at the same time: {name}"))));
            }
            report.media_added += 1;
            report.media_renamed += u64::from(file.name != name && self.taken.contains_key(&name));
            report.media_bytes_added += size.unsigned_abs();
            writes.push(MediaWrite { name: file.name, content: Some(StoredContent { sha1, content_key, size }) });
        }
        if let Some(quota) = package.media_quota
            && !writes.is_empty()
        {
            let used = package.user.media_state_in(&edit.locked.tx, edit.locked.state.account).await?.unwrap_or_default().bytes;
            if exceeds(used, report.media_bytes_added, quota) {
                return Err(Full::Media(quota).into());
            }
        }
        if !package.options.dry_run && !writes.is_empty() {
            writes.sort_by(|a, b| a.name.cmp(&b.name));
            package.user.apply_media_in(&edit.locked.tx, edit.locked.state.account, &writes, edit.now_ms).await?;
        }
        Ok(())
    }
}

/// Whether templates may refer to a file, which nobody looks for.
pub fn is_static(name: &str) -> bool {
    name.starts_with('_') || name.starts_with("latex-")
}

/// The name under which clients store a file that is called so. None for one that would lead elsewhere.
pub fn safe_name(name: &str) -> Option<String> {
    if name.contains(['/', '\\', '\0']) || matches!(name, "." | "..") { None } else { usable_name(name) }
}
