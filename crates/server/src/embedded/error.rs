//! What can keep the embedded database from running. The messages are for the person at the terminal: they say what to do.

use std::io;
use std::path::PathBuf;

/// Why the embedded database does not run.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    #[error(
        "PostgreSQL is not installed, and no external database is configured.\n\
         On Debian and Ubuntu, this installs it without starting a server of its own:\n\n  {APT_LINE}\n\n\
         Or set DJANKISERV_MAINDB_HOST, _PASSWORD and so on to use a PostgreSQL server that runs elsewhere."
    )]
    NotInstalled,
    #[error("the newest PostgreSQL found is {found}, but at least {OLDEST_MAJOR} is needed; install a newer one")]
    TooOld { found: u32 },
    #[error(
        "the database in {} was made by PostgreSQL {made_by}, which is not installed any more (found: {found}).\n\
         Either install it again, which is enough to go on as before:\n\n  sudo apt-get install -y postgresql-{made_by}\n\n\
         or start anew with PostgreSQL {found} from the newest daily dump, which lies in {}:\n\n  \
         mv '{0}' '{0}.{made_by}'\n  djankiserv database restore <the dump>\n\n\
         (the old folder can be removed once all is well). Nothing has been changed.",
        data.display(), dumps.display()
    )]
    OtherMajor { data: PathBuf, dumps: PathBuf, made_by: u32, found: String },
    #[error(
        "PostgreSQL refuses to run as root, and there is no account `postgres` to run it as.\n\
         Make one with `adduser --system --group --home /nonexistent postgres`, or run djankiserv as an ordinary user."
    )]
    NoAccount,
    #[error(
        "the account `{account}`, which runs the embedded PostgreSQL because djankiserv is started as root, cannot enter {}.\n\
         Set DJANKISERV_DATA_ROOT to a folder such as /var/lib/djankiserv, or run `chmod o+x '{0}'`.",
        folder.display()
    )]
    NotEnterable { account: String, folder: PathBuf },
    #[error(
        "another `djankiserv serve` (process {pid}) is running on the data folder {}.\n\
         Stop it first, or give this one a DJANKISERV_DATA_ROOT and DJANKISERV_LISTEN_PORT of its own.",
        root.display()
    )]
    AlreadyServed { pid: String, root: PathBuf },
    #[error("process {pid} holds the embedded database in {} but the database does not answer; see {}", root.display(), log.display())]
    NoAnswer { pid: String, root: PathBuf, log: PathBuf },
    #[error("a PostgreSQL that an earlier run left behind (process {pid}) does not stop; stop it by hand with `kill -QUIT {pid}`")]
    LeftoverStays { pid: i32 },
    #[error("{} belongs to somebody else; it is needed for the database's socket. Remove it, or set DJANKISERV_DATA_ROOT to a shorter path", .0.display())]
    ForeignSocketFolder(PathBuf),
    #[error("{command} failed ({status}):\n{output}")]
    Command { command: &'static str, status: String, output: String },
    #[error("the embedded PostgreSQL does not start ({why}). Its last words, from {}:\n{last_words}", log.display())]
    DoesNotStart { why: String, log: PathBuf, last_words: String },
    // Not named `source`, as it would then be told twice: here, and by whoever prints the causes.
    #[error("{what} {}: {why}", path.display())]
    Io { what: &'static str, path: PathBuf, why: io::Error },
}

/// The oldest PostgreSQL that we use.
pub(super) const OLDEST_MAJOR: u32 = 13;

const APT_LINE: &str = "sudo sh -c 'mkdir -p /etc/postgresql-common/createcluster.d && echo create_main_cluster=false > \
/etc/postgresql-common/createcluster.d/djankiserv.conf && apt-get update && apt-get install -y postgresql'";

/// Says what was attempted on which path.
pub(super) trait At<T> {
    fn at(self, what: &'static str, path: impl Into<PathBuf>) -> Result<T, EmbeddedError>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, what: &'static str, path: impl Into<PathBuf>) -> Result<T, EmbeddedError> {
        self.map_err(|why| EmbeddedError::Io { what, path: path.into(), why })
    }
}
