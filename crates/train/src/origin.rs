//! What a checkpoint was made with: a run that differs in any of it must not go on from there.

use gnnrec_eval::HeldOut;
use gnnrec_graph::{Csr, Feature, Features, ItemId, UserId, World};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{TrainConfig, TrainError};

/// Everything that a run is a function of, as written into its checkpoint.
#[derive(Serialize)]
pub(crate) struct Origin<'a> {
    /// In words, since a table of TOML has no unsigned 64-bit numbers.
    pub(crate) seed: String,
    /// The model and its configuration, as the caller names them.
    pub(crate) model: &'a str,
    pub(crate) num_users: usize,
    pub(crate) num_items: usize,
    pub(crate) num_interactions: usize,
    /// Digest of the interactions, ties and facts.
    pub(crate) world: String,
    /// Digest of the validation part.
    pub(crate) validation: String,
    pub(crate) config: &'a TrainConfig,
}

impl<'a> Origin<'a> {
    pub(crate) fn new(
        seed: u64,
        model: &'a str,
        world: &World,
        validation: Option<&HeldOut<'_>>,
        config: &'a TrainConfig,
    ) -> Self {
        Self {
            seed: seed.to_string(),
            model,
            num_users: world.interactions().num_users(),
            num_items: world.interactions().num_items(),
            num_interactions: world.interactions().num_interactions(),
            world: digest_of_world(world),
            validation: validation.map_or_else(|| "none".to_owned(), digest_of_held_out),
            config,
        }
    }

    pub(crate) fn to_table(&self) -> Result<toml::Table, TrainError> {
        // The one thing that TOML cannot hold is a count above 2^63.
        toml::Table::try_from(self).map_err(|error| TrainError::Config {
            field: "config",
            found: error.to_string(),
            expected: "counts below 2^63",
        })
    }
}

/// Where two tables first differ: the path of the field, its value in the first and in the second.
pub(crate) fn difference(first: &toml::Table, second: &toml::Table) -> Option<(String, String, String)> {
    let of = |value: Option<&toml::Value>| value.map_or_else(|| "nothing".to_owned(), ToString::to_string);
    first.keys().chain(second.keys()).find_map(|key| match (first.get(key), second.get(key)) {
        (Some(toml::Value::Table(first)), Some(toml::Value::Table(second))) => {
            difference(first, second).map(|(path, first, second)| (format!("{key}.{path}"), first, second))
        }
        (first, second) if first == second => None,
        (first, second) => Some((key.clone(), of(first), of(second))),
    })
}

