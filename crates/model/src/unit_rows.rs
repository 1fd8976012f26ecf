//! Rows divided by their length.

use burn::tensor::Tensor;

/// A squared length below this counts as this, so that a row of zeros stays one.
const LEAST_SQUARE: f32 = 1e-12;

/// `y[n] = x[n] / |x[n]|`, `rows x width`; a row of zeros, or one shorter than 1e-6, is divided by 1e-6.
///
/// The gradient of a row that short passes over its length.
#[must_use]
pub fn unit_rows(x: Tensor<2>) -> Tensor<2> {
    let lengths = x.clone().square().sum_dim(1).clamp_min(LEAST_SQUARE).sqrt();
    x / lengths
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tolerance};

    use super::*;

    /// `dy = (g - (g · y) y) / |x|`; a row of zeros passes `g / 1e-6` on and makes no NaN.
    #[test]
    fn by_hand_with_gradient() {
        let device = Device::flex().autodiff();
        let x = Tensor::<2>::from_floats([[3.0, 0.0, -4.0], [0.0, 0.0, 0.0]], &device).require_grad();
        let y = unit_rows(x.clone());
        let expected = Tensor::<2>::from_floats([[0.6, 0.0, -0.8], [0.0, 0.0, 0.0]], &device);
        y.clone().into_data().assert_approx_eq::<f32>(&expected.into_data(), Tolerance::absolute(1e-6));
        let weights = Tensor::<2>::from_floats([[1.0, 2.0, 0.5], [1.0, 0.0, -1.0]], &device);
        let grads = (y * weights).sum().backward();
        let found: Vec<f32> = x.grad(&grads).unwrap().into_data().try_to_vec().unwrap();
        // g · y = 0.6 - 0.4 = 0.2.
        let expected = [(1.0 - 0.12) / 5.0, 0.4, (0.5 + 0.16) / 5.0, 1e6, 0.0, -1e6];
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() <= 1e-6 * (1.0 + b.abs())), "{found:?}");
    }
}
