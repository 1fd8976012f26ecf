//! Items by weight `degree^alpha`: one draw in constant time, and exactly among a user's unseen items.

use gnnrec_graph::{Csr, ItemId};
use rand::Rng;

use crate::draw::{absent, below, is_absent, unit};

/// Draws that hit a seen item before the unseen ones are weighed one by one.
const TRIES: usize = 32;

/// The weights and their alias table (Walker, 1977; built as by Vose, 1991).
pub(crate) struct Popularity {
    /// One weight an item, scaled so that the largest is 1.
    weights: Vec<f64>,
    /// One cell for each item of positive weight; items of weight 0 stand in none.
    cells: Vec<Cell>,
}

/// Chosen uniformly, a cell yields `item` with probability `odds` and `alias` otherwise.
struct Cell {
    odds: f64,
    item: u32,
    alias: u32,
}

impl Popularity {
    /// Weighs the items by their number of users; linear in the number of items.
    #[expect(clippy::cast_precision_loss, reason = "degrees are below 2^32")]
    pub(crate) fn new(by_item: &Csr, alpha: f64) -> Self {
        let degrees = by_item.indptr().windows(2).map(|bounds| (bounds[1] - bounds[0]) as f64);
        let largest = degrees.clone().fold(1.0, f64::max);
        // Scaled before it is raised: no exponent overflows.
        let weights: Vec<f64> = degrees.map(|degree| (degree / largest).powf(alpha)).collect();
        let cells = alias_cells(&weights);
        Self { weights, cells }
    }

    /// One item outside the sorted row `seen`, by weight.
    ///
    /// # Panics
    /// If `seen` holds every item.
    pub(crate) fn draw(&self, seen: &[ItemId], random: &mut impl Rng) -> ItemId {
        if !self.cells.is_empty() {
            for _ in 0..TRIES {
                let item = self.draw_any(random);
                if is_absent(seen, item) {
                    return item;
                }
            }
        }
        self.weigh_unseen(seen, random)
    }

    fn draw_any(&self, random: &mut impl Rng) -> ItemId {
        let cell = &self.cells[below(random, self.cells.len()) as usize];
        ItemId(if unit(random) < cell.odds { cell.item } else { cell.alias })
    }

    /// The same law as [`Popularity::draw`] with no rejection: linear in the number of items.
    fn weigh_unseen(&self, seen: &[ItemId], random: &mut impl Rng) -> ItemId {
        let unseen = || {
            let mut seen = seen.iter().peekable();
            let items = (0..).map(ItemId).zip(&self.weights);
            items.filter(move |(item, _)| seen.next_if_eq(&item).is_none())
        };
        let total: f64 = unseen().map(|(_, &weight)| weight).sum();
        if total <= 0.0 {
            return ItemId(absent(ItemId::peel_slice(seen), below(random, self.weights.len() - seen.len())));
        }
        let mut left = unit(random) * total;
        let mut chosen = None;
        for (item, &weight) in unseen().filter(|&(_, &weight)| weight > 0.0) {
            chosen = Some(item);
            left -= weight;
            if left < 0.0 {
                break;
            }
        }
        chosen.expect("a positive total has a positive term")
    }
}

/// Gives every cell the mean weight: what a light item lacks, a heavy one fills in.
#[expect(clippy::cast_precision_loss, reason = "item counts are below 2^32")]
fn alias_cells(weights: &[f64]) -> Vec<Cell> {
    let positive = (0u32..).zip(weights).filter(|&(_, &weight)| weight > 0.0);
    let mut cells: Vec<Cell> = positive.map(|(item, &odds)| Cell { odds, item, alias: item }).collect();
    let mean = cells.iter().map(|cell| cell.odds).sum::<f64>() / cells.len() as f64;
    cells.iter_mut().for_each(|cell| cell.odds /= mean);
    let (mut light, mut heavy): (Vec<usize>, Vec<usize>) = (0..cells.len()).partition(|&cell| cells[cell].odds < 1.0);
    while let (Some(&from), Some(to)) = (heavy.last(), light.pop()) {
        cells[to].alias = cells[from].item;
        cells[from].odds -= 1.0 - cells[to].odds;
        if cells[from].odds < 1.0 {
            light.push(from);
            heavy.pop();
        }
    }
    // What rounding left over is its own alias.
    cells
}

#[cfg(test)]
mod tests {
    use gnnrec_graph::Duplicates;
    use proptest::prelude::*;

    use super::*;

    fn by_item(degrees: &[u32]) -> Csr {
        let edges: Vec<(u32, u32)> =
            (0u32..).zip(degrees).flat_map(|(item, &degree)| (0..degree).map(move |user| (item, user))).collect();
        Csr::from_edges(degrees.len(), 100, &edges, Duplicates::Error).unwrap()
    }

    proptest! {
        #[test]
        fn the_cells_hold_the_weights(degrees in prop::collection::vec(0u32..100, 1..60), alpha in 0.0f64..3.0) {
            let popularity = Popularity::new(&by_item(&degrees), alpha);
            let total: f64 = popularity.weights.iter().sum();
            let mut share = vec![0.0; degrees.len()];
            for cell in &popularity.cells {
                let odds = cell.odds.min(1.0);
                share[cell.item as usize] += odds / popularity.cells.len() as f64;
                share[cell.alias as usize] += (1.0 - odds) / popularity.cells.len() as f64;
            }
            for ((&share, &weight), &degree) in share.iter().zip(&popularity.weights).zip(&degrees) {
                prop_assert_eq!(weight == 0.0, degree == 0 && alpha > 0.0);
                prop_assert_eq!(weight == 0.0, share == 0.0);
                prop_assert!(weight == 0.0 || (share - weight / total).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn a_huge_exponent_leaves_the_most_popular() {
        let popularity = Popularity::new(&by_item(&[3, 0, 7, 7, 5]), 1e6);
        assert_eq!(popularity.weights, [0.0, 0.0, 1.0, 1.0, 0.0]);
    }
}
