//! Features of mixed kinds as rows of one width, for models that begin with what is known of a node.
//!
//! ```text
//! x[n] = Σ over columns of
//!   categorical    the row of its value, or that of a missing one
//!   multi-valued   the mean of the rows of its values; zero without any
//!   numeric        (value - mean) / deviation · w, or the row of a missing one
//!   dense          value · W
//! ```
//!
//! Mean and deviation are of the nodes that training has, each counted once. What no such node has (a value, or its
//! absence) would keep its initial row for ever: it counts as not there, for every node, so that a new item is encoded
//! by what was learnt and nothing else. There is no bias: that is the next layer's.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use gnnrec_graph::{Csr, Duplicates, Feature, Features};
use gnnrec_sparse::{Adjacency, spmm};

use crate::{ModelError, normal_init, xavier_init};

/// Encodes the features of all users or of all items; it holds some 20 bytes for each of their values, and 4 for each
/// number of a vector.
#[derive(Module, Debug)]
pub struct FeatureEncoder {
    /// Rows of the columns that are no vectors, in their order, `num_inputs x dim`: of a categorical column one for each
    /// value and one for its absence, of a multi-valued column one for each value, of a number `w` and one for its
    /// absence.
    pub inputs: Option<Param<Tensor<2>>>,
    /// `W` of each column of vectors, `width x dim`.
    pub dense: Vec<Param<Tensor<2>>>,
    /// `num_nodes x num_inputs`, the factors of rows.
    #[module(skip)]
    factors: Adjacency,
    /// Columns of vectors, each `num_nodes x width`, without autodiff.
    #[module(skip)]
    vectors: Vec<Tensor<2>>,
}

/// How an encoder starts.
#[derive(Clone, Copy, Debug)]
pub struct EncoderInit<'a> {
    /// Of the run.
    pub seed: u64,
    /// Of the encoder, which keys its streams.
    pub name: &'a str,
    /// Width of the rows, at least 1.
    pub dim: usize,
    /// Standard deviation of the initial rows; matrices of vectors start from Glorot's distribution.
    pub std: f32,
}

impl FeatureEncoder {
    /// An encoder with initial values; `in_training[n]` says whether training has node `n`. Linear in the values.
    ///
    /// # Errors
    /// More inputs or values than a `u32` can count.
    ///
    /// # Panics
    /// If there is no column, or not one flag for each node.
    pub fn new(
        features: &Features,
        in_training: &[bool],
        init: EncoderInit<'_>,
        device: &Device,
    ) -> Result<Self, ModelError> {
        let (num_nodes, EncoderInit { seed, name, dim, std }) = (features.num_nodes(), init);
        assert_eq!(in_training.len(), num_nodes, "one flag for each node");
        assert!(features.columns().len() > 0, "there is something to encode");
        let mut inputs = Inputs { in_training, num: 0, edges: Vec::new() };
        let (mut dense, mut vectors) = (Vec::new(), Vec::new());
        for (column, feature) in features.columns() {
            match feature {
                Feature::Categorical { values, num_values } => inputs.categorical(values, *num_values),
                Feature::MultiValued(values) => inputs.multi_valued(values),
                Feature::Numeric { values } => inputs.numeric(values),
                Feature::Dense { width, values } => {
                    dense.push(xavier_init(seed, &format!("{name}.{column}"), *width, dim, device));
                    let values = TensorData::new(values.clone(), [num_nodes, *width]);
                    vectors.push(Tensor::from_data(values, device).without_autodiff());
                }
            }
        }
        let num_inputs = inputs.num;
        let factors = Csr::from_weighted_edges(num_nodes, num_inputs, &inputs.edges, Duplicates::Error)?;
        Ok(Self {
            inputs: (num_inputs > 0)
                .then(|| normal_init(seed, &format!("{name}.inputs"), num_inputs, dim, std, device)),
            dense,
            factors: Adjacency::new(factors),
            vectors,
        })
    }

    /// `x`, `num_nodes x dim`. One sparse product for all columns but the vectors, whose products are dense.
    ///
    /// # Panics
    /// Never: there is at least one column.
    #[must_use]
    pub fn encode(&self) -> Tensor<2> {
        let rows = self.inputs.iter().map(|inputs| spmm(&self.factors, inputs.val()));
        let vectors = self.vectors.iter().zip(&self.dense);
        let products = vectors.map(|(values, weight)| values.clone().matmul(weight.val()));
        rows.chain(products).reduce(Tensor::add).expect("there is a column")
    }
}

