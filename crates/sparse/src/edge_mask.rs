//! Dropped edges, one bit each, without rebuilding the graph.
//!
//! A mask holds its bits in both orders of the graph's edges, so that a gradient reads them in sequence as
//! well. Chance is the caller's: a mask is what a closure answered.

use std::ops::Range;
use std::sync::Arc;

use gnnrec_graph::Normalisation;
use rayon::prelude::*;

use crate::{Dropout, EdgeGraph, End};

/// Which edges of an [`EdgeGraph`] stay; cheap to clone.
#[derive(Clone, Debug)]
pub struct EdgeMask {
    graph: EdgeGraph,
    bits: Arc<Bits>,
}

#[derive(Debug)]
struct Bits {
    by_row: Vec<u64>,
    by_col: Vec<u64>,
}

impl EdgeMask {
    /// Asks `keep` about every edge once, in storage order.
    #[must_use]
    pub fn from_fn(graph: &EdgeGraph, keep: impl FnMut(usize) -> bool) -> Self {
        Self::of_bits(graph, pack(0..graph.num_edges(), keep))
    }

    /// Edge `e` goes where `dropout` drops the part of that number; on all threads.
    ///
    /// # Panics
    /// If there are 2^32 edges.
    #[must_use]
    pub fn dropped(graph: &EdgeGraph, dropout: Dropout) -> Self {
        let num_edges = u32::try_from(graph.num_edges()).expect("edges are counted by a u32") as usize;
        #[expect(clippy::cast_possible_truncation, reason = "edges are counted by a u32")]
        let task = |start: usize| pack(start..num_edges.min(start + DRAWN), |edge| !dropout.drops(edge as u32));
        let bits: Vec<Vec<u64>> = (0..num_edges.div_ceil(DRAWN)).into_par_iter().map(|n| task(n * DRAWN)).collect();
        Self::of_bits(graph, bits.concat())
    }

    fn of_bits(graph: &EdgeGraph, by_row: Vec<u64>) -> Self {
        let num_edges = graph.num_edges();
        let edge_of = graph.edge_of();
        let by_col = (0..num_edges.div_ceil(64)).into_par_iter().map(|word| {
            let edges = &edge_of[word * 64..num_edges.min(word * 64 + 64)];
            edges.iter().rev().fold(0, |bits, &edge| bits << 1 | u64::from(bit(&by_row, edge as usize)))
        });
        let by_col = by_col.collect();
        Self { graph: graph.clone(), bits: Arc::new(Bits { by_row, by_col }) }
    }

    /// As [`EdgeMask::from_fn`], where both directions of an undirected edge share their fate: `keep` is asked
    /// about the edges `(r, c)` with `r <= c` alone, in storage order.
    ///
    /// # Panics
    /// If the pattern is not symmetric.
    #[must_use]
    pub fn symmetric(graph: &EdgeGraph, mut keep: impl FnMut(usize) -> bool) -> Self {
        assert!(graph.is_symmetric(), "only in a symmetric pattern has every edge a reverse");
        let reverse = graph.edge_of();
        let mut upper = vec![false; graph.num_edges()];
        for (edge, (row, col)) in graph.pattern().edges().enumerate() {
            upper[edge] = row <= col && keep(edge);
        }
        Self::from_fn(graph, |edge| upper[edge] || upper[reverse[edge] as usize])
    }

    /// The whole graph.
    #[must_use]
    pub fn graph(&self) -> &EdgeGraph {
        &self.graph
    }

