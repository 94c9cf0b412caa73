//! Notetypes, decks and presets: their JSON, which is what clients get, against the columns that repeat parts of it.

use super::collection::{BRING_BACK, Work};
use super::finding::Remedy;
use super::rows::{ANKIS_CHECK, Shapes, odd_usn};
use anki::merge::NameTable;
use anki::model::{Deck, Notetype, Preset};
use anki::names;
use anki::schema11::{self, Restamp, Restampable, SchemaError, restamp};
use futures_util::{Stream, TryStreamExt};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap, HashSet};
use store::collection::Collection;

/// Objects that are mended at a time.
const BATCH: usize = 500;

/// What the three have in common.
trait Object: Restampable + Clone {
    const TABLE: &'static str;

    fn parse(object: Map<String, Value>) -> Result<Self, SchemaError>;

    fn columns(&self) -> (i64, &str, i64, i32);

    fn json(&self) -> &str;

    /// Takes over what is counted in the JSON. Answers whether it differed.
    fn recount(&mut self, _from: &Self) -> bool {
        false
    }

    /// The form of a name in which it is stored.
    fn normal(name: &str) -> String {
        name.to_owned()
    }

    async fn stream(stored: Collection<'_>, first: i64) -> store::Result<impl Stream<Item = store::Result<(Self, i64)>>>;

    async fn put(stored: Collection<'_>, objects: Vec<Self>) -> store::Result<()>;
}

macro_rules! object {
    ($object:ident, $table:literal, $parse:ident, $stream:ident, $put:ident $(, $other:item)?) => {
        impl Object for $object {
            const TABLE: &'static str = $table;

            fn parse(object: Map<String, Value>) -> Result<Self, SchemaError> {
                schema11::$parse(object)
            }

            fn columns(&self) -> (i64, &str, i64, i32) {
                (self.id, &self.name, self.mtime, self.usn)
            }

            fn json(&self) -> &str {
                &self.json
            }

            $($other)?

            async fn stream(stored: Collection<'_>, first: i64) -> store::Result<impl Stream<Item = store::Result<(Self, i64)>>> {
                stored.$stream(first).await
            }

            async fn put(stored: Collection<'_>, objects: Vec<Self>) -> store::Result<()> {
                stored.$put(objects).await
            }
        }
    };
}

object!(
    Deck,
    "decks",
    deck,
    decks_from,
    put_decks,
    fn normal(name: &str) -> String {
        names::normalize_deck_name(name).into_owned()
    }
);
object!(Preset, "deck_config", preset, presets_from, put_presets);
object!(
    Notetype,
    "notetypes",
    notetype,
    notetypes_from,
    put_notetypes,
    fn recount(&mut self, from: &Self) -> bool {
        let counted = |n: &Self| (n.field_count, n.template_count, n.sort_field);
        let differs = counted(self) != counted(from);
        (self.field_count, self.template_count, self.sort_field) = counted(from);
        differs
    }
);

impl Work<'_, '_> {
    /// Checks all three, and answers the shapes of the notetypes.
    pub(super) async fn objects(&mut self) -> anyhow::Result<Shapes> {
        let mut shapes = Shapes::new();
        let names = self.each(|notetype: &Notetype, _| {
            shapes.insert(notetype.id, (notetype.field_count, notetype.sort_field));
        });
        let names = names.await?;
        self.unique::<Notetype>(&names).await?;
        let presets: HashSet<i64> = self.each(|_: &Preset, _| {}).await?.into_keys().collect();
        let mut without_preset = Vec::new();
        let names = self.each(|deck: &Deck, object| {
            if !object.get("dyn").is_some_and(schema11::is_filtered)
                && let Some(preset) = object.get("conf").and_then(Value::as_i64)
                && !presets.contains(&preset)
            {
                without_preset.push((deck.id, preset));
            }
        });
        let names = names.await?;
        for (id, preset) in without_preset {
            self.found.oddity("decks", id, format!("its preset {preset} does not exist, and clients use the default one"), ANKIS_CHECK);
        }
        self.unique::<Deck>(&names).await?;
        Ok(shapes)
    }

    /// Checks all objects of a kind, shows those that can be read to `look`, as they are in the end, and answers the key of each name.
    async fn each<T: Object>(&mut self, mut look: impl FnMut(&T, &Map<String, Value>)) -> anyhow::Result<BTreeMap<i64, i64>> {
        self.found.step(T::TABLE);
        let mut keys = BTreeMap::new();
        let mut first = Some(i64::MIN);
        while let Some(from) = first.take() {
            let mut fixed = Vec::new();
            let mut rows = Box::pin(T::stream(self.stored, from).await?);
            while let Some((mut object, key)) = rows.try_next().await? {
                let (id, name, ..) = object.columns();
                let right_key = names::key(name);
                keys.insert(id, right_key);
                let mut wrong = right_key != key;
                if wrong {
                    // Writing it makes the key.
                    self.found.damage(T::TABLE, id, "its name key is not that of its name", Remedy::Repair);
                    self.mended(false);
                }
                wrong |= self.object(&mut object, &mut look)?;
                if wrong && self.found.repair {
                    fixed.push(object);
                    if fixed.len() >= BATCH {
                        first = id.checked_add(1);
                        break;
                    }
                }
            }
            drop(rows);
            T::put(self.stored, fixed).await?;
        }
        Ok(keys)
    }

    /// Checks one object and puts right what is wrong in it. Answers whether anything was.
    fn object<T: Object>(&mut self, object: &mut T, look: &mut impl FnMut(&T, &Map<String, Value>)) -> anyhow::Result<bool> {
        let (id, _, mtime, usn) = object.columns();
        let highest = self.usn.max(0);
        let odd = usn < 0 || usn > highest;
        if odd {
            self.found.damage(T::TABLE, id, odd_usn(usn.into(), highest), Remedy::Repair);
        }
        let parsed = serde_json::from_str::<Map<String, Value>>(object.json());
        let Ok(map) = parsed else {
            self.found.damage(T::TABLE, id, "its JSON cannot be read, so no device can be given it", BRING_BACK);
            return Ok(false);
        };
        let parsed = match T::parse(map.clone()) {
            Ok(parsed) => parsed,
            Err(error) => {
                self.found.damage(T::TABLE, id, format!("clients do not accept the value of {} in its JSON", error.path), BRING_BACK);
                return Ok(false);
            }
        };
        let differs = parsed.columns() != object.columns();
        if differs {
            let (a, b) = (parsed.columns(), object.columns());
            let what = [(a.0 != b.0, "id"), (a.1 != b.1, "name"), (a.2 != b.2, "modification time"), (a.3 != b.3, "usn")];
            let what: Vec<&str> = what.iter().filter(|(differs, _)| *differs).map(|(_, what)| *what).collect();
            self.found.damage(T::TABLE, id, format!("its JSON says another {} than its row", what.join(", ")), Remedy::Repair);
        }
        let counts = object.recount(&parsed);
        if counts {
            self.found.damage(T::TABLE, id, "the numbers of fields and templates are not those of its JSON", Remedy::Repair);
            self.mended(false);
        }
        if odd || differs {
            let name = T::normal(object.columns().1);
            // Clients take what is newer than theirs.
            let newer = if differs { mtime.saturating_add(1).max(self.now_ms.div_euclid(1000)) } else { mtime };
            // What equals its column is not written into the JSON, so the columns are made to differ first.
            let other = Restamp { id: Some(!id), name: Some(if name == "?" { "!" } else { "?" }), mtime: Some(!newer), usn: Some(-2) };
            restamp(object, &other)?;
            restamp(object, &Restamp { id: Some(id), name: Some(&name), mtime: Some(newer), usn: Some(highest) })?;
            self.mended(true);
        }
        look(object, &map);
        Ok(odd || differs || counts)
    }

    /// Of objects with the same name, the first keeps it. The others get a free one, as they would have in a sync.
    async fn unique<T: Object>(&mut self, keys: &BTreeMap<i64, i64>) -> anyhow::Result<()> {
        let mut holders = HashMap::new();
        let mut clashing = HashSet::new();
        for (id, key) in keys {
            let holder = *holders.entry(*key).or_insert(*id);
            if holder != *id {
                self.found.damage(T::TABLE, id, format!("it has the name of {holder}"), Remedy::Repair);
                clashing.insert(*id);
            }
        }
        if clashing.is_empty() || !self.found.repair {
            return Ok(());
        }
        let mut table = NameTable::with_keys(keys.iter().map(|(id, key)| (*id, *key)));
        let mut renamed = Vec::new();
        let mut rows = Box::pin(T::stream(self.stored, i64::MIN).await?);
        while let Some((mut object, _)) = rows.try_next().await? {
            let (id, name, mtime, _) = object.columns();
            if clashing.contains(&id) {
                let name = table.claim(id, name).name;
                let newer = mtime.saturating_add(1).max(self.now_ms.div_euclid(1000));
                let change = Restamp { id: None, name: Some(&name), mtime: Some(newer), usn: Some(self.usn.max(0)) };
                // What cannot be read has been reported, and stays as it is.
                if restamp(&mut object, &change).is_ok() {
                    renamed.push(object);
                }
            }
        }
        drop(rows);
        T::put(self.stored, renamed).await?;
        self.mended(true);
        Ok(())
    }
}
