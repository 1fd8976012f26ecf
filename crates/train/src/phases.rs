//! The phases of an epoch as they are drawn: a sampler and an optimiser for each, and where a step lies among them.

use gnnrec_graph::World;
use gnnrec_model::Phase;
use gnnrec_sampling::{BatchSampler, FactSampler, HardNegatives, RatedSampler, Sampler};

use crate::{OptimiserConfig, TrainConfig, TrainError};

/// The phases of an epoch, in order.
pub(crate) struct Phases(Vec<Drawn>);

struct Drawn {
    sampler: BatchSampler,
    optimiser: OptimiserConfig,
    learning_rate: f64,
    /// Batches of the phases before.
    start: usize,
}

impl Phases {
    /// # Errors
    /// A world that lacks what a phase draws from, or a configuration out of range.
    pub(crate) fn new(phases: &[Phase], world: &World, config: &TrainConfig, seed: u64) -> Result<Self, TrainError> {
        let mut start = 0;
        let drawn = phases.iter().map(|phase| {
            let interactions = world.interactions();
            let sampling = || config.sampling.clone();
            let sampler = match phase {
                Phase::Pairs => BatchSampler::Pairwise(Sampler::new(interactions, sampling(), seed)?),
                Phase::HardPairs(hard) => {
                    BatchSampler::HardNegatives(HardNegatives::new(interactions, sampling(), hard, seed)?)
                }
                Phase::Ratings => {
                    BatchSampler::Rated(RatedSampler::new(interactions, config.sampling.batch_size, seed)?)
                }
                Phase::Facts => {
                    let missing = TrainError::Config {
                        field: "facts",
                        found: "a world without a knowledge graph".to_owned(),
                        expected: "facts to train on",
                    };
                    let knowledge = world.knowledge().ok_or(missing)?;
                    BatchSampler::Facts(FactSampler::new(knowledge, config.facts.batch_size, seed)?)
                }
            };
            let (mut optimiser, mut learning_rate) = (config.optimiser, config.learning_rate);
            if matches!(phase, Phase::Facts) {
                optimiser = config.facts.optimiser.unwrap_or(optimiser);
                learning_rate = config.facts.learning_rate.unwrap_or(learning_rate);
            }
            let drawn = Drawn { sampler, optimiser, learning_rate, start };
            start += drawn.sampler.num_batches();
            Ok(drawn)
        });
        Ok(Self(drawn.collect::<Result<_, TrainError>>()?))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Batches of an epoch.
    pub(crate) fn num_batches(&self) -> usize {
        self.0.iter().map(|phase| phase.sampler.num_batches()).sum()
    }

    pub(crate) fn sampler(&self, phase: usize) -> &BatchSampler {
        &self.0[phase].sampler
    }

    /// By phase: kind and learning rate.
    pub(crate) fn optimisers(&self) -> Vec<(OptimiserConfig, f64)> {
        self.0.iter().map(|phase| (phase.optimiser, phase.learning_rate)).collect()
    }

    /// The batch of a phase that comes next when an epoch has had `steps_done` steps; `None` where the phase is over.
    pub(crate) fn resumed_at(&self, phase: usize, steps_done: usize) -> Option<usize> {
        let Drawn { sampler, start, .. } = &self.0[phase];
        let from = steps_done.saturating_sub(*start);
        (from < sampler.num_batches()).then_some(from)
    }
}
