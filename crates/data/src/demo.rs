//! The generated demo world: a small library of books and its readers, made from a seed in well under
//! a second, in which each family of models can find something that the others cannot see.
//!
//! * **Interactions**: every reader and every book has a *taste*, which no file names; readers mostly
//!   take books of their own. Only who else took a book reveals it.
//! * **Ties**: a quarter of the readers came late. The few books they took before the cut are whatever
//!   was popular, so that their history says nothing; but their friends share their taste.
//! * **Facts**: a fifth of the books are new. Before the cut only passers-by took them; afterwards the
//!   readers of their creator and series do. Creator, series and genre are facts, tastes are not.
//!
//! Popularity has a long tail and is drawn apart from everything else, and so is every id: neither
//! explains who takes what. The published split is a cut in time. It imitates no real catalogue.

mod catalogue;
mod draw;
mod names;
mod people;
mod write;

use std::collections::BTreeSet;

use gnnrec_graph::{EntityId, ItemId, RelationId, TieDirection, Triple, UserId};
use gnnrec_sampling::{Purpose, stream};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

pub use write::write;

use crate::{DataError, Dataset, Facts, Log, Part, Report, Step, Ties, Vocabulary};
use catalogue::{Catalogue, NUM_GENRES};
use people::People;

/// Size and make of the demo world.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DemoConfig {
    /// Users, at least 100.
    pub num_users: usize,
    /// Items, at least 300: with fewer some tastes or creators have nothing to offer.
    pub num_items: usize,
    /// Share of users who came late, in `[0, 0.9]`.
    pub newcomers: f64,
    /// Share of items that are new, in `[0, 0.5]`.
    pub new_items: f64,
}

impl Default for DemoConfig {
    fn default() -> Self {
        Self { num_users: 2000, num_items: 1500, newcomers: 0.25, new_items: 0.2 }
    }
}

impl DemoConfig {
    /// Whether a world can be made of it.
    ///
    /// # Errors
    /// A size or a share out of its range.
    pub fn validate(&self) -> Result<(), DataError> {
        let size = |field, found: usize, range: std::ops::RangeInclusive<usize>, expected| {
            let error = DataError::Setting { field, found: found.to_string(), expected };
            if range.contains(&found) { Ok(()) } else { Err(error) }
        };
        size("num_users", self.num_users, 100..=1_000_000, "a number from 100 to 1000000")?;
        size("num_items", self.num_items, 300..=1_000_000, "a number from 300 to 1000000")?;
        let share = |field, found: f64, most: f64, expected| {
            let error = DataError::Setting { field, found: found.to_string(), expected };
            if (0.0..=most).contains(&found) { Ok(()) } else { Err(error) }
        };
        share("newcomers", self.newcomers, 0.9, "a share from 0 to 0.9")?;
        share("new_items", self.new_items, 0.5, "a share from 0 to 0.5")
    }
}

/// What a random stream of the generator is for; with a number it is the stream's position.
#[derive(Clone, Copy)]
enum Draw {
    Item = 1,
    Creator = 2,
    User = 3,
    Friends = 4,
    Log = 5,
    Titles = 6,
}

fn draws(seed: u64, draw: Draw, number: usize) -> ChaCha8Rng {
    stream(seed, Purpose::World, [draw as u64, number as u64])
}

