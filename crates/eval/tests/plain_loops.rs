//! Every metric of a whole evaluation against the plainest reading of its definition: score everything,
//! drop the seen, sort, look at the first `K`.

#![expect(
    clippy::unwrap_used,
    clippy::float_cmp,
    reason = "a failed unwrap is a failed test; popularities are whole numbers"
)]

use gnnrec_eval::{EmbeddingScorer, Evaluation, Metric, evaluate, recommend};
use gnnrec_graph::{Csr, Duplicates, Holdout, ItemId, UserId};
use proptest::prelude::*;

/// A dataset and integer tables: scores are exact, and ties abound.
#[derive(Debug)]
struct World {
    num_users: u32,
    num_items: u32,
    seen: Vec<(u32, u32)>,
    relevant: Vec<(u32, u32)>,
    users: Vec<[i8; 2]>,
    items: Vec<[i8; 2]>,
}

/// Edges may repeat, seen items may be held out, users may have seen everything or want nothing.
fn world() -> impl Strategy<Value = World> {
    (1u32..8, 1u32..40).prop_flat_map(|(num_users, num_items)| {
        let edges = |count| prop::collection::vec((0..num_users, 0..num_items), count);
        let table = |rows: u32| prop::collection::vec([-2i8..3, -2i8..3], rows as usize);
        (edges(0..90), edges(1..50), table(num_users), table(num_items)).prop_map(
            move |(seen, relevant, users, items)| World { num_users, num_items, seen, relevant, users, items },
        )
    })
}

impl World {
    fn csr(&self, edges: &[(u32, u32)]) -> Csr {
        Csr::from_edges(self.num_users as usize, self.num_items as usize, edges, Duplicates::First).unwrap()
    }

    fn evaluate(&self, metrics: &[Metric]) -> Evaluation {
        let holdout = Holdout::new(self.csr(&self.relevant));
        let floats = |table: &[[i8; 2]]| table.iter().flatten().map(|&x| f32::from(x)).collect();
        let scorer = EmbeddingScorer::new(floats(&self.users), floats(&self.items), 2).unwrap();
        evaluate(&scorer, &self.csr(&self.seen), &holdout, metrics).unwrap()
    }

    fn score(&self, user: u32, item: u32) -> i32 {
        let (user, item) = (self.users[user as usize], self.items[item as usize]);
        i32::from(user[0]) * i32::from(item[0]) + i32::from(user[1]) * i32::from(item[1])
    }

    fn unseen(&self, user: u32) -> Vec<u32> {
        (0..self.num_items).filter(|&item| !self.seen.contains(&(user, item))).collect()
    }

    fn wanted(&self, user: u32) -> Vec<u32> {
        (0..self.num_items).filter(|&item| self.relevant.contains(&(user, item))).collect()
    }

    /// All unseen items, best first; `tie_order` is the list of somebody who likes all items alike.
    fn ranked(&self, user: u32, tie_order: &[u32]) -> Vec<u32> {
        let place = |item: &u32| tie_order.iter().position(|other| other == item).unwrap();
        let mut items = self.unseen(user);
        items.sort_by_key(|item| (-self.score(user, *item), place(item)));
        items
    }

    fn popularity(&self, item: u32) -> f64 {
        (0..self.num_users).filter(|&user| self.seen.contains(&(user, item))).count() as f64
    }

    /// The definitions of the documentation, in the order of the enum.
    fn value(&self, metric: Metric, user: u32, ranked: &[u32]) -> f64 {
        let wanted = self.wanted(user);
        let k = metric.k().unwrap_or(0).min(self.num_items as usize);
        let list = &ranked[..k.min(ranked.len())];
        let hit = |item: &u32| wanted.contains(item);
        let hits = |places: usize| list[..places].iter().filter(|item| hit(item)).count() as f64;
        let all_hits = hits(list.len());
        let gain = |rank: usize| 1.0 / (rank as f64 + 1.0).log2();
        let mean = |sum: f64| if list.is_empty() { 0.0 } else { sum / list.len() as f64 };
        match metric {
            Metric::Recall(_) => all_hits / wanted.len() as f64,
            Metric::Precision(_) => all_hits / k as f64,
            Metric::Hit(_) => all_hits.min(1.0),
            Metric::Ndcg(_) => {
                let dcg: f64 = (1..=list.len()).filter(|&rank| hit(&list[rank - 1])).map(gain).sum();
                dcg / (1..=k.min(wanted.len())).map(gain).sum::<f64>()
            }
            Metric::Mrr(_) => list.iter().position(hit).map_or(0.0, |place| 1.0 / (place + 1) as f64),
            Metric::Map(_) => {
                let precision = |rank: usize| hits(rank) / rank as f64;
                let sum: f64 = (1..=list.len()).filter(|&rank| hit(&list[rank - 1])).map(precision).sum();
                sum / k.min(wanted.len()) as f64
            }
            Metric::Auc | Metric::Gauc => self.auc(user),
            Metric::Popularity(_) => mean(list.iter().map(|&item| self.popularity(item)).sum()),
            Metric::Novelty(_) => {
                let bits = |&item: &u32| -(self.popularity(item).max(1.0) / f64::from(self.num_users)).log2();
                mean(list.iter().map(bits).sum())
            }
            Metric::Tail(_) => mean(list.iter().filter(|&&item| self.is_tail(item)).count() as f64),
            Metric::Diversity(_) => self.diversity(list),
            other => unreachable!("{other} has no value per user, or belongs to another task"),
        }
    }

