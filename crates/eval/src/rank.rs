//! Full ranking: for each user the best unseen items of the whole catalogue.
//!
//! Users are cut into blocks, one block a task; a block meets the catalogue tile by tile and keeps
//! only its top lists. For inner products a tile is screened first and only what may enter a list is
//! scored; where that is too much (the first tiles) or the screen is of no use, the tile is multiplied.
//! Beyond the result, memory holds `threads x block x tile` scores and, for inner products, one regrouped
//! copy of the item table and a quarter of it as codes; for other scorers a tile is the whole catalogue
//! and the block shrinks with it, to at most 16 MiB of scores a thread where one row fits that.

use gnnrec_graph::{Csr, Holdout, ItemId, UserId};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use crate::auc::Auc;
use crate::order::Key;
use crate::product::{Packed, Product, Shape, dot, shape, six_dots};
use crate::screen::{ItemCodes, PANEL, UserCodes};
use crate::topk::{TopK, for_unseen};
use crate::{EvalError, InnerProduct, Scorer};

/// A tile is multiplied rather than screened where more than one pair in so many may enter a list.
const FEW: usize = 16;

/// What is to be ranked.
pub(crate) struct FullRanking<'a> {
    pub(crate) scorer: &'a dyn Scorer,
    /// `num_users x num_items`, never listed.
    pub(crate) seen: &'a Csr,
    /// Length of the lists; 0 for none.
    pub(crate) k: usize,
    /// Asks for the AUC against these items.
    pub(crate) auc: Option<&'a Holdout>,
    /// How the work is cut; of no influence on the result.
    pub(crate) tiling: Option<Tiling>,
}

/// Users of a block and items of a tile; rounded up to what the kernel takes at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tiling {
    pub(crate) users: usize,
    pub(crate) items: usize,
}

/// One user's part of the result.
pub(crate) struct UserRanking {
    /// Best first, at most `k`.
    pub(crate) keys: Vec<Key>,
    /// Where it was asked for.
    pub(crate) auc: Option<f64>,
}

impl FullRanking<'_> {
    /// Ranks for each of `users`, which exist, in their order.
    pub(crate) fn run(&self, users: &[UserId]) -> Result<Vec<UserRanking>, EvalError> {
        if self.auc.is_none()
            && self.k > 0
            && let Some(lists) = self.scorer.best_unseen(users, self.seen, self.k)
        {
            let ranking = |(list, &user): (Vec<(ItemId, f32)>, &UserId)| match list.first() {
                Some(&(item, score)) if score.is_nan() => Err(EvalError::NanScore { user, item }),
                _ => {
                    let keys = list.into_iter().map(|(item, score)| Key::new(score, item)).collect();
                    Ok(UserRanking { keys, auc: None })
                }
            };
            return lists.into_iter().zip(users).map(ranking).collect();
        }
        let rankings: Vec<Result<Vec<UserRanking>, EvalError>> = match self.scorer.inner_product() {
            Some(tables) => self.rank_tables(users, tables)?,
            None => self.rank_rows(users),
        };
        let mut all = Vec::with_capacity(users.len());
        for ranking in rankings {
            all.extend(ranking?);
        }
        Ok(all)
    }

    fn rank_tables(
        &self,
        users: &[UserId],
        tables: InnerProduct<'_>,
    ) -> Result<Vec<Result<Vec<UserRanking>, EvalError>>, EvalError> {
        let (num_items, dim) = (self.scorer.num_items(), tables.dim);
        check_table("user", tables.users.len(), self.scorer.num_users(), dim)?;
        check_table("item", tables.items.len(), num_items, dim)?;
        let arch = Arch::new();
        let Shape { rows, panel } = shape(arch);
        // A tile of items takes about 128 KiB and its scores about 256 KiB: an L2 cache.
        let tiling = self.tiling.unwrap_or(Tiling { users: 480, items: (8_192 / dim).clamp(32, 128) });
        let tile = tiling.items.next_multiple_of(panel.max(PANEL));
        let row = |table, index: usize| -> &[f32] { &<&[f32]>::clone(table)[index * dim..][..dim] };
        let mut items = Packed::default();
        items.fill(tables.items.chunks_exact(dim), dim, panel);
        // The AUC needs every score.
        let codes = if self.auc.is_none() && self.k > 0 { ItemCodes::new(tables.items, dim) } else { None };
        let (items, codes) = (&items, codes.as_ref());
        Ok(users
            .par_chunks(tiling.users.next_multiple_of(rows))
            .map_init(
                || (Packed::default(), Vec::new(), UserCodes::default(), Vec::new()),
                |(packed, scores, user_codes, found), users| {
                    let user_rows = || users.iter().map(|user| row(&tables.users, user.index()));
                    packed.fill(user_rows(), dim, rows);
                    let codes = codes.filter(|codes| user_codes.fill(user_rows(), codes));
                    let mut block = Block::new(self, users, |user, item| {
                        dot(row(&tables.users, user.index()), row(&tables.items, item.index()))
                    });
                    for first_item in (0..num_items).step_by(tile) {
                        let last_item = num_items.min(first_item + tile);
                        if let Some(codes) = codes
                            && first_item > 0
                        {
                            let limit = users.len() * (last_item - first_item) / FEW;
                            let reach = block.lists.iter().map(TopK::threshold_score);
                            if user_codes.candidates(codes, first_item..last_item, reach, limit, found) {
                                arch.dispatch(Offer { block: &mut block, tables, found });
                                continue;
                            }
                        }
                        let stride = tile.min(items.padded_rows() - first_item);
                        scores.resize(packed.padded_rows() * stride, 0.0);
                        arch.dispatch(Product { users: packed, items, first_item, stride, scores });
                        let num_items = last_item - first_item;
                        arch.dispatch(Scan { block: &mut block, first_item, num_items, stride, scores });
                    }
                    block.finish()
                },
            )
            .collect())
    }

    fn rank_rows(&self, users: &[UserId]) -> Vec<Result<Vec<UserRanking>, EvalError>> {
        let stride = self.scorer.num_items();
        let arch = Arch::new();
        let num_users = self.tiling.map_or((4 << 20) / stride.max(1), |tiling| tiling.users).clamp(1, 64);
        users
            .par_chunks(num_users)
            .map_init(Vec::new, |scores, users| {
                scores.clear();
                scores.resize(users.len() * stride, 0.0);
                self.scorer.score(users, scores);
                let position = |user| users.iter().position(|&other| other == user).unwrap_or(0);
                let mut block =
                    Block::new(self, users, |user, item: ItemId| scores[position(user) * stride + item.index()]);
                if stride > 0 {
                    arch.dispatch(Scan { block: &mut block, first_item: 0, num_items: stride, stride, scores });
                }
                block.finish()
            })
            .collect()
    }
}

