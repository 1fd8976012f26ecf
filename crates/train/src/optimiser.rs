//! The optimiser of a run: which there are, their step on every parameter of a model, and their state as a
//! file.
//!
//! The loop and the checkpoint know only `new`, `step`, `save` and `load`. The equations are in
//! [`gnnrec_sparse::kernels::tables`]; here is no schedule and no penalty: the L2 penalty is part of a
//! model's loss.

use std::collections::BTreeMap;
use std::path::Path;

use burn::module::{ModuleMapper, Param, ParamId};
use burn::store::RecordError;
use burn::store::burn_pack::{Error, Reader, Tensor as Packed, Writer};
use burn::tensor::{Bytes, DType, Device, Gradients, Tensor, TensorData};
use gnnrec_model::{GradientModel, TableRows};
use gnnrec_sparse::kernels::tables::{Adam, RmsProp};
use gnnrec_sparse::tables::{self, TableGradient};
use gnnrec_sparse::{Rows, scatter_rows};
use serde::{Deserialize, Serialize};

use crate::panels::{Moved, of_rows, regrouped};

/// Of row-wise AdaGrad, the one of FBGEMM.
const ADAGRAD_EPSILON: f32 = 1e-8;

/// Of RMSprop, the one of PyTorch.
const RMS_PROP_EPSILON: f64 = 1e-8;

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
    /// AdaGrad with one sum for each row instead of one for each value, `ε = 1e-8`; sparse. Of a table that its device
    /// holds in panels of columns, one for each row of each panel.
    #[serde(rename = "row-adagrad")]
    RowAdagrad {},
    /// RMSprop without momentum and centring, `ε = 1e-8`. A row without gradient would not move, so that it costs only
    /// the rows that have one.
    #[serde(rename = "rmsprop")]
    RmsProp {
        /// `α`, in `[0, 1)`: what a step keeps of the mean square. The default, 0.99, is that of PyTorch.
        #[serde(default = "default_decay")]
        decay: f64,
    },
}

impl Default for OptimiserConfig {
    fn default() -> Self {
        Self::Adam {}
    }
}

fn default_weight_decay() -> f64 {
    0.01
}

fn default_decay() -> f64 {
    0.99
}

impl OptimiserConfig {
    /// Sizes of the state of a parameter of `num_rows x width`.
    fn state_sizes(&self, num_rows: usize, width: usize) -> Vec<usize> {
        match self {
            Self::Adam {} | Self::AdamW { .. } | Self::LazyAdam {} => vec![num_rows * width; 2],
            Self::RowAdagrad {} => vec![num_rows],
            Self::RmsProp { .. } => vec![num_rows * width, num_rows],
            Self::Sgd {} => vec![],
        }
    }
}

/// What an optimiser remembers of every parameter, by the phase of the epoch and the parameter's id, which a
/// module's record holds too: each phase has an optimiser of its own.
pub(crate) struct Optimiser {
    /// By phase: kind and learning rate.
    phases: Vec<(OptimiserConfig, f64)>,
    states: BTreeMap<Key, State>,
}

/// Phase and parameter.
type Key = (usize, ParamId);

struct State {
    /// Steps of this parameter, which are fewer than the run's where a step gave it no gradient.
    num_steps: u64,
    /// Both moments, or the squares, or nothing; all begin as zeros.
    tensors: Vec<Tensor<1>>,
}

impl Optimiser {
    /// One optimiser for each phase of an epoch: its kind and its learning rate.
    pub(crate) fn new(phases: Vec<(OptimiserConfig, f64)>) -> Self {
        Self { phases, states: BTreeMap::new() }
    }

    /// One step of a phase down the gradient. Parameters that nobody else holds move in place.
    pub(crate) fn step<M: GradientModel>(&mut self, phase: usize, model: M, grads: Gradients) -> M {
        let rows = rows_of_tables(&model);
        model.map(&mut Stepper { optimiser: self, phase, grads, rows })
    }

