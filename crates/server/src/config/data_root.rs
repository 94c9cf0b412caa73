//! The folder that holds everything that is not in an external database.

use super::secret::Secret;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Where things lie below the data folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataRoot(PathBuf);

impl DataRoot {
    /// Takes a folder, which need not exist yet. A relative one is meant from the current folder.
    ///
    /// # Errors
    /// When the current folder cannot be determined.
    pub fn new(path: &Path) -> io::Result<Self> {
        std::path::absolute(path).map(Self)
    }

    /// The folder that is used when none is set, or None when the user has no home.
    pub fn default_path() -> Option<PathBuf> {
        if nix::unistd::geteuid().is_root() {
            return Some("/var/lib/djankiserv".into());
        }
        let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let folder = absolute("XDG_DATA_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/share")))?;
        Some(folder.join("djankiserv"))
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Media files, by account and content.
    pub fn media(&self) -> PathBuf {
        self.0.join("media")
    }

    /// Uploads and downloads that are under way. Emptied at will.
    pub fn temporary(&self) -> PathBuf {
        self.0.join("tmp")
    }

    /// Collection files that were made for downloads. The name of each begins with its account in hexadecimal and a hyphen.
    pub fn downloads(&self) -> PathBuf {
        self.0.join("downloads")
    }

    /// Uploaded collection files whose rows are still being loaded. The name of each begins with its account and a hyphen.
    pub fn imports(&self) -> PathBuf {
        self.0.join("imports")
    }

    /// The embedded database with all that belongs to it.
    pub fn postgres(&self) -> PathBuf {
        self.0.join("postgres")
    }

    /// Daily dumps of the embedded database.
    pub fn dumps(&self) -> PathBuf {
        self.0.join("dumps")
    }

    /// Whether there is an embedded database. What cannot be looked at is told by whoever opens it.
    pub fn has_database(&self) -> bool {
        self.postgres().join("data/PG_VERSION").try_exists().unwrap_or(true)
    }

    /// Creates the folder if it is not there yet.
    ///
    /// Root's is enterable for everybody, without being listable, because the embedded database then runs as another account. Another user's is private.
    ///
    /// Root does not use a folder that belongs to somebody else: what root leaves there, its owner's server could not open any more.
    ///
    /// # Errors
    /// When it cannot be created or written to, with what to do.
    pub fn create(&self) -> io::Result<()> {
        self.make().map_err(|error| self.explained(&error))?;
        let owner = fs::metadata(&self.0)?.uid();
        if nix::unistd::geteuid().is_root() && owner != 0 {
            let (name, folder) = (name_of(owner), self.0.display());
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!(
                    "it belongs to {name}, and this is root: run this as {name} (`sudo djankiserv-ctl …` with the Debian package, else \
                     `sudo -u {name} djankiserv …`), or `chown root {folder}` if root is to run the server"
                ),
            ));
        }
        Ok(())
    }

    /// With who may use the folder, who we are, and what to do.
    fn explained(&self, error: &io::Error) -> io::Error {
        if self.0.metadata().is_ok_and(|metadata| !metadata.is_dir()) {
            return io::Error::new(error.kind(), "it is a file, not a folder; set DJANKISERV_DATA_ROOT to a folder");
        }
        let me = name_of(nix::unistd::geteuid().as_raw());
        let folder = self.0.ancestors().find_map(|folder| fs::metadata(folder).ok().map(|metadata| (folder, metadata)));
        let whose = folder.filter(|_| error.kind() == io::ErrorKind::PermissionDenied).map(|(folder, metadata)| {
            let what = if folder == self.0 { "it".to_owned() } else { folder.display().to_string() };
            format!(": {what} belongs to {} (mode {:o}) and this is {me}", name_of(metadata.uid()), metadata.mode() & 0o777)
        });
        let text = format!(
            "{error}{}; run this as its owner, `chown -R {me} {}`, or set DJANKISERV_DATA_ROOT to a folder of your own",
            whose.unwrap_or_default(),
            self.0.display()
        );
        io::Error::new(error.kind(), text)
    }

    fn make(&self) -> io::Result<()> {
        let mode = if nix::unistd::geteuid().is_root() { 0o711 } else { 0o700 };
        if let Some(parent) = self.0.parent() {
            create_parents(parent)?;
        }
        match fs::DirBuilder::new().mode(mode).create(&self.0) {
            // The mode given to mkdir is cut by the umask, which may be 077 for root.
            Ok(()) => fs::set_permissions(&self.0, fs::Permissions::from_mode(mode))?,
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists && self.0.is_dir() => {}
            Err(e) => return Err(e),
        }
        nix::unistd::access(&self.0, nix::unistd::AccessFlags::W_OK | nix::unistd::AccessFlags::X_OK).map_err(io::Error::from)
    }

    /// The generated secret key, made at the first call. Only its owner can read it.
    ///
    /// # Errors
    /// When the file cannot be written or read, or others can read it.
    pub fn secret_key(&self) -> io::Result<Secret> {
        let path = self.0.join("secret_key");
        if !path.exists() {
            write_new_key(&self.0, &path)?;
        }
        let text = fs::read_to_string(&path)?;
        let key = text.trim_end();
        if key.len() < MIN_KEY_BYTES {
            return Err(io::Error::other(format!("{} is damaged: delete it, and a new one is made", path.display())));
        }
        if fs::metadata(&path)?.mode() & 0o077 != 0 {
            return Err(io::Error::other(format!("other users can read it: run `chmod 600 {0}`", path.display())));
        }
        Ok(Secret::new(key))
    }
}

/// An account's name, or its number if it has none.
fn name_of(uid: u32) -> String {
    nix::unistd::User::from_uid(uid.into()).ok().flatten().map_or_else(|| uid.to_string(), |user| user.name)
}

/// Creates the folders on the way, with the mode that such folders usually have, as our umask is strict and other accounts must pass.
fn create_parents(folder: &Path) -> io::Result<()> {
    let mut missing: Vec<&Path> = folder.ancestors().take_while(|folder| !folder.exists()).collect();
    while let Some(folder) = missing.pop() {
        match fs::create_dir(folder) {
            Ok(()) => fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?,
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// A secret key must have at least this many bytes.
pub(super) const MIN_KEY_BYTES: usize = 32;

/// Writes a key under another name first and links it into place, so that of several processes that start at once one wins and none sees half a file.
fn write_new_key(folder: &Path, path: &Path) -> io::Result<()> {
    let mut key = [0u8; 32];
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    let draft = folder.join(format!(".secret_key-{}", std::process::id()));
    let _ = fs::remove_file(&draft);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    writeln!(file, "{}", hex::encode(key))?;
    file.sync_all()?;
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    match linked {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(e),
        _ => File::open(folder)?.sync_all(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_made_once_and_private() -> io::Result<()> {
        let folder = std::env::temp_dir().join(format!("djankiserv-root-{}", std::process::id()));
        let root = DataRoot::new(&folder)?;
        root.create()?;
        root.create()?;
        let key = root.secret_key()?;
        assert_eq!(key.expose().len(), 64);
        assert_eq!(root.secret_key()?, key);
        let path = folder.join("secret_key");
        assert_eq!(fs::metadata(&path)?.mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644))?;
        assert!(root.secret_key().is_err_and(|e| e.to_string().contains("chmod 600")));
        fs::remove_dir_all(&folder)
    }
}
