//! Hashing and checking passwords: argon2id for new ones, Django's `pbkdf2_sha256` for those that came from the original, and the plain
//! SHA-256 of `ankisyncd`. The first login replaces the last two.
//!
//! A hash costs some 20 MB and 50 ms on purpose, so it runs on a blocking thread, and only a few at a time.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Version};
use base64::Engine as _;
use sha2::Digest;
use std::sync::Arc;
use std::time::Duration;
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

/// Hashes at a time. More would only make each slower, and cost memory.
const AT_ONCE: usize = 2;
/// Who waits longer than this for a turn is told to try later.
const PATIENCE: Duration = Duration::from_secs(15);
/// Longer ones are refused when they are set, and are wrong when they are tried.
pub const LONGEST_PASSWORD: usize = 4096;
/// A stored hash that asks for more than this is damaged.
const MOST_PBKDF2_ROUNDS: u32 = 20_000_000;

/// The only one of its kind in a process, so that the limit holds.
#[derive(Clone)]
pub struct Passwords {
    turns: Arc<Semaphore>,
    /// The hash of a password that nobody knows, to be checked when there is no such account: the answer then takes as long as for a
    /// wrong password, and does not tell which usernames exist.
    decoy: Arc<str>,
}

/// Why a password was neither hashed nor checked.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    #[error("too many logins at a time")]
    Busy,
    #[error("hashing a password failed: {0}")]
    Failed(String),
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Wrong,
    Right,
    /// Right, and the stored hash should be replaced by one of today's kind.
    RightButOutdated,
}

impl Passwords {
    /// # Errors
    /// When the operating system has no randomness to give.
    pub fn new() -> Result<Self, PasswordError> {
        let secret = crate::random::bytes::<32>().map_err(|e| PasswordError::Failed(e.to_string()))?;
        Ok(Self { turns: Arc::new(Semaphore::new(AT_ONCE)), decoy: hash_now(&secret)?.into() })
    }

    /// Hashes a new password.
    ///
    /// # Errors
    /// [`PasswordError::Busy`] when too many others wait.
    pub async fn hash(&self, password: String) -> Result<String, PasswordError> {
        self.in_turn(move || hash_now(password.as_bytes())).await
    }

    /// Checks a password against a stored hash, or against nothing in the same time.
    ///
    /// # Errors
    /// [`PasswordError::Busy`] when too many others wait.
    pub async fn verify(&self, password: String, stored: Option<String>) -> Result<Verdict, PasswordError> {
        let decoy = self.decoy.clone();
        self.in_turn(move || {
            let verdict = stored.as_deref().map_or(Verdict::Wrong, |stored| verify_now(password.as_bytes(), stored));
            if verdict == Verdict::Wrong && !stored.as_deref().is_some_and(takes_time) {
                // In the same time as for all others.
                verify_now(password.as_bytes(), &decoy);
            }
            Ok(verdict)
        })
        .await
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let turn = tokio::time::timeout(PATIENCE, self.turns.clone().acquire_owned());
        let turn = turn.await.map_err(|_| PasswordError::Busy)?.map_err(|_| PasswordError::Busy)?;
        // The turn moves along: a request that is given up does not end the work, so it must not free the turn either.
        let task = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        task.await.map_err(|e| PasswordError::Failed(e.to_string()))?
    }
}

/// Argon2id with OWASP's first choice of parameters: 19 MiB, two passes, one lane.
fn argon2() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, argon2::Params::default())
}

fn hash_now(password: &[u8]) -> Result<String, PasswordError> {
    argon2().hash_password(password).map(|hash| hash.to_string()).map_err(|e| PasswordError::Failed(e.to_string()))
}