    /// A parameter, without autodiff, after a step.
    fn moved<const D: usize>(&mut self, key: Key, x: Tensor<D>, gradient: TableGradient<D>) -> Tensor<D> {
        let (config, learning_rate) = self.phases[key.0];
        let (num_rows, len, device) = (x.dims()[0], x.shape().num_elements(), x.device());
        let state = self.states.entry(key).or_insert_with(|| {
            let sizes = config.state_sizes(num_rows, len / num_rows.max(1));
            State { num_steps: 0, tensors: sizes.into_iter().map(|size| Tensor::zeros([size], &device)).collect() }
        });
        state.num_steps += 1;
        // Taken out, so that they have one owner; one that was read from a file may lie elsewhere.
        let mut tensors = std::mem::take(&mut state.tensors).into_iter().map(|tensor| tensor.to_device(&device));
        let mut next = || tensors.next().expect("a state has the tensors of its optimiser");
        #[expect(clippy::cast_possible_truncation, reason = "tables hold 32-bit floats")]
        let rate = learning_rate as f32;
        let weight_decay = if let OptimiserConfig::AdamW { weight_decay } = config { weight_decay } else { 0.0 };
        let factors = || Adam { learning_rate, weight_decay, ..Adam::default() }.factors(state.num_steps);
        match config {
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
            OptimiserConfig::RmsProp { decay } => {
                let constants = RmsProp { learning_rate, decay, epsilon: RMS_PROP_EPSILON };
                let step = u32::try_from(state.num_steps).unwrap_or(u32::MAX);
                let (x, squares, last) = tables::rms_prop(x, gradient, next(), next(), constants, step);
                state.tensors = vec![squares, last];
                x
            }
        }
    }

    /// Writes the state: for each phase and parameter its steps under `phase.id` and its tensors under
    /// `phase.id.0`, `phase.id.1`.
    pub(crate) fn save(&self, path: &Path) -> Result<(), RecordError> {
        let mut packed = Vec::new();
        for (key, state) in &self.states {
            for (n, tensor) in state.tensors.iter().enumerate() {
                let (tensor, shape) = (tensor.clone(), tensor.shape());
                let bytes = shape.num_elements() * size_of::<f32>();
                // One at a time, when the file has come so far.
                let read = move || Ok(tensor.clone().into_data().into_parts().0);
                packed.push(Packed::deferred(
                    format!("{}.{n}", name(*key)),
                    DType::F32,
                    shape,
                    Some(key.1.val()),
                    bytes,
                    read,
                ));
            }
        }
        let writer = self
            .states
            .iter()
            .fold(Writer::new(packed), |writer, (key, state)| writer.with_scalar(&name(*key), state.num_steps.into()));
        Ok(writer.write_to_file(path)?)
    }

    /// Takes up the state that [`Optimiser::save`] wrote.
    pub(crate) fn load(mut self, bytes: Bytes) -> Result<Self, RecordError> {
        let reader = Reader::from_bytes(bytes)?;
        let scalars = reader.scalars().clone();
        let packed = reader.into_tensors()?.into_iter().map(|tensor| (tensor.name.clone(), tensor));
        let mut packed: BTreeMap<String, Packed> = packed.collect();
        for (name, num_steps) in scalars {
            let key = key(&name).filter(|key| key.0 < self.phases.len());
            let key = key.ok_or_else(|| RecordError::Validation(format!("`{name}` is no parameter of a phase")))?;
            let num_steps = num_steps.try_into().map_err(|error: burn::store::burn_pack::ScalarConversionError| {
                RecordError::Validation(format!("steps of parameter {name}: {error}"))
            })?;
            let mut take = |n: usize| match packed.remove(&format!("{name}.{n}")) {
                Some(tensor) => unpacked(tensor),
                None => Err(RecordError::Validation(format!("`{name}.{n}` is missing"))),
            };
            let num_tensors = self.phases[key.0].0.state_sizes(1, 1).len();
            let tensors = (0..num_tensors).map(&mut take).collect::<Result<_, _>>()?;
            self.states.insert(key, State { num_steps, tensors });
        }
        match packed.into_keys().next() {
            Some(name) => Err(RecordError::Validation(format!("`{name}` belongs to no parameter"))),
            None => Ok(self),
        }
    }
}

