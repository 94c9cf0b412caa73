//! Versions of the sync protocol. Everything else asks predicates and never compares numbers.

use crate::file::Schema;

/// A protocol version that we speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SyncVersion(u8);

impl SyncVersion {
    /// From 2013: a session key tells parallel attempts to sync apart.
    pub const SESSION_KEY: Self = Self(8);
    /// From 2018: the same messages from clients that know the second scheduler. Graves may be sent in pieces.
    pub const V2_SCHEDULER: Self = Self(9);
    /// From 2020: the same messages from clients that know how the second scheduler treats time zones. Desktop up to 2.1.56.
    pub const V2_TIMEZONE: Self = Self(10);
    /// From 2023: a header and zstd replace multipart forms and gzip, full uploads and downloads may be in schema 18, and media sync
    /// needs no key of its own. Desktop from 2.1.57 on, current AnkiDroid and AnkiMobile.
    pub const DIRECT_POST: Self = Self(11);

    pub const OLDEST: Self = Self::SESSION_KEY;
    pub const NEWEST: Self = Self::DIRECT_POST;

    /// The version of a multipart request, whose envelope does not say which it is.
    pub const MULTIPART: Self = Self::V2_TIMEZONE;

    /// The version with a number that a client sent.
    ///
    /// # Errors
    /// When we do not speak it. `meta` answers that with 501, everything else with 400.
    pub fn new(number: i64) -> Result<Self, UnsupportedVersion> {
        match u8::try_from(number).map(Self) {
            Ok(version) if (Self::OLDEST..=Self::NEWEST).contains(&version) => Ok(version),
            _ => Err(UnsupportedVersion { number }),
        }
    }

    pub fn number(self) -> u8 {
        self.0
    }

    /// Whether requests are multipart forms, and responses plain.
    pub fn is_multipart(self) -> bool {
        self < Self::DIRECT_POST
    }

    /// Whether bodies are compressed with zstd, in both directions.
    pub fn is_zstd(self) -> bool {
        !self.is_multipart()
    }

    /// The newest schema of a collection file that the client can take as a download.
    pub fn collection_schema(self) -> Schema {
        if self.is_multipart() { Schema::V11 } else { Schema::V18 }
    }

    /// Whether the client can work with a collection that uses the second scheduler or the third.
    pub fn knows_v2_scheduler(self) -> bool {
        self >= Self::V2_SCHEDULER
    }

    /// Whether the client can work with a collection whose config has a `creationOffset`.
    pub fn knows_v2_timezone(self) -> bool {
        self >= Self::V2_TIMEZONE
    }
}

/// A protocol version that we do not speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("sync version {number} is not supported, versions {} to {} are", SyncVersion::OLDEST.0, SyncVersion::NEWEST.0)]
pub struct UnsupportedVersion {
    pub number: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn supported_numbers() {
        for number in [8, 9, 10, 11] {
            assert_eq!(SyncVersion::new(number).map(|version| i64::from(version.number())), Ok(number));
        }
        for number in [-1, 0, 7, 12, 264, 267, i64::MAX] {
            assert_eq!(SyncVersion::new(number), Err(UnsupportedVersion { number }));
        }
        let text = UnsupportedVersion { number: 7 }.to_string();
        assert_eq!(text, "sync version 7 is not supported, versions 8 to 11 are");
    }

    #[test]
    fn framing_changed_with_version_11() {
        assert!(SyncVersion::MULTIPART.is_multipart());
        assert!(!SyncVersion::MULTIPART.is_zstd());
        assert_eq!(SyncVersion::MULTIPART.collection_schema(), Schema::V11);
        assert!(SyncVersion::DIRECT_POST.is_zstd());
        assert_eq!(SyncVersion::DIRECT_POST.collection_schema(), Schema::V18);
    }

    #[test]
    fn schedulers() {
        let known: Vec<_> = [8, 9, 10, 11]
            .into_iter()
            .filter_map(|number| SyncVersion::new(number).ok())
            .map(|version| (version.knows_v2_scheduler(), version.knows_v2_timezone()))
            .collect();
        assert_eq!(known, [(false, false), (true, false), (true, true), (true, true)]);
    }
}