/// Makes the demo world of a seed. The same config and seed give the same world everywhere.
///
/// Its published split ([`Split::Given`](crate::Split::Given)) is a cut in time: what happened until
/// 80% of two years is training, until 90% validation, afterwards test.
///
/// ```
/// use gnnrec_data::{demo, Split};
/// let dataset = demo::generate(&demo::DemoConfig::default(), 1)?;
/// assert_eq!((dataset.num_users(), dataset.num_items()), (2000, 1500));
/// let parts = dataset.split(&Split::Given { validation: 0.0 }, 1)?;
/// assert!(parts.world.social().is_some() && parts.world.knowledge().is_some());
/// # Ok::<(), gnnrec_data::DataError>(())
/// ```
///
/// # Errors
/// A config out of range.
pub fn generate(config: &DemoConfig, seed: u64) -> Result<Dataset, DataError> {
    config.validate()?;
    let catalogue = Catalogue::new(config, seed);
    let people = People::new(config, &catalogue, seed);
    let mut rows: Vec<draw::Row> =
        (0..config.num_users).flat_map(|user| draw::rows(user, &people, &catalogue, seed)).collect();
    rows.sort_unstable_by_key(|row| (row.time, row.user, row.item));
    let log = Log {
        users: rows.iter().map(|row| UserId(row.user)).collect(),
        items: rows.iter().map(|row| ItemId(row.item)).collect(),
        ratings: Some(rows.iter().map(|row| row.rating).collect()),
        times: Some(rows.iter().map(|row| row.time).collect()),
        parts: Some(rows.iter().map(|row| part_of(row.time)).collect()),
    };
    let read = log.len() as u64;
    let step = Step { name: format!("generated from seed {seed}"), read, kept: read, ..Step::default() };
    let titles = names::titles(&catalogue, seed);
    let mut dataset = Dataset {
        name: "demo".to_owned(),
        users: numbered('u', config.num_users),
        items: numbered('i', config.num_items),
        titles: Some(titles.into_iter().map(Some).collect()),
        log,
        rating_range: Some([1.0, 5.0]),
        ties: Some(ties(&people.friendships(seed))),
        facts: Some(facts(&catalogue)),
        report: Report { steps: vec![step] },
        ..Dataset::default()
    };
    dataset.digest = write::digest(&dataset);
    Ok(dataset)
}

/// Seconds since 1970: the first of January 2023.
const FIRST_TIME: i64 = 1_672_531_200;
/// Two years of seconds.
const TIME_SPAN: i64 = 63_072_000;
/// When validation begins.
const VALIDATION_TIME: i64 = FIRST_TIME + TIME_SPAN / 10 * 8;
/// When the test begins.
const TEST_TIME: i64 = FIRST_TIME + TIME_SPAN / 10 * 9;

fn part_of(time: i64) -> Part {
    match time {
        TEST_TIME.. => Part::Test,
        VALIDATION_TIME.. => Part::Validation,
        _ => Part::Train,
    }
}

fn numbered(letter: char, count: usize) -> Vocabulary {
    let names: Vec<String> = (1..=count).map(|number| format!("{letter}{number:04}")).collect();
    names.iter().map(String::as_str).collect()
}

fn ties(friendships: &BTreeSet<(u32, u32)>) -> Ties {
    let pairs = friendships.iter().map(|&(a, b)| (UserId(a), UserId(b))).collect();
    Ties { pairs, direction: TieDirection::Symmetric }
}

/// The facts: every item is an entity under its own number, then come creators, series and genres.
fn facts(catalogue: &Catalogue) -> Facts {
    let num_items = catalogue.items.len();
    let mut entities: Vec<String> = numbered('i', num_items).names().map(str::to_owned).collect();
    entities.extend(catalogue.creators.iter().map(|creator| format!("creator: {}", creator.name)));
    let first_series = entities.len();
    for creator in &catalogue.creators {
        entities.extend(creator.series.iter().map(|series| format!("series: {} by {}", series, creator.name)));
    }
    let first_genre = entities.len();
    entities.extend(names::GENRES.map(|genre| format!("genre: {genre}")));
    let id = |number: usize| u32::try_from(number).expect("config and names keep the entities below u32::MAX");
    let mut triples = Vec::with_capacity(num_items * 3);
    for (item, book) in catalogue.items.iter().enumerate() {
        let mut fact = |relation, tail| {
            let (head, tail) = (EntityId(id(item)), EntityId(id(tail)));
            triples.push(Triple { head, relation: RelationId(relation), tail });
        };
        fact(0, num_items + book.creator);
        if let Some(series) = book.series {
            fact(1, first_series + book.creator * catalogue::SERIES_PER_CREATOR + series);
        }
        fact(2, first_genre + book.genre);
    }
    debug_assert_eq!(entities.len(), first_genre + NUM_GENRES);
    Facts {
        entities: entities.iter().map(String::as_str).collect(),
        relations: ["creator", "series", "genre"].into_iter().collect(),
        triples,
        entity_of_item: (0..num_items).map(|item| Some(EntityId(id(item)))).collect(),
    }
}
