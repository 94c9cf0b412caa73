//! `/`: for a person who opens the server's address in a browser.

use axum::response::Html;

/// Says what this is. The web pages will take its place.
pub async fn home() -> Html<&'static str> {
    Html(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>djankiserv</title><h1>djankiserv</h1><p>This is a sync server for Anki, and it is running. \
         Enter the address of this page as the self-hosted sync server in Anki's preferences, under Syncing.</p></html>",
    )
}