fn verify_now(password: &[u8], stored: &str) -> Verdict {
    if password.len() > LONGEST_PASSWORD {
        return Verdict::Wrong;
    }
    if let Some(django) = stored.strip_prefix("pbkdf2_sha256$") {
        return if django_matches(password, django) == Some(true) { Verdict::RightButOutdated } else { Verdict::Wrong };
    }
    if let Some(ankisyncd) = stored.strip_prefix(ANKISYNCD) {
        return if ankisyncd_matches(password, ankisyncd) == Some(true) { Verdict::RightButOutdated } else { Verdict::Wrong };
    }
    // Everything else, such as Django's `!…` for "no password", does not parse and so is wrong.
    let Ok(hash) = PasswordHash::new(stored) else { return Verdict::Wrong };
    if argon2().verify_password(password, &hash).is_err() {
        return Verdict::Wrong;
    }
    let today = stored.starts_with("$argon2id$v=19$") && argon2::Params::try_from(&hash).is_ok_and(|p| same_cost(&p));
    if today { Verdict::Right } else { Verdict::RightButOutdated }
}

/// Whether it is seen in the time that a stored hash was checked: not where there is no password, or a hash of a fast kind.
fn takes_time(stored: &str) -> bool {
    if let Some(django) = stored.strip_prefix("pbkdf2_sha256$") {
        let mut parts = django.split('$');
        let rounds = parts.next().and_then(|rounds| rounds.parse().ok());
        let hash = parts.nth(1).and_then(|hash| base64::engine::general_purpose::STANDARD.decode(hash).ok());
        return rounds.is_some_and(|rounds: u32| (1..=MOST_PBKDF2_ROUNDS).contains(&rounds)) && hash.is_some();
    }
    PasswordHash::new(stored).is_ok()
}

fn same_cost(params: &argon2::Params) -> bool {
    let today = argon2::Params::default();
    (params.m_cost(), params.t_cost(), params.p_cost()) == (today.m_cost(), today.t_cost(), today.p_cost())
}

/// Checks Django's `<rounds>$<salt>$<base64 of 32 bytes>`. None when it is not of that form.
fn django_matches(password: &[u8], stored: &str) -> Option<bool> {
    let mut parts = stored.split('$');
    let rounds: u32 = parts.next()?.parse().ok().filter(|n| (1..=MOST_PBKDF2_ROUNDS).contains(n))?;
    let salt = parts.next()?;
    let want = base64::engine::general_purpose::STANDARD.decode(parts.next()?).ok()?;
    let got = pbkdf2::pbkdf2_hmac_array::<sha2::Sha256, 32>(password, salt.as_bytes(), rounds);
    (parts.next().is_none() && want.len() == got.len()).then(|| got.as_slice().ct_eq(&want).into())
}

/// The form in which a hash of `ankisyncd` is stored here: this, the hash, `$`, and the name that was hashed with it.
const ANKISYNCD: &str = "ankisyncd$";

/// What to store of a user of `ankisyncd`. None when it is no hash of its kind: 64 hexadecimal digits of SHA-256, 16 of the salt.
pub fn from_ankisyncd(username: &str, hash: &str) -> Option<String> {
    (hash.len() == 80 && hash.bytes().all(|b| b.is_ascii_hexdigit())).then(|| format!("{ANKISYNCD}{hash}${username}"))
}

