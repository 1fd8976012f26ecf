//! An epoch of real interactions: every pair once, no seen negative, and how fast.
//!
//! Needs `GNNREC_DATA`, a folder with `gowalla/train.txt`; `--nocapture` shows the speed.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a failed unwrap is a failed test, and speed is printed")]

use std::time::Instant;

use gnnrec_graph::{Csr, Duplicates, InteractionGraph};
use gnnrec_sampling::{Negatives, Positives, Sampler, SamplerConfig};

fn gowalla() -> Option<InteractionGraph> {
    let Some(folder) = std::env::var_os("GNNREC_DATA") else {
        println!("SKIPPED: GNNREC_DATA names no folder with gowalla/train.txt");
        return None;
    };
    let text = std::fs::read_to_string(std::path::Path::new(&folder).join("gowalla/train.txt")).unwrap();
    let mut edges = Vec::new();
    for line in text.lines() {
        let mut ids = line.split_ascii_whitespace().map(|id| id.parse::<u32>().unwrap());
        let user = ids.next().unwrap();
        edges.extend(ids.map(|item| (user, item)));
    }
    Some(InteractionGraph::new(Csr::from_edges(29_858, 40_981, &edges, Duplicates::Error).unwrap()))
}

#[test]
fn an_epoch_of_gowalla() {
    let Some(interactions) = gowalla() else { return };
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let (one, two) = (pool(1), pool(2));
    for num_negatives in [1, 8] {
        for positives in [Positives::Permutation, Positives::UniformUsers] {
            for negatives in [Negatives::Uniform, Negatives::Popularity { alpha: 0.75 }, Negatives::InBatch] {
                let config = SamplerConfig { positives, negatives, num_negatives, ..SamplerConfig::default() };
                let sampler = Sampler::new(&interactions, config.clone(), 1).unwrap();
                let epoch =
                    || (0..sampler.num_batches()).map(|index| sampler.batch(0, index).unwrap()).collect::<Vec<_>>();
                let clock = Instant::now();
                let alone = one.install(epoch);
                let alone_s = clock.elapsed().as_secs_f64();
                let clock = Instant::now();
                let together = two.install(epoch);
                let together_s = clock.elapsed().as_secs_f64();
                let clock = Instant::now();
                let ahead: Vec<_> = sampler.epoch(0, 0).map(Result::unwrap).collect();
                let ahead_s = clock.elapsed().as_secs_f64();
                assert!(alone == together && alone == ahead);

                let rate = |seconds: f64| interactions.num_interactions() as f64 / seconds / 1e6;
                println!(
                    "{positives:?} {negatives:?} x{num_negatives}: million rows/s: one thread {:.2}, two {:.2}, prefetched {:.2}",
                    rate(alone_s),
                    rate(together_s),
                    rate(ahead_s)
                );
                let mut pairs = Vec::with_capacity(interactions.num_interactions());
                for batch in &alone {
                    for ((user, positive), negatives) in
                        batch.users.iter().zip(&batch.positives).zip(batch.negatives.chunks(num_negatives))
                    {
                        pairs.push((user.0, positive.0));
                        assert!(negatives.iter().all(|item| !interactions.by_user().contains(user.index(), item.0)));
                    }
                }
                assert_eq!(pairs.len(), 810_128);
                pairs.sort_unstable();
                if positives == Positives::Permutation {
                    assert!(pairs.into_iter().eq(interactions.by_user().edges()));
                }
            }
        }
    }
}
