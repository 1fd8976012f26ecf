//! Readable names for the demo world: made up, and without meaning for who likes what.

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::catalogue::{Catalogue, Creator, NUM_GENRES, SERIES_PER_CREATOR};
use super::{Draw, draws};

/// The genres.
pub(super) const GENRES: [&str; NUM_GENRES] =
    ["Noir", "Romance", "Space Opera", "Folklore", "Satire", "Gothic", "Travel", "Mystery"];

const FIRST: [&str; 32] = [
    "Aria", "Bruno", "Cleo", "Dario", "Edda", "Farid", "Greta", "Hugo", "Imre", "Juno", "Kaito", "Lena", "Milo",
    "Nadia", "Otto", "Petra", "Quentin", "Rosa", "Selim", "Thea", "Ugo", "Vera", "Wanda", "Xenia", "Yusuf", "Zora",
    "Anselm", "Beatriz", "Conrad", "Delphine", "Emil", "Freya",
];

const LAST: [&str; 32] = [
    "Voss",
    "Almeida",
    "Brandt",
    "Castellan",
    "Duarte",
    "Eklund",
    "Fenwick",
    "Garonne",
    "Halloran",
    "Ivarsen",
    "Jansky",
    "Kovac",
    "Lindqvist",
    "Marchetti",
    "Novak",
    "Okafor",
    "Pellerin",
    "Quist",
    "Rasmus",
    "Sorel",
    "Tamura",
    "Underhill",
    "Vasquez",
    "Whitlock",
    "Xu",
    "Yates",
    "Zeller",
    "Abara",
    "Bellweather",
    "Corrigan",
    "Demir",
    "Esposito",
];

const SERIES: [&str; 8] = ["Saga", "Cycle", "Nocturnes", "Chronicles", "Letters", "Casebook", "Almanac", "Quartet"];

const ADJECTIVES: [&str; 40] = [
    "Glass",
    "Silent",
    "Crimson",
    "Hollow",
    "Paper",
    "Distant",
    "Gilded",
    "Broken",
    "Winter",
    "Burning",
    "Hidden",
    "Velvet",
    "Iron",
    "Drowned",
    "Painted",
    "Restless",
    "Borrowed",
    "Amber",
    "Forgotten",
    "Northern",
    "Salt",
    "Second",
    "Sleeping",
    "Tangled",
    "Unwritten",
    "Wandering",
    "Yellow",
    "Quiet",
    "Bitter",
    "Copper",
    "Midnight",
    "Patient",
    "Scattered",
    "Stolen",
    "Tender",
    "Thirteenth",
    "Upper",
    "Vanishing",
    "Wild",
    "Whispering",
];

const NOUNS: [&str; 40] = [
    "Harbour",
    "Orchard",
    "Lantern",
    "Cartographer",
    "Garden",
    "Compass",
    "Bridge",
    "Letter",
    "Mirror",
    "Observatory",
    "River",
    "Station",
    "Tide",
    "Archive",
    "Clockmaker",
    "Door",
    "Ember",
    "Ferry",
    "Gate",
    "Heron",
    "Island",
    "Journey",
    "Key",
    "Library",
    "Meadow",
    "Novel",
    "Oath",
    "Parade",
    "Quarry",
    "Railway",
    "Shadow",
    "Tower",
    "Umbrella",
    "Violin",
    "Window",
    "Yard",
    "Comet",
    "Fox",
    "Market",
    "Winter",
];

/// Creators of different names, each with series of different names.
pub(super) fn creators(count: usize, rng: &mut ChaCha8Rng) -> Vec<Creator> {
    let mut pairs: Vec<(usize, usize)> =
        (0..FIRST.len()).flat_map(|first| (0..LAST.len()).map(move |last| (first, last))).collect();
    pairs.shuffle(rng);
    let creator = |number: usize| {
        let (first, last) = pairs[number % pairs.len()];
        let name = format!("{} {}{}", FIRST[first], LAST[last], numeral(number / pairs.len()));
        let first_series = rng.random_range(0..SERIES.len());
        let series = std::array::from_fn::<_, SERIES_PER_CREATOR, _>(|k| SERIES[(first_series + k) % SERIES.len()]);
        Creator { name, series }
    };
    (0..count).map(creator).collect()
}

/// For each item a title of its own, its creator and its genre, as in `The Glass Harbour (Aria Voss, Noir)`.
pub(super) fn titles(catalogue: &Catalogue, seed: u64) -> Vec<String> {
    let mut pairs: Vec<(usize, usize)> =
        (0..ADJECTIVES.len()).flat_map(|adjective| (0..NOUNS.len()).map(move |noun| (adjective, noun))).collect();
    pairs.shuffle(&mut draws(seed, Draw::Titles, 0));
    let title = |(number, item): (usize, &super::catalogue::Item)| {
        let (adjective, noun) = pairs[number % pairs.len()];
        let (adjective, noun) = (ADJECTIVES[adjective], NOUNS[noun]);
        let (creator, genre) = (&catalogue.creators[item.creator].name, GENRES[item.genre]);
        format!("The {adjective} {noun}{} ({creator}, {genre})", numeral(number / pairs.len()))
    };
    catalogue.items.iter().enumerate().map(title).collect()
}

/// What tells the second and later bearers of a name from the first.
fn numeral(round: usize) -> String {
    if round == 0 { String::new() } else { format!(" {}", round + 1) }
}