fn check_table(table: &'static str, found: usize, rows: usize, dim: usize) -> Result<(), EvalError> {
    if dim > 0 && rows.checked_mul(dim) == Some(found) {
        return Ok(());
    }
    Err(EvalError::TableShape { table, found, rows, dim })
}

/// The lists of a block of users while the catalogue goes by.
struct Block<'a> {
    users: &'a [UserId],
    seen: &'a Csr,
    lists: Vec<TopK>,
    /// Empty where nobody asked.
    aucs: Vec<Auc>,
}

impl<'a> Block<'a> {
    fn new(ranking: &FullRanking<'a>, users: &'a [UserId], score: impl Fn(UserId, ItemId) -> f32) -> Self {
        let seen = ranking.seen;
        let auc = |holdout: &Holdout, user: UserId| {
            let unseen = holdout.relevant(user).iter().filter(|item| !seen.contains(user.index(), item.0));
            Auc::new(unseen.map(|&item| score(user, item)).collect())
        };
        Self {
            users,
            seen,
            lists: users.iter().map(|_| TopK::new(ranking.k)).collect(),
            aucs: ranking.auc.map_or(Vec::new(), |holdout| users.iter().map(|&user| auc(holdout, user)).collect()),
        }
    }

    /// The lists, or the first user whose scores cannot be ordered.
    fn finish(self) -> Result<Vec<UserRanking>, EvalError> {
        let aucs = self.aucs.iter().map(|auc| Some(auc.finish())).chain(std::iter::repeat(None));
        let lists = self.lists.into_iter().zip(aucs).zip(self.users);
        lists
            .map(|((list, auc), &user)| {
                let keys = list.finish().map_err(|item| EvalError::NanScore { user, item })?;
                Ok(UserRanking { keys, auc })
            })
            .collect()
    }
}

/// Hands the scores of a tile, `users x stride`, to the lists of a block.
struct Scan<'a, 'b> {
    block: &'a mut Block<'b>,
    first_item: usize,
    /// Items of the tile without padding.
    num_items: usize,
    stride: usize,
    scores: &'a [f32],
}

impl WithSimd for Scan<'_, '_> {
    type Output = ();

    /// Nothing in it names a vector: compiled for the running machine's vectors, the loops vectorise.
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Block { users, seen, lists, aucs } = self.block;
        let first = u32::try_from(self.first_item).expect("items are counted by a u32");
        for (position, (user, scores)) in users.iter().zip(self.scores.chunks_exact(self.stride)).enumerate() {
            let list = &mut lists[position];
            let mut auc = aucs.get_mut(position);
            for_unseen(first, &scores[..self.num_items], seen.row(user.index()), |first, scores| {
                list.extend(first, scores);
                if let Some(auc) = &mut auc {
                    auc.extend(scores);
                }
            });
        }
    }
}

/// Scores pairs of a position in a block and an item, and hands them to the lists of the block.
struct Offer<'a, 'b> {
    block: &'a mut Block<'b>,
    tables: InnerProduct<'a>,
    found: &'a [(u32, u32)],
}

impl WithSimd for Offer<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { block: Block { users, seen, lists, .. }, tables, found } = self;
        let rows = |(position, item): (u32, u32)| {
            let (user, item) = (users[position as usize].index() * tables.dim, item as usize * tables.dim);
            (&tables.users[user..][..tables.dim], &tables.items[item..][..tables.dim])
        };
        let mut offer = |(position, item): (u32, u32), score| {
            let list = &mut lists[position as usize];
            if score >= list.threshold_score() && !seen.contains(users[position as usize].index(), item) {
                list.offer(ItemId(item), score);
            }
        };
        let (sixes, rest) = found.as_chunks();
        for six in sixes {
            let &[a, b, c, d, e, f] = six;
            let scores = six_dots([rows(a), rows(b), rows(c), rows(d), rows(e), rows(f)]);
            for (&pair, score) in six.iter().zip(scores) {
                offer(pair, score);
            }
        }
        for &pair in rest {
            let (user, item) = rows(pair);
            offer(pair, dot(user, item));
        }
    }
}
