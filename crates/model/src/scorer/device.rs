//! Tables that stay on a GPU to be ranked there; everything else is asked of their copy.

use burn::tensor::Tensor;
use gnnrec_eval::{EmbeddingScorer, InnerProduct, Scorer, tie_rank};
use gnnrec_graph::{Csr, ItemId, UserId};
use gnnrec_sparse::{SeenItems, best_unseen};

/// Final tables on a device and a copy of them in memory.
pub(super) struct DeviceScorer {
    copy: EmbeddingScorer,
    /// Columns of the users' and of the items' table.
    panels: Vec<[Tensor<2>; 2]>,
}

impl DeviceScorer {
    pub(super) fn new(copy: EmbeddingScorer, panels: Vec<[Tensor<2>; 2]>) -> Self {
        Self { copy, panels: panels.into_iter().map(|panel| panel.map(Tensor::without_autodiff)).collect() }
    }
}

impl Scorer for DeviceScorer {
    fn num_users(&self) -> usize {
        self.copy.num_users()
    }

    fn num_items(&self) -> usize {
        self.copy.num_items()
    }

    fn score(&self, users: &[UserId], scores: &mut [f32]) {
        self.copy.score(users, scores);
    }

    fn best_unseen(&self, users: &[UserId], seen: &Csr, k: usize) -> Option<Vec<Vec<(ItemId, f32)>>> {
        let ranks: Vec<u32> = (0..).take(self.num_items()).map(|item| tie_rank(ItemId(item))).collect();
        let asked: Vec<u32> = users.iter().map(|user| user.0).collect();
        let lists = best_unseen(&self.panels, &asked, &SeenItems::new(seen.clone(), &ranks), k);
        Some(
            lists
                .into_iter()
                .map(|list| list.into_iter().map(|(item, score)| (ItemId(item), score)).collect())
                .collect(),
        )
    }

    fn inner_product(&self) -> Option<InnerProduct<'_>> {
        self.copy.inner_product()
    }
}
