//! The contract every model meets: fit on a training world, get something that scores.
//!
//! A closed-form model fits itself. A model trained by gradient says how it starts, what a batch
//! costs and how it scores; the train crate does the fitting. Neither ever sees a held-out
//! interaction.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use gnnrec_eval::Scorer;
use gnnrec_graph::World;
use gnnrec_sampling::{Batch, HardNegativesConfig};

use crate::{ModelError, Planner, Table};

/// What a model looks at besides the interactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// The user-item graph alone.
    Interaction,
    /// Also who knows or trusts whom.
    Social,
    /// Also facts about items.
    Knowledge,
}

/// A model that is solved for, not trained.
pub trait ClosedForm {
    /// Solves the model on the training world. `seed` matters only where the solution is randomised.
    ///
    /// # Errors
    /// A configuration out of range, or a world that lacks what the model needs.
    fn fit(&self, world: &World, seed: u64) -> Result<Box<dyn Scorer>, ModelError>;
}

/// The configuration of a model that is trained by gradient.
pub trait GradientConfig {
    /// The model it makes.
    type Model: GradientModel;

    /// The untrained model. Every initial value comes from a stream keyed by `seed` and the name of
    /// the parameter, so that it is the same on every device.
    ///
    /// # Errors
    /// A configuration out of range, or a world that lacks what the model needs.
    fn init(&self, world: &World, seed: u64, device: &Device) -> Result<Self::Model, ModelError>;

    /// What an epoch consists of, in order; at least one phase.
    fn phases(&self) -> Vec<Phase> {
        vec![Phase::Pairs]
    }
}

/// A part of an epoch: all batches of one kind, with an optimiser of their own.
#[derive(Clone, Debug, PartialEq)]
pub enum Phase {
    /// Positives with their negatives: [`Batch::Pairwise`].
    Pairs,
    /// The same, some negatives of which are hard.
    HardPairs(HardNegativesConfig),
    /// Training ratings: [`Batch::Rated`].
    Ratings,
    /// Facts with corrupt tails: [`Batch::Facts`].
    Facts,
}

/// A model that is trained by gradient: parameters are the fields of the module.
///
/// Graphs are plain fields (`#[module(skip)]`), shared and not part of a checkpoint.
pub trait GradientModel: Module {
    /// What a step needs besides the parameters: rows to look up, neighbourhoods, masks, ratings. While a model is trained,
    /// up to four of later steps are held beside that of the step under way.
    type Plan: Send + 'static;

    /// What makes the plans of steps, ahead of them and on other threads: here neighbours are chosen and edges dropped, as
    /// `step` keys it, and lists go to the device of the parameters (`ready_on`).
    ///
    /// The batch is of the kind that the phase under way names.
    fn planner(&self) -> Planner<Self::Plan>;

    /// The loss of a planned step, a scalar, regularisation included.
    fn planned_loss(&self, plan: Self::Plan) -> Tensor<1>;

    /// Plans a step and gives its loss.
    fn loss(&self, batch: &Batch, step: Step) -> Tensor<1> {
        self.planned_loss(self.planner().plan(batch, step))
    }

    /// The model as a phase begins, by its position among the phases: here it computes anew what its losses hold
    /// fixed, such as attention. Whatever that is must be a parameter without gradient, so that a checkpoint has it.
    #[must_use]
    fn refreshed(self, phase: usize) -> Self {
        let _ = phase;
        self
    }

    /// The tables among its parameters, whose gradients are of rows; what is left out stays as it is.
    fn tables(&self) -> Vec<&Table> {
        Vec::new()
    }

    /// A snapshot that scores, detached from further training.
    fn scorer(&self) -> Box<dyn Scorer>;
}

/// Where training stands: the key of the step's random streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The run's seed.
    pub seed: u64,
    /// Steps done since the start of training, over all epochs.
    pub index: u64,
}