    /// Number of edges that stay.
    #[must_use]
    pub fn num_kept(&self) -> usize {
        self.bits.by_row.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether an edge stays.
    ///
    /// # Panics
    /// If there is no such edge.
    #[must_use]
    pub fn keeps(&self, edge: usize) -> bool {
        assert!(edge < self.graph.num_edges(), "edge {edge} of {}", self.graph.num_edges());
        bit(&self.bits.by_row, edge)
    }
}

fn bit(bits: &[u64], position: usize) -> bool {
    bits[position / 64] >> (position % 64) & 1 == 1
}

/// Edges that a task draws for, whole words of bits.
const DRAWN: usize = 64 * 256;

/// The bits of some edges, of which the first begins a word.
fn pack(edges: Range<usize>, mut keep: impl FnMut(usize) -> bool) -> Vec<u64> {
    let (start, mut bits) = (edges.start, vec![0u64; edges.len().div_ceil(64)]);
    edges.for_each(|edge| bits[(edge - start) / 64] |= u64::from(keep(edge)) << (edge % 64));
    bits
}

/// How many of a range of bits are one.
fn count_ones(bits: &[u64], range: Range<usize>) -> u32 {
    let (first, last) = (range.start / 64, range.end / 64);
    let below = |end: usize| (1u64 << (end % 64)) - 1;
    if first == last {
        return if range.is_empty() { 0 } else { (bits[first] & below(range.end) & !below(range.start)).count_ones() };
    }
    let within: u32 = bits[first + 1..last].iter().map(|word| word.count_ones()).sum();
    let rest = if range.end.is_multiple_of(64) { 0 } else { (bits[last] & below(range.end)).count_ones() };
    (bits[first] & !below(range.start)).count_ones() + within + rest
}

/// The positions of the ones in a range of bits, ascending, a word at a time.
pub(crate) struct Ones<'a> {
    bits: &'a [u64],
    /// What is left of the current word.
    word: u64,
    index: usize,
    end: usize,
}

impl<'a> Ones<'a> {
    #[inline(always)]
    pub(crate) fn new(bits: &'a [u64], range: Range<usize>) -> Self {
        let index = range.start / 64;
        let word = bits.get(index).map_or(0, |word| word >> (range.start % 64) << (range.start % 64));
        Self { bits, word, index, end: range.end }
    }
}

impl Iterator for Ones<'_> {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        while self.word == 0 {
            self.index += 1;
            if self.index * 64 >= self.end {
                return None;
            }
            self.word = self.bits[self.index];
        }
        let position = self.index * 64 + self.word.trailing_zeros() as usize;
        self.word &= self.word - 1;
        (position < self.end).then_some(position)
    }
}

/// `M = scale diag(r) (A ∘ mask) diag(c)`, a linear operator over the edges that a mask keeps.
#[derive(Clone, Debug)]
pub struct MaskedGraph {
    mask: EdgeMask,
    factors: Arc<Factors>,
    scale: f32,
    #[cfg(feature = "gpu")]
    devices: Arc<crate::gpu::OnDevices<crate::gpu::DeviceMask>>,
}

/// Factors of rows and of columns, as [`Normalisation::factors`] gives them.
type Factors = (Option<Vec<f32>>, Option<Vec<f32>>);

impl MaskedGraph {
    /// `M = A ∘ mask`.
    #[must_use]
    pub fn new(mask: EdgeMask) -> Self {
        Self {
            mask,
            factors: Arc::default(),
            scale: 1.0,
            #[cfg(feature = "gpu")]
            devices: Arc::default(),
        }
    }

    /// The same times `scale`; dropout that keeps an edge with probability `p` is unbiased with `1 / p`.
    #[must_use]
    pub fn scaled(self, scale: f32) -> Self {
        Self { scale, ..self }
    }

    /// The same between factors of rows and columns, say those of the whole graph.
    ///
    /// # Panics
    /// If there is not one factor for each row or column.
    #[must_use]
    pub fn with_factors(self, factors: impl Into<Arc<Factors>>) -> Self {
        let factors = factors.into();
        for (factors, end) in [(&factors.0, End::Row), (&factors.1, End::Col)] {
            let found = factors.as_ref().map_or(self.graph().num_nodes(end), Vec::len);
            assert_eq!(found, self.graph().num_nodes(end), "one factor for each node");
        }
        Self {
            factors,
            #[cfg(feature = "gpu")]
            devices: Arc::default(),
            ..self
        }
    }

    /// The same between the factors of the graph that is left: a degree counts the edges that stay. This is
    /// the view of SGL's edge dropout (Wu et al., SIGIR 2021, arXiv:2010.10783).
    #[must_use]
    pub fn normalised(self, normalisation: Normalisation) -> Self {
        let factors = normalisation.factors_of(|| self.degrees(End::Row), || self.degrees(End::Col));
        self.with_factors(factors)
    }

