//! Which bucket, from the settings.

use crate::config::Secret;
use url::Url;

/// A bucket, and how to get in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaLocation {
    pub bucket: String,
    /// What all keys begin with, without slashes at its ends. May be empty.
    pub prefix: String,
    /// The service's address. None for Amazon's own.
    pub endpoint: Option<String>,
    pub region: String,
    pub key_id: String,
    pub secret: Secret,
}

impl MediaLocation {
    /// Reads `s3://bucket/prefix?endpoint=https://…&region=…`. None if it is something else.
    pub fn parse(url: &str, key_id: String, secret: Secret) -> Option<Self> {
        let url = Url::parse(url).ok()?;
        let bucket = url.host_str().filter(|host| !host.is_empty())?.to_owned();
        if url.scheme() != "s3" || !url.username().is_empty() || url.password().is_some() || url.port().is_some() {
            return None;
        }
        let (mut endpoint, mut region) = (None, "us-east-1".to_owned());
        for (name, value) in url.query_pairs() {
            match &*name {
                "endpoint" => {
                    let address = Url::parse(&value).ok()?;
                    if !matches!(address.scheme(), "http" | "https") || address.host_str().is_none() {
                        return None;
                    }
                    endpoint = Some(value.trim_end_matches('/').to_owned());
                }
                "region" if !value.is_empty() => region = value.into_owned(),
                _ => return None,
            }
        }
        let prefix = percent_encoding::percent_decode_str(url.path()).decode_utf8().ok()?.trim_matches('/').to_owned();
        Some(Self { bucket, prefix, endpoint, region, key_id, secret })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let parse = |url| MediaLocation::parse(url, "id".into(), Secret::new("secret"));
        let plain = parse("s3://media").expect("enough");
        assert_eq!((plain.bucket.as_str(), plain.prefix.as_str(), plain.endpoint, plain.region.as_str()), ("media", "", None, "us-east-1"));
        let full = parse("s3://media/anki/files/?endpoint=http://10.0.0.5:9000/&region=eu-central-1").expect("right");
        assert_eq!((full.prefix.as_str(), full.endpoint.as_deref()), ("anki/files", Some("http://10.0.0.5:9000")));
        assert_eq!(full.region, "eu-central-1");
        for wrong in [
            "",
            "media",
            "http://media",
            "s3:///x",
            "s3://user:password@media",
            "s3://media?endpoint=ftp://x",
            "s3://media?endpoint",
            "s3://media?x=y",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
