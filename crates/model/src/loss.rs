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
    use burn::tensor::Device;

    use super::*;

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
