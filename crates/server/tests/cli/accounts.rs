//! The rules about accounts, on a real database.

use crate::support::Folder;
use anki::wire::client::ClientVersion;
use djankiserv::actions::accounts::{AccountError, Accounts, NewUser};
use djankiserv::actions::username::Username;
use djankiserv::clock::Clock;
use djankiserv::config::{DataRoot, LoginLimits};
use djankiserv::embedded::Embedded;
use djankiserv::media_store::MediaStore;
use djankiserv::passwords::Passwords;
use std::collections::HashSet;
use store::StoreError;
use store::engine::{ConnectTo, Db};
use store::main_db::{MainDb, NewAccount};
use store::user_db::UserDb;

const NOW: i64 = 1_795_391_696_000;
const WINDOW: i64 = 60_000;
const ATTEMPTS: u32 = 3;

/// Two processes on one database, so to say: they share nothing else.
struct World {
    here: Accounts,
    there: Accounts,
    main: MainDb,
    clock: Clock,
    embedded: Embedded,
    folder: Folder,
}

impl World {
    async fn new(name: &str) -> Self {
        let folder = Folder::new(name);
        let root = DataRoot::new(folder.path()).unwrap();
        let embedded = Embedded::for_command(&root, 4).await.unwrap();
        let to = embedded.connect_to();
        let main = MainDb::open(&to, "0123456789abcdef", NOW).await.unwrap();
        let user = UserDb::open(&to, main.installation(), NOW).await.unwrap();
        let clock = Clock::fixed(NOW);
        let limits = LoginLimits { attempts: ATTEMPTS, window_ms: WINDOW };
        let media = MediaStore::open(root.media()).unwrap();
        let passwords = || Passwords::new().unwrap();
        let accounts = || Accounts::new(main.clone(), user.clone(), passwords(), limits, root.clone(), media.clone(), clock.clone());
        Self { here: accounts(), there: accounts(), main, clock, embedded, folder }
    }

    async fn add(&self, name: &str, password: &str) -> i64 {
        let new = NewUser { username: named(name), email: String::new(), password: password.into(), is_staff: false, is_superuser: false };
        self.here.create(new, "test").await.unwrap().id
    }

    async fn log_in(&self, name: &str, password: &str) -> Result<String, AccountError> {
        let address = Some("192.0.2.1".parse().unwrap());
        self.there.log_in(name, password.into(), &client(), address).await.map(|(_, key)| key)
    }

    async fn owner(&self, key: &str) -> Option<String> {
        self.there.host_key_owner(key, &client(), None).await.unwrap().map(|owner| owner.username)
    }

    async fn end(self) {
        let Self { here, there, main, embedded, folder, .. } = self;
        drop((here, there, main));
        embedded.stop().await;
        drop(folder);
    }
}

fn named(name: &str) -> Username {
    Username::new(name).unwrap()
}

fn client() -> ClientVersion {
    ClientVersion::parse("anki,26.09.3 (29bb700b),linux")
}

/// Longer than a process may remember whom a key belongs to.
async fn until_forgotten() {
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
}

#[tokio::test]
async fn keys_live_and_die_with_what_is_done_to_the_account() {
    let world = World::new("keys").await;
    let id = world.add("Ann", "pw").await;
    assert!((1 << 40..1 << 53).contains(&id));
    assert!(matches!(world.log_in("ann", "wrong").await, Err(AccountError::WrongLogin)));
    let key = world.log_in(" ANN ", "pw").await.unwrap();
    assert_eq!(key.len(), 64);
    assert_eq!(world.owner(&key).await.as_deref(), Some("Ann"));
    assert_eq!(world.owner(&"0".repeat(64)).await, None);
    let device = world.main.host_keys(id).await.unwrap().remove(0);
    assert_ne!(device.digest, key, "the key itself is not stored");
    assert_eq!((device.client.name.as_str(), device.last_address.as_str()), ("anki", "192.0.2.1"));

    world.here.set_active(&named("ann"), false, "test").await.unwrap();
    until_forgotten().await;
    assert_eq!(world.owner(&key).await, None, "disabled");
    assert!(matches!(world.log_in("ann", "pw").await, Err(AccountError::Disabled)));
    world.here.set_active(&named("ann"), true, "test").await.unwrap();
    assert_eq!(world.owner(&key).await.as_deref(), Some("Ann"), "enabled again, at once");

    world.here.set_password(&named("ann"), "new".into(), true, "test").await.unwrap();
    until_forgotten().await;
    assert_eq!(world.owner(&key).await.as_deref(), Some("Ann"), "devices kept");
    world.here.set_password(&named("ann"), "newer".into(), false, "test").await.unwrap();
    until_forgotten().await;
    assert_eq!(world.owner(&key).await, None, "logged out");

    let key = world.log_in("ann", "newer").await.unwrap();
    world.here.rename(&named("ann"), &named("Anna"), "test").await.unwrap();
    assert_eq!(world.owner(&key).await.as_deref(), Some("Anna"));

    let media = world.folder.path().join("media").join(id.to_string());
    std::fs::create_dir_all(&media).unwrap();
    let kept = [format!("downloads/{id:x}-1-2-3-s18z-w1-5"), format!("imports/{id}-1.anki2"), format!("downloads/{:x}-1-2", id ^ 1)];
    let kept = kept.map(|name| world.folder.path().join(name));
    for file in &kept {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, "x").unwrap();
    }
    world.here.delete(&named("anna"), "test").await.unwrap();
    assert_eq!(world.owner(&key).await, None, "deleted");
    assert_eq!(kept.map(|file| file.exists()), [false, false, true], "the files of this account, and of no other");
    assert!(!media.exists() && world.main.deleted_accounts().await.unwrap().is_empty());
    let actions: Vec<String> = world.main.audit(Some(id), 20).await.unwrap().into_iter().map(|entry| entry.action).collect();
    for action in ["account.create", "account.disable", "account.enable", "account.password", "account.rename", "account.delete"] {
        assert!(actions.iter().any(|a| a == action), "{action} in {actions:?}");
    }
    world.end().await;
}

