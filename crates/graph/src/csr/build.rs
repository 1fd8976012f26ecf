//! From a list of edges to sorted rows: check, group by row, sort each row, merge duplicates.
//!
//! One counting pass groups the edges by row and carries their columns along; the rows are then sorted in
//! parallel. A second counting pass, by column, would make the whole linear in theory and took 1.3 to 15 times as
//! long on gowalla and on 20 M random edges: it misses the cache at every edge, a row's sort at none, and rows
//! that come sorted cost one comparison an edge.

use rayon::prelude::*;

use super::{Csr, Duplicates};
use crate::error::GraphError;

/// A row of this many edges is sorted by all threads.
const HUB_EDGES: usize = 1 << 16;

impl Csr {
    /// Builds a pattern (no weights) from `(row, column)` pairs, in time linear in their number but for
    /// the sorting inside rows.
    ///
    /// [`Duplicates::Sum`] and [`Duplicates::Max`] mean nothing without weights and act as `First`.
    ///
    /// # Errors
    /// An edge outside the matrix, a repeated edge under [`Duplicates::Error`], or more rows, columns
    /// or edges than a `u32` can count.
    pub fn from_edges(
        num_rows: usize,
        num_cols: usize,
        edges: &[(u32, u32)],
        duplicates: Duplicates,
    ) -> Result<Self, GraphError> {
        let sorted = sort(num_rows, num_cols, edges.len(), |edge| edges[edge])?;
        merge(num_cols, &sorted, duplicates, None)
    }

    /// Builds a weighted matrix from `(row, column, weight)` triples, at the cost of [`Csr::from_edges`].
    ///
    /// # Errors
    /// As [`Csr::from_edges`], and a weight or a sum of weights that is not finite.
    pub fn from_weighted_edges(
        num_rows: usize,
        num_cols: usize,
        edges: &[(u32, u32, f32)],
        duplicates: Duplicates,
    ) -> Result<Self, GraphError> {
        if let Some(edge) = first_edge(edges.len(), |edge| !edges[edge].2.is_finite()) {
            let (row, col, weight) = edges[edge];
            return Err(GraphError::WeightNotFinite { edge, row, col, weight });
        }
        let sorted = sort(num_rows, num_cols, edges.len(), |edge| (edges[edge].0, edges[edge].1))?;
        merge(num_cols, &sorted, duplicates, Some(edges))
    }
}

/// One end of an edge in 64 bits: the node at its other end above, the edge's number below, so that whole
/// numbers sort by node and then by input order.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct End(u64);

#[expect(clippy::cast_possible_truncation, reason = "halves of 64 bits")]
impl End {
    fn new(other: u32, edge: u32) -> Self {
        Self(u64::from(other) << 32 | u64::from(edge))
    }

