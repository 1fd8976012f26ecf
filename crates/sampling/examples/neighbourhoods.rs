//! Which items are near by walks, and the sampled neighbourhood of a user, over eight interactions.

use gnnrec_graph::{Duplicates, InteractionGraph, ItemId, UserId, joint_graph};
use gnnrec_sampling::{WalkConfig, item_neighbours, sample_neighbourhood};

#[expect(clippy::print_stdout, reason = "an example shows what it computes")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pairs = [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2), (2, 2), (2, 3), (3, 3)];
    let pairs = pairs.map(|(user, item)| (UserId(user), ItemId(item)));
    let interactions = InteractionGraph::from_pairs(4, 5, &pairs, Duplicates::Error)?;

    let near = item_neighbours(&interactions, 2, &WalkConfig::default(), 42)?;
    for item in 0..interactions.num_items() {
        println!("item {item} is near items {:?}, by shares {:.2?}", near.row(item), near.row_weights(item));
    }

    // Users are nodes 0 to 3, items 4 to 8.
    let adjacency = joint_graph(&interactions, None)?;
    let around = sample_neighbourhood(&adjacency, &[1], &[Some(2), Some(1)], 42, 0)?;
    for (layer, block) in around.blocks().iter().enumerate() {
        for (row, node) in around.layer(layer).iter().enumerate() {
            let neighbours: Vec<u32> = block.row(row).iter().map(|&place| around.nodes()[place as usize]).collect();
            println!("layer {layer}: node {node} sampled {neighbours:?}");
        }
    }
    Ok(())
}
