//! The library in one screen: a small experiment from a spec in the source, its table, and a list for a user.

use std::path::Path;

use gnnrec::eval::Metric;
use gnnrec::experiment::{self, Environment, Place, Request, Spec};

const SPEC: &str = r#"
dataset = "demo"
split = { kind = "ratio", validation = 0.1, test = 0.2 }
metrics = ["ndcg@10", "coverage@10"]

[train]
max_epochs = 5
learning_rate = 0.01

[[models]]
model = "popularity"

[[models]]
model = "lightgcn"
config = { embedding_dim = 16 }

[[models]]
model = "lightgcn"
label = "one layer"
config = { embedding_dim = 16, num_layers = 1 }
"#;

#[expect(clippy::print_stdout, reason = "an example shows what it computes")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let spec = Spec::parse(SPEC, Path::new("compare.rs"))?;
    // The demo world is generated; another dataset would be read from `data`.
    let place = Place::new(folder.path(), folder.path());
    let results = experiment::run(spec, &place, Environment::default(), &mut ())?;

    println!("{:<12} {:>9} {:>12} {:>8}", "model", "ndcg@10", "coverage@10", "seconds");
    for model in &results.models {
        let [ndcg, coverage] = [Metric::Ndcg(10), Metric::Coverage(10)].map(|metric| model.metrics[&metric].mean);
        println!("{:<12} {ndcg:>9.4} {coverage:>12.4} {:>8.2}", model.label, model.train_seconds);
    }

    let request = Request {
        run: folder.path(),
        data: folder.path(),
        cache: None,
        user: "nobody",
        k: 3,
        model: Some("lightgcn"),
        seed: None,
    };
    let recommended = experiment::recommend(&request)?;
    println!("\n`nobody` is {}known:", if recommended.is_known { "" } else { "not " });
    for place in recommended.items {
        println!("{}. {}", place.rank, place.title.unwrap_or(place.item));
    }
    Ok(())
}
