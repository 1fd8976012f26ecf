//! From a user's and an item's vectors to a rating: three layers with batch normalisation and dropout.
//!
//! ```text
//! training  dropout(relu(norm(W x))), twice        scoring: without dropout, by the running statistics
//! ```

use burn::module::{Module, Param};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor, TensorData};
use gnnrec_model::Step;
use gnnrec_sampling::{Purpose, stream};
use gnnrec_sparse::ready_tensor;
use rand::RngExt;

use super::layers::{Linear, Start};
use super::norm::BatchNorm;

/// Units before the rating, as in the authors' code.
pub(super) const LAST_WIDTH: usize = 16;

/// `[h_u ; z_i] -> dim -> 16 -> 1`. Layers that a normalisation follows have no bias: it would be subtracted again.
#[derive(Module, Debug)]
pub(super) struct RatingMlp {
    /// `2 dim x dim`, rows `0 .. dim` meet the user.
    first: Param<Tensor<2>>,
    first_norm: BatchNorm,
    /// `dim x 16`.
    second: Param<Tensor<2>>,
    second_norm: BatchNorm,
    /// `16 -> 1`.
    output: Linear,
}

/// What scoring computes of a pair: `output · relu(second · relu(users[u] + items[i]) + shift) + bias`.
pub(super) struct Folded {
    /// By user and by item, `dim` wide: the first layer's parts with its normalisation in them.
    pub(super) users: Vec<f32>,
    pub(super) items: Vec<f32>,
    /// `dim x 16`.
    pub(super) second: Vec<f32>,
    /// 16.
    pub(super) shift: Vec<f32>,
    /// 16.
    pub(super) output: Vec<f32>,
    pub(super) bias: f32,
}

impl RatingMlp {
    pub(super) fn new(start: Start<'_>, dim: usize) -> Self {
        Self {
            first: start.weight("rating.first", 2 * dim, dim),
            first_norm: BatchNorm::new(dim, start.device),
            second: start.weight("rating.second", dim, LAST_WIDTH),
            second_norm: BatchNorm::new(LAST_WIDTH, start.device),
            output: start.linear("rating.output", LAST_WIDTH, 1),
        }
    }

    /// The ratings of a batch of rows `[h_u ; z_i]`, in training.
    pub(super) fn forward(&self, x: Tensor<2>, dropped: Dropped) -> Tensor<1> {
        let [drop_first, drop_second] = dropped.0.map(|mask| {
            move |x: Tensor<2>| match mask {
                Some(mask) => x * mask,
                None => x,
            }
        });
        let first = drop_first(relu(self.first_norm.forward(x.matmul(self.first.val()))));
        let second = relu(self.second_norm.forward(first.matmul(self.second.val())));
        self.output.forward(drop_second(second)).squeeze_dim(1)
    }

    /// What scoring needs of final vectors, `num_users x dim` and `num_items x dim`.
    pub(super) fn fold(&self, users: Tensor<2>, items: Tensor<2>) -> Folded {
        let dim = users.dims()[1];
        let first = self.first.val();
        let (scale, shift) = self.first_norm.affine();
        let (second_scale, second_shift) = self.second_norm.affine();
        let part = |x: Tensor<2>, from| x.matmul(first.clone().narrow(0, from, dim)) * scale.clone();
        Folded {
            users: values(part(users, 0) + shift),
            items: values(part(items, dim)),
            second: values(self.second.val() * second_scale),
            shift: values(second_shift),
            output: values(self.output.weight.val()),
            bias: values(self.output.bias.val())[0],
        }
    }
}

pub(super) fn values(x: Tensor<2>) -> Vec<f32> {
    x.into_data().try_to_vec().expect("tables are 32-bit floats")
}

/// What a step multiplies the values behind either relu by: each 0 with some probability, and else the inverse of the
/// other probability. Keyed by step and layer.
#[derive(Debug)]
pub(super) struct Dropped([Option<Tensor<2>>; 2]);

impl Dropped {
    /// Of `rows` rows behind layers of `dim` and of [`LAST_WIDTH`] units.
    pub(super) fn new(rows: usize, dim: usize, rate: f64, step: Step, device: &Device) -> Self {
        let masks = [(0, dim), (1, LAST_WIDTH)];
        Self(masks.map(|(layer, width)| (rate > 0.0).then(|| mask(rows, width, rate, step, layer, device))))
    }
}

fn mask(rows: usize, width: usize, rate: f64, step: Step, layer: u64, device: &Device) -> Tensor<2> {
    let mut random = stream(step.seed, Purpose::Dropout, [step.index, layer]);
    #[expect(clippy::cast_possible_truncation, reason = "a factor needs no more digits")]
    let kept = (1.0 / (1.0 - rate)) as f32;
    let mask = (0..rows * width).map(|_| if random.random::<f64>() < rate { 0.0 } else { kept });
    ready_tensor(TensorData::new(mask.collect::<Vec<f32>>(), [rows, width]), device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropout_is_keyed_and_keeps_the_mean() {
        let device = Device::flex();
        let mask = |index, layer| values(mask(100, 50, 0.2, Step { seed: 3, index }, layer, &device));
        let first = mask(0, 0);
        assert!(first.iter().all(|&value| value.to_bits() == 0 || value.to_bits() == 1.25f32.to_bits()));
        // Four standard errors of the mean of 5,000 draws: .5 / sqrt(5000) each.
        assert!((first.iter().sum::<f32>() / 5e3 - 1.0).abs() < 0.0283);
        assert_eq!(first, mask(0, 0));
        assert!(first != mask(1, 0) && first != mask(0, 1));
        let Dropped(masks) = Dropped::new(2, 3, 0.0, Step { seed: 0, index: 0 }, &device);
        assert!(masks.iter().all(Option::is_none));
    }
}
