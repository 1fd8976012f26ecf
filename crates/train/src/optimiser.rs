//! The optimiser of every run: Adam with PyTorch's constants, and its state as a file.
//!
//! The loop and the checkpoint know only these four calls, so that another implementation of the same
//! step takes this one's place here and nowhere else. There is no weight decay: the L2 penalty is part
//! of a model's loss.

use std::path::Path;

use burn::module::Module;
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer};
use burn::store::RecordError;
use burn::tensor::{Bytes, Gradients};

/// Burn's default is 1e-5, which is another algorithm where gradients are small.
const EPSILON: f32 = 1e-8;

pub(crate) struct Optimiser {
    adam: ModuleOptimizer,
    learning_rate: f64,
}

impl Optimiser {
    pub(crate) fn new(learning_rate: f64) -> Self {
        let adam = AdamConfig::new().with_beta_1(0.9).with_beta_2(0.999).with_epsilon(EPSILON).init();
        Self { adam, learning_rate }
    }

    /// One step down the gradient.
    pub(crate) fn step<M: Module>(&mut self, model: M, grads: Gradients) -> M {
        let grads = GradientsParams::from_grads(grads, &model);
        self.adam.step(self.learning_rate, model, grads)
    }

    /// Writes the moments, which belong to parameters by their ids; a module's record holds those too.
    pub(crate) fn save(&self, path: &Path) -> Result<(), RecordError> {
        self.adam.save(path)
    }

    /// Takes up the moments that [`Optimiser::save`] wrote.
    pub(crate) fn load(self, bytes: Bytes) -> Result<Self, RecordError> {
        Ok(Self { adam: self.adam.from_bytes(bytes)?, ..self })
    }
}