/// SHA-256 in hexadecimal digits.
pub(crate) fn hex_digest(hasher: Sha256) -> String {
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn digest_of_world(world: &World) -> String {
    let mut hasher = Sha256::new();
    hash_matrix(&mut hasher, world.interactions().by_user());
    if let Some(social) = world.social() {
        hasher.update(b"social");
        hash_matrix(&mut hasher, social.ties());
    }
    if let Some(knowledge) = world.knowledge() {
        hasher.update(b"knowledge");
        for fact in knowledge.triples() {
            hash_ids(&mut hasher, &[fact.head.0, fact.relation.0, fact.tail.0]);
        }
        for item in (0..).take(knowledge.num_items()).map(ItemId) {
            hasher.update(knowledge.entity_of(item).map_or(u64::MAX, |entity| entity.0.into()).to_le_bytes());
        }
    }
    for (name, features) in [("item features", world.item_features()), ("user features", world.user_features())] {
        if let Some(features) = features {
            hasher.update(name);
            hash_features(&mut hasher, features);
        }
    }
    hex_digest(hasher)
}

/// What is to be predicted; a list of relevant items is told apart from their ratings.
fn digest_of_held_out(held_out: &HeldOut<'_>) -> String {
    let mut hasher = Sha256::new();
    match held_out {
        HeldOut::Relevant(holdout) | HeldOut::Ratings(holdout, _) => {
            for user in (0..).take(holdout.num_users()).map(UserId) {
                hash_ids(&mut hasher, ItemId::peel_slice(holdout.relevant(user)));
                if let (HeldOut::Ratings(..), Some(ratings)) = (held_out, holdout.ratings(user)) {
                    hash_floats(&mut hasher, ratings);
                }
            }
        }
        HeldOut::Clicks(pairs) => {
            for (&(user, item), &label) in pairs.pairs().iter().zip(pairs.labels()) {
                hash_ids(&mut hasher, &[user.0, item.0, label.into()]);
            }
        }
    }
    if let HeldOut::Ratings(_, range) = held_out {
        hash_floats(&mut hasher, &[*range.start(), *range.end()]);
    }
    hex_digest(hasher)
}

/// Every column with its name; a missing value is written as what no value can be.
fn hash_features(hasher: &mut Sha256, features: &Features) {
    for (name, column) in features.columns() {
        hasher.update(name);
        match column {
            Feature::Categorical { values, .. } => {
                hash_ids(hasher, &values.iter().map(|value| value.unwrap_or(u32::MAX)).collect::<Vec<_>>());
            }
            Feature::MultiValued(values) => hash_matrix(hasher, values),
            Feature::Numeric { values } => {
                hash_floats(hasher, &values.iter().map(|value| value.unwrap_or(f32::NAN)).collect::<Vec<_>>());
            }
            Feature::Dense { values, .. } => hash_floats(hasher, values),
        }
    }
}

fn hash_floats(hasher: &mut Sha256, values: &[f32]) {
    values.iter().for_each(|value| hasher.update(value.to_le_bytes()));
}

/// Every row with its length, and its weights where there are any.
fn hash_matrix(hasher: &mut Sha256, matrix: &Csr) {
    for row in 0..matrix.num_rows() {
        hash_ids(hasher, matrix.row(row));
        hash_floats(hasher, matrix.row_weights(row).unwrap_or_default());
    }
}

fn hash_ids(hasher: &mut Sha256, ids: &[u32]) {
    hasher.update((ids.len() as u64).to_le_bytes());
    for id in ids {
        hasher.update(id.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use gnnrec_graph::{Duplicates, InteractionGraph};
    use gnnrec_model::conformance;

    use super::*;

    #[test]
    fn names_the_first_field_that_differs() {
        let table = |text: &str| text.parse::<toml::Table>().unwrap();
        let first = table("a = 1\n[b]\nc = 0.1\nd = [1, 2]");
        assert_eq!(difference(&first, &first.clone()), None);
        let of = |text: &str| difference(&first, &table(text)).unwrap();
        assert_eq!(of("a = 1\n[b]\nc = 0.1\nd = [1, 3]"), ("b.d".into(), "[1, 2]".into(), "[1, 3]".into()));
        assert_eq!(of("a = 1\n[b]\nd = [1, 2]"), ("b.c".into(), "0.1".into(), "nothing".into()));
        assert_eq!(of("a = 1\nz = 2\n[b]\nc = 0.1\nd = [1, 2]"), ("z".into(), "nothing".into(), "2".into()));
        assert_eq!(of("a = 1\nb = 2").0, "b");
    }

    #[test]
    fn the_digest_sees_every_part_of_a_world() {
        let world = conformance::world();
        let bare = World::new(world.interactions().clone());
        let social = bare.clone().with_social(world.social().unwrap().clone()).unwrap();
        let of = |pairs: &[(u32, u32)]| {
            let pairs: Vec<_> = pairs.iter().map(|&(user, item)| (UserId(user), ItemId(item))).collect();
            World::new(InteractionGraph::from_pairs(2, 3, &pairs, Duplicates::Error).unwrap())
        };
        let rated = Csr::from_weighted_edges(2, 3, &[(0, 1, 2.0)], Duplicates::Error).unwrap();
        let items = world.interactions().num_items();
        let column = Feature::Numeric { values: vec![None; items] };
        let featured = world.clone().with_item_features(Features::new(items).with_column("age", column).unwrap());
        let worlds = [
            featured.unwrap(),
            world,
            bare,
            social,
            of(&[(0, 1)]),
            of(&[(1, 1)]),
            of(&[(0, 2)]),
            World::new(InteractionGraph::new(rated)),
        ];
        let mut digests: Vec<String> = worlds.iter().map(digest_of_world).collect();
        assert_eq!(digests[0], digest_of_world(&worlds[0].clone()));
        digests.sort();
        digests.dedup();
        assert_eq!(digests.len(), worlds.len());
    }
}