/// Factors of rows, column after column.
struct Inputs<'a> {
    in_training: &'a [bool],
    /// Inputs of the columns so far.
    num: usize,
    /// Node, input and factor.
    edges: Vec<(u32, u32, f32)>,
}

impl Inputs<'_> {
    fn categorical(&mut self, values: &[Option<u32>], num_values: usize) {
        let inputs: Vec<usize> = values.iter().map(|value| value.map_or(num_values, |value| value as usize)).collect();
        let known = self.known(num_values + 1, (0..).zip(inputs.iter().copied()));
        for (node, &input) in inputs.iter().enumerate().filter(|(_, input)| known[**input]) {
            self.push(node, input, 1.0);
        }
        self.num += num_values + 1;
    }

    #[expect(clippy::cast_precision_loss, reason = "a node has few values")]
    fn multi_valued(&mut self, values: &Csr) {
        let edges = values.edges().map(|(node, value)| (node as usize, value as usize));
        let known = self.known(values.num_cols(), edges);
        for node in 0..values.num_rows() {
            let kept = values.row(node).iter().map(|&value| value as usize).filter(|&value| known[value]);
            let factor = 1.0 / kept.clone().count() as f32;
            kept.for_each(|value| self.push(node, value, factor));
        }
        self.num += values.num_cols();
    }

    #[expect(clippy::cast_precision_loss, reason = "a mean over more than 2^52 nodes may be rounded")]
    #[expect(clippy::cast_possible_truncation, reason = "what is standardised needs no more digits")]
    fn numeric(&mut self, values: &[Option<f32>]) {
        let seen = values.iter().zip(self.in_training).filter(|(_, in_training)| **in_training);
        let numbers = seen.filter_map(|(value, _)| value.map(f64::from));
        let count = numbers.clone().count();
        let mean = numbers.clone().sum::<f64>() / count.max(1) as f64;
        let deviation = (numbers.map(|x| (x - mean).powi(2)).sum::<f64>() / count.max(1) as f64).sqrt();
        // What is the same in all of training says nothing about another value.
        let scale = if deviation > 0.0 { deviation.recip() } else { 0.0 };
        let absent = self.known(2, values.iter().map(|value| usize::from(value.is_none())).enumerate());
        for (node, value) in values.iter().enumerate() {
            match value {
                Some(value) if absent[0] => self.push(node, 0, ((f64::from(*value) - mean) * scale) as f32),
                None if absent[1] => self.push(node, 1, 1.0),
                _ => {}
            }
        }
        self.num += 2;
    }

    /// Which of a column's inputs some node of training has.
    fn known(&self, num_inputs: usize, has: impl Iterator<Item = (usize, usize)>) -> Vec<bool> {
        let mut known = vec![false; num_inputs];
        has.filter(|(node, _)| self.in_training[*node]).for_each(|(_, input)| known[input] = true);
        known
    }

    /// An input of the column under way.
    fn push(&mut self, node: usize, input: usize, factor: f32) {
        // A count beyond 32 bits is refused with the matrix.
        let id = |index: usize| u32::try_from(index).unwrap_or(u32::MAX);
        self.edges.push((id(node), id(self.num + input), factor));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Six nodes, of which training has the first four. Columns: a category of 3 (value 2 only beyond training),
    /// genres of 4 (genre 3 only beyond training), a number, one that is always there, a vector of 2.
    fn features() -> Features {
        let genres = [(0, 0), (0, 2), (1, 1), (3, 0), (4, 0), (4, 3), (5, 3)];
        let genres = Csr::from_edges(6, 4, &genres, Duplicates::Error).unwrap();
        let text = vec![1.0, 2.0, 0.0, 0.0, -1.0, 0.5, 3.0, 0.0, 2.0, 2.0, 0.0, -4.0];
        let job = vec![Some(0), None, Some(1), Some(0), Some(2), None];
        let age = vec![Some(1.0), Some(3.0), None, Some(5.0), Some(7.0), None];
        let year = vec![Some(2.0), Some(2.0), Some(2.0), Some(2.0), Some(9.0), None];
        Features::new(6)
            .with_column("job", Feature::Categorical { values: job, num_values: 3 })
            .and_then(|features| features.with_column("genres", Feature::MultiValued(genres)))
            .and_then(|features| features.with_column("age", Feature::Numeric { values: age }))
            .and_then(|features| features.with_column("year", Feature::Numeric { values: year }))
            .and_then(|features| features.with_column("text", Feature::Dense { width: 2, values: text }))
            .unwrap()
    }

    fn encoder(features: &Features, device: &Device) -> FeatureEncoder {
        let in_training = [true, true, true, true, false, false];
        let init = EncoderInit { seed: 3, name: "items", dim: 1, std: 0.1 };
        FeatureEncoder::new(features, &in_training, init, device).unwrap()
    }

    #[test]
    fn by_hand_with_gradient() {
        let device = Device::flex().autodiff();
        let mut encoder = encoder(&features(), &device);
        // job 0 1 2 missing | genres 0 .. 3 | age w missing | year w missing
        let rows = [1.0, 2.0, 64.0, 4.0, 8.0, 16.0, 32.0, 128.0, 0.5, 256.0, 512.0, 1024.0].map(|x| [x]);
        assert_eq!(encoder.inputs.as_ref().unwrap().val().dims(), [12, 1]);
        encoder.inputs = Some(Param::from_data(rows, &device));
        encoder.dense = vec![Param::from_data([[0.25], [-0.125]], &device)];
        // Ages of training: 1, 3, 5.
        let unit = 2.0 / (8f32 / 3.0).sqrt();
        let expected = [
            1.0 + 20.0 - 0.5 * unit + 0.0,
            4.0 + 16.0,
            2.0 + 256.0 - 0.3125,
            1.0 + 8.0 + 0.5 * unit + 0.75,
            // A job and a genre that training lacks, and a year that tells nothing.
            8.0 + 0.5 * 2.0 * unit + 0.25,
            // No year: training lacks its absence.
            4.0 + 256.0 + 0.5,
        ];
        let x = encoder.encode();
        let found: Vec<f32> = x.clone().into_data().try_to_vec().unwrap();
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-4), "{found:?} {expected:?}");

        let weights = Tensor::<2>::from_floats([[1.0], [10.0], [100.0], [1e3], [1e4], [1e5]], &device);
        let grads = (x * weights).sum().backward();
        let gradient = |param: &Param<Tensor<2>>| param.val().grad(&grads).unwrap().into_data();
        let found: Vec<f32> = gradient(encoder.inputs.as_ref().unwrap()).try_to_vec().unwrap();
        let age = unit * (-1.0 + 1e3 + 2e4);
        let expected = [1001.0, 100.0, 0.0, 100_010.0, 11_000.5, 10.0, 0.5, 0.0, age, 100_100.0, 0.0, 0.0];
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-2), "{found:?} {expected:?}");
        let found: Vec<f32> = gradient(&encoder.dense[0]).try_to_vec().unwrap();
        assert_eq!(found, [1.0 - 100.0 + 3e3 + 2e4, 2.0 + 50.0 + 2e4 - 4e5]);
    }

    #[test]
    fn columns_alone() {
        let device = Device::flex();
        let text = features().column("text").unwrap().clone();
        let alone = encoder(&Features::new(6).with_column("text", text).unwrap(), &device);
        assert!(alone.inputs.is_none());
        assert_eq!(alone.encode().dims(), [6, 1]);
        let age = features().column("age").unwrap().clone();
        let alone = encoder(&Features::new(6).with_column("age", age).unwrap(), &device);
        assert!(alone.dense.is_empty());
        assert_eq!(alone.encode().dims(), [6, 1]);
        // Streams are keyed: the same again, and another name gives other rows.
        let again = encoder(&features(), &device);
        let values = |encoder: &FeatureEncoder| encoder.encode().into_data().try_to_vec::<f32>().unwrap();
        assert_eq!(values(&again), values(&encoder(&features(), &device)));
        let init = EncoderInit { seed: 3, name: "users", dim: 1, std: 0.1 };
        let other = FeatureEncoder::new(&features(), &[true; 6], init, &device).unwrap();
        assert_ne!(values(&again), values(&other));
    }
}
