//! Whole evaluations: cutting and threads change nothing, ties help nobody, bad input is named.

use std::sync::atomic::{AtomicUsize, Ordering};

use gnnrec_graph::{Csr, Duplicates, Holdout, ItemId, UserId};
use proptest::prelude::*;

use crate::evaluate::evaluate_tiled;
use crate::rank::{FullRanking, Tiling};
use crate::{EmbeddingScorer, EvalError, Metric, Scorer, Task, evaluate, recommend};

/// The same tables without the fast road.
pub(crate) struct RowsOnly(pub(crate) EmbeddingScorer);

impl Scorer for RowsOnly {
    fn num_users(&self) -> usize {
        self.0.num_users()
    }
    fn num_items(&self) -> usize {
        self.0.num_items()
    }
    fn score(&self, users: &[UserId], scores: &mut [f32]) {
        self.0.score(users, scores);
    }
}

/// Any scores, row by row, which counts the rows it is asked for.
pub(crate) struct Matrix {
    num_items: usize,
    pub(crate) scores: Vec<f32>,
    pub(crate) num_rows: AtomicUsize,
}

impl Matrix {
    pub(crate) fn new(num_items: usize, scores: Vec<f32>) -> Self {
        Self { num_items, scores, num_rows: AtomicUsize::new(0) }
    }
}

impl Scorer for Matrix {
    fn num_users(&self) -> usize {
        self.scores.len() / self.num_items
    }
    fn num_items(&self) -> usize {
        self.num_items
    }
    fn score(&self, users: &[UserId], scores: &mut [f32]) {
        self.num_rows.fetch_add(users.len(), Ordering::Relaxed);
        for (user, row) in users.iter().zip(scores.chunks_exact_mut(self.num_items)) {
            row.copy_from_slice(&self.scores[user.index() * self.num_items..][..self.num_items]);
        }
    }
}

fn csr(rows: usize, cols: usize, edges: &[(u32, u32)]) -> Csr {
    Csr::from_edges(rows, cols, edges, Duplicates::First).unwrap()
}

