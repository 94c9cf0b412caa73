//! Which account somebody has who was recognised elsewhere: by a provider of OpenID Connect, or by a proxy in front of us.

use super::accounts::{AccountError, Accounts, digest};
use super::actor::Actor;
use super::email;
use super::oidc::Person;
use super::username::Username;
use crate::config::{Link, OidcSettings};
use crate::random;
use store::StoreError;
use store::main_db::{Account, Identity, NewAccount};

/// Why somebody has no account here, as sentences for them.
#[derive(Debug, thiserror::Error)]
pub enum ExternalError {
    #[error(
        "There is no account here that belongs to you. Ask an administrator to make one, or log in with your password and link it on the page of your password."
    )]
    NoAccount,
    #[error("The name {0} is taken here by another account, so none could be made for you. Ask an administrator.")]
    NameTaken(String),
    #[error("Your name elsewhere cannot be a username here: {0}.")]
    BadName(String),
    #[error("Your account is disabled.")]
    Disabled,
    #[error("That login belongs to another account here.")]
    LinkedElsewhere,
    #[error(transparent)]
    Account(#[from] AccountError),
}

impl From<StoreError> for ExternalError {
    fn from(error: StoreError) -> Self {
        Self::Account(error.into())
    }
}

impl Accounts {
    /// The account of somebody who comes from the provider: the one that is linked, or one that the settings let us link or make.
    ///
    /// # Errors
    /// [`ExternalError`].
    pub async fn by_person(&self, settings: &OidcSettings, person: &Person, actor: &Actor) -> Result<Account, ExternalError> {
        let key = key(person);
        if let Some(account) = self.main.identity_account(&key).await? {
            let account = self.main.account_by_id(account).await?.ok_or(ExternalError::NoAccount)?;
            self.main.identity_used(&key, &label(person), self.clock.now_ms()).await?;
            return active(account);
        }
        let found = match settings.link {
            Link::Never => None,
            Link::Email => match &person.email {
                Some(email) => match self.main.accounts_by_email(email).await?.as_slice() {
                    [one] => Some(one.clone()),
                    _ => None,
                },
                None => None,
            },
            Link::Username => match person.username.as_deref().map(Username::new) {
                Some(Ok(username)) => self.main.account_by_username(username.key()).await?,
                _ => None,
            },
        };
        // Administrators link their account themselves: a name or address elsewhere must not be enough to become one.
        let account = match found.filter(|account| !account.is_staff && !account.is_superuser) {
            Some(account) => active(account)?,
            None if settings.creates => {
                let name = person.username.as_deref().or(person.email.as_deref()).ok_or(ExternalError::NoAccount)?;
                self.create_without_password(name, person.email.as_deref().unwrap_or_default(), actor).await?
            }
            None => return Err(ExternalError::NoAccount),
        };
        self.link(&account, person, actor).await?;
        Ok(account)
    }

    /// Links somebody at the provider with an account. Linked with it already, nothing happens.
    ///
    /// # Errors
    /// [`ExternalError::LinkedElsewhere`].
    pub async fn link(&self, account: &Account, person: &Person, actor: &Actor) -> Result<(), ExternalError> {
        let now = self.clock.now_ms();
        let identity = Identity {
            digest: key(person),
            account: account.id,
            issuer: person.issuer.clone(),
            subject: person.subject.clone(),
            label: label(person),
            created: now,
            last_used: now,
        };
        match self.main.add_identity(&identity).await {
            Ok(()) => {}
            Err(StoreError::AlreadyExists(_)) => {
                let owner = self.main.identity_account(&identity.digest).await?;
                return if owner == Some(account.id) { Ok(()) } else { Err(ExternalError::LinkedElsewhere) };
            }
            Err(e) => return Err(e.into()),
        }
        let detail = format!("linked `{}` with a login at {}", account.username, person.issuer);
        self.record(actor, Some(account.id), "account.link_login", detail).await;
        Ok(())
    }

    /// Whether that is somebody whom this account is linked with.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn is_linked(&self, account: &Account, person: &Person) -> Result<bool, ExternalError> {
        Ok(self.main.identity_account(&key(person)).await? == Some(account.id))
    }

    /// Forgets a link. Answers whether there was such a one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn unlink(&self, account: &Account, digest: &str, actor: &Actor) -> Result<bool, ExternalError> {
        let removed = self.main.remove_identity(account.id, digest).await?;
        if removed {
            self.record(actor, Some(account.id), "account.unlink_login", format!("took a linked login from `{}`", account.username)).await;
        }
        Ok(removed)
    }

    /// The account of somebody whom a trusted proxy names.
    ///
    /// # Errors
    /// [`ExternalError`].
    pub async fn by_proxy(&self, name: &str, creates: bool, actor: &Actor) -> Result<Account, ExternalError> {
        let username = Username::new(name).map_err(|e| ExternalError::BadName(e.to_string()))?;
        match self.main.account_by_username(username.key()).await? {
            Some(account) => active(account),
            None if creates => self.create_without_password(name, "", actor).await,
            None => Err(ExternalError::NoAccount),
        }
    }

    async fn create_without_password(&self, name: &str, email: &str, actor: &Actor) -> Result<Account, ExternalError> {
        let username = Username::new(name).map_err(|e| ExternalError::BadName(e.to_string()))?;
        let row = NewAccount {
            id: random::account_id().map_err(AccountError::from)?,
            username: username.typed().to_owned(),
            username_key: username.key().to_owned(),
            email: if email::is_fine(email) { email.to_owned() } else { String::new() },
            // As Django writes it: it fits no password.
            password_hash: "!".to_owned(),
            is_staff: false,
            is_superuser: false,
        };
        let now = self.clock.now_ms();
        match self.main.create_account(&row, now).await {
            Err(StoreError::AlreadyExists(_)) => return Err(ExternalError::NameTaken(username.typed().to_owned())),
            outcome => outcome?,
        }
        self.user.create_collection(row.id, now).await?;
        self.record(actor, Some(row.id), "account.create", format!("made a user `{}`, who came by another login", row.username)).await;
        Ok(self.find(&username).await?)
    }
}

fn active(account: Account) -> Result<Account, ExternalError> {
    if account.is_active { Ok(account) } else { Err(ExternalError::Disabled) }
}

fn key(person: &Person) -> String {
    digest(&format!("{}\n{}", person.issuer, person.subject))
}

fn label(person: &Person) -> String {
    let text = person.email.as_deref().or(person.username.as_deref()).unwrap_or(&person.subject);
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}
