//! Link prediction: how high a model of a knowledge graph ranks the facts that were kept from it.
//!
//! ```text
//! queries   (h, r, ?) and (?, r, t) for every test triple (h, r, t)
//! rank      = 1 + |better| + |equal| / 2        over all entities that are not another true answer
//! MRR       = mean over queries of 1 / rank     Hits@K = share of queries with rank <= K
//! ```
//!
//! Bordes et al. 2013, the filtered setting: an entity that makes another true triple, known or of the test
//! set, is no mistake and is left out. Ties are broken at the mean rank ("realistic" in Berrendorf et al.
//! 2020, arXiv:2002.06914), the expected one were equal scores ordered by chance. The optimistic rank would
//! make a constant scorer perfect (Sun et al. 2020, arXiv:1911.03903); the pessimistic one would punish
//! coarse scores beyond what they lose.

use std::collections::BTreeMap;

use gnnrec_graph::{EntityId, KnowledgeGraph, RelationId, Triple};
use rayon::prelude::*;
use serde::Serialize;

use crate::measures::{mean, to_f64};
use crate::{EvalError, Metric};

/// Scores every entity as the missing end of a fact; higher is better.
///
/// Scores are compared inside one query alone. Callers may call from many threads at once.
pub trait LinkScorer: Send + Sync {
    /// Number of entities it can score.
    fn num_entities(&self) -> usize;

    /// Fills `scores`, one for each entity, with how likely it is as the tail of `(head, relation, ?)`.
    fn score_tails(&self, head: EntityId, relation: RelationId, scores: &mut [f32]);

    /// Fills `scores`, one for each entity, with how likely it is as the head of `(?, relation, tail)`.
    fn score_heads(&self, relation: RelationId, tail: EntityId, scores: &mut [f32]);
}

/// What [`evaluate_links`] found; as a file without the ranks.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LinkEvaluation {
    means: BTreeMap<Metric, f64>,
    /// Test triples, each with two queries.
    pub num_triples: usize,
    /// Test triples that are also known: the model was shown the answer.
    pub num_known: usize,
    #[serde(skip)]
    head_ranks: Vec<f64>,
    #[serde(skip)]
    tail_ranks: Vec<f64>,
}

impl LinkEvaluation {
    /// The mean over all queries, heads and tails; `None` for a metric that was not asked for.
    #[must_use]
    pub fn mean(&self, metric: Metric) -> Option<f64> {
        self.means.get(&metric).copied()
    }

    /// Every mean, in the order of the metrics.
    #[must_use]
    pub fn means(&self) -> &BTreeMap<Metric, f64> {
        &self.means
    }

    /// The filtered rank of the true head of each test triple, in their order; from 1, ties give halves.
    #[must_use]
    pub fn head_ranks(&self) -> &[f64] {
        &self.head_ranks
    }

    /// The filtered rank of the true tail of each test triple, in their order; from 1, ties give halves.
    #[must_use]
    pub fn tail_ranks(&self) -> &[f64] {
        &self.tail_ranks
    }
}

