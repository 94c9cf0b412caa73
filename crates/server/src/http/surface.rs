//! Which part of the server a request is for, in words that are few: for metrics and the log.

use axum::http::{Method, StatusCode};

/// The part, and what it is asked for: a step of the protocol, or the HTTP method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    pub surface: &'static str,
    pub method: &'static str,
}

const SYNC: &str = "sync";
const MEDIA: &str = "msync";

/// Steps of the protocol; media's have names of their own in the list of stages.
const STEPS: [&str; 12] = [
    "hostKey",
    "meta",
    "start",
    "applyGraves",
    "applyChanges",
    "chunk",
    "applyChunk",
    "sanityCheck2",
    "finish",
    "abort",
    "upload",
    "download",
];
const MEDIA_STEPS: [&str; 5] = ["begin", "mediaChanges", "uploadChanges", "downloadFiles", "mediaSanity"];

impl Asked {
    /// From the address of a request.
    pub fn of(method: &Method, path: &str) -> Self {
        let path = path.strip_prefix("/djs").filter(|rest| rest.starts_with('/')).unwrap_or(path);
        let (first, rest) = path.trim_start_matches('/').split_once('/').unwrap_or((path.trim_start_matches('/'), ""));
        let step = |steps: &[&'static str]| steps.iter().find(|step| **step == rest).copied().unwrap_or("unknown");
        match first {
            "sync" => Self { surface: SYNC, method: step(&STEPS) },
            "msync" => Self { surface: MEDIA, method: step(&MEDIA_STEPS) },
            "api" | "dapi" | "ankiconnect" => Self { surface: "api", method: verb(method) },
            "health" => Self { surface: "health", method: verb(method) },
            _ => Self { surface: "web", method: verb(method) },
        }
    }

    /// Whether it is a step of the sync protocol, which logs its own requests.
    pub fn is_sync(&self) -> bool {
        self.surface == SYNC || self.surface == MEDIA
    }
}

fn verb(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "unknown",
    }
}

/// What became of a request, from its status.
pub fn outcome(status: StatusCode) -> &'static str {
    match status.as_u16() {
        100..=299 => "ok",
        300..=399 => "redirect",
        401 | 403 => "forbidden",
        404 | 405 => "not_found",
        408 => "timeout",
        409 => "conflict",
        413 => "too_large",
        421 => "wrong_host",
        429 => "limited",
        501 => "client_too_old",
        503 => "unavailable",
        400..=499 => "bad_request",
        _ => "error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (method, path, surface, asked) in [
            (Method::POST, "/sync/meta", "sync", "meta"),
            (Method::POST, "//sync/finish", "sync", "finish"),
            (Method::POST, "/djs//sync/hostKey", "sync", "hostKey"),
            (Method::POST, "/djs/msync/uploadChanges", "msync", "uploadChanges"),
            (Method::GET, "/msync/begin", "msync", "begin"),
            (Method::POST, "/sync/ann@example.com", "sync", "unknown"),
            (Method::POST, "/sync/meta/more", "sync", "unknown"),
            (Method::PUT, "/djs/api/decks", "api", "PUT"),
            (Method::POST, "/ankiconnect/djs_secret", "api", "POST"),
            (Method::GET, "/health/ready", "health", "GET"),
            (Method::GET, "/", "web", "GET"),
            (Method::GET, "", "web", "GET"),
            (Method::from_bytes(b"ANYTHING").expect("a method"), "/djsomething", "web", "unknown"),
        ] {
            assert_eq!(Asked::of(&method, path), Asked { surface, method: asked }, "{path}");
        }
    }
}
