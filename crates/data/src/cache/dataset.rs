//! A dataset as arrays in a store, and back, with every number checked that something else is counted by.

use gnnrec_graph::store::{Buffer, Store, StoreError, StoreWriter};
use gnnrec_graph::{EntityId, ItemId, RelationId, TieDirection, Triple, UserId};
use serde::{Deserialize, Serialize};

use super::features::{self, Shape, shapes};
use crate::{Dataset, Facts, Log, Part, Report, Ties, Vocabulary};

/// What of a dataset is no array.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rest {
    digest: String,
    symmetric_ties: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rating_range: Option<[f32; 2]>,
    report: Report,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    item_features: Option<Vec<Shape>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user_features: Option<Vec<Shape>>,
}

const ITEM_FEATURES: &str = "features of items";
const USER_FEATURES: &str = "features of users";

/// An item without an entity, or a node without a category; no vocabulary numbers a name by it.
pub(super) const NONE: u32 = u32::MAX;

impl Dataset {
    /// Adds everything but the name.
    pub(super) fn add_to<'a>(&'a self, writer: &mut StoreWriter<'a>) {
        let Self { users, items, titles, log, negatives, rating_range, ties, facts, report, digest, .. } = self;
        let (item_features, user_features) = (&self.item_features, &self.user_features);
        let symmetric_ties = ties.as_ref().is_some_and(|ties| ties.direction == TieDirection::Symmetric);
        let (digest, report, rating_range) = (digest.clone(), report.clone(), *rating_range);
        let [item_features, user_features] = [item_features, user_features].map(|table| table.as_ref().map(shapes));
        let rest = Rest { digest, symmetric_ties, rating_range, report, item_features, user_features };
        let rest = toml::to_string(&rest).expect("a report is written as it is read");
        writer.add_copy("rest", rest.as_bytes());
        users.add_to(writer, "users");
        items.add_to(writer, "items");
        writer.add("log.users", UserId::peel_slice(&log.users));
        writer.add("log.items", ItemId::peel_slice(&log.items));
        if let Some(ratings) = &log.ratings {
            writer.add("log.ratings", ratings);
        }
        if let Some(times) = &log.times {
            writer.add("log.times", times);
        }
        if let Some(parts) = &log.parts {
            writer.add_copy("log.parts", &parts.iter().map(|&part| part as u8).collect::<Vec<_>>());
        }
        if let Some(Log { users, items, parts, .. }) = negatives {
            writer.add("negatives.users", UserId::peel_slice(users));
            writer.add("negatives.items", ItemId::peel_slice(items));
            if let Some(parts) = parts {
                writer.add_copy("negatives.parts", &parts.iter().map(|&part| part as u8).collect::<Vec<_>>());
            }
        }
        for (name, table) in [(ITEM_FEATURES, &self.item_features), (USER_FEATURES, &self.user_features)] {
            if let Some(table) = table {
                features::add(table, writer, name);
            }
        }
        if let Some(titles) = titles {
            let mut lengths: Vec<u64> = Vec::with_capacity(titles.len());
            // The length plus one, and 0 for an item without a title.
            lengths.extend(titles.iter().map(|title| title.as_ref().map_or(0, |title| title.len() as u64 + 1)));
            writer.add_copy("titles.lengths", &lengths);
            writer.add_copy("titles.text", titles.iter().flatten().map(String::as_str).collect::<String>().as_bytes());
        }
        if let Some(ties) = ties {
            writer.add_copy("ties", &ties.pairs.iter().flat_map(|&(a, b)| [a.0, b.0]).collect::<Vec<_>>());
        }
        if let Some(Facts { entities, relations, triples, entity_of_item }) = facts {
            entities.add_to(writer, "entities");
            relations.add_to(writer, "relations");
            let numbers = |&Triple { head, relation, tail }: &Triple| [head.0, relation.0, tail.0];
            writer.add_copy("triples", &triples.iter().flat_map(numbers).collect::<Vec<_>>());
            let entities = entity_of_item.iter().map(|entity| entity.map_or(NONE, |entity| entity.0));
            writer.add_copy("entity of item", &entities.collect::<Vec<_>>());
        }
    }

    /// Takes a dataset out of a store.
    pub(super) fn from_store(name: &str, store: &Store) -> Result<Self, StoreError> {
        let rest = store.array::<u8>("rest")?;
        let rest = std::str::from_utf8(&rest).map_err(|error| error.to_string());
        let rest: Result<Rest, String> = rest.and_then(|rest| toml::from_str(rest).map_err(|error| error.to_string()));
        let Rest { digest, symmetric_ties, rating_range, report, item_features, user_features } =
            rest.map_err(|error| store.damaged("`rest`", error, "a report and a digest"))?;
        let features = |name, shapes: Option<Vec<Shape>>, count| {
            shapes.map(|shapes| features::read(store, name, shapes, count)).transpose()
        };
        let (users, items) = (Vocabulary::from_store(store, "users")?, Vocabulary::from_store(store, "items")?);
        let direction = if symmetric_ties { TieDirection::Symmetric } else { TieDirection::Directed };
        Ok(Self {
            name: name.to_owned(),
            titles: titles(store, items.len())?,
            log: log(store, "log", users.len(), items.len())?,
            negatives: match store.has("negatives.users") {
                true => Some(log(store, "negatives", users.len(), items.len())?),
                false => None,
            },
            rating_range,
            ties: ties(store, users.len(), direction)?,
            facts: facts(store, items.len())?,
            item_features: features(ITEM_FEATURES, item_features, items.len())?,
            user_features: features(USER_FEATURES, user_features, users.len())?,
            users,
            items,
            report,
            digest,
        })
    }
}

