//! The optimiser of a run: which there are, their step on every parameter of a model, and their state as a
//! file.
//!
//! The loop and the checkpoint know only `new`, `step`, `save` and `load`. The equations are in
//! [`gnnrec_sparse::kernels::tables`]; here is no schedule and no penalty: the L2 penalty is part of a
//! model's loss.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use burn::module::{ModuleMapper, Param, ParamId};
use burn::store::RecordError;
use burn::store::burn_pack::{Error, Reader, Tensor as Packed, Writer};
use burn::tensor::{Bytes, DType, Device, Gradients, Tensor, TensorData};
use gnnrec_model::GradientModel;
use gnnrec_sparse::kernels::tables::Adam;
use gnnrec_sparse::scatter_rows;
use gnnrec_sparse::tables::{self, TableGradient};
use serde::{Deserialize, Serialize};

/// Of row-wise AdaGrad, the one of FBGEMM.
const ADAGRAD_EPSILON: f32 = 1e-8;

/// How a step follows from gradients. In a file `{ kind = "adam" }`; [`gnnrec_sparse::kernels::tables`] has
/// the equations and their sources.
///
/// A lookup gives gradients to a few rows of a table. Those that are called sparse below move these rows
/// alone; a parameter with a gradient for every row, such as a table that is propagated, they move as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", deny_unknown_fields)]
pub enum OptimiserConfig {
    /// Adam with the constants of PyTorch, `β1 = 0.9`, `β2 = 0.999`, `ε = 1e-8`. The default.
    #[serde(rename = "adam")]
    Adam {},
    /// Adam with decoupled weight decay.
    #[serde(rename = "adamw")]
    AdamW {
        /// `λ`, at least 0: a step multiplies every value by `1 - learning_rate · λ`. The default, 0.01, is
        /// that of PyTorch.
        #[serde(default = "default_weight_decay")]
        weight_decay: f64,
    },
    /// Gradient descent without momentum; sparse.
    #[serde(rename = "sgd")]
    Sgd {},
    /// Adam, sparse: the moments of a row rest while it has no gradient. It is another algorithm than Adam,
    /// which goes on moving such a row.
    #[serde(rename = "lazy-adam")]
    LazyAdam {},
    /// AdaGrad with one sum for each row instead of one for each value, `ε = 1e-8`; sparse.
    #[serde(rename = "row-adagrad")]
    RowAdagrad {},
}

impl Default for OptimiserConfig {
    fn default() -> Self {
        Self::Adam {}
    }
}

fn default_weight_decay() -> f64 {
    0.01
}

impl OptimiserConfig {
    /// Sizes of the state of a parameter of `num_rows x width`.
    fn state_sizes(&self, num_rows: usize, width: usize) -> Vec<usize> {
        match self {
            Self::Adam {} | Self::AdamW { .. } | Self::LazyAdam {} => vec![num_rows * width; 2],
            Self::RowAdagrad {} => vec![num_rows],
            Self::Sgd {} => vec![],
        }
    }
}

/// An optimiser and what it remembers of every parameter, by the parameter's id, which a module's record
/// holds too.
pub(crate) struct Optimiser {
    config: OptimiserConfig,
    learning_rate: f64,
    states: BTreeMap<ParamId, State>,
}

struct State {
    /// Steps of this parameter, which are fewer than the run's where a step gave it no gradient.
    num_steps: u64,
    /// Both moments, or the squares, or nothing; all begin as zeros.
    tensors: Vec<Tensor<1>>,
}

impl Optimiser {
    pub(crate) fn new(config: OptimiserConfig, learning_rate: f64) -> Self {
        Self { config, learning_rate, states: BTreeMap::new() }
    }

    /// One step down the gradient. Parameters that nobody else holds move in place.
    pub(crate) fn step<M: GradientModel>(&mut self, model: M, grads: Gradients) -> M {
        let rows = rows_of_tables(&model);
        model.map(&mut Stepper { optimiser: self, grads, rows })
    }

    /// A parameter, without autodiff, after a step.
    fn moved<const D: usize>(&mut self, id: ParamId, x: Tensor<D>, gradient: TableGradient<D>) -> Tensor<D> {
        let (num_rows, len, device) = (x.dims()[0], x.shape().num_elements(), x.device());
        let state = self.states.entry(id).or_insert_with(|| {
            let sizes = self.config.state_sizes(num_rows, len / num_rows.max(1));
            State { num_steps: 0, tensors: sizes.into_iter().map(|size| Tensor::zeros([size], &device)).collect() }
        });
        state.num_steps += 1;
        // Taken out, so that they have one owner; one that was read from a file may lie elsewhere.
        let mut tensors = std::mem::take(&mut state.tensors).into_iter().map(|tensor| tensor.to_device(&device));
        let mut next = || tensors.next().expect("a state has the tensors of its optimiser");
        let learning_rate = self.learning_rate;
        #[expect(clippy::cast_possible_truncation, reason = "tables hold 32-bit floats")]
        let rate = learning_rate as f32;
        let weight_decay = if let OptimiserConfig::AdamW { weight_decay } = self.config { weight_decay } else { 0.0 };
        let factors = || Adam { learning_rate, weight_decay, ..Adam::default() }.factors(state.num_steps);
        match self.config {
            OptimiserConfig::Adam {} | OptimiserConfig::AdamW { .. } => {
                let (x, m, v) = tables::adam(x, gradient, next(), next(), factors());
                state.tensors = vec![m, v];
                x
            }
            OptimiserConfig::LazyAdam {} => {
                let (x, m, v) = tables::lazy_adam(x, gradient, next(), next(), factors());
                state.tensors = vec![m, v];
                x
            }
            OptimiserConfig::Sgd {} => tables::sgd(x, gradient, rate),
            OptimiserConfig::RowAdagrad {} => {
                let (x, squares) = tables::row_adagrad(x, gradient, next(), rate, ADAGRAD_EPSILON);
                state.tensors = vec![squares];
                x
            }
        }
    }

