//! What lists do to the catalogue: popularity, novelty, long tail, coverage, exposure, diversity.

use gnnrec_graph::{Csr, ItemId};

use crate::InnerProduct;
use crate::groups::{PopularityGroup, by_popularity, popularity};
use crate::measures::{ratio, to_f64};

/// Popularity of every item in training.
#[derive(Clone, Debug)]
pub(crate) struct Catalogue {
    num_users: usize,
    popularity: Vec<usize>,
    groups: Vec<PopularityGroup>,
}

impl Catalogue {
    /// Counts the interactions of each item.
    pub(crate) fn new(seen: &Csr) -> Self {
        let popularity = popularity(seen);
        let groups = by_popularity(&popularity);
        Self { num_users: seen.num_rows(), popularity, groups }
    }

    /// Mean number of training interactions of the listed items, 0 for an empty list.
    pub(crate) fn mean_popularity(&self, list: &[ItemId]) -> f64 {
        ratio(list.iter().map(|item| self.popularity[item.index()]).sum(), list.len())
    }

    /// Mean `-log2(interactions / users)` of the listed items, in bits; an item without interactions
    /// counts as one with a single one, the most novel value that is finite. 0 for an empty list.
    pub(crate) fn novelty(&self, list: &[ItemId]) -> f64 {
        let bits = |item: &ItemId| -ratio(self.popularity[item.index()].max(1), self.num_users).log2();
        list.iter().map(bits).sum::<f64>() / to_f64(list.len().max(1))
    }

    /// Share of the list in [`PopularityGroup::Tail`] or [`PopularityGroup::Cold`], 0 for an empty list.
    pub(crate) fn tail_share(&self, list: &[ItemId]) -> f64 {
        ratio(list.iter().filter(|item| self.groups[item.index()] >= PopularityGroup::Tail).count(), list.len())
    }
}

/// How often each item of the catalogue is listed among the first `k` places.
pub(crate) fn exposure(lists: &[Vec<ItemId>], k: usize, num_items: usize) -> Vec<usize> {
    let mut exposure = vec![0; num_items];
    for item in lists.iter().flat_map(|list| &list[..k.min(list.len())]) {
        exposure[item.index()] += 1;
    }
    exposure
}

/// Share of items that are listed at all.
pub(crate) fn coverage(exposure: &[usize]) -> f64 {
    ratio(exposure.iter().filter(|&&count| count > 0).count(), exposure.len())
}

/// Gini coefficient: `sum (2 n - N - 1) x_n / (N sum x)` over exposures in ascending order,
/// `n = 1 ..= N`; 0 where all are equal, `1 - 1/N` where one item has everything, 0 without lists.
pub(crate) fn gini(exposure: &[usize]) -> f64 {
    let mut sorted = exposure.to_vec();
    sorted.sort_unstable();
    let (mut weighted, mut total) = (0.0, 0.0);
    for (n, &count) in (1..).zip(&sorted) {
        weighted += (2.0 * to_f64(n) - to_f64(sorted.len()) - 1.0) * to_f64(count);
        total += to_f64(count);
    }
    if total > 0.0 { weighted / (to_f64(sorted.len()) * total) } else { 0.0 }
}

/// Intra-list diversity: the mean of `1 - cosine` over pairs of listed items, in `[0, 2]`, 0 for fewer
/// than two; an item whose embedding is zero has cosine 0 with every other.
///
/// With unit rows `e`, the sum of the cosines over ordered pairs is `|sum e|^2 - sum |e|^2`, so that no
/// pair is visited.
pub(crate) fn diversity(list: &[ItemId], tables: InnerProduct<'_>) -> f64 {
    let mut sum = vec![0.0f64; tables.dim];
    let mut own = 0.0;
    for item in list {
        let row = &tables.items[item.index() * tables.dim..][..tables.dim];
        let norm = row.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
        if norm > 0.0 {
            own += 1.0;
            sum.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x) / norm);
        }
    }
    let num_pairs = to_f64(list.len() * list.len().saturating_sub(1));
    let cosines = sum.iter().map(|x| x * x).sum::<f64>() - own;
    if num_pairs > 0.0 { 1.0 - cosines / num_pairs } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use gnnrec_graph::Duplicates;

    use super::*;

    fn ids(raw: &[u32]) -> Vec<ItemId> {
        ItemId::wrap_slice(raw).to_vec()
    }

    #[test]
    fn popularity_novelty_and_tail_by_hand() {
        let edges = [(0, 0), (1, 0), (2, 0), (3, 0), (0, 1), (1, 1), (2, 2)];
        let catalogue = Catalogue::new(&Csr::from_edges(8, 4, &edges, Duplicates::Error).unwrap());
        assert_eq!(catalogue.mean_popularity(&ids(&[0, 1, 3])), 2.0);
        assert_eq!(catalogue.novelty(&ids(&[0, 1, 2, 3])), (1.0 + 2.0 + 3.0 + 3.0) / 4.0);
        // Middles: item 0 at 2 of 7, item 1 at 5 of 7, item 2 at 6.5 of 7 (beyond 5.6), item 3 is cold.
        assert_eq!(catalogue.tail_share(&ids(&[0, 1, 2, 3])), 0.5);
        assert_eq!(
            (catalogue.novelty(&[]), catalogue.mean_popularity(&[]), catalogue.tail_share(&[])),
            (0.0, 0.0, 0.0)
        );
    }

    #[test]
    fn coverage_and_gini_by_hand() {
        let lists = [ids(&[0, 1, 4]), ids(&[0, 2, 4]), vec![]];
        assert_eq!(exposure(&lists, 2, 5), [2, 1, 1, 0, 0]);
        assert_eq!(coverage(&[2, 1, 1, 0, 0]), 0.6);
        // Ascending 0 0 1 1 2 with weights -4 -2 0 2 4: (2 + 8) / (5 * 4).
        assert!((gini(&[2, 1, 1, 0, 0]) - 0.5).abs() < 1e-12);
        assert!((gini(&[0, 7, 0, 0]) - 0.75).abs() < 1e-12);
        assert_eq!((gini(&[3, 3]), gini(&[0, 0])), (0.0, 0.0));
    }

    #[test]
    fn diversity_by_hand() {
        let items = [1.0, 0.0, 0.0, 3.0, -2.0, 0.0, 0.0, 0.0];
        let tables = InnerProduct { users: &[], items: &items, dim: 2 };
        // Cosines 0, -1, 0 over three pairs.
        assert!((diversity(&ids(&[0, 1, 2]), tables) - 4.0 / 3.0).abs() < 1e-12);
        assert!((diversity(&ids(&[0, 2]), tables) - 2.0).abs() < 1e-12);
        assert!((diversity(&ids(&[0, 3]), tables) - 1.0).abs() < 1e-12);
        assert_eq!(diversity(&ids(&[1]), tables), 0.0);
    }
}
