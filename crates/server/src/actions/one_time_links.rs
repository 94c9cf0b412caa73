//! Links that are good for one use: to set the server up, to join, to choose a new password.

use super::accounts::digest;
use crate::clock::Clock;
use crate::random;
use store::main_db::{MainDb, OneTimeLink};

/// What a link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkKind {
    /// Making the first administrator.
    SetUp,
    /// Making an account of one's own.
    Join,
    /// Choosing a new password for the account that it names.
    Password,
}

impl LinkKind {
    fn name(self) -> &'static str {
        match self {
            Self::SetUp => "setup",
            Self::Join => "join",
            Self::Password => "password",
        }
    }

    /// The path of the page that it leads to.
    pub fn path(self, secret: &str) -> String {
        format!("/{}/{secret}/", self.name())
    }
}

/// The rules about links, with what they work on.
#[derive(Clone)]
pub struct OneTimeLinks {
    main: MainDb,
    clock: Clock,
}

impl OneTimeLinks {
    pub fn new(main: MainDb, clock: Clock) -> Self {
        Self { main, clock }
    }

    /// Makes a link and answers its secret, which is stored nowhere. A new link to choose a password takes the place of older ones.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn make(&self, kind: LinkKind, account: Option<i64>, maker: &str, valid_ms: i64) -> store::Result<String> {
        let secret = random::token().map_err(|e| store::StoreError::Internal(e.to_string()))?;
        let now = self.clock.now_ms();
        if kind == LinkKind::Password && account.is_some() {
            self.main.remove_one_time_links(kind.name(), account).await?;
        }
        let link = OneTimeLink {
            digest: digest(&secret),
            kind: kind.name().to_owned(),
            account,
            maker: maker.to_owned(),
            created: now,
            expires: now + valid_ms,
            data: String::new(),
        };
        self.main.add_one_time_link(&link).await?;
        Ok(secret)
    }

    /// The link with that secret, if it can still be used.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find(&self, kind: LinkKind, secret: &str) -> store::Result<Option<OneTimeLink>> {
        self.main.one_time_link(kind.name(), &digest(secret), self.clock.now_ms()).await
    }

    /// Uses a link up. False when somebody else was faster, or it is too old by now.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take(&self, kind: LinkKind, link: &OneTimeLink) -> store::Result<bool> {
        self.main.use_one_time_link(kind.name(), &link.digest, self.clock.now_ms()).await
    }

    /// The links of a kind that can still be used.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list(&self, kind: LinkKind) -> store::Result<Vec<OneTimeLink>> {
        self.main.one_time_links(kind.name(), self.clock.now_ms()).await
    }

    /// Makes a link useless. False when there was none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn withdraw(&self, kind: LinkKind, digest: &str) -> store::Result<bool> {
        self.main.use_one_time_link(kind.name(), digest, self.clock.now_ms()).await
    }

    /// Makes all links of a kind useless.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn withdraw_all(&self, kind: LinkKind) -> store::Result<()> {
        self.main.remove_one_time_links(kind.name(), None).await.map(drop)
    }
}
