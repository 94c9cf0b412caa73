//! Actions of Anki's windows and its files. Where the add-on has an answer for when a window is not open, it is ours too.

use super::args::Args;
use super::context::Context;
use super::failed::{Result, said};
use serde_json::{Value, json};

pub async fn needs_desktop(_: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    Err(said(format!("{} needs Anki on a desktop; this is a server without windows", args.spec.name)))
}

pub async fn needs_files(_: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    Err(said(format!("{} needs files of the computer that Anki runs on; this is a server", args.spec.name)))
}

pub async fn no(_: &Context<'_>, _: &Args<'_>) -> Result<Value> {
    Ok(false.into())
}

pub async fn nothing(_: &Context<'_>, _: &Args<'_>) -> Result<Value> {
    Ok(json!([]))
}

pub async fn no_review(_: &Context<'_>, _: &Args<'_>) -> Result<Value> {
    Err(said("Gui review is not currently active."))
}