impl Optimiser {
    /// The state of tables in the panels of a model that splits them otherwise.
    pub(crate) fn regrouped(mut self, moved: &[Moved]) -> Result<Self, RecordError> {
        for (table, phase) in moved.iter().flat_map(|table| (0..self.phases.len()).map(move |phase| (table, phase))) {
            let of = |(id, _): &(ParamId, usize)| self.states.remove(&(phase, *id));
            let states: Vec<State> = table.from.iter().filter_map(of).collect();
            if states.is_empty() {
                continue; // The table had no gradient in this phase.
            }
            let config = self.phases[phase].0;
            let fits = |(state, (_, width)): (&State, &(ParamId, usize))| {
                let sizes = config.state_sizes(table.num_rows, *width).into_iter();
                sizes.eq(state.tensors.iter().map(|tensor| tensor.shape().num_elements()))
            };
            if states.len() != table.from.len() || !states.iter().zip(&table.from).all(fits) {
                let what = format!("the state of phase {phase} is not one of a table in {} panels", table.from.len());
                return Err(RecordError::Validation(what));
            }
            let widths =
                [&table.from, &table.to].map(|panels| panels.iter().map(|(_, width)| *width).collect::<Vec<_>>());
            let floats = |state: &State, n: usize| {
                let values = state.tensors[n].clone().into_data().try_to_vec::<f32>();
                values.expect("states are 32-bit floats")
            };
            // A state of two rows of three columns has six values if it has one for each, and otherwise two.
            let sizes = config.state_sizes(2, 3);
            let mut tensors = vec![Vec::new(); table.to.len()];
            for (n, size) in sizes.into_iter().enumerate() {
                let parts: Vec<Vec<f32>> = states.iter().map(|state| floats(state, n)).collect();
                let of_panels: Vec<Vec<f32>> = if size == 2 {
                    vec![of_rows(&parts, &widths[0]); table.to.len()]
                } else {
                    regrouped(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>(), table.num_rows, &widths)
                };
                for (tensors, values) in tensors.iter_mut().zip(of_panels) {
                    let len = values.len();
                    tensors.push(Tensor::from_data(TensorData::new(values, [len]), &Device::flex()));
                }
            }
            for ((id, _), tensors) in table.to.iter().zip(tensors) {
                self.states.insert((phase, *id), State { num_steps: states[0].num_steps, tensors });
            }
        }
        Ok(self)
    }
}

/// What a parameter of a phase is called in a file.
fn name((phase, id): Key) -> String {
    format!("{phase}.{}", id.val())
}

/// What is called so, if anything.
fn key(name: &str) -> Option<Key> {
    let (phase, id) = name.split_once('.')?;
    Some((phase.parse().ok()?, id.parse::<u64>().ok()?.into()))
}

fn unpacked(tensor: Packed) -> Result<Tensor<1>, RecordError> {
    let (name, dtype, shape, _, bytes) = tensor.into_parts()?;
    if dtype != DType::F32 || shape.rank() != 1 {
        return Err(Error::ValidationError(format!("`{name}` is no row of 32-bit floats")).into());
    }
    // On whatever device the run goes on, the first step takes it there.
    Ok(Tensor::from_data(TensorData::from_bytes(bytes, shape, dtype), &Device::flex()))
}

/// Gradients of rows by parameter.
pub(crate) type RowsById = BTreeMap<ParamId, (Rows, Tensor<2>)>;

/// What a backward pass left in the tables of a model.
pub(crate) fn rows_of_tables<M: GradientModel>(model: &M) -> RowsById {
    let taken = model.tables().into_iter().flat_map(gnnrec_model::Table::take_gradients);
    taken.map(|TableRows { id, rows, values }| (id, (rows, values))).collect()
}

/// Moves every parameter that has a gradient, and makes it a leaf again.
struct Stepper<'a> {
    optimiser: &'a mut Optimiser,
    phase: usize,
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
        let x = self.optimiser.moved((self.phase, id), x.without_autodiff(), gradient).autodiff();
        let x = match strategy {
            Some(strategy) => x.with_gradient_checkpointing_strategy(strategy),
            None => x,
        };
        Param::from_mapped_value(id, x.require_grad(), mapper)
    }
}

#[cfg(test)]
mod tests;
