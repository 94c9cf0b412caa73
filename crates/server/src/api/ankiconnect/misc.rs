//! What is about the server or the API itself.

use super::actions::{ACTIONS, exists};
use super::args::Args;
use super::context::Context;
use super::envelope::VERSION;
use super::failed::{Result, said};
use serde_json::{Value, json};

pub async fn version(_: &Context<'_>, _: &Args<'_>) -> Result<Value> {
    Ok(VERSION.into())
}

/// What `requestPermission` answers. Documentation and add-on spell the key's property differently, so it is there twice.
pub fn permission(is_allowed: bool) -> Value {
    if is_allowed {
        json!({"permission": "granted", "requireApiKey": true, "requireApikey": true, "version": VERSION})
    } else {
        json!({"permission": "denied"})
    }
}

/// As a part of `multi`, which only who has a key can send.
pub async fn granted(_: &Context<'_>, _: &Args<'_>) -> Result<Value> {
    Ok(permission(true))
}

/// An account is what a profile is on a desktop.
pub async fn profiles(cx: &Context<'_>, _: &Args<'_>) -> Result<Value> {
    Ok(json!([cx.caller.account.username.as_str()]))
}

pub async fn active_profile(cx: &Context<'_>, _: &Args<'_>) -> Result<Value> {
    Ok(cx.caller.account.username.as_str().into())
}

pub async fn load_profile(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    Ok((args.text("name")? == cx.caller.account.username.as_str()).into())
}

/// `sync`, `reloadCollection`: what was written is on the server already, and devices get it when they sync.
pub async fn nothing_to_do(_: &Context<'_>, _: &Args<'_>) -> Result<Value> {
    Ok(Value::Null)
}

pub async fn reflect(_: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let scopes = args.value("scopes").as_array().ok_or_else(|| said("scopes has invalid value"))?;
    let wanted = match args.value("actions") {
        Value::Null => None,
        Value::Array(names) => Some(names),
        _ => return Err(said("actions has invalid value")),
    };
    if !scopes.iter().any(|scope| scope == "actions") {
        return Ok(json!({"scopes": []}));
    }
    let names: Vec<&str> = match wanted {
        None => ACTIONS.iter().map(|spec| spec.name).collect(),
        Some(wanted) => wanted.iter().filter_map(Value::as_str).filter(|name| exists(name)).collect(),
    };
    Ok(json!({"scopes": ["actions"], "actions": names}))
}
