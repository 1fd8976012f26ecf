//! How the layers of a propagation become its output.

/// Weighted sums of the layers `X, M X, ..., M^L X`, one or several side by side.
///
/// ```
/// use gnnrec_sparse::LayerCombination;
/// assert_eq!(LayerCombination::mean(3).weights(), [[0.25; 4]]);
/// assert_eq!(LayerCombination::last(2).weights(), [[0.0, 0.0, 1.0]]);
/// assert_eq!(LayerCombination::concatenation(1).weights(), [[1.0, 0.0], [0.0, 1.0]]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct LayerCombination {
    num_hops: usize,
    /// One row an output, `num_hops + 1` weights each.
    weights: Vec<Vec<f32>>,
}

impl LayerCombination {
    /// `Σ_l weights[l] M^l X`.
    ///
    /// # Panics
    /// If there is no weight; the first is that of `X` itself.
    #[must_use]
    pub fn weighted(weights: &[f32]) -> Self {
        assert!(!weights.is_empty(), "one weight for each layer, the input included");
        Self { num_hops: weights.len() - 1, weights: vec![weights.to_vec()] }
    }

    /// The mean of all layers, the input included: LightGCN.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "layers are few")]
    pub fn mean(num_hops: usize) -> Self {
        Self::weighted(&vec![1.0 / (num_hops + 1) as f32; num_hops + 1])
    }

    /// The last layer alone: SGC.
    #[must_use]
    pub fn last(num_hops: usize) -> Self {
        Self { num_hops, weights: vec![Self::only(num_hops, num_hops)] }
    }

    /// All layers side by side, the input first: NGCF.
    #[must_use]
    pub fn concatenation(num_hops: usize) -> Self {
        Self { num_hops, weights: (0..=num_hops).map(|layer| Self::only(layer, num_hops)).collect() }
    }

    /// The same and, to its right, the input `X`: what a penalty on layer 0 needs.
    #[must_use]
    pub fn with_input(mut self) -> Self {
        self.weights.push(Self::only(0, self.num_hops));
        self
    }

    fn only(layer: usize, num_hops: usize) -> Vec<f32> {
        (0..=num_hops).map(|other| if other == layer { 1.0 } else { 0.0 }).collect()
    }

    /// `L`.
    #[must_use]
    pub fn num_hops(&self) -> usize {
        self.num_hops
    }

    /// Outputs side by side.
    #[must_use]
    pub fn num_outputs(&self) -> usize {
        self.weights.len()
    }

    /// One row an output, `num_hops + 1` weights each.
    #[must_use]
    pub fn weights(&self) -> &[Vec<f32>] {
        &self.weights
    }

    /// Outputs that take up a layer, with its weight in them.
    pub(crate) fn of_layer(&self, layer: usize) -> impl Iterator<Item = (usize, f32)> + '_ {
        let weights = self.weights.iter().map(move |weights| weights[layer]).enumerate();
        weights.filter(|(_, weight)| *weight != 0.0)
    }
}