/// Ranks, for every test triple, its tail and its head among all entities.
///
/// `known` are the facts that the model may have seen; with a validation part, give the graph that holds
/// both. Other true answers, known or of the test set, are left out of a ranking. A triple given twice is
/// ranked twice.
///
/// The result is the same for any number of threads. It costs `entities` scores for each distinct query and
/// as many comparisons for each triple and end; in bytes, 12 for each known and test triple, 16 for each
/// test triple, and 4 an entity and thread.
///
/// ```
/// use gnnrec_eval::{LinkScorer, Metric, evaluate_links};
/// use gnnrec_graph::{EntityId, KnowledgeGraph, RelationId, Triple};
/// /// Likes entities with small ids.
/// struct Small(usize);
/// impl LinkScorer for Small {
///     fn num_entities(&self) -> usize {
///         self.0
///     }
///     fn score_tails(&self, _: EntityId, _: RelationId, scores: &mut [f32]) {
///         (0u16..).zip(scores).for_each(|(entity, score)| *score = -f32::from(entity));
///     }
///     fn score_heads(&self, _: RelationId, _: EntityId, scores: &mut [f32]) {
///         (0u16..).zip(scores).for_each(|(entity, score)| *score = -f32::from(entity));
///     }
/// }
/// let triple = |head, tail| Triple { head: EntityId(head), relation: RelationId(0), tail: EntityId(tail) };
/// let known = KnowledgeGraph::new(4, 1, &[triple(1, 0)], vec![])?;
/// // Of the tails 1, 2, 3 (0 is known) the true one comes first; of the heads 0, 1, 2, 3 second.
/// let evaluation = evaluate_links(&Small(4), &known, &[triple(1, 1)], &[Metric::LinkMrr])?;
/// assert_eq!(evaluation.mean(Metric::LinkMrr), Some((1.0 + 0.5) / 2.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// A scorer of another number of entities, a test triple with an entity or a relation that the graph does
/// not have, no test triples, a metric of another task, a list length of 0, or a score that is not a number.
pub fn evaluate_links(
    scorer: &dyn LinkScorer,
    known: &KnowledgeGraph,
    test: &[Triple],
    metrics: &[Metric],
) -> Result<LinkEvaluation, EvalError> {
    Metric::check(metrics, None)?;
    let (num_entities, num_relations) = (known.num_entities(), known.num_relations());
    if num_entities != scorer.num_entities() {
        let (part, expected) = ("knowledge graph", scorer.num_entities());
        return Err(EvalError::Mismatch { part, what: "entities", found: num_entities, expected });
    }
    let inside = |triple: &Triple| {
        triple.head.index() < num_entities
            && triple.tail.index() < num_entities
            && triple.relation.index() < num_relations
    };
    if let Some(position) = test.iter().position(|triple| !inside(triple)) {
        return Err(EvalError::TripleOutside { position, triple: test[position], num_entities, num_relations });
    }
    if test.is_empty() {
        return Err(EvalError::Empty { what: "the list of test triples" });
    }
    let tail_ranks = End::Tail.ranks(scorer, known, test)?;
    let head_ranks = End::Head.ranks(scorer, known, test)?;
    let value = |metric: Metric, rank: f64| match metric {
        Metric::LinkHits(k) => f64::from(rank <= to_f64(k)),
        _ => 1.0 / rank,
    };
    let ranks = || head_ranks.iter().chain(&tail_ranks);
    let mean = |metric| mean(&ranks().map(|&rank| value(metric, rank)).collect::<Vec<_>>());
    Ok(LinkEvaluation {
        means: metrics.iter().map(|&metric| (metric, mean(metric))).collect(),
        num_triples: test.len(),
        num_known: test.iter().filter(|triple| known.triples().binary_search(triple).is_ok()).count(),
        head_ranks,
        tail_ranks,
    })
}

/// The end of a fact that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Head,
    Tail,
}

/// What is given of a fact: the other end and the relation.
type Query = (EntityId, RelationId);

impl End {
    /// What is given, and what is asked for.
    fn split(self, triple: Triple) -> (Query, EntityId) {
        match self {
            Self::Tail => ((triple.head, triple.relation), triple.tail),
            Self::Head => ((triple.tail, triple.relation), triple.head),
        }
    }

    /// The filtered rank of the true answer of each test triple, in their order.
    fn ranks(self, scorer: &dyn LinkScorer, known: &KnowledgeGraph, test: &[Triple]) -> Result<Vec<f64>, EvalError> {
        let mut truths: Vec<(Query, EntityId)> =
            known.triples().iter().chain(test).map(|&triple| self.split(triple)).collect();
        truths.sort_unstable();
        truths.dedup();
        let query = |&position: &usize| self.split(test[position]).0;
        let mut order: Vec<usize> = (0..test.len()).collect();
        order.sort_unstable_by_key(query);
        let asked: Vec<&[usize]> = order.chunk_by(|a, b| query(a) == query(b)).collect();
        let answer = |scores: &mut Vec<f32>, positions: &&[usize]| {
            let query = query(&positions[0]);
            self.score(scorer, query, scores)?;
            let first = truths.partition_point(|truth| truth.0 < query);
            let truths = &truths[first..first + truths[first..].partition_point(|truth| truth.0 == query)];
            Ok(positions.iter().map(|&position| rank(self.split(test[position]).1, truths, scores)).collect())
        };
        let scores = || vec![0.0; known.num_entities()];
        let answers: Vec<Result<Vec<f64>, EvalError>> = asked.par_iter().map_init(scores, answer).collect();
        let mut ranks = vec![0.0; test.len()];
        for (positions, answers) in asked.into_iter().zip(answers) {
            positions.iter().zip(answers?).for_each(|(&position, rank)| ranks[position] = rank);
        }
        Ok(ranks)
    }

    fn score(self, scorer: &dyn LinkScorer, (given, relation): Query, scores: &mut [f32]) -> Result<(), EvalError> {
        match self {
            Self::Tail => scorer.score_tails(given, relation, scores),
            Self::Head => scorer.score_heads(relation, given, scores),
        }
        let end = if self == Self::Tail { "tail" } else { "head" };
        match (0..).zip(&*scores).find(|(_, score)| score.is_nan()) {
            Some((entity, _)) => Err(EvalError::NanLink { entity: EntityId(entity), end, given, relation }),
            None => Ok(()),
        }
    }
}

