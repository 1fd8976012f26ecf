//! Every comparison with a rival on one dataset: what both sides do, what is checked, what is timed.
//!
//! A rival whose numbers differ from ours is a failure and gets no ratio. One that cannot start is left
//! out, by name and with the remedy, and the others go on.

use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;

use gnnrec_eval::{EmbeddingScorer, recommend};
use gnnrec_graph::{UserId, World};
use gnnrec_interaction::{LightGcnConfig, MfBprConfig};
use gnnrec_model::joint_graph;
use gnnrec_sampling::{PairwiseBatch, Sampler, SamplerConfig};
use gnnrec_sparse::{Adjacency, kernels};
use gnnrec_train::{peak_bytes, reset_peak};
use tempfile::TempDir;

use crate::Failure;
use crate::bare::BareLightGcn;
use crate::clock::{Clock, Took};
use crate::comparison::{Comparison, same_losses, same_tables};
use crate::driver::Driver;
use crate::fixture::{self, Fixture, K};
use crate::training::{SEED, Training};

/// Relative difference that a loss may have from the rival's.
const TOLERANCE: f32 = 1e-4;

/// Steps whose losses are compared before anything is timed.
const CHECKED_STEPS: usize = 50;

/// Share of the places of all lists at which two rankings must name the same item: rounding may swap two.
const SAME_PLACES: f64 = 0.999;

/// How it is measured.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The Python that runs the drivers.
    pub python: PathBuf,
    /// Few and short rounds, without the slowest rivals.
    pub quick: bool,
    /// Threads of each side.
    pub threads: usize,
    /// Rounds of each side.
    pub rounds: usize,
    /// Only comparisons whose work or rival contains this.
    pub only: String,
}

/// A rival that trains LightGCN.
struct Trainer {
    name: &'static str,
    command: &'static [&'static str],
    /// Steps whose losses are compared.
    checked: usize,
    /// Steps of a round.
    steps: usize,
}

const TRAINERS: [Trainer; 4] = [
    Trainer { name: "best PyTorch, CSR", command: &["lightgcn_csr.py"], checked: CHECKED_STEPS, steps: 40 },
    Trainer { name: "LightGCN-PyTorch's way, COO", command: &["lightgcn_coo.py"], checked: CHECKED_STEPS, steps: 20 },
    Trainer { name: "PyTorch Geometric, CSR", command: &["lightgcn_pyg.py", "--sparse"], checked: 10, steps: 8 },
    Trainer { name: "PyTorch Geometric, edge_index", command: &["lightgcn_pyg.py"], checked: 10, steps: 4 },
];

/// Ways of a product: the rival's name and the argument of `product.py`.
const PRODUCTS: [(&str, &str); 4] = [
    ("PyTorch CSR through MKL, into a buffer", "torch-csr-out"),
    ("PyTorch CSR through MKL, sparse.mm", "torch-csr"),
    ("PyTorch COO, sparse.mm", "torch-coo"),
    ("SciPy CSR, one thread", "scipy-csr"),
];

/// Ways to rank: the rival's name and the argument of `ranking.py`.
const RANKINGS: [(&str, &str); 2] =
    [("PyTorch matmul and topk in chunks", "torch"), ("implicit's recommend", "implicit")];

/// Comparisons on one dataset.
pub struct Against<'a> {
    plan: &'a Plan,
    dataset: &'a str,
    world: Arc<World>,
    config: LightGcnConfig,
    adjacency: Adjacency,
    fixture: Fixture,
    _folder: TempDir,
    /// What was measured.
    pub comparisons: Vec<Comparison>,
    /// How many rivals computed something else, or broke off.
    pub failures: usize,
}

