//! ItemKNN: items that the same users chose. Sarwar et al., WWW 2001, with the cosine over users, and
//! Deshpande and Karypis, TOIS 2004, for the implicit case.
//!
//! ```text
//! sim(i,j) = |users of i and j| / (sqrt(|users of i| |users of j|) + shrinkage)
//! N(i)     = the num_neighbours most similar other items
//! w(i,j)   = sim(i,j) for j in N(i), divided by their sum if normalised
//! ŷ(u,i)   = Σ w(i,j) x(u,j)                                x(u,j) is 1 for the items of u, else 0
//!          = mean(i) + Σ w(i,j) (x(u,j) - mean(j))          if centred; mean(j) = |users of j| / |users|
//! ```
//!
//! The second form is the one behind the published table of ItemKNN on Gowalla and Yelp2018 (BARS).
//!
//! Departures: ratings count as interactions. Of items with one similarity those of smaller id are the
//! nearer neighbours.

use gnnrec_eval::Scorer;
use gnnrec_graph::{Csr, Duplicates, InteractionGraph, UserId, World};
use gnnrec_model::{ClosedForm, ModelError};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

const NAME: &str = "item-knn";

/// How an ItemKNN model is made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ItemKnnConfig {
    /// Neighbours that an item keeps, at least 1.
    pub num_neighbours: usize,
    /// Added to the denominator of a similarity, at least 0: pairs with little evidence count less.
    pub shrinkage: f32,
    /// Whether the similarities of an item's neighbours are divided by their sum, which lifts items with
    /// few users.
    pub normalise: bool,
    /// Whether interactions are centred on the mean of their item: what popularity explains is counted
    /// once, not once more for every neighbour.
    pub centred: bool,
}

impl Default for ItemKnnConfig {
    fn default() -> Self {
        Self { num_neighbours: 100, shrinkage: 10.0, normalise: false, centred: false }
    }
}

impl ItemKnnConfig {
    /// The setting published for Gowalla.
    #[must_use]
    pub fn gowalla() -> Self {
        Self { num_neighbours: 100, shrinkage: 0.0, normalise: true, centred: true }
    }

    /// Checks every field.
    ///
    /// # Errors
    /// A value out of range.
    pub fn validate(&self) -> Result<(), ModelError> {
        ModelError::expect(self.num_neighbours > 0, NAME, "num_neighbours", self.num_neighbours, "at least 1")?;
        let shrinkage = self.shrinkage;
        let holds = shrinkage >= 0.0 && shrinkage.is_finite();
        ModelError::expect(holds, NAME, "shrinkage", shrinkage, "a finite number, at least 0")
    }
}

impl ClosedForm for ItemKnnConfig {
    /// Costs the sum over users of their squared degrees; holds one row of counts a thread and the
    /// neighbours.
    fn fit(&self, world: &World, _: u64) -> Result<Box<dyn Scorer>, ModelError> {
        self.validate()?;
        let interactions = world.interactions();
        let num_items = interactions.num_items();
        let nearest: Vec<Vec<(u32, f32)>> = (0..num_items)
            .into_par_iter()
            .map_init(|| vec![0u32; num_items], |counts, item| self.nearest(interactions, item, counts))
            .collect();
        let baseline = if self.centred { baseline(interactions, &nearest) } else { vec![0.0; num_items] };
        let edges: Vec<(u32, u32, f32)> = (0..)
            .zip(nearest)
            .flat_map(|(item, nearest)| nearest.into_iter().map(move |(other, weight)| (other, item, weight)))
            .collect();
        let neighbour_of = Csr::from_weighted_edges(num_items, num_items, &edges, Duplicates::Error)?;
        Ok(Box::new(ItemKnn { by_user: interactions.by_user().to_pattern(), neighbour_of, baseline }))
    }
}

impl ItemKnnConfig {
    /// `N(item)` with the similarities, nearest first. `counts` is scratch: zeros, before and after.
    #[expect(clippy::cast_precision_loss, reason = "a degree beyond 2^24 may be rounded")]
    fn nearest(&self, interactions: &InteractionGraph, item: usize, counts: &mut [u32]) -> Vec<(u32, f32)> {
        let (by_user, by_item) = (interactions.by_user(), interactions.by_item());
        let mut met: Vec<u32> = Vec::new();
        for &user in by_item.row(item) {
            for &other in by_user.row(user as usize) {
                if counts[other as usize] == 0 {
                    met.push(other);
                }
                counts[other as usize] += 1;
            }
        }
        let degree = |item: usize| by_item.degree(item) as f32;
        let similarity = |other: u32| {
            let both = counts[other as usize] as f32;
            both / ((degree(item) * degree(other as usize)).sqrt() + self.shrinkage)
        };
        let others = met.iter().filter(|&&other| other as usize != item);
        let mut nearest: Vec<(u32, f32)> = others.map(|&other| (other, similarity(other))).collect();
        for other in met {
            counts[other as usize] = 0;
        }
        let by_nearness = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
        if nearest.len() > self.num_neighbours {
            nearest.select_nth_unstable_by(self.num_neighbours, by_nearness);
            nearest.truncate(self.num_neighbours);
        }
        nearest.sort_unstable_by(by_nearness);
        if self.normalise {
            let sum: f32 = nearest.iter().map(|&(_, similarity)| similarity).sum();
            nearest.iter_mut().for_each(|(_, similarity)| *similarity /= sum);
        }
        nearest
    }
}

