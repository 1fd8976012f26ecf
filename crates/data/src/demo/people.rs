//! The users of the demo world: what each likes, who came late, and who is friends with whom.

use std::collections::BTreeSet;

use rand::RngExt;

use super::catalogue::{Catalogue, NUM_GENRES, NUM_TASTES, creator_of_genre, genre_of};
use super::{DemoConfig, Draw, draws};

/// Creators a user follows.
pub(super) const LOVED_CREATORS: usize = 2;
/// Share of users who follow creators of the genre they like; the others follow any.
const LOVES_OWN_GENRE: f64 = 0.8;
/// Friends that each user asks for; most of them ask back somebody else.
const FRIENDS_ASKED: usize = 5;
/// Share of friends who have the same taste.
const FRIENDS_ALIKE: f64 = 0.85;

/// One user.
pub(super) struct Person {
    pub(super) taste: usize,
    pub(super) loved: [usize; LOVED_CREATORS],
    pub(super) is_newcomer: bool,
}

/// Every user.
pub(super) struct People {
    pub(super) persons: Vec<Person>,
    by_taste: Vec<Vec<u32>>,
}

impl People {
    /// Draws every user from a stream of their own.
    pub(super) fn new(config: &DemoConfig, catalogue: &Catalogue, seed: u64) -> Self {
        let draw = |user| draw_person(config, catalogue.creators.len(), seed, user);
        let persons: Vec<Person> = (0..config.num_users).map(draw).collect();
        let mut by_taste = vec![Vec::new(); NUM_TASTES];
        for (user, person) in (0u32..).zip(&persons) {
            by_taste[person.taste].push(user);
        }
        Self { persons, by_taste }
    }

    /// Friendships as ordered pairs, each once, never with oneself.
    pub(super) fn friendships(&self, seed: u64) -> BTreeSet<(u32, u32)> {
        let mut friendships = BTreeSet::new();
        for (user, person) in (0u32..).zip(&self.persons) {
            let mut rng = draws(seed, Draw::Friends, user as usize);
            let alike = &self.by_taste[person.taste];
            for _ in 0..FRIENDS_ASKED {
                let friend = if rng.random_bool(FRIENDS_ALIKE) {
                    alike[rng.random_range(0..alike.len())]
                } else {
                    let num_users = u32::try_from(self.persons.len()).expect("the config bounds the users");
                    rng.random_range(0..num_users)
                };
                if friend != user {
                    friendships.insert((user.min(friend), user.max(friend)));
                }
            }
        }
        friendships
    }
}

fn draw_person(config: &DemoConfig, num_creators: usize, seed: u64, user: usize) -> Person {
    let mut rng = draws(seed, Draw::User, user);
    let taste = rng.random_range(0..NUM_TASTES);
    let genre = if rng.random_bool(LOVES_OWN_GENRE) { genre_of(taste) } else { rng.random_range(0..NUM_GENRES) };
    let first = creator_of_genre(genre, num_creators, &mut rng);
    let second = loop {
        let creator = creator_of_genre(genre, num_creators, &mut rng);
        if creator != first {
            break creator;
        }
    };
    Person { taste, loved: [first, second], is_newcomer: rng.random_bool(config.newcomers) }
}
