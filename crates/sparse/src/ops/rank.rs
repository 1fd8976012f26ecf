//! The best unseen items of users as an operation of Burn's GPU backends.

use std::sync::Arc;

use burn::backend::fusion::custom::TensorSpec;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend as BurnBackend, Dispatch, backend_extension};
use burn::tensor::{DType, Shape, Tensor};
use gnnrec_graph::Csr;

use super::Indices;
use crate::gpu::{DeviceSeen, OnDevices};
use crate::tensor::checked;

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
    #[fusion(meta = |asked, _, k, users, _| {
        let shape = Shape::new([asked.len(), *k]);
        (TensorSpec::new(shape.clone(), users.dtype), TensorSpec::new(shape, DType::U32))
    })]
    fn best_unseen(
        asked: Indices,
        seen: SeenItems,
        k: usize,
        users: FloatTensor<Self>,
        items: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, IntTensor<Self>);
}

/// For each of the `asked` users the best `k` items by inner product among those it has not seen, best first, with
/// their scores. Of a user whose scores hold a NaN the first of them is listed alone.
///
/// `users` is `num_users x dim` and `items` `num_items x dim`, on a GPU. It holds the scores of as many users as take
/// 64 MiB, at least one row, and one list of `k` for each.
///
/// # Panics
/// If a size differs from those of `seen`, or the tables are on the CPU, which has `gnnrec-eval` for it.
#[must_use]
pub fn best_unseen(
    users: &Tensor<2>,
    items: &Tensor<2>,
    asked: &[u32],
    seen: &SeenItems,
    k: usize,
) -> Vec<Vec<(u32, f32)>> {
    assert_eq!(users.dims()[0], seen.seen.num_rows(), "one row for each user");
    assert_eq!(items.dims()[0], seen.seen.num_cols(), "one row for each item");
    checked(asked, users.dims()[0]);
    let mut lists = Vec::with_capacity(asked.len());
    for asked in asked.chunks((BLOCK / items.dims()[0].max(1)).max(1)) {
        let (users, items) = (users.clone().into_dispatch(), items.clone().into_dispatch());
        let (scores, items) =
            <Dispatch as RankBackend>::best_unseen(Indices::from(asked), seen.clone(), k, users, items);
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