    fn auc(&self, user: u32) -> f64 {
        let unseen = self.unseen(user);
        let (good, bad): (Vec<u32>, Vec<u32>) = unseen.iter().partition(|&&item| self.wanted(user).contains(&item));
        if good.is_empty() || bad.is_empty() {
            return if good.is_empty() { 0.0 } else { 1.0 };
        }
        let mut won = 0.0;
        for &g in &good {
            for &b in &bad {
                let (g, b) = (self.score(user, g), self.score(user, b));
                won += if g > b {
                    1.0
                } else if g == b {
                    0.5
                } else {
                    0.0
                };
            }
        }
        won / (good.len() * bad.len()) as f64
    }

    /// In the last fifth of the interactions, from the top, by the middle of the equally popular; or cold.
    fn is_tail(&self, item: u32) -> bool {
        let own = self.popularity(item);
        let sum = |keep: &dyn Fn(f64) -> bool| -> f64 {
            (0..self.num_items).map(|item| self.popularity(item)).filter(|&count| keep(count)).sum()
        };
        let middle = sum(&|count| count > own) + sum(&|count| count == own) / 2.0;
        own == 0.0 || middle > 0.8 * sum(&|_| true)
    }

    fn diversity(&self, list: &[u32]) -> f64 {
        let (mut distance, mut pairs) = (0.0, 0.0);
        for (place, &a) in list.iter().enumerate() {
            for &b in &list[..place] {
                let (a, b) = (self.items[a as usize].map(f64::from), self.items[b as usize].map(f64::from));
                let norms = a[0].hypot(a[1]) * b[0].hypot(b[1]);
                pairs += 1.0;
                distance += if norms > 0.0 { 1.0 - (a[0] * b[0] + a[1] * b[1]) / norms } else { 1.0 };
            }
        }
        if pairs > 0.0 { distance / pairs } else { 0.0 }
    }

    fn of_catalogue(&self, metric: Metric, lists: &[Vec<u32>]) -> f64 {
        let k = metric.k().unwrap();
        let shown =
            |item: u32| lists.iter().filter(|list| list.iter().take(k).any(|&other| other == item)).count() as f64;
        let shown: Vec<f64> = (0..self.num_items).map(shown).collect();
        let total: f64 = shown.iter().sum();
        match metric {
            Metric::Coverage(_) => shown.iter().filter(|&&count| count > 0.0).count() as f64 / shown.len() as f64,
            _ if total == 0.0 => 0.0,
            // Half the mean absolute difference of all pairs, over the mean.
            _ => {
                let apart: f64 = shown.iter().flat_map(|a| shown.iter().map(move |b| (a - b).abs())).sum();
                apart / (2.0 * shown.len() as f64 * total)
            }
        }
    }
}

/// The ready-made order of ties, read off a scorer that likes all items alike.
fn tie_order(num_items: u32) -> Vec<u32> {
    let scorer = EmbeddingScorer::new(vec![0.0], vec![0.0; num_items as usize], 1).unwrap();
    let nothing = Csr::from_edges(1, num_items as usize, &[], Duplicates::Error).unwrap();
    let lists = recommend(&scorer, &nothing, &[UserId(0)], num_items as usize).unwrap();
    lists[0].iter().map(|place| place.item.0).collect()
}

fn metrics(k: usize) -> Vec<Metric> {
    let with_k = ["recall", "precision", "hit", "ndcg", "mrr", "map", "popularity", "novelty", "tail", "diversity"];
    let names = with_k.map(|name| format!("{name}@{k}").parse().unwrap());
    names.into_iter().chain([Metric::Auc, Metric::Gauc, Metric::Coverage(k), Metric::Gini(k)]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn an_evaluation_is_its_definition(world in world(), ks in [1usize..6, 6usize..60]) {
        let metrics: Vec<Metric> = ks.iter().flat_map(|&k| metrics(k)).collect();
        let evaluation = world.evaluate(&metrics);
        let ties = tie_order(world.num_items);
        let users: Vec<u32> = (0..world.num_users).filter(|&user| !world.wanted(user).is_empty()).collect();
        let rankings: Vec<Vec<u32>> = users.iter().map(|&user| world.ranked(user, &ties)).collect();
        prop_assert_eq!(UserId::peel_slice(evaluation.users()), &users);
        prop_assert_eq!(evaluation.num_users_without_relevant, world.num_users as usize - users.len());
        for ((list, ranking), &user) in evaluation.lists().iter().zip(&rankings).zip(&users) {
            prop_assert_eq!(ItemId::peel_slice(list), &ranking[..ks[1].min(ranking.len())], "user {}", user);
        }
        for metric in metrics {
            let found = evaluation.mean(metric).unwrap();
            if !metric.is_per_user() {
                let expected = world.of_catalogue(metric, &rankings);
                prop_assert!((found - expected).abs() < 1e-12, "{}: {} is not {}", metric, found, expected);
                continue;
            }
            let (mut sum, mut weights) = (0.0, 0.0);
            let per_user = evaluation.per_user(metric).unwrap();
            for ((&user, ranking), &found) in users.iter().zip(&rankings).zip(per_user) {
                let expected = world.value(metric, user, ranking);
                prop_assert!((found - expected).abs() < 1e-12, "{} of user {}: {} is not {}", metric, user, found, expected);
                let weight = if metric == Metric::Gauc { world.wanted(user).len() as f64 } else { 1.0 };
                sum += weight * expected;
                weights += weight;
            }
            prop_assert!((found - sum / weights).abs() < 1e-12, "{}: {} is not {}", metric, found, sum / weights);
        }
    }
}
