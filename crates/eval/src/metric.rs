//! The names of ranking metrics, as users write them: `recall@20`, `ndcg@10`, `auc`.
//!
//! Definitions live beside the formulas in `measures.rs`, `auc.rs` and `catalogue.rs`; here are only
//! the names, their order and their reading.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::EvalError;

/// A ranking metric; the number is the list length `K`, at least 1.
///
/// `K` above the number of items of the catalogue counts as that number, also in denominators.
///
/// ```
/// use gnnrec_eval::Metric;
/// let metric: Metric = "recall@20".parse()?;
/// assert_eq!(metric, Metric::Recall(20));
/// assert_eq!(metric.to_string(), "recall@20");
/// assert!("recal@20".parse::<Metric>().unwrap_err().to_string().contains("did you mean `recall@20`?"));
/// # Ok::<(), gnnrec_eval::EvalError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    /// Hits over relevant items, in `[0, 1]`.
    Recall(usize),
    /// Hits over `K`, in `[0, 1]`.
    Precision(usize),
    /// 1 with any hit, else 0.
    Hit(usize),
    /// `DCG / IDCG` with binary gains, in `[0, 1]`.
    Ndcg(usize),
    /// 1 over the rank of the first hit, 0 without one.
    Mrr(usize),
    /// Precision at each hit, summed, over `min(K, relevant items)`, in `[0, 1]`.
    Map(usize),
    /// Share of pairs of a relevant and another unseen item that stand in the right order, ties one half.
    Auc,
    /// [`Metric::Auc`] with users weighted by their number of relevant items.
    Gauc,
    /// Share of the catalogue that stands in any list.
    Coverage(usize),
    /// Gini coefficient of how often each item of the catalogue is listed, in `[0, 1)`; 0 is even.
    Gini(usize),
    /// Mean number of training interactions of the listed items.
    Popularity(usize),
    /// Mean `-log2 p` of the listed items in bits, `p` the share of users with the item in training.
    Novelty(usize),
    /// Share of the list that belongs to the long tail of the catalogue.
    Tail(usize),
    /// Mean cosine distance between the embeddings of two listed items, in `[0, 2]`.
    Diversity(usize),
}

/// A metric that waits for its list length.
type OfLength = fn(usize) -> Metric;

impl Metric {
    /// Every name, for messages.
    pub const NAMES: &'static str = "recall@K, precision@K, hit@K, ndcg@K, mrr@K, map@K, auc, gauc, coverage@K, \
         gini@K, popularity@K, novelty@K, tail@K, diversity@K";

    const WITH_K: [(&'static str, OfLength); 12] = [
        ("recall", Self::Recall),
        ("precision", Self::Precision),
        ("hit", Self::Hit),
        ("ndcg", Self::Ndcg),
        ("mrr", Self::Mrr),
        ("map", Self::Map),
        ("coverage", Self::Coverage),
        ("gini", Self::Gini),
        ("popularity", Self::Popularity),
        ("novelty", Self::Novelty),
        ("tail", Self::Tail),
        ("diversity", Self::Diversity),
    ];

    const WITHOUT_K: [(&'static str, Self); 2] = [("auc", Self::Auc), ("gauc", Self::Gauc)];

    /// The list length, or `None` for a metric over all unseen items.
    #[must_use]
    pub const fn k(self) -> Option<usize> {
        match self {
            Self::Recall(k)
            | Self::Precision(k)
            | Self::Hit(k)
            | Self::Ndcg(k)
            | Self::Mrr(k)
            | Self::Map(k)
            | Self::Coverage(k)
            | Self::Gini(k)
            | Self::Popularity(k)
            | Self::Novelty(k)
            | Self::Tail(k)
            | Self::Diversity(k) => Some(k),
            Self::Auc | Self::Gauc => None,
        }
    }

    /// The name without the list length.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Recall(_) => "recall",
            Self::Precision(_) => "precision",
            Self::Hit(_) => "hit",
            Self::Ndcg(_) => "ndcg",
            Self::Mrr(_) => "mrr",
            Self::Map(_) => "map",
            Self::Auc => "auc",
            Self::Gauc => "gauc",
            Self::Coverage(_) => "coverage",
            Self::Gini(_) => "gini",
            Self::Popularity(_) => "popularity",
            Self::Novelty(_) => "novelty",
            Self::Tail(_) => "tail",
            Self::Diversity(_) => "diversity",
        }
    }

    /// Whether it measures how well held-out items are ranked, so that more is better: what early
    /// stopping may watch. The others describe the lists whatever the user wanted.
    #[must_use]
    pub const fn is_accuracy(self) -> bool {
        !matches!(
            self,
            Self::Coverage(_)
                | Self::Gini(_)
                | Self::Popularity(_)
                | Self::Novelty(_)
                | Self::Tail(_)
                | Self::Diversity(_)
        )
    }

    /// Whether it has a value for each user; coverage and Gini are of the whole catalogue.
    #[must_use]
    pub const fn is_per_user(self) -> bool {
        !matches!(self, Self::Coverage(_) | Self::Gini(_))
    }

    fn nearest(name: &str) -> Option<String> {
        let name = name.to_ascii_lowercase();
        let (base, k) = name.split_once('@').unwrap_or((&name, "20"));
        let names = Self::WITH_K.iter().map(|&(name, _)| (name, true));
        let names = names.chain(Self::WITHOUT_K.iter().map(|&(name, _)| (name, false)));
        let (near, with_k) =
            names.max_by(|a, b| strsim::jaro_winkler(a.0, base).total_cmp(&strsim::jaro_winkler(b.0, base)))?;
        let k = k.parse::<usize>().ok().filter(|&k| k > 0).unwrap_or(20);
        let near_enough = strsim::jaro_winkler(near, base) > 0.7;
        near_enough.then(|| if with_k { format!("{near}@{k}") } else { near.to_owned() })
    }
}

impl FromStr for Metric {
    type Err = EvalError;

