//! The settings of a bucket for media.

use super::settings;
use super::source::Reader;
use crate::media_store::MediaLocation;

/// The outer None is an error, the inner one means a folder.
#[expect(clippy::option_option, reason = "two different absences")]
pub(super) fn read(reader: &mut Reader) -> Option<Option<MediaLocation>> {
    let url = reader.text(settings::MEDIA_URL);
    let key_id = reader.text(settings::MEDIA_ACCESS_KEY);
    let secret = reader.secret(settings::MEDIA_SECRET_KEY);
    let Some(url) = url else { return Some(None) };
    let (Some(key_id), Some(secret)) = (key_id, secret) else {
        reader.refuse(
            settings::MEDIA_ACCESS_KEY,
            "and DJANKISERV_MEDIA_SECRET_KEY are needed to get into the bucket that DJANKISERV_MEDIA_URL names",
        );
        return None;
    };
    let location = MediaLocation::parse(&url, key_id, secret);
    if location.is_none() {
        reader.refuse(
            settings::MEDIA_URL,
            format!("`{url}` is not usable; it must be like s3://bucket/prefix?endpoint=https://s3.example.com&region=eu-central-1"),
        );
    }
    location.map(Some)
}