#[tokio::test]
async fn guessing_is_limited_but_nobody_is_locked_out_for_good() {
    let world = World::new("guessing").await;
    world.add("ann", "pw").await;
    world.add("bob", "pw").await;
    let key = world.log_in("ann", "pw").await.unwrap();
    for _ in 0..ATTEMPTS {
        assert!(matches!(world.log_in("ann", "wrong").await, Err(AccountError::WrongLogin)));
    }
    // Even the right password has to wait, in every process; other accounts and logged-in devices do not.
    assert!(matches!(world.log_in("ann", "pw").await, Err(AccountError::TryLater(60))));
    assert!(matches!(world.here.verify_login("ANN", "pw".into(), None).await, Err(AccountError::TryLater(60))));
    assert!(world.log_in("bob", "pw").await.is_ok());
    assert_eq!(world.owner(&key).await.as_deref(), Some("ann"));
    world.clock.set(NOW + WINDOW);
    assert!(world.log_in("ann", "pw").await.is_ok());

    // A success forgets the failures before it.
    for _ in 0..3 {
        assert!(matches!(world.log_in("bob", "wrong").await, Err(AccountError::WrongLogin)));
        assert!(world.log_in("bob", "pw").await.is_ok());
    }
    // Unknown names are counted like known ones, and all names together for the address they come from.
    let mut refused = 0;
    for n in 0..ATTEMPTS * 10 {
        match world.log_in(&format!("nobody{n}"), "x").await {
            Err(AccountError::WrongLogin) => {}
            Err(AccountError::TryLater(_)) => refused += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!((1..=5).contains(&refused), "the failures for bob count for the address too: {refused}");
    world.clock.set(NOW + 3 * WINDOW);
    world.here.tidy().await.unwrap();
    assert!(world.log_in("bob", "pw").await.is_ok());
    world.end().await;
}

#[tokio::test]
async fn accounts_of_the_original_get_a_new_hash_when_they_log_in() {
    let world = World::new("django").await;
    let hash = "pbkdf2_sha256$1000$saltsaltsalt$F7o7+5VTVzFAO998X6s3AHrDsJVdMiIlgndIMe19NvY=".to_owned();
    let row = NewAccount {
        id: 1 << 41,
        username: "old".into(),
        username_key: "old".into(),
        email: String::new(),
        password_hash: hash,
        is_staff: false,
        is_superuser: false,
    };
    world.main.create_account(&row, NOW).await.unwrap();
    let same_name = NewAccount { id: 1 << 42, ..row };
    assert!(matches!(world.main.create_account(&same_name, NOW).await, Err(StoreError::AlreadyExists(_))));

    assert!(matches!(world.log_in("old", "wrong").await, Err(AccountError::WrongLogin)));
    assert!(world.log_in("old", "correct horse").await.is_ok());
    let (account, hash) = world.main.account_with_password("old").await.unwrap().unwrap();
    assert!(hash.starts_with("$argon2id$"), "{hash}");
    assert_eq!(account.last_login, Some(NOW));
    assert!(world.log_in("old", "correct horse").await.is_ok(), "the new hash fits too");
    world.end().await;
}

#[tokio::test]
async fn an_interrupted_deletion_is_finished_later() {
    let world = World::new("deletion").await;
    let id = world.add("ann", "pw").await;
    let key = world.log_in("ann", "pw").await.unwrap();
    assert!(world.main.mark_account_deleted(id, NOW).await.unwrap());
    assert!(!world.main.mark_account_deleted(id, NOW).await.unwrap(), "only once");
    assert_eq!(world.owner(&key).await, None);
    assert!(matches!(world.log_in("ann", "pw").await, Err(AccountError::WrongLogin)));
    let successor = world.add("ann", "pw").await;
    assert_ne!(successor, id);
    world.here.finish_deletions().await.unwrap();
    assert!(world.main.deleted_accounts().await.unwrap().is_empty());
    assert!(world.main.account_by_id(successor).await.unwrap().is_some());
    world.end().await;
}

#[tokio::test]
async fn any_number_of_processes_may_start_at_once_on_an_empty_database() {
    let world = World::new("start").await;
    let admin = ConnectTo { user: "postgres".into(), database: "postgres".into(), ..world.embedded.connect_to() };
    Db::connect(&admin).await.unwrap().script("CREATE DATABASE fresh").await.unwrap();
    let to = ConnectTo { database: "fresh".into(), ..admin };
    let opens = (0..8).map(|n| {
        let to = to.clone();
        async move {
            let main = MainDb::open(&to, &format!("abcdef{n}{n}"), NOW).await?;
            UserDb::open(&to, main.installation(), NOW).await?;
            Ok::<_, StoreError>(main.installation().to_owned())
        }
    });
    let installations: HashSet<String> = futures_util::future::join_all(opens).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(installations.len(), 1, "{installations:?}");
    world.end().await;
}