const METRICS: [&str; 13] = [
    "recall@3",
    "precision@3",
    "hit@2",
    "ndcg@20",
    "mrr@5",
    "map@7",
    "auc",
    "gauc",
    "coverage@3",
    "gini@3",
    "popularity@4",
    "novelty@4",
    "tail@4",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn neither_cut_nor_threads_nor_road_change_a_bit(
        (users, items, dim) in (1u32..30, 1u32..150, 1usize..9),
        seen in prop::collection::vec((0u32..30, 0u32..150), 0..300),
        relevant in prop::collection::vec((0u32..30, 0u32..150), 1..100),
        values in prop::collection::vec(-2i8..3, 200),
        tile in (1usize..40, 1usize..200),
    ) {
        let inside = |edges: &[(u32, u32)]| edges.iter().map(|&(u, i)| (u % users, i % items)).collect::<Vec<_>>();
        let (num_users, num_items) = (users as usize, items as usize);
        let (seen, relevant) = (csr(num_users, num_items, &inside(&seen)), csr(num_users, num_items, &inside(&relevant)));
        let holdout = Holdout::new(relevant);
        // Small whole numbers: ties abound.
        let table = |rows: usize, skip: usize| values.iter().cycle().skip(skip).take(rows * dim).map(|&x| f32::from(x)).collect();
        let scorer = EmbeddingScorer::new(table(num_users, 0), table(num_items, 77), dim).unwrap();
        let metrics = METRICS.map(|name| name.parse::<Metric>().unwrap());
        let expected = evaluate(&scorer, &seen, &holdout, &metrics).unwrap();
        let tiling = Some(Tiling { users: tile.0, items: tile.1 });
        for threads in [1, 2, 5] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let tiled = pool.install(|| evaluate_tiled(&scorer, &seen, &holdout, &metrics, tiling)).unwrap();
            prop_assert_eq!(&tiled, &expected);
        }
        prop_assert_eq!(&evaluate_tiled(&RowsOnly(scorer), &seen, &holdout, &metrics, tiling).unwrap(), &expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    /// Without the AUC, tiles are screened once the lists are full.
    #[test]
    fn screening_changes_nothing(
        (users, items, dim) in (1u32..30, 300u32..900, 1usize..40),
        seen in prop::collection::vec((0u32..30, 0u32..900), 0..2_000),
        values in prop_oneof![
            prop::collection::vec(-1.0f32..1.0, 997),
            prop::collection::vec((-2i8..3).prop_map(f32::from), 997),
        ],
        k in 1usize..9,
        tile in (1usize..40, 1usize..200),
        bad in prop::option::weighted(0.2, (0usize..30, 0usize..900)),
    ) {
        let (num_users, num_items) = (users as usize, items as usize);
        let seen: Vec<_> = seen.iter().map(|&(user, item)| (user % users, item % items)).collect();
        let seen = csr(num_users, num_items, &seen);
        let table = |rows: usize, skip: usize| values.iter().copied().cycle().skip(skip).take(rows * dim).collect::<Vec<_>>();
        let (mut user_table, mut item_table) = (table(num_users, 0), table(num_items, 331));
        if let Some((user, item)) = bad {
            user_table[user % num_users * dim] = 1e30;
            item_table[item % num_items * dim] = f32::INFINITY;
        }
        let scorer = EmbeddingScorer::new(user_table, item_table, dim).unwrap();
        let everybody: Vec<UserId> = (0..users).map(UserId).collect();
        let ranking = |scorer| FullRanking { scorer, seen: &seen, k, auc: None, tiling: Some(Tiling { users: tile.0, items: tile.1 }) };
        let keys = |ranking: FullRanking| ranking.run(&everybody).map(|all| all.into_iter().map(|one| one.keys).collect::<Vec<_>>());
        prop_assert_eq!(keys(ranking(&scorer)), keys(ranking(&RowsOnly(scorer.clone()))));
    }
}

#[test]
fn a_constant_scorer_does_not_look_good() {
    // Everybody wants the ten items with the smallest ids, and the ten with the largest.
    let (users, items) = (20u32, 2_000u32);
    let wanted: Vec<(u32, u32)> =
        (0..users).flat_map(|u| (0..10).chain(items - 10..items).map(move |i| (u, i))).collect();
    let holdout = Holdout::new(csr(20, 2_000, &wanted));
    let scorer = EmbeddingScorer::new(vec![0.0; 20], vec![0.0; 2_000], 1).unwrap();
    let evaluation = evaluate(&scorer, &csr(20, 2_000, &[]), &holdout, &[Metric::Recall(20), Metric::Auc]).unwrap();
    assert!(evaluation.mean(Metric::Recall(20)).unwrap() <= 0.1);
    assert_eq!(evaluation.mean(Metric::Auc), Some(0.5));
}

#[test]
fn who_is_counted_and_who_is_not() {
    // User 0 has seen everything, user 1 wants a seen and an unseen item, user 2 wants nothing.
    let seen = csr(3, 3, &[(0, 0), (0, 1), (0, 2), (1, 0)]);
    let holdout = Holdout::new(csr(3, 3, &[(0, 1), (1, 0), (1, 2)]));
    let scorer = EmbeddingScorer::new(vec![1.0; 3], vec![5.0, 1.0, 2.0], 1).unwrap();
    let metrics = [Metric::Recall(50), Metric::Precision(50), Metric::Auc, Metric::Gauc];
    let evaluation = evaluate(&scorer, &seen, &holdout, &metrics).unwrap();
    assert_eq!(evaluation.users(), [UserId(0), UserId(1)]);
    assert_eq!((evaluation.num_users_without_relevant, evaluation.num_relevant_seen), (1, 2));
    assert_eq!(evaluation.lists(), [vec![], vec![ItemId(2), ItemId(1)]]);
    assert_eq!(evaluation.per_user(Metric::Recall(50)), Some(&[0.0, 0.5][..]));
    assert_eq!(evaluation.per_user(Metric::Precision(50)), Some(&[0.0, 1.0 / 3.0][..]));
    assert_eq!(evaluation.mean(Metric::Auc), Some(0.5));
    assert!((evaluation.mean(Metric::Gauc).unwrap() - 2.0 / 3.0).abs() < 1e-12);
    let json = serde_json::to_value(&evaluation).unwrap();
    assert_eq!(json["means"]["recall@50"], 0.25);
    assert_eq!(serde_json::from_value::<crate::Summary>(json).unwrap(), evaluation.summary());
}

#[test]
fn bad_input_is_named() {
    let scorer = EmbeddingScorer::new(vec![1.0; 2], vec![1.0, f32::NAN, 2.0], 1).unwrap();
    let seen = csr(2, 3, &[(0, 1)]);
    let holdout = Holdout::new(csr(2, 3, &[(0, 0), (1, 0)]));
    let nan = EvalError::NanScore { user: UserId(1), item: ItemId(1) };
    assert_eq!(evaluate(&scorer, &seen, &holdout, &[Metric::Auc]), Err(nan.clone()));
    assert_eq!(recommend(&scorer, &seen, &[UserId(1)], 2), Err(nan));
    assert_eq!(recommend(&scorer, &seen, &[UserId(0)], 0), Err(EvalError::EmptyLists));
    let outside = EvalError::UserOutside { user: UserId(2), num_users: 2 };
    assert_eq!(recommend(&scorer, &seen, &[UserId(2)], 1), Err(outside));
    let zero = Err(EvalError::ZeroK { metric: Metric::Ndcg(0) });
    assert_eq!(evaluate(&scorer, &seen, &holdout, &[Metric::Ndcg(0)]), zero);
    let other = EvalError::OtherTask { metric: Metric::Rmse, task: Some(Task::Rank) };
    assert!(other.to_string().ends_with("diversity@K"), "{other}");
    assert_eq!(evaluate(&scorer, &seen, &holdout, &[Metric::Auc, Metric::Rmse]), Err(other));
    let far = Holdout::new(csr(2, 9, &[(1, 7)]));
    let outside = EvalError::RelevantOutside { user: UserId(1), item: ItemId(7), num_items: 3 };
    assert_eq!(evaluate(&scorer, &seen, &far, &[]), Err(outside));
    let nobody = Err(EvalError::NothingHeldOut { num_users: 2 });
    assert_eq!(evaluate(&scorer, &seen, &Holdout::new(csr(2, 3, &[])), &[]), nobody);
    let metric = Metric::Diversity(3);
    assert_eq!(evaluate(&RowsOnly(scorer), &seen, &holdout, &[metric]), Err(EvalError::NeedsItemTable { metric }));
}