/// `mean(i) - Σ w(i,j) mean(j)`: the part of a centred score that no user changes.
#[expect(clippy::cast_precision_loss, reason = "a degree beyond 2^24 may be rounded")]
fn baseline(interactions: &InteractionGraph, nearest: &[Vec<(u32, f32)>]) -> Vec<f32> {
    let num_users = interactions.num_users().max(1) as f32;
    let mean = |item: usize| interactions.by_item().degree(item) as f32 / num_users;
    let of_neighbours = |(other, weight): &(u32, f32)| weight * mean(*other as usize);
    nearest.iter().enumerate().map(|(item, near)| mean(item) - near.iter().map(of_neighbours).sum::<f32>()).collect()
}

/// The user's items and, for each, the items that have it as a neighbour.
struct ItemKnn {
    by_user: Csr,
    /// Row `j` holds every item `i` with `j` in `N(i)`, weighted by `w(i,j)`.
    neighbour_of: Csr,
    /// What an item scores for a user without interactions.
    baseline: Vec<f32>,
}

impl Scorer for ItemKnn {
    fn num_users(&self) -> usize {
        self.by_user.num_rows()
    }

    fn num_items(&self) -> usize {
        self.by_user.num_cols()
    }

    /// # Panics
    /// If a user lies outside the world or `scores` is not `users.len() x num_items`.
    fn score(&self, users: &[UserId], scores: &mut [f32]) {
        assert_eq!(scores.len(), users.len() * self.num_items(), "scores are users x items");
        for (user, scores) in users.iter().zip(scores.chunks_exact_mut(self.num_items().max(1))) {
            scores.copy_from_slice(&self.baseline);
            for &item in self.by_user.row(user.index()) {
                let neighbour_of = self.neighbour_of.row(item as usize);
                let weights = self.neighbour_of.row_weights(item as usize).expect("built with weights");
                for (&other, weight) in neighbour_of.iter().zip(weights) {
                    scores[other as usize] += weight;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use gnnrec_graph::ItemId;
    use gnnrec_model::conformance;

    use super::*;

    #[test]
    fn conforms() {
        for config in [ItemKnnConfig::default(), ItemKnnConfig::gowalla()] {
            conformance::check_closed_form(&config, &conformance::world());
        }
    }

    /// Users {0,1,2}, {0,1}, {1,3}, {}: degrees 2, 3, 1, 1.
    #[test]
    fn scores_by_hand() {
        let pairs = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (2, 1), (2, 3)];
        let pairs = pairs.map(|(user, item)| (UserId(user), ItemId(item)));
        let world = World::new(InteractionGraph::from_pairs(4, 5, &pairs, Duplicates::Error).unwrap());
        let scores = |num_neighbours, shrinkage, normalise, centred| {
            let config = ItemKnnConfig { num_neighbours, shrinkage, normalise, centred };
            conformance::all_scores(&*config.fit(&world, 0).unwrap())
        };
        let close = |found: &[f32], expected: [f32; 5]| {
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?} {expected:?}");
        };
        let (s01, s02, s12, s13) = (2.0 / 6f32.sqrt(), 1.0 / 2f32.sqrt(), 1.0 / 3f32.sqrt(), 1.0 / 3f32.sqrt());
        let all = scores(9, 0.0, false, false);
        close(&all[10..15], [s01, s13, s12, s13, 0.0]);
        close(&all[5..10], [s01, s01, s02 + s12, s13, 0.0]);
        close(&all[15..], [0.0; 5]);
        // One neighbour each: 0 and 1 have one another, 2 has 0, 3 has 1.
        close(&scores(1, 0.0, false, false)[5..10], [s01, s01, s02, s13, 0.0]);
        close(&scores(1, 0.0, true, false)[5..10], [1.0, 1.0, 1.0, 1.0, 0.0]);
        let (shrunk, s02) = (2.0 / (6f32.sqrt() + 2.0), 1.0 / (2f32.sqrt() + 2.0));
        close(&scores(1, 2.0, false, false)[5..10], [shrunk, shrunk, s02, 1.0 / (3f32.sqrt() + 2.0), 0.0]);
        // Means 1/2, 3/4, 1/4, 1/4 and 0, less the neighbour's.
        close(&scores(1, 0.0, true, true)[15..], [-0.25, 0.25, -0.25, -0.5, 0.0]);
        close(&scores(1, 0.0, true, true)[10..15], [0.75, 0.25, -0.25, 0.5, 0.0]);
    }

    #[test]
    fn refuses_what_is_out_of_range() {
        for (config, field) in [
            (ItemKnnConfig { num_neighbours: 0, ..Default::default() }, "num_neighbours"),
            (ItemKnnConfig { shrinkage: f32::NAN, ..Default::default() }, "shrinkage"),
        ] {
            assert!(config.validate().unwrap_err().to_string().contains(field));
        }
        assert!(serde_json::from_str::<ItemKnnConfig>(r#"{"k": 3}"#).is_err());
        assert_eq!(serde_json::from_str::<ItemKnnConfig>("{}").unwrap(), ItemKnnConfig::default());
    }
}