    /// Reads `name@K` or, for metrics over all unseen items, `name`.
    fn from_str(name: &str) -> Result<Self, EvalError> {
        let unknown = || EvalError::UnknownMetric { name: name.to_owned(), suggestion: Self::nearest(name) };
        let Some((base, k)) = name.split_once('@') else {
            return Self::WITHOUT_K
                .iter()
                .find(|(known, _)| *known == name)
                .map(|&(_, metric)| metric)
                .ok_or_else(unknown);
        };
        let (_, with_k) = Self::WITH_K.iter().find(|(known, _)| *known == base).ok_or_else(unknown)?;
        let digits = !k.is_empty() && k.bytes().all(|byte| byte.is_ascii_digit());
        let metric = with_k(k.parse().ok().filter(|_| digits).ok_or_else(unknown)?);
        if metric.k() == Some(0) { Err(EvalError::ZeroK { metric }) } else { Ok(metric) }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.k() {
            Some(k) => f.pad(&format!("{}@{k}", self.name())),
            None => f.pad(self.name()),
        }
    }
}

impl Serialize for Metric {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Metric {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_as_it_prints() {
        for (_, with_k) in Metric::WITH_K {
            let metric = with_k(7);
            assert_eq!(metric.to_string().parse(), Ok(metric));
            assert!(Metric::NAMES.contains(&format!("{}@K", metric.name())));
        }
        for (name, metric) in Metric::WITHOUT_K {
            assert_eq!(name.parse(), Ok(metric));
            assert!(Metric::NAMES.contains(name));
        }
        assert_eq!(Metric::WITH_K.len() + Metric::WITHOUT_K.len(), Metric::NAMES.split(", ").count());
    }

    #[test]
    fn zero_is_an_error_of_its_own() {
        assert_eq!("ndcg@0".parse::<Metric>(), Err(EvalError::ZeroK { metric: Metric::Ndcg(0) }));
    }

    #[test]
    fn a_wrong_name_suggests_the_nearest() {
        for (wrong, right) in [
            ("recal@20", Some("recall@20")),
            ("NDCG", Some("ndcg@20")),
            ("ndgc@10", Some("ndcg@10")),
            ("auc@20", Some("auc")),
            ("recall", Some("recall@20")),
            ("recall@-1", Some("recall@20")),
            ("recall@+5", Some("recall@5")),
            ("recall@99999999999999999999999", Some("recall@20")),
            ("zzz", None),
        ] {
            let Err(EvalError::UnknownMetric { name, suggestion }) = wrong.parse::<Metric>() else {
                panic!("{wrong} was read");
            };
            assert_eq!((name.as_str(), suggestion.as_deref()), (wrong, right));
        }
        assert!("zzz".parse::<Metric>().unwrap_err().to_string().contains("gauc"));
    }

    #[test]
    fn metrics_are_strings_in_files() {
        let json = serde_json::to_string(&[Metric::Recall(20), Metric::Auc]).unwrap();
        assert_eq!(json, r#"["recall@20","auc"]"#);
        assert_eq!(serde_json::from_str::<Vec<Metric>>(&json).unwrap(), [Metric::Recall(20), Metric::Auc]);
        assert!(serde_json::from_str::<Metric>(r#""recall@0""#).unwrap_err().to_string().contains("at least 1"));
    }
}
