//! Losses over a positive and its negatives, stable for scores of any size.

use burn::tensor::{Tensor, activation::log_sigmoid};

/// Bayesian personalised ranking, `mean softplus(neg - pos)` over all pairs, a scalar.
///
/// `pos` is `rows`, `neg` is `rows x num_negatives`. Rendle et al., UAI 2009, section 4.1, without the
/// regulariser: `-ln σ(pos - neg) = softplus(neg - pos)`.
#[must_use]
pub fn bpr_loss(pos: Tensor<1>, neg: Tensor<2>) -> Tensor<1> {
    log_sigmoid(pos.unsqueeze_dim::<2>(1) - neg).mean().neg()
}

/// Binary cross-entropy, `mean softplus(-pos) + mean softplus(neg)`, a scalar: positives and negatives
/// weigh the same, whatever the number of negatives.
#[must_use]
pub fn cross_entropy_loss(pos: Tensor<1>, neg: Tensor<2>) -> Tensor<1> {
    (log_sigmoid(pos).mean() + log_sigmoid(neg.neg()).mean()).neg()
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};
    use gnnrec_sparse::kernels::losses::{Objective, RowLoss};
    use gnnrec_sparse::row_loss;
    use proptest::prelude::*;

    use super::*;
    use crate::BatchRows;

    /// The columns `from .. from + len` of the rows of a batch.
    fn columns(x: &Tensor<2>, rows: usize, from: usize, len: usize) -> BatchRows {
        let x = x.clone().narrow(1, from, len);
        let num_negatives = x.dims()[0] - 2 * rows;
        BatchRows {
            users: x.clone().narrow(0, 0, rows),
            positives: x.clone().narrow(0, rows, rows),
            negatives: x.narrow(0, 2 * rows, num_negatives),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(30))]

        /// Value and gradient through Burn, with another factor on top of the loss.
        #[test]
        fn the_fused_bpr_is_the_one_in_tensor_operations(
            rows in 1usize..70,
            num_negatives in 1usize..4,
            scored in 1usize..20,
            initial in 0usize..20,
            l2 in 0f32..0.5,
            factor in prop::sample::select(vec![1.0f64, -0.25]),
        ) {
            let (width, stacked) = (scored + initial, (2 + num_negatives) * rows);
            let values: Vec<f32> = (0..stacked * width).map(|n| ((n as f32 + 1.0) * 12.9898).sin()).collect();
            let data = TensorData::new(values, [stacked, width]);
            let value_and_gradient = |loss: &dyn Fn(Tensor<2>) -> Tensor<1>| {
                let x = Tensor::<2>::from_data(data.clone(), &Device::flex().autodiff()).require_grad();
                let value = loss(x.clone());
                let grads = (value.clone() * factor).backward();
                (value.into_data(), x.grad(&grads).unwrap().into_data())
            };
            let (value, gradient) = value_and_gradient(&|x| {
                let (pos, neg) = columns(&x, rows, 0, scored).scores();
                match initial {
                    0 => bpr_loss(pos, neg) + columns(&x, rows, 0, scored).l2() * f64::from(l2),
                    _ => bpr_loss(pos, neg) + columns(&x, rows, scored, initial).l2() * f64::from(l2),
                }
            });
            let penalised = if initial == 0 { 0..scored } else { scored..width };
            let loss = RowLoss::new(Objective::Bpr { num_negatives }, rows, 0..scored).penalised(l2, penalised);
            let (fused_value, fused_gradient) = value_and_gradient(&|x| row_loss(&loss, x));
            fused_value.assert_approx_eq::<f32>(&value, burn::tensor::Tolerance::absolute(3e-6));
            fused_gradient.assert_approx_eq::<f32>(&gradient, burn::tensor::Tolerance::absolute(1e-6));
        }
    }

    #[test]
    fn by_hand_with_gradient() {
        let device = Device::flex().autodiff();
        let pos = Tensor::<1>::from_floats([0.0, 100.0], &device).require_grad();
        let neg = Tensor::<2>::from_floats([[0.0, 1.0, -1.0], [0.0, 200.0, -300.0]], &device).require_grad();
        let softplus = |x: f64| (1.0 + x.exp()).ln();
        let loss = bpr_loss(pos.clone(), neg.clone());
        let expected = (softplus(0.0) + softplus(1.0) + softplus(-1.0) + 0.0 + 100.0 + 0.0) / 6.0;
        assert!((f64::from(loss.clone().into_scalar::<f32>()) - expected).abs() < 1e-5);
        let grads = loss.backward();
        // d/d neg = σ(neg - pos) / 6.
        let gradient: Vec<f32> = neg.grad(&grads).unwrap().into_data().try_to_vec().unwrap();
        let expected = [0.5, 0.731_058_6, 0.268_941_4, 0.0, 1.0, 0.0].map(|x: f32| x / 6.0);
        assert!(gradient.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{gradient:?}");
        let gradient: Vec<f32> = pos.grad(&grads).unwrap().into_data().try_to_vec().unwrap();
        assert!((gradient[0] + 0.25).abs() < 1e-6 && (gradient[1] + 1.0 / 6.0).abs() < 1e-6);

        let loss = cross_entropy_loss(pos, neg);
        let mean = (softplus(0.0) + softplus(1.0) + softplus(-1.0) + softplus(0.0) + 200.0) / 6.0;
        let expected = softplus(0.0) / 2.0 + mean;
        assert!((f64::from(loss.into_scalar::<f32>()) - expected).abs() < 1e-4);
    }
}
