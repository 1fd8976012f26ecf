//! KGCN on a world whose facts tell two circles apart: what it recommends that a user has not seen.

use gnnrec_eval::recommend;
use gnnrec_graph::UserId;
use gnnrec_knowledge::KgcnConfig;
use gnnrec_model::{GradientModel, conformance};

#[expect(clippy::print_stdout, reason = "an example shows what it computes")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let world = conformance::world();
    let config = KgcnConfig { embedding_dim: 16, ..Default::default() };
    let (model, losses) = conformance::train(&config, &world, 0, 40);
    println!("loss {:.3} -> {:.3}", losses[0], losses[losses.len() - 1]);
    let users = [UserId(0), UserId(1)];
    let lists = recommend(&*model.scorer(), world.interactions().by_user(), &users, 3)?;
    for (user, list) in users.iter().zip(lists) {
        let items: Vec<String> = list.iter().map(|entry| format!("{} ({:.2})", entry.item, entry.score)).collect();
        println!("user {user}: {}", items.join(", "));
    }
    Ok(())
}
