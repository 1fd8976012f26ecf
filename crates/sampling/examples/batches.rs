//! An epoch over five interactions, drawn ahead on other threads.

use gnnrec_graph::{Duplicates, InteractionGraph, ItemId, UserId};
use gnnrec_sampling::{Negatives, Sampler, SamplerConfig};

#[expect(clippy::print_stdout, reason = "an example shows what it computes")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pairs = [(0, 0), (0, 2), (1, 2), (2, 1), (2, 3)].map(|(user, item)| (UserId(user), ItemId(item)));
    let interactions = InteractionGraph::from_pairs(3, 6, &pairs, Duplicates::Error)?;
    let config = SamplerConfig {
        batch_size: 2,
        negatives: Negatives::Popularity { alpha: 0.75 },
        num_negatives: 3,
        ..SamplerConfig::default()
    };
    let sampler = Sampler::new(&interactions, config, 42)?;
    for (index, batch) in sampler.epoch(0, 0).enumerate() {
        let batch = batch?;
        println!("batch {index}");
        let rows = batch.users.iter().zip(&batch.positives).zip(batch.negatives.chunks(batch.num_negatives));
        for ((user, positive), negatives) in rows {
            println!("  user {user} has item {positive}, not items {negatives:?}");
        }
        assert_eq!(batch, sampler.batch(0, index)?, "any batch can be drawn alone");
    }
    Ok(())
}