fn ankisyncd_matches(password: &[u8], stored: &str) -> Option<bool> {
    let (hash, username) = stored.split_once('$')?;
    let (want, salt) = hash.split_at_checked(64)?;
    let got = sha2::Sha256::new().chain_update(username).chain_update(password).chain_update(salt).finalize();
    Some(hex::encode(got).as_bytes().ct_eq(want.to_ascii_lowercase().as_bytes()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with Django's algorithm, by Python's hashlib: `pbkdf2_hmac("sha256", b"correct horse", b"saltsaltsalt", 1000)`.
    const FROM_DJANGO: &str = "pbkdf2_sha256$1000$saltsaltsalt$F7o7+5VTVzFAO998X6s3AHrDsJVdMiIlgndIMe19NvY=";

    /// Made by `ankisyncctl adduser` of January 2021.
    const FROM_ANKISYNCD: [(&str, &str); 2] = [
        ("ann", "61bec7c3060e5e57518d0d9fb145f8411ea59746f659127e99e1b4ad40a475fd20b0d95ffd09b862"),
        ("bob", "29cc958711d169f4e5a83f14286c42367f614da62f45ab7469f83d32932f306e6ebbf35b0e3cc73d"),
    ];

    #[tokio::test]
    async fn hashes_of_ankisyncd() -> Result<(), PasswordError> {
        let passwords = Passwords::new()?;
        let [ann, bob] = FROM_ANKISYNCD.map(|(name, hash)| from_ankisyncd(name, hash));
        let other_name = from_ankisyncd("Ann", FROM_ANKISYNCD[0].1);
        for (stored, password, want) in [
            (&ann, "correct horse", Verdict::RightButOutdated),
            (&ann, "correct horse ", Verdict::Wrong),
            (&ann, "", Verdict::Wrong),
            (&bob, "bobs pässword", Verdict::RightButOutdated),
            (&other_name, "correct horse", Verdict::Wrong),
            (&Some("ankisyncd$".into()), "", Verdict::Wrong),
            (&Some("ankisyncd$00$".into()), "", Verdict::Wrong),
        ] {
            assert!(stored.is_some());
            assert_eq!(passwords.verify(password.into(), stored.clone()).await?, want, "{stored:?} {password}");
        }
        for no_hash in ["", "00", &"x".repeat(80), &"0".repeat(81)] {
            assert_eq!(from_ankisyncd("ann", no_hash), None);
        }
        Ok(())
    }

    #[tokio::test]
    async fn a_hash_fits_its_password_alone() -> Result<(), PasswordError> {
        let passwords = Passwords::new()?;
        let hash = passwords.hash("pässword".into()).await?;
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        for (password, want) in [("pässword", Verdict::Right), ("password", Verdict::Wrong), ("", Verdict::Wrong)] {
            assert_eq!(passwords.verify(password.into(), Some(hash.clone())).await?, want, "{password}");
        }
        assert_ne!(passwords.hash("pässword".into()).await?, hash, "salted");
        assert_eq!(passwords.verify("x".into(), None).await?, Verdict::Wrong);
        Ok(())
    }

    #[tokio::test]
    async fn no_password_takes_as_long_as_a_wrong_one() -> Result<(), PasswordError> {
        let passwords = Passwords::new()?;
        let mut times = Vec::new();
        for stored in [None, Some("!"), Some("!ankisyncd$"), Some("pbkdf2_sha256$0$salt$AAAA"), Some("")] {
            let began = std::time::Instant::now();
            assert_eq!(passwords.verify("x".into(), stored.map(str::to_owned)).await?, Verdict::Wrong);
            times.push(began.elapsed());
        }
        let fastest = times.iter().min().copied().unwrap_or_default();
        assert!(fastest > std::time::Duration::from_millis(3) && fastest * 50 > times[0], "{times:?}");
        Ok(())
    }

    #[test]
    fn hashes_of_other_kinds() {
        let weak = argon2::Params::new(8, 1, 1, None).expect("allowed");
        let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, weak).hash_password(b"correct horse").expect("hashes").to_string();
        let cases = [
            (FROM_DJANGO, "correct horse", Verdict::RightButOutdated),
            (FROM_DJANGO, "wrong horse", Verdict::Wrong),
            (weak.as_str(), "correct horse", Verdict::RightButOutdated),
            (weak.as_str(), "wrong horse", Verdict::Wrong),
            ("", "", Verdict::Wrong),
            ("!unusable", "!unusable", Verdict::Wrong),
            ("pbkdf2_sha256$0$salt$AAAA", "", Verdict::Wrong),
            ("pbkdf2_sha256$1000$salt$", "", Verdict::Wrong),
            ("pbkdf2_sha256$99999999999$salt$AAAA", "", Verdict::Wrong),
            ("$argon2id$nonsense", "", Verdict::Wrong),
        ];
        for (stored, password, want) in cases {
            assert_eq!(verify_now(password.as_bytes(), stored), want, "{stored} {password}");
        }
        let long = "x".repeat(LONGEST_PASSWORD + 1);
        assert_eq!(verify_now(long.as_bytes(), &hash_now(long.as_bytes()).expect("hashes")), Verdict::Wrong);
    }
}