impl<'a> Against<'a> {
    /// Writes the fixture. The model is LightGCN, 3 layers of width 64.
    ///
    /// # Errors
    /// A fixture that cannot be written.
    pub fn new(plan: &'a Plan, dataset: &'a str, world: World) -> Result<Self, Failure> {
        let config = LightGcnConfig::gowalla();
        let folder = tempfile::tempdir()?;
        let longest = TRAINERS.iter().map(|trainer| trainer.checked + plan.rounds * trainer.steps).max().unwrap_or(0);
        let fixture = fixture::write(folder.path(), &config, &world, longest, plan.threads)?;
        let adjacency = Adjacency::symmetric_normalised(&joint_graph(world.interactions(), None)?);
        let (world, comparisons) = (Arc::new(world), Vec::new());
        Ok(Self { plan, dataset, world, config, adjacency, fixture, _folder: folder, comparisons, failures: 0 })
    }

    /// Every comparison that the plan does not leave out.
    pub fn everything(&mut self) {
        for (name, way) in PRODUCTS {
            self.attempt(&self.product_work(), name, |this, work| this.product(work, name, way));
        }
        for trainer in &TRAINERS {
            if self.plan.quick && trainer.command.contains(&"lightgcn_pyg.py") && trainer.command.len() == 1 {
                continue;
            }
            self.attempt("epoch of LightGCN, 3 x 64, batch 2048", trainer.name, |this, work| {
                this.training(work, trainer)
            });
        }
        self.attempt("epoch of LightGCN, 3 x 64, batch 2048", "bare loop of the same kernels", Self::bare_loop);
        for (name, way) in RANKINGS {
            self.attempt("top 20 of all users, width 64", name, |this, work| this.ranking(work, name, way));
        }
        self.attempt("epoch of MF-BPR, width 64", "implicit's BPR", Self::implicit_bpr);
        self.attempt("sweep of ALS, width 64", "implicit's ALS", Self::implicit_als);
    }

    /// Measures one comparison, unless it was not asked for, and takes note of what came of it.
    fn attempt(&mut self, work: &str, rival: &str, measure: impl FnOnce(&Self, &str) -> Result<Comparison, Failure>) {
        if !work.contains(&self.plan.only) && !rival.contains(&self.plan.only) {
            return;
        }
        match measure(self, work) {
            Ok(comparison) => {
                let ratio = comparison.ratio.map_or_else(String::new, |ratio| format!(", ratio {ratio:.2}"));
                eprintln!("{}: {work}: {rival}{ratio}", self.dataset);
                self.comparisons.push(comparison);
            }
            Err(error) if error.is::<CannotStart>() => {
                eprintln!("{}: {work}: {rival} is left out: {error}", self.dataset);
            }
            Err(error) => {
                eprintln!("{}: {work}: {rival} FAILED: {error}", self.dataset);
                self.failures += 1;
            }
        }
    }

    fn driver(&self, command: &[&str]) -> Result<Driver, CannotStart> {
        Driver::start(&self.plan.python, command, &self.fixture.folder, self.plan.threads).map_err(CannotStart)
    }

    /// What each round took, ours and the rival's.
    fn rounds(
        &self,
        mut ours: impl FnMut() -> Result<Took, Failure>,
        mut rival: impl FnMut() -> Result<Took, Failure>,
    ) -> Result<Vec<[Took; 2]>, Failure> {
        (0..self.plan.rounds).map(|_| Ok([ours()?, rival()?])).collect()
    }

    fn product_work(&self) -> String {
        #[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
        let millions = self.adjacency.matrix().num_edges() as f64 / 1e6;
        format!("product of {millions:.1} M edges, width 64")
    }

