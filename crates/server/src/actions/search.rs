//! Searching an account's collection in Anki's search language.

use super::collection_config::CollectionConfig;
use crate::clock::Clock;
use anki::model::{Deck, Notetype, Stamps};
use anki::schema11;
use anki::search::{self, Context, DeckNames, FieldNames, NotetypeNames, SearchError};
use serde::Deserialize;
use serde_json::Value;
use store::StoreError;
use store::collection::Collection;
use store::collection::search::{Page, Wanted, page};
use store::engine::Tx;
use store::user_db::{Current, UserDb};

/// Why a search has no answer.
#[derive(Debug, thiserror::Error)]
pub enum SearchFailed {
    /// The search itself is wrong.
    #[error(transparent)]
    Search(#[from] SearchError),
    /// What is asked for beside the search is wrong.
    #[error("{0}")]
    Request(String),
    /// The rows are still being loaded. Worth trying again.
    #[error("the collection is still being imported")]
    Importing,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Answers a page of the notes or cards that `text` finds in an account's collection.
///
/// # Errors
/// When the search is wrong, or the database is in no state to answer.
pub async fn search(user: &UserDb, clock: &Clock, account: i64, text: &str, wanted: Wanted) -> Result<Page, SearchFailed> {
    let node = search::parse(text)?;
    if wanted.target == store::collection::search::Target::Notes && wanted.order.is_of_cards() {
        return Err(SearchFailed::Request("notes have several cards, so they cannot be sorted by something of cards".into()));
    }
    let (tx, state) = user.snapshot(account).await?;
    let current = state.and_then(|state| state.current);
    let found = match &current {
        Some(current) if !current.has_all_rows() => Err(SearchFailed::Importing),
        Some(current) => within(&tx, current, clock, text, &node, wanted).await,
        None => {
            // Nothing to find; that the search is right can be said all the same.
            search::resolve(&node, &context(&Stamps::default(), &CollectionConfig::default(), clock, vec![], vec![], vec![]), text)?;
            Ok(Page { ids: Vec::new(), next: None })
        }
    };
    // After an error the connection may be in the middle of something; dropping the transaction closes it.
    if found.is_ok() {
        tx.rollback().await?;
    }
    found
}

/// The same within a transaction, for what goes on with the results.
pub(super) async fn within(
    tx: &Tx,
    current: &Current,
    clock: &Clock,
    text: &str,
    node: &search::Node,
    wanted: Wanted,
) -> Result<Page, SearchFailed> {
    let context = load_context(tx, current, clock).await?;
    let filter = search::resolve(node, &context, text)?;
    Ok(page(tx, &current.schema, &filter, &context.timing, wanted).await?)
}

/// What a search has to know of a collection.
///
/// # Errors
/// Those of the database.
pub async fn load_context(tx: &Tx, current: &Current, clock: &Clock) -> Result<Context, StoreError> {
    let collection = Collection::within(tx, &current.schema);
    let config = CollectionConfig::new(collection.config().await?);
    let decks = collection.decks().await?;
    let notetypes = collection.notetypes().await?;
    let presets = collection.presets().await?.into_iter().map(|preset| (preset.id, preset.name)).collect();
    Ok(context(&current.stamps, &config, clock, decks, notetypes, presets))
}

fn context(
    stamps: &Stamps,
    config: &CollectionConfig,
    clock: &Clock,
    decks: Vec<Deck>,
    notetypes: Vec<Notetype>,
    presets: Vec<(i64, String)>,
) -> Context {
    Context {
        decks: decks.into_iter().map(deck).collect(),
        presets,
        notetypes: notetypes.into_iter().map(notetype).collect(),
        current_deck: config.int("curDeck").unwrap_or(1),
        timing: config.day_rules(stamps.created).at(clock.now_secs()),
        learn_ahead: config.int("collapseTime").unwrap_or(1200),
        normalize: config.bool("normalize_note_text").unwrap_or(true),
        ignore_accents: config.bool("ignoreAccentsInSearch").unwrap_or(false),
    }
}

fn deck(deck: Deck) -> DeckNames {
    #[derive(Deserialize, Default)]
    struct Json {
        #[serde(default)]
        conf: Option<i64>,
        #[serde(rename = "dyn", default)]
        filtered: Value,
    }
    let json: Json = serde_json::from_str(&deck.json).unwrap_or_default();
    let preset = if schema11::is_filtered(&json.filtered) { None } else { Some(json.conf.unwrap_or(1)) };
    DeckNames { id: deck.id, name: deck.name, preset }
}

fn notetype(notetype: Notetype) -> NotetypeNames {
    #[derive(Deserialize)]
    struct Json {
        #[serde(rename = "type", default)]
        kind: i64,
        #[serde(default)]
        flds: Vec<Field>,
        #[serde(default)]
        tmpls: Vec<Template>,
    }
    #[derive(Deserialize)]
    struct Field {
        name: String,
        #[serde(rename = "excludeFromSearch", default)]
        excluded: Value,
    }
    #[derive(Deserialize)]
    struct Template {
        name: String,
    }
    let json = serde_json::from_str(&notetype.json).unwrap_or(Json { kind: 0, flds: Vec::new(), tmpls: Vec::new() });
    NotetypeNames {
        id: notetype.id,
        name: notetype.name,
        is_cloze: json.kind == 1,
        sort_field: usize::try_from(notetype.sort_field).unwrap_or(0),
        fields: json.flds.into_iter().map(|f| FieldNames { name: f.name, excluded: f.excluded == Value::Bool(true) }).collect(),
        templates: json.tmpls.into_iter().map(|template| template.name).collect(),
    }
}
