//! What a model is asked for: a list, a rating, or a click.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The task of an experiment; in files `"rank"`, `"rate"` or `"click-through"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// To rank the whole catalogue for each user; scores are compared within one user alone.
    #[default]
    Rank,
    /// To predict ratings; a score is the rating itself, not clipped to the scale.
    Rate,
    /// To predict clicks; the probability is the sigmoid of the score, so that 0 is the even chance.
    ClickThrough,
}

impl fmt::Display for Task {
    /// As in files.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Rank => "rank",
            Self::Rate => "rate",
            Self::ClickThrough => "click-through",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_printed_as_in_files() {
        for task in [Task::Rank, Task::Rate, Task::ClickThrough] {
            let json = serde_json::to_string(&task).unwrap();
            assert_eq!(json, format!("\"{task}\""));
            assert_eq!(serde_json::from_str::<Task>(&json).unwrap(), task);
        }
        assert_eq!(Task::default(), Task::Rank);
        assert!(serde_json::from_str::<Task>("\"ClickThrough\"").is_err());
    }
}
