//! The items of the demo world: taste, genre, creator, series, popularity, and which of them are new.
//!
//! Each item is drawn from its own stream and from the same distributions, so that its number carries
//! nothing. Its taste is known here and written nowhere.

use rand::RngExt;

use super::{DemoConfig, Draw, draws, names};

/// Genres, and as many broad groups of tastes.
pub(super) const NUM_GENRES: usize = 8;
/// Tastes of one genre's readers.
const TASTES_PER_GENRE: usize = 4;
/// All tastes.
pub(super) const NUM_TASTES: usize = NUM_GENRES * TASTES_PER_GENRE;
/// How many series each creator has begun.
pub(super) const SERIES_PER_CREATOR: usize = 3;
/// Items for each creator, on average.
const ITEMS_PER_CREATOR: usize = 12;
/// Share of items whose genre is the one their readers like; the others are found in any.
const GENRE_FITS: f64 = 0.7;
/// Share of items that belong to a series.
const IN_SERIES: f64 = 0.75;
/// The largest weight an item can have; the smallest is 1.
pub(super) const MOST_WEIGHT: f64 = 64.0;

/// The genre that readers of a taste like.
pub(super) fn genre_of(taste: usize) -> usize {
    taste / TASTES_PER_GENRE
}

/// One item.
pub(super) struct Item {
    pub(super) taste: usize,
    pub(super) genre: usize,
    pub(super) creator: usize,
    pub(super) series: Option<usize>,
    /// Weight in choices, from 1 to [`MOST_WEIGHT`], drawn apart from everything else.
    pub(super) weight: f64,
    pub(super) is_new: bool,
}

/// One creator.
pub(super) struct Creator {
    pub(super) name: String,
    pub(super) series: [&'static str; SERIES_PER_CREATOR],
}

/// Every item, and the items by what people look for.
pub(super) struct Catalogue {
    pub(super) items: Vec<Item>,
    pub(super) creators: Vec<Creator>,
    /// Items that are not new.
    pub(super) old: Vec<u32>,
    /// New items.
    pub(super) new: Vec<u32>,
    /// Items that are not new, by taste.
    pub(super) by_taste: Vec<Vec<u32>>,
    /// Items that are not new, by the genre that readers of their taste like.
    pub(super) by_circle: Vec<Vec<u32>>,
    /// Items that are not new, by creator.
    pub(super) by_creator: Vec<Vec<u32>>,
    /// New items, by creator.
    pub(super) new_by_creator: Vec<Vec<u32>>,
}

impl Catalogue {
    /// Draws every creator and item.
    pub(super) fn new(config: &DemoConfig, seed: u64) -> Self {
        let num_creators = (config.num_items / ITEMS_PER_CREATOR).max(2 * NUM_GENRES);
        let mut rng = draws(seed, Draw::Creator, 0);
        let creators = names::creators(num_creators, &mut rng);
        let items: Vec<Item> = (0..config.num_items).map(|item| draw_item(config, num_creators, seed, item)).collect();
        let mut catalogue = Self {
            creators,
            old: Vec::new(),
            new: Vec::new(),
            by_taste: vec![Vec::new(); NUM_TASTES],
            by_circle: vec![Vec::new(); NUM_GENRES],
            by_creator: vec![Vec::new(); num_creators],
            new_by_creator: vec![Vec::new(); num_creators],
            items: Vec::new(),
        };
        for (number, item) in (0u32..).zip(&items) {
            if item.is_new {
                catalogue.new.push(number);
                catalogue.new_by_creator[item.creator].push(number);
            } else {
                catalogue.old.push(number);
                catalogue.by_taste[item.taste].push(number);
                catalogue.by_circle[genre_of(item.taste)].push(number);
                catalogue.by_creator[item.creator].push(number);
            }
        }
        catalogue.items = items;
        catalogue
    }
}

fn draw_item(config: &DemoConfig, num_creators: usize, seed: u64, item: usize) -> Item {
    let mut rng = draws(seed, Draw::Item, item);
    let taste = rng.random_range(0..NUM_TASTES);
    let genre = if rng.random_bool(GENRE_FITS) { genre_of(taste) } else { rng.random_range(0..NUM_GENRES) };
    Item {
        taste,
        genre,
        creator: creator_of_genre(genre, num_creators, &mut rng),
        series: rng.random_bool(IN_SERIES).then(|| rng.random_range(0..SERIES_PER_CREATOR)),
        weight: 1.0 / rng.random_range(1.0 / MOST_WEIGHT..1.0),
        is_new: rng.random_bool(config.new_items),
    }
}

/// A creator who writes in a genre: those whose number leaves that remainder.
pub(super) fn creator_of_genre(genre: usize, num_creators: usize, rng: &mut impl RngExt) -> usize {
    let num_of_genre = (num_creators - genre).div_ceil(NUM_GENRES);
    rng.random_range(0..num_of_genre) * NUM_GENRES + genre
}
