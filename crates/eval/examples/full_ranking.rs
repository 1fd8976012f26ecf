//! Times the full ranking of a real dataset with random tables of width 64; the scores mean nothing.
//!
//! ```text
//! cargo run --release -p gnnrec-eval --example full_ranking -- FOLDER [ROUNDS]
//! ```
//!
//! `FOLDER` holds `train.txt` and `test.txt`, lines of `user item item ...` with ids from 0. Prints the
//! seconds of each round, and two metrics by which another program with the same tables can be held to
//! the same work: `benches/rivals/rank_topk.py`.

use std::error::Error;
use std::time::Instant;

use gnnrec_eval::{EmbeddingScorer, Metric, evaluate};
use gnnrec_graph::{Csr, Duplicates, Holdout};

const DIM: usize = 64;

#[expect(clippy::print_stdout, reason = "an example shows what it measures")]
fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("give the folder with train.txt and test.txt")?;
    let num_rounds: usize = arguments.next().map_or(Ok(5), |rounds| rounds.parse())?;
    let (train, test) = (edges(&format!("{folder}/train.txt"))?, edges(&format!("{folder}/test.txt"))?);
    let (mut num_users, mut num_items) = (0, 0);
    for &(user, item) in train.iter().chain(&test) {
        (num_users, num_items) = (num_users.max(user as usize + 1), num_items.max(item as usize + 1));
    }
    let seen = Csr::from_edges(num_users, num_items, &train, Duplicates::First)?;
    let holdout = Holdout::new(Csr::from_edges(num_users, num_items, &test, Duplicates::First)?);
    let scorer = EmbeddingScorer::new(table(0, num_users), table(1, num_items), DIM)?;
    let metrics = [Metric::Recall(20), Metric::Ndcg(20)];
    println!("{num_users} users, {num_items} items, {} threads", rayon::current_num_threads());
    for _ in 0..num_rounds {
        let start = Instant::now();
        let evaluation = evaluate(&scorer, &seen, &holdout, &metrics)?;
        print!("{:.3} s", start.elapsed().as_secs_f64());
        evaluation.means().iter().for_each(|(metric, mean)| print!("  {metric} {mean:.9}"));
        println!();
    }
    Ok(())
}

/// The pairs of a file of adjacency lists.
fn edges(path: &str) -> Result<Vec<(u32, u32)>, Box<dyn Error>> {
    let mut edges = vec![];
    for line in std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?.lines() {
        let ids = line.split_ascii_whitespace().map(str::parse).collect::<Result<Vec<u32>, _>>()?;
        let (user, items) = ids.split_first().ok_or_else(|| format!("{path}: an empty line"))?;
        edges.extend(items.iter().map(|&item| (*user, item)));
    }
    Ok(edges)
}

/// Numbers in `[-1/2, 1/2)` by their position (SplitMix64), easy to make in any language.
fn table(number: u64, rows: usize) -> Vec<f32> {
    let value = |position: u64| {
        let mut x = (number << 40 | position).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        #[expect(clippy::cast_precision_loss, reason = "24 bits are exact in an f32")]
        let share = ((x ^ x >> 31) >> 40) as f32 / (1 << 24) as f32;
        share - 0.5
    };
    (0..).take(rows * DIM).map(value).collect()
}
