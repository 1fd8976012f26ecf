//! A complete model in one screen, a user as the mean of the items chosen, and the suite it passes.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use gnnrec_eval::Scorer;
use gnnrec_graph::World;
use gnnrec_model::{
    BatchRows, GradientConfig, GradientModel, ModelError, PairRows, Planner, bpr_loss, conformance, fits_whole,
    normal_init, table_scorer,
};
use gnnrec_sampling::Batch;
use gnnrec_sparse::{Adjacency, spmm};

/// `ŷ(u,i) = (mean of Q[k] over the training items k of u) · Q[i]`.
struct MeanConfig {
    embedding_dim: usize,
}

#[derive(Module, Debug)]
struct Mean {
    items: Param<Tensor<2>>,
    #[module(skip)]
    chosen: Adjacency,
}

impl GradientConfig for MeanConfig {
    type Model = Mean;

    fn init(&self, world: &World, seed: u64, device: &Device) -> Result<Mean, ModelError> {
        let interactions = world.interactions();
        // A step computes with all users' rows and all items'.
        let num_rows = interactions.num_users().max(interactions.num_items());
        fits_whole("mean", num_rows, self.embedding_dim, device)?;
        let items = normal_init(seed, "items", interactions.num_items(), self.embedding_dim, 0.3, device);
        Ok(Mean { items, chosen: Adjacency::row_mean(interactions.by_user()) })
    }
}

impl GradientModel for Mean {
    type Plan = PairRows;

    fn planner(&self) -> Planner<PairRows> {
        let device = self.items.val().device();
        Planner::new(move |batch: &Batch, _| PairRows::of(batch.pairwise(), &device))
    }

    fn planned_loss(&self, batch: PairRows) -> Tensor<1> {
        let items = self.items.val();
        let users = spmm(&self.chosen, items.clone());
        let (pos, neg) = BatchRows::from_tables(users, items, &batch).scores();
        bpr_loss(pos, neg)
    }

    fn scorer(&self) -> Box<dyn Scorer> {
        let items = self.items.val().without_autodiff();
        table_scorer(spmm(&self.chosen, items.clone()), items)
    }
}

#[expect(clippy::print_stdout, reason = "an example shows what it computes")]
fn main() {
    let (world, config) = (conformance::world(), MeanConfig { embedding_dim: 8 });
    conformance::check(&config, &world);
    let (model, losses) = conformance::train(&config, &world, 0, 30);
    println!("loss {:.3} -> {:.3}", losses[0], losses[losses.len() - 1]);
    println!("user 0 scores {:.2?}", &conformance::all_scores(&*model.scorer())[..19]);
}