    fn product(&self, work: &str, name: &str, way: &str) -> Result<Comparison, Failure> {
        let mut driver = self.driver(&["product.py", way])?;
        let (x, dim, repeats) =
            (&self.fixture.initial, self.config.embedding_dim, if self.plan.quick { 5 } else { 20 });
        let mut y = vec![0f32; x.len()];
        kernels::spmm(&self.adjacency, x, dim, &mut y);
        same_tables(&y, &self.fixture.floats(&format!("product-{way}.f32"))?)?;
        let mut peak = None;
        let rounds = self.rounds(
            || {
                let clock = Clock::start();
                (0..repeats).for_each(|_| kernels::spmm(&self.adjacency, x, dim, black_box(&mut y)));
                Ok(clock.took().times(1.0 / per(repeats)))
            },
            || {
                let answer = driver.round(repeats)?;
                peak = answer.peak_bytes;
                Ok(answer.took().times(1.0 / per(repeats)))
            },
        )?;
        let note = format!("{repeats} products a round; products equal");
        Ok(Comparison {
            note,
            rival_peak_bytes: peak,
            versions: driver.versions.clone(),
            ..Comparison::new(self.dataset, work, name, &rounds)
        })
    }

    fn training(&self, work: &str, trainer: &Trainer) -> Result<Comparison, Failure> {
        let (checked, steps) = if self.plan.quick {
            (trainer.checked.min(5), trainer.steps.min(5))
        } else {
            (trainer.checked, trainer.steps)
        };
        let mut driver = self.driver(trainer.command)?;
        reset_peak();
        let mut training = Training::start(self.config.clone(), self.world.clone());
        let mut losses = training.round(checked)?.losses;
        let mut theirs = driver.round(checked)?.losses;
        same_losses(&losses, &theirs, checked, TOLERANCE)?;
        let mut peak = None;
        let scale = per(self.steps_of_an_epoch()) / per(steps);
        let rounds = self.rounds(
            || {
                let round = training.round(steps)?;
                losses.extend(round.losses);
                Ok(round.took.times(scale))
            },
            || {
                let answer = driver.round(steps)?;
                peak = answer.peak_bytes;
                theirs.extend(&answer.losses);
                Ok(answer.took().times(scale))
            },
        )?;
        let furthest = losses.iter().zip(&theirs).map(|(a, b)| (a - b).abs() / b.abs()).fold(0f32, f32::max);
        let note = format!(
            "{steps} steps a round, times {scale:.1}; losses of the first {checked} steps equal to {TOLERANCE:e}, of all \
             {} to {furthest:.1e}",
            losses.len()
        );
        Ok(Comparison {
            note,
            ours_peak_bytes: peak_bytes(),
            rival_peak_bytes: peak,
            versions: driver.versions.clone(),
            ..Comparison::new(self.dataset, work, trainer.name, &rounds)
        })
    }

    /// What Burn, autodiff and the training loop cost. The bare loop draws its batches like the other.
    fn bare_loop(&self, work: &str) -> Result<Comparison, Failure> {
        let (checked, steps) = if self.plan.quick { (5, 5) } else { (CHECKED_STEPS, 40) };
        let sampler = Sampler::new(self.world.interactions(), SamplerConfig::default(), SEED)?;
        let mut batches = (0..).flat_map(|epoch| sampler.epoch(epoch, 0));
        let mut bare = BareLightGcn::new(&self.config, &self.world)?;
        let mut step = || -> Result<f32, Failure> {
            let batch: PairwiseBatch = batches.next().ok_or("epochs have no end")??;
            Ok(bare.step(&batch))
        };
        let mut training = Training::start(self.config.clone(), self.world.clone());
        let expected = (0..checked).map(|_| step()).collect::<Result<Vec<_>, _>>()?;
        same_losses(&training.round(checked)?.losses, &expected, checked, TOLERANCE)?;
        let scale = per(self.steps_of_an_epoch()) / per(steps);
        let rounds = self.rounds(
            || Ok(training.round(steps)?.took.times(scale)),
            || {
                let clock = Clock::start();
                (0..steps).try_for_each(|_| step().map(drop))?;
                Ok(clock.took().times(scale))
            },
        )?;
        let comparison = Comparison::new(self.dataset, work, "bare loop of the same kernels", &rounds);
        let overhead = 100.0 * (1.0 / comparison.ratio.unwrap_or(1.0) - 1.0);
        let note = format!("{steps} steps a round, times {scale:.1}; Burn, autodiff and the loop cost {overhead:.0} %");
        Ok(Comparison { note, ..comparison })
    }

