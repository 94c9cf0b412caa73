use super::super::auth::Caller;
use super::args::Args;
use super::failed::{Result, said};
use crate::actions::collection_config::CollectionConfig;
use crate::actions::edit_collection::{self, Change};
use crate::actions::search::search;
use crate::app::App;
use anki::search::Timing;
use std::sync::Arc;
use store::collection::Collection;
use store::collection::search::{Order, Target, Wanted};
use store::user_db::Current;

/// The parameter that consents to a one-way sync.
pub const ONE_WAY: &str = "allowOneWaySync";
/// Results of one search.
const MOST_RESULTS: usize = 1_000_000;

/// Who asks, and what of the server an action needs.
pub struct Context<'a> {
    pub app: &'a Arc<App>,
    pub caller: &'a Caller,
    /// The address says that every device may be made to ask for a one-way sync.
    pub allows_one_way_sync: bool,
}

impl Context<'_> {
    pub fn account(&self) -> i64 {
        self.caller.account.id
    }

    /// The collection, to read from with [`Context::stored`].
    pub async fn open(&self) -> Result<Current> {
        Ok(edit_collection::open(self.app, self.account()).await?)
    }

    pub fn stored<'a>(&'a self, current: &'a Current) -> Collection<'a> {
        Collection::new(self.app.user.db(), &current.schema)
    }

    pub async fn edit<C: Change>(&self, change: &C) -> Result<C::Done> {
        Ok(edit_collection::edit(self.app, &self.caller.account, change).await?)
    }

    /// Refuses what makes every device ask for a one-way sync, unless the request or the address says that this is wanted.
    pub fn needs_one_way_sync(&self, args: &Args<'_>) -> Result<()> {
        if self.allows_one_way_sync || args.flag(ONE_WAY, false)? {
            return Ok(());
        }
        Err(said(format!(
            "{} makes every device ask for a one-way sync; if that is wanted, send `{ONE_WAY}`: true among the parameters, or put \
             ?allow_one_way_sync=true behind the address",
            args.spec.name
        )))
    }

    /// All that a search finds, by id.
    pub async fn search(&self, target: Target, text: &str) -> Result<Vec<i64>> {
        let wanted = Wanted { target, order: Order::Id, descending: false, after: None, limit: MOST_RESULTS };
        Ok(search(&self.app.user, &self.app.clock, self.account(), text, wanted).await?.ids)
    }

    /// Which day it is in the collection.
    pub async fn timing(&self, current: &Current) -> Result<Timing> {
        let config = CollectionConfig::new(self.stored(current).config().await?);
        Ok(config.day_rules(current.stamps.created).at(self.app.clock.now_secs()))
    }
}
