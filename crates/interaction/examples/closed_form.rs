//! The models without training on a world of two circles of taste: what each recommends to one user.

use gnnrec_eval::recommend;
use gnnrec_graph::UserId;
use gnnrec_interaction::{EaseConfig, GfCfConfig, ItemKnnConfig, PopularityConfig};
use gnnrec_model::{ClosedForm, conformance};

#[expect(clippy::print_stdout, reason = "an example shows what it computes")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let world = conformance::world();
    let models: [(&str, Box<dyn ClosedForm>); 4] = [
        ("popularity", Box::new(PopularityConfig::default())),
        ("item-knn", Box::new(ItemKnnConfig { num_neighbours: 10, ..Default::default() })),
        ("ease", Box::new(EaseConfig { l2: 5.0, ..Default::default() })),
        ("gf-cf", Box::new(GfCfConfig::default())),
    ];
    for (name, config) in models {
        let scorer = config.fit(&world, 0)?;
        let list = &recommend(&*scorer, world.interactions().by_user(), &[UserId(0)], 3)?[0];
        let items: Vec<String> = list.iter().map(|entry| format!("{} ({:.2})", entry.item, entry.score)).collect();
        println!("{name}: {}", items.join(", "));
    }
    Ok(())
}
