//! Batches of positives and negatives, each a function of seed, epoch and index alone.
//!
//! Rows are drawn in blocks of 64, each block from its own keyed stream, so that any number of threads draws
//! the same batch. Nothing is shuffled or kept between batches: a run resumes anywhere at no cost.

use std::ops::Range;
use std::sync::Arc;

use gnnrec_graph::{Csr, InteractionGraph, ItemId, UserId};
use rand::Rng;
use rayon::prelude::*;

use crate::batch::rows_of;
use crate::draw::{below, edge, fill_unseen, outside};
use crate::permutation::Permutation;
use crate::popularity::Popularity;
use crate::{Negatives, PairwiseBatch, Positives, Prefetch, Purpose, SamplerConfig, SamplingError, stream};

/// Rows that share a stream: making one costs as much as some tens of draws.
const BLOCK_ROWS: usize = 64;

/// Draws below which a batch is drawn by the calling thread alone: some tenths of a millisecond.
const PARALLEL_DRAWS: usize = 16_384;

/// The most negatives one batch may hold: a gigabyte.
const MAX_NEGATIVES: usize = 1 << 28;

/// Position of an epoch's permutation key, where no block can stand.
const PERMUTATION: u64 = u64::MAX;

/// Draws training batches; cheap to clone, shared between threads.
#[derive(Clone)]
pub struct Sampler(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    config: SamplerConfig,
    seed: u64,
    by_user: Csr,
    /// Users with items, ascending.
    active: Vec<UserId>,
    popularity: Option<Popularity>,
}

impl Sampler {
    /// Prepares a sampler; linear in users, items and interactions, of which it keeps its own copy.
    ///
    /// # Errors
    /// A configuration out of range, no interaction at all, or a user with every item of the catalogue.
    pub fn new(interactions: &InteractionGraph, config: SamplerConfig, seed: u64) -> Result<Self, SamplingError> {
        config.validate()?;
        let (num_users, num_items) = (interactions.num_users(), interactions.num_items());
        if interactions.num_interactions() == 0 {
            return Err(SamplingError::NoInteractions { num_users, num_items });
        }
        let rows = config.batch_size.min(interactions.num_interactions());
        if config.num_negatives > MAX_NEGATIVES / rows {
            let found = config.num_negatives.to_string();
            let expected = "at most 268435456 negatives a batch; lower it or batch_size";
            return Err(SamplingError::Config { field: "num_negatives", found, expected });
        }
        let by_user = interactions.by_user().to_pattern();
        let active: Vec<UserId> =
            (0..).map(UserId).zip(by_user.indptr().windows(2)).filter(|(_, b)| b[0] < b[1]).map(|(u, _)| u).collect();
        if let Some(&user) = active.iter().find(|user| by_user.degree(user.index()) == num_items) {
            return Err(SamplingError::NoNegatives { user, num_items });
        }
        let popularity = match config.negatives {
            Negatives::Popularity { alpha } => Some(Popularity::new(interactions.by_item(), alpha)),
            Negatives::Uniform | Negatives::InBatch => None,
        };
        Ok(Self(Arc::new(Inner { config, seed, by_user, active, popularity })))
    }

    /// Batches of an epoch, the last of which may be shorter: the epoch has one row for each training pair.
    #[must_use]
    pub fn num_batches(&self) -> usize {
        self.0.num_rows().div_ceil(self.0.config.batch_size)
    }

    /// One batch, on as many threads of the current rayon pool as pay.
    ///
    /// # Errors
    /// If the epoch has no such batch.
    pub fn batch(&self, epoch: u64, index: usize) -> Result<PairwiseBatch, SamplingError> {
        let SamplerConfig { batch_size, num_negatives, .. } = self.0.config;
        let draws = batch_size.min(self.0.num_rows()) * num_negatives;
        self.batch_on(epoch, index, draws >= PARALLEL_DRAWS)
    }

    /// The batches `from ..` of an epoch in order, drawn ahead on other threads while the caller computes.
    ///
    /// The threads are its own, not the caller's rayon pool, so that neither can wait for the other.
    #[must_use]
    pub fn epoch(&self, epoch: u64, from: usize) -> Prefetch {
        let sampler = self.clone();
        Prefetch::start(from, self.num_batches(), move |index| sampler.batch_on(epoch, index, false))
    }

