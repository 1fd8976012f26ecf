//! The worlds that are measured on: real datasets where they are, otherwise one that is generated.

use std::path::PathBuf;

use gnnrec_data::demo::{self, DemoConfig};
use gnnrec_data::{Manifest, Scope, Split, load};
use gnnrec_graph::{Csr, Duplicates, Holdout, InteractionGraph, World};
use gnnrec_sampling::{Purpose, stream};
use rand::RngExt;
use rayon::prelude::*;

use crate::Failure;

/// A training world with its name.
#[derive(Clone, Debug)]
pub struct Named {
    /// The dataset, or `generated`.
    pub name: String,
    /// The training part.
    pub world: World,
    /// The test part.
    pub test: Holdout,
}

/// The folder that `GNNREC_DATA` names.
#[must_use]
pub fn data_folder() -> Option<PathBuf> {
    std::env::var_os("GNNREC_DATA").map(PathBuf::from)
}

/// A dataset of `GNNREC_DATA` in its published split.
///
/// # Errors
/// No such dataset, or files that cannot be read.
pub fn dataset(name: &str) -> Result<Named, Failure> {
    let folder = data_folder().ok_or("GNNREC_DATA names no folder; it holds the datasets, as `gowalla/train.txt`")?;
    let manifest = Manifest::find(name)?;
    let parts = load(name, &manifest.source, &folder)?.split(&Split::Given { validation: 0.0 }, 0)?;
    Ok(Named { name: name.to_owned(), world: parts.world, test: parts.test })
}

/// Gowalla where `GNNREC_DATA` has it, otherwise a generated world of its size.
#[must_use]
pub fn gowalla_or_generated() -> Named {
    dataset("gowalla").unwrap_or_else(|_| {
        let interactions = power_law(1_620_256, 1);
        let test = power_law_of(interactions.num_users(), interactions.num_items(), 217_242, 2);
        let test = Holdout::new(test.by_user().clone());
        Named { name: "generated".to_owned(), world: World::new(interactions), test }
    })
}

/// Ratings and ties: Ciao where `GNNREC_DATA` has it, nine tenths of it at random, otherwise the demo world.
///
/// # Panics
/// If the demo world cannot be split, which would be a fault of it.
#[must_use]
pub fn rated() -> Named {
    let ciao = || -> Result<_, Failure> {
        let folder = data_folder().ok_or("GNNREC_DATA names no folder")?;
        let dataset = load("ciao", &Manifest::find("ciao")?.source, &folder)?;
        let split = Split::Ratio { scope: Scope::Global, validation: 0.0, test: 0.1 };
        Ok(("ciao", dataset.split(&split, 1)?))
    };
    let demo = || -> Result<_, Failure> {
        let dataset = demo::generate(&DemoConfig::default(), 1)?;
        Ok(("demo", dataset.split(&Split::Given { validation: 0.0 }, 1)?))
    };
    let (name, parts) = ciao().or_else(|_| demo()).expect("the demo world can be split");
    Named { name: name.to_owned(), world: parts.world, test: parts.test }
}

/// Edges a node of Gowalla's joint graph has, both directions counted.
const MEAN_DEGREE: f64 = 1_620_256.0 / 70_839.0;

/// Share of users among Gowalla's nodes.
const USER_SHARE: f64 = 29_858.0 / 70_839.0;

/// A generated interaction graph whose joint graph has about `num_edges` edges, both directions counted,
/// and the mean degree of Gowalla.
///
/// Degrees follow power laws: of users with exponent 2.5 above a least degree, of items with exponent 3.
/// Nothing else is planted, least of all communities: neighbours lie anywhere in memory, which is the
/// worst case for a kernel. The same bits for any number of threads.
#[must_use]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "sizes")]
pub fn power_law(num_edges: usize, seed: u64) -> InteractionGraph {
    let num_nodes = num_edges as f64 / MEAN_DEGREE;
    let num_users = ((num_nodes * USER_SHARE) as usize).max(2);
    let num_items = ((num_nodes * (1.0 - USER_SHARE)) as usize).max(8);
    power_law_of(num_users, num_items, num_edges / 2, seed)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "sizes")]
fn power_law_of(num_users: usize, num_items: usize, num_interactions: usize, seed: u64) -> InteractionGraph {
    // The mean of a Pareto law of exponent 2.5 is three times its least value.
    let least = num_interactions as f64 / num_users as f64 / 3.0;
    let rows: Vec<Vec<u32>> = (0..num_users)
        .into_par_iter()
        .map(|user| {
            let mut random = stream(seed, Purpose::World, [user as u64, 0]);
            let degree = least * (1.0 - random.random::<f64>()).powf(-1.0 / 1.5);
            let degree = ((degree + random.random::<f64>()) as usize).clamp(1, num_items / 4);
            let mut items: Vec<u32> = Vec::with_capacity(degree + 8);
            while items.len() < degree {
                let missing = degree - items.len();
                items.extend((0..missing).map(|_| {
                    // Rank `r` with density falling as r^-1/2; multiplied by a prime, so that popular items lie apart.
                    let rank = (num_items as f64 * random.random::<f64>().powi(2)) as u64;
                    (rank.min(num_items as u64 - 1) * 2_654_435_761 % num_items as u64) as u32
                }));
                items.sort_unstable();
                items.dedup();
            }
            items
        })
        .collect();
    let edges: Vec<(u32, u32)> =
        (0u32..).zip(&rows).flat_map(|(user, items)| items.iter().map(move |&item| (user, item))).collect();
    drop(rows);
    let by_user =
        Csr::from_edges(num_users, num_items, &edges, Duplicates::Error).expect("rows are distinct and in range");
    InteractionGraph::new(by_user)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_graph_has_the_size_and_the_tail_asked_for() {
        let graph = power_law(200_000, 7);
        assert_eq!(graph, power_law(200_000, 7));
        let found = 2 * graph.num_interactions();
        assert!((160_000..240_000).contains(&found), "{found} edges");
        let mut popularity: Vec<usize> = (0..graph.num_items()).map(|item| graph.by_item().degree(item)).collect();
        popularity.sort_unstable();
        let (median, most) = (popularity[popularity.len() / 2], popularity[popularity.len() - 1]);
        assert!(most > 20 * median.max(1), "the most popular item has {most} users, the median {median}");
    }
}
