//! What a step needs besides the parameters, made before the step on other threads.

use std::fmt;
use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};
use gnnrec_sampling::Batch;
use gnnrec_sparse::ready_tensor;

use crate::Step;

/// Makes the plans of a model's steps; cheap to clone, shared between threads.
///
/// It holds graphs and settings and no parameter: what it makes depends on the batch and the step alone, whenever and
/// wherever it is made.
pub struct Planner<P>(Arc<Plans<P>>);

type Plans<P> = dyn Fn(&Batch, Step) -> P + Send + Sync;

impl<P> Planner<P> {
    /// A planner of plans that `plan` makes.
    pub fn new(plan: impl Fn(&Batch, Step) -> P + Send + Sync + 'static) -> Self {
        Self(Arc::new(plan))
    }

    /// The plan of one step.
    #[must_use]
    pub fn plan(&self, batch: &Batch, step: Step) -> P {
        (self.0)(batch, step)
    }
}

impl<P> Clone for Planner<P> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<P> fmt::Debug for Planner<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Planner")
    }
}

/// One number for each row, `values.len() x 1`, for a later step.
#[must_use]
pub fn ready_column(values: Vec<f32>, device: &Device) -> Tensor<2> {
    let rows = values.len();
    ready_tensor(TensorData::new(values, [rows, 1]), device)
}