/// The rank of `answer`, itself among `truths`, once the other truths are left out.
fn rank(answer: EntityId, truths: &[(Query, EntityId)], scores: &[f32]) -> f64 {
    let own = scores[answer.index()];
    // Twice the rank is whole: 2 for one that is better, 1 for one that is equal.
    let halves = |score: f32| u64::from(score > own) + u64::from(score >= own);
    let of_all: u64 = scores.iter().map(|&score| halves(score)).sum();
    let of_truths: u64 = truths.iter().map(|&(_, truth)| halves(scores[truth.index()])).sum();
    // The answer is equal to itself and was taken off with the truths.
    halves_to_rank(2 + of_all - of_truths)
}

#[expect(clippy::cast_precision_loss, reason = "entities are counted by a u32")]
fn halves_to_rank(halves: u64) -> f64 {
    halves as f64 / 2.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const METRICS: [Metric; 3] = [Metric::LinkMrr, Metric::LinkHits(1), Metric::LinkHits(3)];

    /// Any scores of triples, by head, relation and tail.
    struct Cube {
        num_entities: usize,
        scores: Vec<f32>,
    }

    impl Cube {
        fn at(&self, head: usize, relation: RelationId, tail: usize) -> f32 {
            self.scores[(relation.index() * self.num_entities + head) * self.num_entities + tail]
        }
    }

    impl LinkScorer for Cube {
        fn num_entities(&self) -> usize {
            self.num_entities
        }
        fn score_tails(&self, head: EntityId, relation: RelationId, scores: &mut [f32]) {
            scores.iter_mut().enumerate().for_each(|(tail, score)| *score = self.at(head.index(), relation, tail));
        }
        fn score_heads(&self, relation: RelationId, tail: EntityId, scores: &mut [f32]) {
            scores.iter_mut().enumerate().for_each(|(head, score)| *score = self.at(head, relation, tail.index()));
        }
    }

    fn triples(rows: &[(u32, u32, u32)]) -> Vec<Triple> {
        let triple = |&(head, relation, tail): &(u32, u32, u32)| Triple {
            head: EntityId(head),
            relation: RelationId(relation),
            tail: EntityId(tail),
        };
        rows.iter().map(triple).collect()
    }

    #[test]
    fn ranks_by_hand() {
        // One relation, rows are heads.
        #[rustfmt::skip]
        let scores = vec![
            0.0, 9.0, 8.0, 5.0, 5.0,
            0.0, 1.0, 2.0, 6.0, 4.0,
            0.0, 0.0, 0.0, 5.0, 0.0,
            7.0, 0.0, 0.0, 5.0, 0.0,
            0.0, 0.0, 0.0, 1.0, 0.0,
        ];
        let known = KnowledgeGraph::new(5, 1, &triples(&[(0, 0, 1), (3, 0, 3)]), vec![]).unwrap();
        // Tails of 0: 1 is known and 3 is tested; of 0, 2, 4 one is better than 4: rank 2.
        // Tails of 0 for 3: of 0, 2, 3 one is better, 4 being true: rank 2. Heads of 3: 1 is better, 2 is
        // equal, 3 is known: rank 2.5. Heads of 4: 0 comes first.
        let test = triples(&[(0, 0, 4), (0, 0, 3), (3, 0, 0)]);
        let evaluation = evaluate_links(&Cube { num_entities: 5, scores }, &known, &test, &METRICS).unwrap();
        assert_eq!(evaluation.tail_ranks(), [2.0, 2.0, 1.0]);
        assert_eq!(evaluation.head_ranks(), [1.0, 2.5, 1.0]);
        let expected = (0.5 + 0.5 + 1.0 + 1.0 + 0.4 + 1.0) / 6.0;
        assert!((evaluation.mean(Metric::LinkMrr).unwrap() - expected).abs() < 1e-12);
        assert_eq!(evaluation.mean(Metric::LinkHits(1)), Some(0.5));
        assert_eq!(evaluation.mean(Metric::LinkHits(3)), Some(1.0));
        assert_eq!((evaluation.num_triples, evaluation.num_known), (3, 0));
        let json = serde_json::to_value(&evaluation).unwrap();
        assert_eq!((&json["means"]["link-hits@1"], &json["num_triples"]), (&0.5.into(), &3.into()));
    }

    #[test]
    fn a_constant_scorer_is_as_good_as_chance() {
        let known = KnowledgeGraph::new(99, 1, &[], vec![]).unwrap();
        let scorer = Cube { num_entities: 99, scores: vec![3.0; 99 * 99] };
        let evaluation = evaluate_links(&scorer, &known, &triples(&[(0, 0, 98)]), &METRICS).unwrap();
        assert_eq!((evaluation.head_ranks(), evaluation.tail_ranks()), (&[50.0][..], &[50.0][..]));
        assert_eq!(evaluation.mean(Metric::LinkHits(3)), Some(0.0));
    }

    #[test]
    fn bad_input_is_named() {
        let known = KnowledgeGraph::new(3, 2, &triples(&[(0, 1, 2)]), vec![]).unwrap();
        let mut scorer = Cube { num_entities: 3, scores: vec![0.0; 2 * 9] };
        let measure = |scorer: &Cube, rows: &[(u32, u32, u32)], metrics: &[Metric]| {
            evaluate_links(scorer, &known, &triples(rows), metrics).map(|evaluation| evaluation.num_known)
        };
        assert_eq!(measure(&scorer, &[(0, 1, 2), (0, 1, 2), (0, 0, 2)], &METRICS), Ok(2));
        assert_eq!(measure(&scorer, &[], &METRICS), Err(EvalError::Empty { what: "the list of test triples" }));
        for outside in [(3, 0, 0), (0, 2, 0), (0, 0, 3)] {
            let error = measure(&scorer, &[(0, 0, 0), outside], &METRICS).unwrap_err();
            assert!(matches!(error, EvalError::TripleOutside { position: 1, .. }), "{error}");
        }
        let zero = EvalError::ZeroK { metric: Metric::LinkHits(0) };
        assert_eq!(measure(&scorer, &[(0, 0, 0)], &[Metric::LinkHits(0)]), Err(zero));
        let other = EvalError::OtherTask { metric: Metric::Mrr(10), task: None };
        assert_eq!(measure(&scorer, &[(0, 0, 0)], &[Metric::Mrr(10)]), Err(other));
        // The score of (1, 1, 2).
        scorer.scores[9 + 3 + 2] = f32::NAN;
        let error = measure(&scorer, &[(0, 0, 0), (1, 1, 0)], &METRICS).unwrap_err();
        assert_eq!(error.to_string(), "the score of entity 2 as tail of entity 1 by relation 1 is not a number");
        let error = measure(&scorer, &[(0, 1, 2)], &METRICS).unwrap_err();
        assert_eq!(error.to_string(), "the score of entity 1 as head of entity 2 by relation 1 is not a number");
        let error = measure(&Cube { num_entities: 2, scores: vec![0.0; 8] }, &[(0, 0, 0)], &METRICS).unwrap_err();
        assert!(matches!(error, EvalError::Mismatch { what: "entities", found: 3, expected: 2, .. }), "{error}");
    }

    proptest! {
        #[test]
        fn ranks_are_the_plain_loops(
            known in prop::collection::vec((0u32..5, 0u32..2, 0u32..5), 0..20),
            test in prop::collection::vec((0u32..5, 0u32..2, 0u32..5), 1..12),
            scores in prop::collection::vec((-2i8..3).prop_map(f32::from), 2 * 25),
            threads in 1usize..4,
        ) {
            let cube = Cube { num_entities: 5, scores };
            let graph = KnowledgeGraph::new(5, 2, &triples(&known), vec![]).unwrap();
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let evaluation = pool.install(|| evaluate_links(&cube, &graph, &triples(&test), &METRICS)).unwrap();
            let is_true = |fact: (u32, u32, u32)| known.contains(&fact) || test.contains(&fact);
            let score = |(head, relation, tail): (u32, u32, u32)| cube.at(head as usize, RelationId(relation), tail as usize);
            let rank = |fact: (u32, u32, u32), corrupted: &dyn Fn(u32) -> (u32, u32, u32)| {
                let mut rank = 1.0;
                for other in (0..5).map(corrupted).filter(|&other| other != fact && !is_true(other)) {
                    rank += if score(other) > score(fact) { 1.0 } else if score(other) == score(fact) { 0.5 } else { 0.0 };
                }
                rank
            };
            let tails: Vec<f64> = test.iter().map(|&(h, r, t)| rank((h, r, t), &|other| (h, r, other))).collect();
            let heads: Vec<f64> = test.iter().map(|&(h, r, t)| rank((h, r, t), &|other| (other, r, t))).collect();
            prop_assert_eq!(evaluation.tail_ranks(), &tails);
            prop_assert_eq!(evaluation.head_ranks(), &heads);
            let all: Vec<f64> = tails.into_iter().chain(heads).collect();
            let share = |k: f64| all.iter().filter(|&&rank| rank <= k).count() as f64 / all.len() as f64;
            let mrr = all.iter().map(|rank| 1.0 / rank).sum::<f64>() / all.len() as f64;
            prop_assert!((evaluation.mean(Metric::LinkMrr).unwrap() - mrr).abs() < 1e-12);
            prop_assert!((evaluation.mean(Metric::LinkHits(1)).unwrap() - share(1.0)).abs() < 1e-12);
            prop_assert!((evaluation.mean(Metric::LinkHits(3)).unwrap() - share(3.0)).abs() < 1e-12);
            prop_assert_eq!(evaluation.num_known, test.iter().filter(|fact| known.contains(fact)).count());
        }
    }
}