    fn ranking(&self, work: &str, name: &str, way: &str) -> Result<Comparison, Failure> {
        let mut driver = self.driver(&["ranking.py", way])?;
        let interactions = self.world.interactions();
        let (seen, dim) = (interactions.by_user(), self.config.embedding_dim);
        let (users, items) = self.fixture.last.split_at(interactions.num_users() * dim);
        let scorer = EmbeddingScorer::new(users.to_vec(), items.to_vec(), dim)?;
        let everybody: Vec<UserId> = (0..).take(interactions.num_users()).map(UserId).collect();
        let lists = recommend(&scorer, seen, &everybody, K)?;
        let theirs = self.fixture.ids(&format!("top-{way}.u32"))?;
        let same = lists.iter().flatten().zip(&theirs).filter(|(place, item)| place.item.0 == **item).count();
        let places = everybody.len() * K;
        #[expect(clippy::cast_precision_loss, reason = "a share")]
        let share = same as f64 / places as f64;
        if theirs.len() != places || share < SAME_PLACES {
            return Err(
                format!("{same} of {places} places name the same item; the rival fills {}", theirs.len()).into()
            );
        }
        let mut peak = None;
        let rounds = self.rounds(
            || {
                let clock = Clock::start();
                black_box(recommend(&scorer, seen, &everybody, K)?);
                Ok(clock.took())
            },
            || {
                let answer = driver.round(1)?;
                peak = answer.peak_bytes;
                Ok(answer.took())
            },
        )?;
        let note = format!("{:.3} % of the places name the same item", 100.0 * share);
        Ok(Comparison {
            note,
            rival_peak_bytes: peak,
            versions: driver.versions.clone(),
            ..Comparison::new(self.dataset, work, name, &rounds)
        })
    }

    fn implicit_bpr(&self, work: &str) -> Result<Comparison, Failure> {
        let mut driver = self.driver(&["implicit_training.py", "bpr"])?;
        let mut training = Training::start(MfBprConfig::default(), self.world.clone());
        let steps = self.steps_of_an_epoch().min(40);
        training.round(steps)?;
        let scale = per(self.steps_of_an_epoch()) / per(steps);
        let rounds = self.rounds(|| Ok(training.round(steps)?.took.times(scale)), || Ok(driver.round(1)?.took()))?;
        let note = format!("Adam on batches ({steps} steps a round, times {scale:.1}) beside SGD pair by pair");
        let versions = driver.versions.clone();
        let comparison = Comparison::new(self.dataset, work, "implicit's BPR", &rounds);
        Ok(Comparison { note, same_work: false, versions, ..comparison })
    }

    fn implicit_als(&self, work: &str) -> Result<Comparison, Failure> {
        let mut driver = self.driver(&["implicit_training.py", "als"])?;
        let rounds = (0..self.plan.rounds).map(|_| Ok(driver.round(1)?.took())).collect::<Result<Vec<_>, Failure>>()?;
        let note = "we have no ALS; for information".to_owned();
        let versions = driver.versions.clone();
        Ok(Comparison { note, versions, ..Comparison::of_rival(self.dataset, work, "implicit's ALS", &rounds) })
    }

    fn steps_of_an_epoch(&self) -> usize {
        self.world.interactions().num_interactions().div_ceil(SamplerConfig::default().batch_size)
    }
}

/// A driver that did not start: the comparison is left out.
#[derive(Debug)]
struct CannotStart(Failure);

impl std::fmt::Display for CannotStart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for CannotStart {}

#[expect(clippy::cast_precision_loss, reason = "small counts")]
fn per(count: usize) -> f64 {
    count as f64
}
