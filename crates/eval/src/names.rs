//! The names of metrics, as users write them: `recall@20`, `rmse`, `pair-auc`, `link-hits@10`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{EvalError, Metric, Task};

/// A metric that waits for its list length.
type OfLength = fn(usize) -> Metric;

impl Metric {
    /// Every name, for messages.
    pub const NAMES: &'static str = "recall@K, precision@K, hit@K, ndcg@K, mrr@K, map@K, auc, gauc, coverage@K, \
         gini@K, popularity@K, novelty@K, tail@K, diversity@K, rmse, mae, pair-auc, pair-f1, pair-accuracy, link-mrr, \
         link-hits@K";

    const WITH_K: [(&'static str, OfLength); 13] = [
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
        ("link-hits", Self::LinkHits),
    ];

    const WITHOUT_K: [(&'static str, Self); 8] = [
        ("auc", Self::Auc),
        ("gauc", Self::Gauc),
        ("rmse", Self::Rmse),
        ("mae", Self::Mae),
        ("pair-auc", Self::PairAuc),
        ("pair-f1", Self::PairF1),
        ("pair-accuracy", Self::PairAccuracy),
        ("link-mrr", Self::LinkMrr),
    ];

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
            Self::Rmse => "rmse",
            Self::Mae => "mae",
            Self::PairAuc => "pair-auc",
            Self::PairF1 => "pair-f1",
            Self::PairAccuracy => "pair-accuracy",
            Self::LinkMrr => "link-mrr",
            Self::LinkHits(_) => "link-hits",
        }
    }

    /// The names of a task's metrics, for messages; of `None` those of link prediction.
    #[must_use]
    pub fn names_of(task: Option<Task>) -> String {
        let with_k = Self::WITH_K.iter().map(|(name, metric)| (metric(1), format!("{name}@K")));
        let without_k = Self::WITHOUT_K.iter().map(|&(name, metric)| (metric, name.to_owned()));
        let mut named: Vec<_> = with_k.chain(without_k).filter(|(metric, _)| metric.task() == task).collect();
        named.sort_unstable();
        named.into_iter().map(|(_, name)| name).collect::<Vec<_>>().join(", ")
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

    /// Reads `name@K` or, for metrics that look at no list, `name`.
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
    fn every_name_belongs_to_one_task() {
        let tasks = [Some(Task::Rank), Some(Task::Rate), Some(Task::ClickThrough), None];
        assert_eq!(tasks.map(Metric::names_of).join(", "), Metric::NAMES);
        assert_eq!(Metric::names_of(Some(Task::Rate)), "rmse, mae");
        assert_eq!(Metric::names_of(Some(Task::ClickThrough)), "pair-auc, pair-f1, pair-accuracy");
        assert_eq!(Metric::names_of(None), "link-mrr, link-hits@K");
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
            ("RSME", Some("rmse")),
            ("rmse@20", Some("rmse")),
            ("pair_auc", Some("pair-auc")),
            ("accuracy", Some("pair-accuracy")),
            ("link-hits", Some("link-hits@20")),
            ("link-hit@3", Some("link-hits@3")),
            ("link-mrr@10", Some("link-mrr")),
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
