//! Batch normalisation. Ioffe and Szegedy, ICML 2015, arXiv:1502.03167, algorithms 1 and 2.
//!
//! ```text
//! training  y = γ (x - mean) / sqrt(var + ε) + β      mean and biased variance of the batch, by column
//! scoring   the same, with the running mean and variance
//! running   r ← (1 - m) r + m (that of the batch)     here the variance is the unbiased one
//! ```
//!
//! A batch of one row has no variance: it gives `β` and leaves the running statistics as they are.
//!
//! It is not Burn's: there a copy of a model goes on sharing the running statistics with the model, so that the
//! best epoch so far would be overwritten by those after it, and a checkpoint lags one step behind.

use std::sync::{Mutex, MutexGuard, PoisonError};

use burn::module::{
    Content, Devices, Module, ModuleDisplay, ModuleDisplayDefault, ModuleMapper, ModuleVisitor, Param, ParamId,
};
use burn::tensor::{Device, Tensor, TensorData};

/// `ε`, that of PyTorch.
const EPSILON: f64 = 1e-5;

/// `m`, that of the authors' code.
const MOMENTUM: f64 = 0.5;

/// `γ`, `β` and the running statistics of a layer.
#[derive(Module, Debug)]
pub(super) struct BatchNorm {
    /// `1 x width`.
    gamma: Param<Tensor<2>>,
    /// `1 x width`.
    beta: Param<Tensor<2>>,
    running: Running,
}

impl BatchNorm {
    pub(super) fn new(width: usize, device: &Device) -> Self {
        Self {
            gamma: Param::from_data(TensorData::ones::<f32, _>([1, width]), device),
            beta: Param::from_data(TensorData::zeros::<f32, _>([1, width]), device),
            running: Running::new(width, device),
        }
    }

    /// `x` is `rows x width`; moves the running statistics.
    pub(super) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let [rows, _] = x.dims();
        let mean = x.clone().mean_dim(0);
        let centred = x - mean.clone();
        let variance = centred.clone().square().mean_dim(0);
        if rows > 1 {
            #[expect(clippy::cast_precision_loss, reason = "a batch has far fewer than 2^52 rows")]
            let unbiased = variance.clone() * (rows as f64 / (rows - 1) as f64);
            self.running.update(&Tensor::cat(vec![mean, unbiased], 0).detach());
        }
        centred / (variance + EPSILON).sqrt() * self.gamma.val() + self.beta.val()
    }

    /// What scoring does to a column, `x * scale + shift`: both `1 x width`.
    pub(super) fn affine(&self) -> (Tensor<2>, Tensor<2>) {
        let running = self.running.value();
        let (mean, variance) = (running.clone().narrow(0, 0, 1), running.narrow(0, 1, 1));
        let scale = self.gamma.val() / (variance + EPSILON).sqrt();
        let shift = self.beta.val() - mean * scale.clone();
        (scale, shift)
    }
}

/// Mean and variance of the batches so far, `2 x width`: a part of the model that its forward pass moves. A record
/// holds it, an optimiser does not move it, and a copy is another one.
struct Running {
    id: ParamId,
    value: Mutex<Tensor<2>>,
}

impl Running {
    /// Mean 0 and variance 1.
    fn new(width: usize, device: &Device) -> Self {
        let value = Tensor::cat(vec![Tensor::zeros([1, width], device), Tensor::ones([1, width], device)], 0);
        Self { id: ParamId::new(), value: Mutex::new(value) }
    }

    fn with(&self, value: Tensor<2>) -> Self {
        Self { id: self.id, value: Mutex::new(value) }
    }

    fn value(&self) -> Tensor<2> {
        self.lock().clone()
    }

    fn update(&self, batch: &Tensor<2>) {
        let mut value = self.lock();
        *value = value.clone() * (1.0 - MOMENTUM) + batch.clone() * MOMENTUM;
    }

    fn lock(&self) -> MutexGuard<'_, Tensor<2>> {
        self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clone for Running {
    fn clone(&self) -> Self {
        self.with(self.value())
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Running").field(&self.id).finish()
    }
}

impl ModuleDisplayDefault for Running {
    fn content(&self, content: Content) -> Option<Content> {
        content.add_formatted(&"Running".to_owned()).optional()
    }
}

impl ModuleDisplay for Running {}

impl Module for Running {
    fn visit<V: ModuleVisitor>(&self, visitor: &mut V) {
        visitor.visit_float(&Param::initialized(self.id, self.value().set_require_grad(false)));
    }

    fn map<M: ModuleMapper>(self, mapper: &mut M) -> Self {
        let param = Param::initialized(self.id, self.value().set_require_grad(false));
        let (id, value, _) = mapper.map_float(param).consume();
        Self { id, value: Mutex::new(value.set_require_grad(false)) }
    }

    fn to_device(self, device: &Device) -> Self {
        self.with(self.value().to_device(device))
    }

    fn fork(self, device: &Device) -> Self {
        self.to_device(device)
    }

    fn collect_devices(&self, mut devices: Devices) -> Devices {
        let device = self.value().device();
        if !devices.contains(&device) {
            devices.push(device);
        }
        devices
    }

    fn materialize(self) -> Self {
        self
    }

    fn valid(&self) -> Self {
        self.with(self.value().without_autodiff())
    }

    fn train(self) -> Self {
        self.with(Tensor::from_inner(self.value()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(x: Tensor<2>) -> Vec<f32> {
        x.into_data().try_to_vec().unwrap()
    }

    /// Columns (1, 3, 5) and (2, 2, 8): means 3 and 4, biased variances 8/3 and 8, unbiased 4 and 12.
    #[test]
    fn by_hand() {
        let device = Device::flex().autodiff();
        let norm = BatchNorm::new(2, &device);
        let copy = norm.clone();
        let y = values(norm.forward(Tensor::from_floats([[1.0, 2.0], [3.0, 2.0], [5.0, 8.0]], &device)));
        let expected = [-2.0 / (8f32 / 3.0).sqrt(), -2.0 / 8f32.sqrt(), 0.0, -2.0 / 8f32.sqrt()];
        assert!(y.iter().zip(expected).all(|(y, expected)| (y - expected).abs() < 1e-5), "{y:?}");
        assert_eq!(values(norm.running.value()), [1.5, 2.0, 2.5, 6.5]);
        assert_eq!(values(copy.running.value()), [0.0, 0.0, 1.0, 1.0], "a copy is another one");
        let (scale, shift) = norm.affine();
        let scored = values(Tensor::<2>::from_floats([[4.0, 1.0]], &device) * scale + shift);
        let expected = [2.5 / 2.5f32.sqrt(), -1.0 / 6.5f32.sqrt()];
        assert!(scored.iter().zip(expected).all(|(y, expected)| (y - expected).abs() < 1e-5), "{scored:?}");
    }

    #[test]
    fn one_row_has_no_variance() {
        let device = Device::flex().autodiff();
        let norm = BatchNorm::new(2, &device);
        assert_eq!(values(norm.forward(Tensor::from_floats([[7.0, -3.0]], &device))), [0.0, 0.0]);
        assert_eq!(values(norm.running.value()), [0.0, 0.0, 1.0, 1.0]);
    }
}