/// Ids below a count.
fn ids(store: &Store, name: &str, count: usize) -> Result<Buffer<u32>, StoreError> {
    let ids = store.array::<u32>(name)?;
    match ids.iter().position(|&id| id as usize >= count) {
        Some(at) => Err(store.damaged(&format!("`{name}`, place {at},"), ids[at], format!("an id below {count}"))),
        None => Ok(ids),
    }
}

pub(super) fn expect_length(store: &Store, name: &str, found: usize, expected: usize) -> Result<(), StoreError> {
    if found == expected { Ok(()) } else { Err(store.damaged(&format!("the length of `{name}`"), found, expected)) }
}

/// The columns of a log under a name.
fn log(store: &Store, of: &str, num_users: usize, num_items: usize) -> Result<Log, StoreError> {
    let name = |column: &str| format!("{of}.{column}");
    fn column<T: gnnrec_graph::store::Element>(
        store: &Store,
        name: &str,
        rows: usize,
    ) -> Result<Option<Buffer<T>>, StoreError> {
        if !store.has(name) {
            return Ok(None);
        }
        let column = store.array::<T>(name)?;
        expect_length(store, name, column.len(), rows)?;
        Ok(Some(column))
    }
    let (users, items) = (ids(store, &name("users"), num_users)?, ids(store, &name("items"), num_items)?);
    expect_length(store, &name("items"), items.len(), users.len())?;
    let ratings = column::<f32>(store, &name("ratings"), users.len())?;
    if let Some(rating) = ratings.iter().flat_map(|ratings| ratings.iter()).find(|rating| !rating.is_finite()) {
        return Err(store.damaged("a rating", rating, "a finite number"));
    }
    let part = |&part: &u8| match part {
        0 => Ok(Part::Train),
        1 => Ok(Part::Validation),
        2 => Ok(Part::Test),
        _ => Err(store.damaged(&format!("a value of `{of}.parts`"), part, "0, 1 or 2")),
    };
    let parts = column::<u8>(store, &name("parts"), users.len())?;
    Ok(Log {
        users: UserId::wrap_slice(&users).to_vec(),
        items: ItemId::wrap_slice(&items).to_vec(),
        ratings: ratings.map(|ratings| ratings.to_vec()),
        times: column::<i64>(store, &name("times"), users.len())?.map(|times| times.to_vec()),
        parts: parts.map(|parts| parts.iter().map(part).collect()).transpose()?,
    })
}

fn titles(store: &Store, num_items: usize) -> Result<Option<Vec<Option<String>>>, StoreError> {
    if !store.has("titles.lengths") {
        return Ok(None);
    }
    let (lengths, text) = (store.array::<u64>("titles.lengths")?, store.array::<u8>("titles.text")?);
    expect_length(store, "titles.lengths", lengths.len(), num_items)?;
    let wrong = || store.damaged("`titles.text`", "cut elsewhere", "as many characters as the lengths say");
    let mut rest = std::str::from_utf8(&text).map_err(|_| wrong())?;
    let mut title = |&length: &u64| {
        let Some(length) = length.checked_sub(1) else { return Ok(None) };
        let cut = usize::try_from(length).ok().and_then(|length| rest.split_at_checked(length));
        let (title, after) = cut.ok_or_else(wrong)?;
        rest = after;
        Ok(Some(title.to_owned()))
    };
    let titles = lengths.iter().map(&mut title).collect::<Result<_, _>>()?;
    if rest.is_empty() { Ok(Some(titles)) } else { Err(wrong()) }
}

fn ties(store: &Store, num_users: usize, direction: TieDirection) -> Result<Option<Ties>, StoreError> {
    if !store.has("ties") {
        return Ok(None);
    }
    let ends = ids(store, "ties", num_users)?;
    expect_length(store, "ties", ends.len(), ends.len() / 2 * 2)?;
    let pairs = ends.chunks_exact(2).map(|ends| (UserId(ends[0]), UserId(ends[1]))).collect();
    Ok(Some(Ties { pairs, direction }))
}

fn facts(store: &Store, num_items: usize) -> Result<Option<Facts>, StoreError> {
    if !store.has("triples") {
        return Ok(None);
    }
    let entities = Vocabulary::from_store(store, "entities")?;
    let relations = Vocabulary::from_store(store, "relations")?;
    let numbers = store.array::<u32>("triples")?;
    expect_length(store, "triples", numbers.len(), numbers.len() / 3 * 3)?;
    let triple = |number: &[u32]| Triple {
        head: EntityId(number[0]),
        relation: RelationId(number[1]),
        tail: EntityId(number[2]),
    };
    let triples: Vec<Triple> = numbers.chunks_exact(3).map(triple).collect();
    let known = |entity: EntityId| entity.index() < entities.len();
    let inside =
        |triple: &Triple| known(triple.head) && known(triple.tail) && triple.relation.index() < relations.len();
    if let Some(at) = triples.iter().position(|triple| !inside(triple)) {
        let expected = format!("{} entities and {} relations", entities.len(), relations.len());
        return Err(store.damaged(&format!("`triples`, place {at},"), format!("{:?}", triples[at]), expected));
    }
    let entity_of_item = store.array::<u32>("entity of item")?;
    expect_length(store, "entity of item", entity_of_item.len(), num_items)?;
    let entity_of_item: Vec<_> = entity_of_item.iter().map(|&id| (id != NONE).then_some(EntityId(id))).collect();
    if let Some(&entity) = entity_of_item.iter().flatten().find(|&&entity| !known(entity)) {
        return Err(store.damaged("an entity of an item", entity, format!("one below {}", entities.len())));
    }
    Ok(Some(Facts { entities, relations, triples, entity_of_item }))
}
