//! Time of a training step of GraphRec on Epinions, beside `benches/rivals/graphrec_step.py`, which takes the same batches
//! through a model with initial values of its own. At most CAP neighbours a node, 0 for all; FOLDER holds `ratings.txt`
//! and `trust.txt`:
//!
//! ```text
//! cargo build --release --workspace --example graphrec_step
//! target/release/examples/graphrec_step FOLDER CAP STEPS
//! ```
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a program to be watched: what is wrong ends it")]

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use burn::tensor::Device;
use gnnrec_benches::Failure;
use gnnrec_graph::{Csr, Duplicates, InteractionGraph, ItemId, SocialGraph, TieDirection, UserId, World};
use gnnrec_model::{GradientConfig, GradientModel, Step};
use gnnrec_sampling::{Batch, RatedBatch};
use gnnrec_social::GraphRecConfig;

fn id<'a>(ids: &mut HashMap<&'a str, u32>, name: &'a str) -> u32 {
    let next = u32::try_from(ids.len()).unwrap();
    *ids.entry(name).or_insert(next)
}

fn main() -> Result<(), Failure> {
    let usage = "usage: graphrec_step FOLDER CAP STEPS, where FOLDER holds `ratings.txt` and `trust.txt`";
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, cap, steps] = &arguments[..] else { return Err(usage.into()) };
    let (cap, steps): (usize, usize) = (cap.parse()?, steps.parse()?);
    let read = |file: &str| std::fs::read_to_string(format!("{folder}/{file}"));
    let (ratings, trust) = (read("ratings.txt")?, read("trust.txt")?);
    let (mut users, mut items, mut rated) = (HashMap::new(), HashMap::new(), BTreeMap::new());
    for line in ratings.lines() {
        let parts: Vec<&str> = line.split_whitespace().collect();
        let pair = (id(&mut users, parts[0]), id(&mut items, parts[1]));
        rated.entry(pair).or_insert_with(|| parts[3].parse::<f32>().unwrap());
    }
    let rows = rated.into_iter().enumerate().filter(|(n, _)| n % 5 != 0);
    let train: Vec<(u32, u32, f32)> = rows.map(|(_, ((user, item), rating))| (user, item, rating)).collect();
    let tie = |line: &str| {
        let mut parts = line.split_whitespace().map(|user| users.get(user).copied().map(UserId));
        parts.next().unwrap().zip(parts.next().unwrap())
    };
    let ties: Vec<(UserId, UserId)> = trust.lines().filter_map(tie).collect();
    let csr = Csr::from_weighted_edges(users.len(), items.len(), &train, Duplicates::Error).unwrap();
    let social = SocialGraph::from_ties(users.len(), &ties, TieDirection::Directed).unwrap();
    println!("{} users, {} items, {} ratings, {} ties", users.len(), items.len(), train.len(), social.num_ties());
    let world = World::new(InteractionGraph::new(csr)).with_social(social).unwrap();
    let config = GraphRecConfig { max_neighbours: (cap > 0).then_some(cap), ..Default::default() };
    let start = Instant::now();
    let model = config.init(&world, 1, &Device::flex().autodiff()).unwrap();
    println!("made in {:.3} s", start.elapsed().as_secs_f64());
    for step in 0..steps {
        let rows = (0..128).map(|n| train[(n * 104_729 + step * 7_907) % train.len()]);
        let mut batch = RatedBatch::default();
        for (user, item, rating) in rows {
            batch.users.push(UserId(user));
            batch.items.push(ItemId(item));
            batch.ratings.push(rating);
        }
        let start = Instant::now();
        let loss = model.loss(&Batch::Rated(batch), Step { seed: 1, index: step as u64 });
        let value: f32 = loss.clone().into_scalar();
        let forward = start.elapsed().as_secs_f64();
        let _gradients = loss.backward();
        let taken: Vec<_> = model.tables().iter().map(|table| table.take_gradients()).collect();
        drop(taken);
        println!("step {step}: loss {value:.4}, forward {forward:.3} s, both {:.3} s", start.elapsed().as_secs_f64());
    }
    let start = Instant::now();
    let scorer = model.scorer();
    println!("scorer in {:.3} s", start.elapsed().as_secs_f64());
    let mut scores = vec![0.0; scorer.num_items()];
    let start = Instant::now();
    scorer.score(&[UserId(7)], &mut scores);
    println!("a row in {:.4} s", start.elapsed().as_secs_f64());
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        status.lines().filter(|line| line.starts_with("VmHWM")).for_each(|line| println!("{line}"));
    }
    Ok(())
}