    /// Writes the state: for each parameter its steps under its id and its tensors under `id.0`, `id.1`.
    pub(crate) fn save(&self, path: &Path) -> Result<(), RecordError> {
        let mut packed = Vec::new();
        for (id, state) in &self.states {
            for (n, tensor) in state.tensors.iter().enumerate() {
                let (tensor, shape) = (tensor.clone(), tensor.shape());
                let bytes = shape.num_elements() * size_of::<f32>();
                // One at a time, when the file has come so far.
                let read = move || Ok(tensor.clone().into_data().into_parts().0);
                packed.push(Packed::deferred(name(*id, n), DType::F32, shape, Some(id.val()), bytes, read));
            }
        }
        let writer = self.states.iter().fold(Writer::new(packed), |writer, (id, state)| {
            writer.with_scalar(&id.val().to_string(), state.num_steps.into())
        });
        Ok(writer.write_to_file(path)?)
    }

    /// Takes up the state that [`Optimiser::save`] wrote.
    pub(crate) fn load(mut self, bytes: Bytes) -> Result<Self, RecordError> {
        let reader = Reader::from_bytes(bytes)?;
        let scalars = reader.scalars().clone();
        let packed = reader.into_tensors()?.into_iter().map(|tensor| (tensor.name.clone(), tensor));
        let mut packed: BTreeMap<String, Packed> = packed.collect();
        let num_tensors = self.config.state_sizes(1, 1).len();
        for (id, num_steps) in scalars {
            let foreign = |_| RecordError::Validation(format!("`{id}` is no parameter"));
            let num_steps = num_steps.try_into().map_err(|error: burn::store::burn_pack::ScalarConversionError| {
                RecordError::Validation(format!("steps of parameter {id}: {error}"))
            })?;
            let id: ParamId = id.parse::<u64>().map_err(foreign)?.into();
            let mut take = |n| match packed.remove(&name(id, n)) {
                Some(tensor) => unpacked(tensor),
                None => Err(RecordError::Validation(format!("`{}` is missing", name(id, n)))),
            };
            let tensors = (0..num_tensors).map(&mut take).collect::<Result<_, _>>()?;
            self.states.insert(id, State { num_steps, tensors });
        }
        match packed.into_keys().next() {
            Some(name) => Err(RecordError::Validation(format!("`{name}` belongs to no parameter"))),
            None => Ok(self),
        }
    }
}

/// What tensor `n` of a parameter is called in a file.
fn name(id: ParamId, n: usize) -> String {
    format!("{}.{n}", id.val())
}

fn unpacked(tensor: Packed) -> Result<Tensor<1>, RecordError> {
    let (name, dtype, shape, _, bytes) = tensor.into_parts()?;
    if dtype != DType::F32 || shape.rank() != 1 {
        return Err(Error::ValidationError(format!("`{name}` is no row of 32-bit floats")).into());
    }
    Ok(Tensor::from_data(TensorData::from_bytes(bytes, shape, dtype), &Device::default()))
}

/// Gradients of rows by parameter.
pub(crate) type RowsById = BTreeMap<ParamId, (Arc<[u32]>, Tensor<2>)>;

/// What a backward pass left in the tables of a model.
pub(crate) fn rows_of_tables<M: GradientModel>(model: &M) -> RowsById {
    let taken = |table: &gnnrec_model::Table| table.take_gradient().map(|gradient| (table.weight.id, gradient));
    model.tables().into_iter().filter_map(taken).collect()
}

/// Moves every parameter that has a gradient, and makes it a leaf again.
struct Stepper<'a> {
    optimiser: &'a mut Optimiser,
    grads: Gradients,
    rows: RowsById,
}

impl ModuleMapper for Stepper<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, x, mapper) = param.consume();
        let gradient = match (x.grad_remove(&mut self.grads), self.rows.remove(&id)) {
            (None, None) => return Param::from_mapped_value(id, x, mapper),
            (Some(dense), None) => TableGradient::Dense(dense),
            (None, Some((rows, values))) => TableGradient::Rows { rows, values },
            (Some(dense), Some((rows, values))) => {
                let (shape, num_rows) = (dense.shape(), dense.dims()[0]);
                TableGradient::Dense(dense + scatter_rows(values, &rows, num_rows).reshape(shape))
            }
        };
        let strategy = x.gradient_checkpointing_strategy();
        let x = self.optimiser.moved(id, x.without_autodiff(), gradient).autodiff();
        let x = match strategy {
            Some(strategy) => x.with_gradient_checkpointing_strategy(strategy),
            None => x,
        };
        Param::from_mapped_value(id, x.require_grad(), mapper)
    }
}

#[cfg(test)]
mod tests;
