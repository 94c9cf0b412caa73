//! For load balancers and watchdogs.

use crate::app::App;
use axum::extract::State;
use axum::http::StatusCode;
use std::sync::Arc;

/// The process answers. What the original said too.
pub async fn alive() -> &'static str {
    "It's great. Why, thank you for asking!\n"
}

/// Both databases and the media store can be reached.
pub async fn ready(State(app): State<Arc<App>>) -> (StatusCode, String) {
    let (main, user, media) = tokio::join!(app.main.ping(), app.user.ping(), app.media.ping());
    let mut problems = Vec::new();
    if let Err(e) = main {
        problems.push(("main database", e.to_string()));
    }
    if let Err(e) = user {
        problems.push(("user database", e.to_string()));
    }
    if let Err(e) = media {
        problems.push(("media", e.to_string()));
    }
    if problems.is_empty() {
        return (StatusCode::OK, "ready\n".into());
    }
    // Anybody may ask, so only which part it is goes out; why goes into the log.
    let mut answer = String::new();
    for (part, problem) in problems {
        tracing::warn!(part, problem, "not ready");
        answer.push_str(part);
        answer.push_str(": not reachable\n");
    }
    (StatusCode::SERVICE_UNAVAILABLE, answer)
}
