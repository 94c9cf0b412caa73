//! Cards, to change their place in the schedule.

use super::args::{Args, int};
use super::context::Context;
use super::failed::{Result, said};
use crate::actions::edit_collection::cards::{CardChange, ChangeCards};
use crate::actions::edit_collection::{self, Change, Edit};
use serde_json::{Value, json};
use std::collections::HashSet;

/// The last day that a due date can be set to, counted from today.
const LAST_DAY: u32 = 36_500;

async fn change(cx: &Context<'_>, cards: Vec<i64>, change: CardChange) -> Result<Vec<(anki::model::Card, bool)>> {
    cx.edit(&ChangeCards { cards, change, skip_missing: true }).await
}

/// False when all of them are suspended already.
pub async fn suspend(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    suspend_or_not(cx, args, args.flag("suspend", true)?).await.map(Value::Bool)
}

pub async fn unsuspend(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    suspend_or_not(cx, args, false).await?;
    Ok(Value::Null)
}

async fn suspend_or_not(cx: &Context<'_>, args: &Args<'_>, suspend: bool) -> Result<bool> {
    let ids = args.ids("cards")?;
    let known = cx.cards(&ids).await?;
    if let Some(missing) = ids.iter().find(|id| !known.contains_key(id)) {
        return Err(said(format!("Card was not found: {missing}")));
    }
    let ids: Vec<i64> = ids.into_iter().filter(|id| known.get(id).is_some_and(|card| (card.queue == -1) != suspend)).collect();
    if ids.is_empty() {
        return Ok(false);
    }
    change(cx, ids, if suspend { CardChange::Suspend } else { CardChange::Restore }).await?;
    Ok(true)
}

pub async fn forget(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    change(cx, args.ids("cards")?, CardChange::Forget { forget_counts: false }).await?;
    Ok(Value::Null)
}

pub async fn relearn(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    change(cx, args.ids("cards")?, CardChange::Relearn).await?;
    Ok(Value::Null)
}

/// `days` is `0`, `3-7` or `1!`, as in Anki's window for it.
pub async fn set_due_date(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let days = match args.value("days") {
        Value::Number(number) => number.to_string(),
        _ => args.text("days")?.to_owned(),
    };
    let (from, to, set_interval) = due_days(&days).ok_or_else(|| said(format!("invalid days: {days:.50}")))?;
    let current = cx.open().await?;
    let today = cx.timing(&current).await?.today;
    change(cx, args.ids("cards")?, CardChange::SetDue { today, from, to, set_interval }).await?;
    Ok(true.into())
}

fn due_days(text: &str) -> Option<(u32, u32, bool)> {
    let (range, set_interval) = text.trim().strip_suffix('!').map_or((text.trim(), false), |range| (range, true));
    let (from, to) = range.split_once('-').unwrap_or((range, range));
    let (from, to): (u32, u32) = (from.trim().parse().ok()?, to.trim().parse().ok()?);
    (from.max(to) <= LAST_DAY).then_some((from.min(to), from.max(to), set_interval))
}

pub async fn set_ease_factors(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let ids = args.ids("cards")?;
    let factors = args.list("easeFactors")?;
    if factors.len() < ids.len() {
        return Err(said("`easeFactors` has to have a number for each card"));
    }
    let mut changes = Vec::with_capacity(ids.len());
    for (id, factor) in ids.iter().zip(factors) {
        let factor = int(factor).and_then(|factor| u16::try_from(factor).ok());
        let factor = factor.ok_or_else(|| said("an ease factor is a whole number from 0 to 65535, such as 2500 for 250 %"))?;
        changes.push((*id, CardChange::Ease(factor)));
    }
    let known = cx.edit(&Several(changes)).await?;
    Ok(ids.iter().map(|id| known.contains(id)).collect::<Vec<bool>>().into())
}

/// Single columns of a card: those that can be set without the rest of the row becoming nonsense.
pub async fn set_values(cx: &Context<'_>, args: &Args<'_>) -> Result<Value> {
    let (Some(id), Some(keys), Some(values)) = (int(args.value("card")), args.value("keys").as_array(), args.value("newValues").as_array())
    else {
        return Ok(false.into());
    };
    if keys.len() != values.len() {
        return Ok(false.into());
    }
    let mut changes = Vec::new();
    for (key, value) in keys.iter().zip(values) {
        let number = int(value);
        let change = match (key.as_str().unwrap_or_default(), number) {
            ("flags", Some(flag @ 0..=7)) => CardChange::Flag(flag as u8),
            ("factor", Some(factor @ 0..=65_535)) => CardChange::Ease(factor as u16),
            ("due", Some(due @ 0..=2_147_483_647)) => CardChange::Position(due),
            ("flags" | "factor" | "due", _) => return Ok(json!([[false, format!("this is no value for {key}")]])),
            _ if !args.flag("warning_check", false)? => return Ok(false.into()),
            _ => return Ok(json!([[false, format!("{key} cannot be set on a server; use setDueDate, forgetCards or changeDeck")]])),
        };
        changes.push((id, change));
    }
    let is_new = cx.cards(&[id]).await?.remove(&id).map(|card| card.kind == 0);
    let sets_due = changes.iter().any(|(_, change)| matches!(change, CardChange::Position(_)));
    match is_new {
        None => return Ok(json!([[false, format!("Card was not found: {id}")]])),
        Some(false) if sets_due => return Ok(json!([[false, "due can be set for new cards only; use setDueDate"]])),
        Some(_) => {}
    }
    cx.edit(&Several(changes)).await?;
    Ok(json!([true]))
}

/// Changes of single cards, in one transaction.
struct Several(Vec<(i64, CardChange)>);

impl Change for Several {
    /// The cards that exist.
    type Done = HashSet<i64>;

    async fn make(&self, edit: &mut Edit) -> edit_collection::Result<HashSet<i64>> {
        let mut known = HashSet::new();
        // Neighbours with the same change go together.
        for part in self.0.chunk_by(|(_, a), (_, b)| a == b) {
            let Some((_, change)) = part.first() else { continue };
            let cards = part.iter().map(|(id, _)| *id).collect();
            let done = ChangeCards { cards, change: change.clone(), skip_missing: true }.make(edit).await?;
            known.extend(done.into_iter().map(|(card, _)| card.id));
        }
        Ok(known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days() {
        for (text, wanted) in [
            ("0", Some((0, 0, false))),
            ("3-7", Some((3, 7, false))),
            ("7-3", Some((3, 7, false))),
            ("1!", Some((1, 1, true))),
            ("2-4!", Some((2, 4, true))),
            ("", None),
            ("-1", None),
            ("x", None),
            ("99999999", None),
        ] {
            assert_eq!(due_days(text), wanted, "{text}");
        }
    }
}
