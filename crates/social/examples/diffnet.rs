//! DiffNet on a world of two circles of friends; user 22 has friends to go by and no item.

use gnnrec_eval::recommend;
use gnnrec_graph::UserId;
use gnnrec_model::{GradientModel, conformance};
use gnnrec_social::DiffNetConfig;

#[expect(clippy::print_stdout, reason = "an example shows what it computes")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let world = conformance::world();
    let config = DiffNetConfig { embedding_dim: 16, ..Default::default() };
    let (model, losses) = conformance::train(&config, &world, 0, 40);
    println!("loss {:.3} -> {:.3}", losses[0], losses[losses.len() - 1]);
    let users = [UserId(0), UserId(22)];
    let lists = recommend(&*model.scorer(), world.interactions().by_user(), &users, 3)?;
    for (user, list) in users.iter().zip(lists) {
        let items: Vec<String> = list.iter().map(|entry| format!("{} ({:.2})", entry.item, entry.score)).collect();
        println!("user {user}: {}", items.join(", "));
    }
    Ok(())
}