    /// The node at the other end.
    pub(crate) fn other(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// The edge's number.
    pub(crate) fn edge(self) -> usize {
        self.0 as u32 as usize
    }
}

/// Edges by the node they start from: node `n` has `ends[indptr[n] .. indptr[n + 1]]`.
pub(crate) struct Grouped {
    pub(crate) indptr: Vec<usize>,
    pub(crate) ends: Vec<End>,
}

/// Groups edges `(from, other)` by `from`, in input order: one stable counting pass.
///
/// # Panics
/// If an edge starts from no node below `num_nodes`, or there are more edges than a `u32` can count.
pub(crate) fn group(num_nodes: usize, edges: impl Iterator<Item = (u32, u32)> + Clone) -> Grouped {
    let mut indptr = vec![0usize; num_nodes + 1];
    for (from, _) in edges.clone() {
        indptr[from as usize + 1] += 1;
    }
    for node in 0..num_nodes {
        indptr[node + 1] += indptr[node];
    }
    assert!(u32::try_from(indptr[num_nodes]).is_ok(), "edges are numbered by a u32");
    let mut next = indptr.clone();
    let mut ends = vec![End::default(); indptr[num_nodes]];
    for (edge, (from, other)) in (0u32..).zip(edges) {
        let slot = &mut next[from as usize];
        ends[*slot] = End::new(other, edge);
        *slot += 1;
    }
    Grouped { indptr, ends }
}

/// Checks every index, then groups by row and sorts every row by column and input order.
pub(crate) fn sort(
    num_rows: usize,
    num_cols: usize,
    num_edges: usize,
    edge_at: impl Fn(usize) -> (u32, u32) + Sync,
) -> Result<Grouped, GraphError> {
    for (what, count) in [("rows", num_rows), ("columns", num_cols), ("edges", num_edges)] {
        if u32::try_from(count).is_err() {
            return Err(GraphError::TooMany { what, count });
        }
    }
    let outside = |edge| {
        let (row, col) = edge_at(edge);
        row as usize >= num_rows || col as usize >= num_cols
    };
    if let Some(edge) = first_edge(num_edges, outside) {
        let (row, col) = edge_at(edge);
        return Err(GraphError::OutOfBounds { edge, row, col, num_rows, num_cols });
    }
    let mut grouped = group(num_rows, (0..num_edges).map(&edge_at));
    let mut rows: Vec<&mut [End]> = Vec::with_capacity(num_rows);
    let mut rest = grouped.ends.as_mut_slice();
    for bounds in grouped.indptr.windows(2) {
        let (row, tail) = rest.split_at_mut(bounds[1] - bounds[0]);
        rows.push(row);
        rest = tail;
    }
    rows.into_par_iter().with_min_len(256).for_each(|row| match row.len() {
        HUB_EDGES.. => row.par_sort_unstable(),
        _ => row.sort_unstable(),
    });
    Ok(grouped)
}

/// The first edge that is wrong, looked for in parallel; rayon's own search asks after every edge whether to stop.
fn first_edge(num_edges: usize, wrong: impl Fn(usize) -> bool + Sync) -> Option<usize> {
    const BLOCK: usize = 1 << 14;
    let block = |block: usize| (block * BLOCK..num_edges.min((block + 1) * BLOCK)).find(|&edge| wrong(edge));
    (0..num_edges.div_ceil(BLOCK)).into_par_iter().find_map_first(block)
}

/// Merges equal neighbours of sorted rows; with `weighted` edges, their weights too.
fn merge(
    num_cols: usize,
    sorted: &Grouped,
    duplicates: Duplicates,
    weighted: Option<&[(u32, u32, f32)]>,
) -> Result<Csr, GraphError> {
    let mut indptr = Vec::with_capacity(sorted.indptr.len());
    let mut indices: Vec<u32> = Vec::with_capacity(sorted.ends.len());
    let mut weights: Vec<f32> = Vec::with_capacity(weighted.map_or(0, <[_]>::len));
    indptr.push(0);
    for (row, bounds) in (0u32..).zip(sorted.indptr.windows(2)) {
        let start = indices.len();
        for end in &sorted.ends[bounds[0]..bounds[1]] {
            let (col, edge) = (end.other(), end.edge());
            let repeated = indices.len() > start && indices.last() == Some(&col);
            if repeated && duplicates == Duplicates::Error {
                return Err(GraphError::DuplicateEdge { edge, row, col });
            }
            if !repeated {
                indices.push(col);
            }
            let Some(weight) = weighted.map(|edges| edges[edge].2) else { continue };
            match weights.last_mut() {
                Some(kept) if repeated => match duplicates {
                    Duplicates::Sum => *kept += weight,
                    Duplicates::Max => *kept = kept.max(weight),
                    Duplicates::First | Duplicates::Error => {}
                },
                _ => weights.push(weight),
            }
            if let Some(&weight) = weights.last().filter(|weight| !weight.is_finite()) {
                return Err(GraphError::WeightNotFinite { edge, row, col, weight });
            }
        }
        indptr.push(indices.len());
    }
    Ok(Csr { num_cols, indptr: indptr.into(), indices: indices.into(), weights: weighted.map(|_| weights.into()) })
}
