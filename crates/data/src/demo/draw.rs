//! What one user of the demo world takes, when, and how much they like it.

use std::collections::BTreeSet;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::catalogue::{Catalogue, MOST_WEIGHT, genre_of};
use super::people::{LOVED_CREATORS, People, Person};
use super::{Draw, FIRST_TIME, TEST_TIME, TIME_SPAN, VALIDATION_TIME, draws};
use crate::Part;

/// One interaction.
pub(super) struct Row {
    pub(super) user: u32,
    pub(super) item: u32,
    pub(super) rating: f32,
    pub(super) time: i64,
}

/// Why somebody takes an item.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Motive {
    /// It is of their taste.
    Taste,
    /// Readers of the same genre like it.
    Circle,
    /// They follow its creator.
    Creator,
    /// They pass by something new.
    New,
    /// It is popular.
    Popular,
}

/// Motives of users with a history, in shares; the rest is [`Motive::Popular`].
const TASTE: f64 = 0.42;
const CIRCLE: f64 = 0.13;
const CREATOR: f64 = 0.29;
const NEW_BEFORE_THE_CUT: f64 = 0.01;
/// Share of a follower's choices after the cut that fall on something new of the creator.
const FOLLOWER_TAKES_NEW: f64 = 0.9;
/// Draws before somebody gives up: all they would take they have.
const TRIES: usize = 20;

/// The interactions of one user, each item at most once.
pub(super) fn rows(user: usize, people: &People, catalogue: &Catalogue, seed: u64) -> Vec<Row> {
    let mut rng = draws(seed, Draw::Log, user);
    let person = &people.persons[user];
    let mut taken = BTreeSet::new();
    let mut rows = Vec::new();
    for part in occasions(person, &mut rng) {
        let choice = (0..TRIES).find_map(|_| {
            let motive = motive(person, part, &mut rng);
            let item = choose(motive, person, part, catalogue, &mut rng)?;
            taken.insert(item).then_some((motive, item))
        });
        if let Some((motive, item)) = choice {
            let (rating, time) = (rating(motive, &mut rng), time(person, part, &mut rng));
            rows.push(Row { user: u32::try_from(user).expect("the config bounds the users"), item, rating, time });
        }
    }
    rows
}

/// How often a user takes something before and after each cut; newcomers begin shortly before the first.
fn occasions(person: &Person, rng: &mut ChaCha8Rng) -> Vec<Part> {
    let repeat = |part, count| std::iter::repeat_n(part, count);
    let [train, validation, test] = if person.is_newcomer {
        [3, 2, 7]
    } else {
        // From 18 to 88, most of them few: no logarithm, whose last bit depends on the machine.
        let draw: f64 = rng.random();
        let number = 18.0 + 70.0 * draw * draw * draw;
        [0.75, 0.1, 0.15].map(|share| {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 2 to 66")]
            let count = f64::round(share * number) as usize;
            count
        })
    };
    repeat(Part::Train, train).chain(repeat(Part::Validation, validation)).chain(repeat(Part::Test, test)).collect()
}

fn motive(person: &Person, part: Part, rng: &mut ChaCha8Rng) -> Motive {
    if person.is_newcomer && part == Part::Train {
        return Motive::Popular;
    }
    let draw: f64 = rng.random();
    match draw {
        _ if draw < TASTE => Motive::Taste,
        _ if draw < TASTE + CIRCLE => Motive::Circle,
        _ if draw < TASTE + CIRCLE + CREATOR => Motive::Creator,
        _ if draw < TASTE + CIRCLE + CREATOR + NEW_BEFORE_THE_CUT && part == Part::Train => Motive::New,
        _ => Motive::Popular,
    }
}

fn choose(motive: Motive, person: &Person, part: Part, catalogue: &Catalogue, rng: &mut ChaCha8Rng) -> Option<u32> {
    match motive {
        Motive::Taste => pick(&catalogue.by_taste[person.taste], Pull::Mild, catalogue, rng),
        Motive::Circle => pick(&catalogue.by_circle[genre_of(person.taste)], Pull::Mild, catalogue, rng),
        Motive::Creator => {
            let creator = person.loved[rng.random_range(0..LOVED_CREATORS)];
            let wants_new = part != Part::Train && rng.random_bool(FOLLOWER_TAKES_NEW);
            let works = if wants_new { &catalogue.new_by_creator } else { &catalogue.by_creator };
            pick(&works[creator], Pull::None, catalogue, rng)
        }
        Motive::New => pick(&catalogue.new, Pull::None, catalogue, rng),
        Motive::Popular => pick(&catalogue.old, Pull::Full, catalogue, rng),
    }
}

/// How much popularity counts in a choice.
#[derive(Clone, Copy)]
enum Pull {
    /// Not at all.
    None,
    /// By the root of the weight.
    Mild,
    /// By the weight.
    Full,
}

impl Pull {
    fn of(self, weight: f64) -> f64 {
        match self {
            Self::None => 1.0,
            Self::Mild => weight.sqrt(),
            Self::Full => weight,
        }
    }
}

/// One of some items, with a chance in proportion to its pull, by rejection.
fn pick(items: &[u32], pull: Pull, catalogue: &Catalogue, rng: &mut ChaCha8Rng) -> Option<u32> {
    if items.is_empty() {
        return None;
    }
    loop {
        let item = items[rng.random_range(0..items.len())];
        if rng.random::<f64>() * pull.of(MOST_WEIGHT) < pull.of(catalogue.items[item as usize].weight) {
            return Some(item);
        }
    }
}

fn rating(motive: Motive, rng: &mut ChaCha8Rng) -> f32 {
    let range = match motive {
        Motive::Taste | Motive::Creator => 4..=5u8,
        Motive::Circle => 3..=5,
        Motive::New | Motive::Popular => 1..=4,
    };
    f32::from(rng.random_range(range))
}

fn time(person: &Person, part: Part, rng: &mut ChaCha8Rng) -> i64 {
    let joined = if person.is_newcomer { VALIDATION_TIME - TIME_SPAN / 20 } else { FIRST_TIME };
    rng.random_range(match part {
        Part::Train => joined..VALIDATION_TIME,
        Part::Validation => VALIDATION_TIME..TEST_TIME,
        Part::Test => TEST_TIME..FIRST_TIME + TIME_SPAN,
    })
}
