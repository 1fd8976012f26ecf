//! What one user's list is worth: the metrics that know hits and nothing else.
//!
//! `hits[n]` says whether the item at rank `n + 1` is relevant, `num_relevant` counts all held-out
//! items of the user, and a list may be shorter than `K` where the user has seen nearly everything.

use crate::Metric;

/// The value of an accuracy metric for one user with `num_relevant > 0`; `None` for the other metrics.
///
/// `hits` is the whole list; a metric looks at its first `K` places, `K` at most `num_items`.
pub(crate) fn measure(metric: Metric, hits: &[bool], num_relevant: usize, num_items: usize) -> Option<f64> {
    let k = metric.k()?.min(num_items);
    let hits = &hits[..k.min(hits.len())];
    let num_hits = hits.iter().filter(|&&hit| hit).count();
    Some(match metric {
        Metric::Recall(_) => ratio(num_hits, num_relevant),
        Metric::Precision(_) => ratio(num_hits, k),
        Metric::Hit(_) => f64::from(num_hits > 0),
        Metric::Ndcg(_) => ndcg(hits, num_relevant.min(k)),
        Metric::Mrr(_) => hits.iter().position(|&hit| hit).map_or(0.0, |first| ratio(1, first + 1)),
        Metric::Map(_) => average_precision(hits, num_relevant.min(k)),
        _ => return None,
    })
}

/// NDCG with binary gains: `DCG / IDCG`, in `[0, 1]`.
///
/// The ideal list is made of the *relevant* items, `min(K, |R|)` of them, never of the hits: sorting
/// the model's own hits gives a list with one hit at the top a perfect score, whatever it missed.
fn ndcg(hits: &[bool], num_ideal: usize) -> f64 {
    let dcg: f64 = (0..).zip(hits).filter(|(_, hit)| **hit).map(|(place, _)| discount(place)).sum();
    let ideal: f64 = (0..num_ideal).map(discount).sum();
    if num_ideal == 0 { 0.0 } else { dcg / ideal }
}

/// `1 / log2(rank + 1)` of the rank `place + 1`.
fn discount(place: usize) -> f64 {
    1.0 / to_f64(place + 2).log2()
}

/// The sum of the precision at each hit, over `min(K, |R|)`.
fn average_precision(hits: &[bool], num_ideal: usize) -> f64 {
    let places = (1..).zip(hits).filter(|(_, hit)| **hit);
    let sum: f64 = (1..).zip(places).map(|(hits_so_far, (rank, _))| ratio(hits_so_far, rank)).sum();
    if num_ideal == 0 { 0.0 } else { sum / to_f64(num_ideal) }
}

/// `part / whole`, and 0 of nothing.
pub(crate) fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { to_f64(part) / to_f64(whole) }
}

/// A count as a number.
#[expect(clippy::cast_precision_loss, reason = "counts of users, items and pairs stay far below 2^53")]
pub(crate) fn to_f64(count: usize) -> f64 {
    count as f64
}

/// The mean, and 0 of nothing; summed in order.
pub(crate) fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / to_f64(values.len()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CATALOGUE: usize = 100;

    fn value(metric: Metric, hits: [u8; 3], num_relevant: usize) -> f64 {
        let hits = hits.map(|hit| hit == 1);
        measure(metric, &hits, num_relevant, CATALOGUE).unwrap()
    }

    fn close(left: f64, right: f64) {
        assert!((left - right).abs() < 5e-5, "{left} is not {right}");
    }

    #[test]
    fn ndcg_by_hand() {
        close(value(Metric::Ndcg(3), [0, 1, 0], 1), 0.6309);
        close(value(Metric::Ndcg(3), [1, 0, 1], 2), 0.9197);
        close(value(Metric::Ndcg(3), [1, 1, 0], 5), 0.7654);
        close(value(Metric::Ndcg(3), [1, 0, 0], 1), 1.0);
    }

    #[test]
    fn the_others_by_hand() {
        close(value(Metric::Recall(3), [1, 0, 1], 5), 0.4);
        close(value(Metric::Recall(2), [1, 0, 1], 5), 0.2);
        close(value(Metric::Precision(3), [1, 0, 1], 5), 0.6667);
        close(value(Metric::Precision(20), [1, 0, 1], 5), 0.1);
        close(value(Metric::Hit(3), [0, 0, 1], 5), 1.0);
        close(value(Metric::Hit(2), [0, 0, 1], 5), 0.0);
        close(value(Metric::Mrr(3), [0, 0, 1], 5), 0.3333);
        close(value(Metric::Mrr(2), [0, 0, 1], 5), 0.0);
        // Precision 1 at rank 1 and 2/3 at rank 3, over min(3, 5).
        close(value(Metric::Map(3), [1, 0, 1], 5), 0.5556);
        close(value(Metric::Map(3), [1, 0, 1], 2), 0.8333);
    }

    #[test]
    fn an_empty_list_is_worth_nothing() {
        for metric in ["recall@3", "precision@3", "hit@3", "ndcg@3", "mrr@3", "map@3"] {
            assert_eq!(measure(metric.parse().unwrap(), &[], 4, CATALOGUE), Some(0.0));
        }
    }

    #[test]
    fn a_list_longer_than_the_catalogue_is_the_catalogue() {
        let hits = [true, false];
        assert_eq!(measure(Metric::Precision(50), &hits, 1, 2), Some(0.5));
        assert_eq!(measure(Metric::Map(50), &hits, 3, 2), Some(0.5));
    }
}