    /// [`Sampler::batch`] on the rayon pool or on the calling thread alone.
    pub(crate) fn batch_on(&self, epoch: u64, index: usize, pool: bool) -> Result<PairwiseBatch, SamplingError> {
        let rows = rows_of(index, self.0.config.batch_size, self.0.num_rows())?;
        Ok(self.0.draw(epoch, index, rows, pool))
    }
}

impl Inner {
    fn num_rows(&self) -> usize {
        self.by_user.num_edges()
    }

    fn draw(&self, epoch: u64, index: usize, rows: Range<usize>, pool: bool) -> PairwiseBatch {
        let SamplerConfig { batch_size, num_negatives, .. } = self.config;
        let (start, len) = (rows.start, rows.len());
        let first_block = index * batch_size.div_ceil(BLOCK_ROWS);
        let block_stream = |purpose, block| stream(self.seed, purpose, [epoch, (first_block + block) as u64]);

        let mut users = vec![UserId(0); len];
        let mut positives = vec![ItemId(0); len];
        let order = Permutation::new(self.num_rows(), &mut stream(self.seed, Purpose::Positives, [epoch, PERMUTATION]));
        let fill = |(block, (users, positives)): (usize, (&mut [UserId], &mut [ItemId]))| {
            let rows = users.iter_mut().zip(positives);
            match self.config.positives {
                Positives::Permutation => {
                    for (pair, (user, positive)) in (start + block * BLOCK_ROWS..).zip(rows) {
                        (*user, *positive) = self.pair(order.apply(pair));
                    }
                }
                Positives::UniformUsers => {
                    let mut random = block_stream(Purpose::Positives, block);
                    for (user, positive) in rows {
                        *user = self.active[below(&mut random, self.active.len()) as usize];
                        let items = self.items_of(*user);
                        *positive = items[below(&mut random, items.len()) as usize];
                    }
                }
            }
        };
        if pool {
            users.par_chunks_mut(BLOCK_ROWS).zip(positives.par_chunks_mut(BLOCK_ROWS)).enumerate().for_each(fill);
        } else {
            users.chunks_mut(BLOCK_ROWS).zip(positives.chunks_mut(BLOCK_ROWS)).enumerate().for_each(fill);
        }

        let mut negatives = vec![ItemId(0); len * num_negatives];
        let fill = |(block, negatives): (usize, &mut [ItemId])| {
            let mut random = block_stream(Purpose::Negatives, block);
            for (row, negatives) in (block * BLOCK_ROWS..).zip(negatives.chunks_mut(num_negatives)) {
                let user = users[row];
                let seen = self.items_of(user);
                match (self.config.negatives, &self.popularity) {
                    (Negatives::InBatch, _) => {
                        fill_unseen(negatives, &positives, seen, &mut random, |random| self.uniform(user, random));
                    }
                    (_, Some(popularity)) => negatives.fill_with(|| popularity.draw(seen, &mut random)),
                    (_, None) => negatives.fill_with(|| self.uniform(user, &mut random)),
                }
            }
        };
        if pool {
            negatives.par_chunks_mut(BLOCK_ROWS * num_negatives).enumerate().for_each(fill);
        } else {
            negatives.chunks_mut(BLOCK_ROWS * num_negatives).enumerate().for_each(fill);
        }
        PairwiseBatch { users, positives, negatives, num_negatives }
    }

    /// The training pair of a number below [`Inner::num_rows`].
    fn pair(&self, pair: usize) -> (UserId, ItemId) {
        let (user, item) = edge(&self.by_user, pair);
        (UserId(u32::try_from(user).expect("users are counted by a u32")), ItemId(item))
    }

    pub(crate) fn items_of(&self, user: UserId) -> &[ItemId] {
        ItemId::wrap_slice(self.by_user.row(user.index()))
    }

    /// One unseen item, each as likely.
    pub(crate) fn uniform(&self, user: UserId, random: &mut impl Rng) -> ItemId {
        ItemId(outside(&self.by_user, user.index(), random))
    }
}