    /// How many edges of each node at one end stay.
    #[expect(clippy::cast_precision_loss, reason = "a degree beyond 2^24 may be rounded")]
    fn degrees(&self, end: End) -> Vec<f32> {
        let (indptr, bits) = (self.graph().side(end).indptr, self.bits(end));
        let ends = indptr.par_windows(2).with_min_len(1024);
        ends.map(|ends| count_ones(bits, ends[0]..ends[1]) as f32).collect()
    }

    /// The whole graph.
    #[must_use]
    pub fn graph(&self) -> &EdgeGraph {
        self.mask.graph()
    }

    /// Which of its edges stay.
    #[must_use]
    pub fn mask(&self) -> &EdgeMask {
        &self.mask
    }

    /// What every entry is multiplied by.
    #[must_use]
    pub fn scale(&self) -> f32 {
        self.scale
    }

    /// The factors of the nodes on one side, where there are any.
    #[must_use]
    pub fn factors(&self, end: End) -> Option<&[f32]> {
        match end {
            End::Row => self.factors.0.as_deref(),
            End::Col => self.factors.1.as_deref(),
        }
    }

    /// Bits and factors on a device, uploaded at the first call.
    #[cfg(feature = "gpu")]
    pub(crate) fn on(&self, device: &burn_cubecl::CubeDevice) -> Arc<crate::gpu::DeviceMask> {
        self.devices.get(device, || crate::gpu::DeviceMask::new(self, device))
    }

    /// The same operator with its bits and factors on this device, for a thread that prepares a later step.
    #[cfg(feature = "burn")]
    #[must_use]
    pub fn ready_on(self, device: &burn::tensor::Device) -> Self {
        #[cfg(feature = "gpu")]
        crate::gpu::ahead(device, |device| drop(self.on(device)));
        #[cfg(not(feature = "gpu"))]
        let _ = device;
        self
    }

    /// The mask's bits in the order of one side's edges.
    pub(crate) fn bits(&self, end: End) -> &[u64] {
        match end {
            End::Row => &self.mask.bits.by_row,
            End::Col => &self.mask.bits.by_col,
        }
    }
}

#[cfg(test)]
mod tests {
    use gnnrec_graph::{Csr, Duplicates};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ones_are_counted(len in 0usize..300, start in 0usize..300, end in 0usize..300, salt in 0usize..50) {
            let keep = |n: usize| (n * 7 + salt) % 5 < 2;
            let (start, end) = (start.min(len), end.min(len));
            let expected = (start..end).filter(|&n| keep(n)).count();
            let range = start..end.max(start);
            prop_assert_eq!(count_ones(&pack(0..len, keep), range) as usize, expected);
        }
    }

    /// More edges than a task draws for, and the degrees of what is left as the weighted graph has them.
    #[test]
    fn dropped_on_all_threads_as_one_by_one() {
        let edges: Vec<(u32, u32)> =
            (0..400).flat_map(|row| (0..97).map(move |n| (row, (n * 3 + row) % 301))).collect();
        let graph = EdgeGraph::new(Csr::from_edges(401, 301, &edges, Duplicates::Error).unwrap());
        assert!(graph.num_edges() > 2 * DRAWN);
        let dropout = Dropout::new(0.4, 9);
        let mask = EdgeMask::dropped(&graph, dropout);
        let one_by_one = EdgeMask::from_fn(&graph, |edge| !dropout.drops(u32::try_from(edge).unwrap()));
        assert_eq!((&mask.bits.by_row, &mask.bits.by_col), (&one_by_one.bits.by_row, &one_by_one.bits.by_col));
        let kept = (0..graph.num_edges()).map(|edge| if mask.keeps(edge) { 1.0 } else { 0.0 }).collect();
        let weighted = graph.pattern().with_weights(kept).unwrap();
        for normalisation in [Normalisation::Symmetric, Normalisation::Row, Normalisation::Column] {
            let masked = MaskedGraph::new(mask.clone()).normalised(normalisation);
            assert_eq!(*masked.factors, normalisation.factors(&weighted));
        }
    }
}
