//! The best unseen items of users as an operation of Burn's GPU backends.

use std::sync::Arc;

use burn::backend::fusion::custom::TensorSpec;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend as BurnBackend, Dispatch, backend_extension};
use burn::tensor::{DType, Shape, Tensor};
use gnnrec_graph::Csr;

use crate::gpu::{DeviceSeen, OnDevices};
use crate::{Rows, gather_rows};

/// Floats of a block of scores: 64 MiB, half of the smallest binding that an adapter may have.
const BLOCK: usize = 16 << 20;

/// What each user has seen, `num_users x num_items`, uploaded once for each device; cheap to clone.
#[derive(Clone, Debug)]
pub struct SeenItems {
    seen: Arc<Csr>,
    ranks: Arc<[u32]>,
    devices: Arc<OnDevices<DeviceSeen>>,
}

impl SeenItems {
    /// The rows of a matrix of users and items, and a rank for each item: of items of one score the one of higher rank
    /// stands first. Ranks are distinct.
    ///
    /// # Panics
    /// If there is not one rank for each item.
    #[must_use]
    pub fn new(seen: Csr, ranks: &[u32]) -> Self {
        assert_eq!(ranks.len(), seen.num_cols(), "one rank for each item");
        Self { seen: Arc::new(seen), ranks: ranks.into(), devices: Arc::default() }
    }

    pub(crate) fn on(&self, device: &burn_cubecl::CubeDevice) -> Arc<DeviceSeen> {
        self.devices.get(device, || DeviceSeen::new(&self.seen, &self.ranks, device))
    }
}

/// Rankings of a backend. A backend that is not listed here panics when it is asked.
#[backend_extension(Cube, Fusion)]
pub(crate) trait RankBackend: BurnBackend {
    /// Scores of the `k` best items of each user, and their numbers.
    ///
    /// `scores` is `asked.len() x num_items` and is written over.
    #[fusion(meta = |asked, _, k, scores| {
        let shape = Shape::new([asked.len(), *k]);
        (TensorSpec::new(shape.clone(), scores.dtype), TensorSpec::new(shape, DType::U32))
    })]
    fn best_unseen(
        asked: Rows,
        seen: SeenItems,
        k: usize,
        scores: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, IntTensor<Self>);
}

/// For each of the `asked` users the best `k` items by inner product among those it has not seen, best first, with
/// their scores. Of a user whose scores hold a NaN the first of them is listed alone.
///
/// The tables come in panels of their columns, each `num_users x width` and `num_items x width` on one GPU: their inner
/// products are added in order. It holds the scores of as many users as take 64 MiB, at least one row, up to three times
/// where there are several panels, and one list of `k` for each.
///
/// # Panics
/// If a size differs from those of `seen`, there is no panel, or the tables are on the CPU, which has `gnnrec-eval` for
/// it.
#[must_use]
pub fn best_unseen(tables: &[[Tensor<2>; 2]], asked: &[u32], seen: &SeenItems, k: usize) -> Vec<Vec<(u32, f32)>> {
    let (num_users, num_items) = (seen.seen.num_rows(), seen.seen.num_cols());
    for [users, items] in tables {
        assert_eq!(users.dims()[0], num_users, "one row for each user");
        assert_eq!(items.dims()[0], num_items, "one row for each item");
    }
    let mut lists = Vec::with_capacity(asked.len());
    for asked in asked.chunks((BLOCK / num_items.max(1)).max(1)) {
        let asked = Rows::from(asked);
        asked.check(num_users);
        let products =
            tables.iter().map(|[users, items]| gather_rows(users.clone(), &asked).matmul(items.clone().transpose()));
        let scores = products.reduce(Tensor::add).expect("a table has a panel");
        let (scores, items) =
            <Dispatch as RankBackend>::best_unseen(asked.clone(), seen.clone(), k, scores.into_dispatch());
        let scores = Tensor::<2>::from_dispatch(scores).into_data();
        let items = Tensor::<2, burn::tensor::Int>::from_dispatch(items).into_data();
        let scores = scores.try_to_vec::<f32>().expect("scores are 32-bit floats");
        let items = items.try_to_vec::<u32>().expect("items are 32-bit numbers");
        lists.extend((0..asked.len()).map(|n| {
            let (scores, items) = (&scores[n * k..][..k], &items[n * k..][..k]);
            let end = if scores.first().is_some_and(|score| score.is_nan()) { 1 } else { k };
            let list = items.iter().copied().zip(scores.iter().copied()).take(end);
            list.take_while(|(_, score)| *score != f32::NEG_INFINITY).collect::<Vec<_>>()
        }));
    }
    lists
}
