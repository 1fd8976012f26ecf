//! What can be wrong with an evaluation, each case with its place, its value and what was expected.

use gnnrec_graph::{EntityId, ItemId, RelationId, Triple, UserId};

use crate::{Metric, Task};

/// An evaluation that cannot be made from what was given.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// No metric has this name.
    #[error("unknown metric `{name}`; {}", suggest(suggestion.as_deref()))]
    UnknownMetric {
        /// The name given.
        name: String,
        /// The nearest valid spelling, if one is near.
        suggestion: Option<String>,
    },
    /// A list length of zero.
    #[error("`{metric}` looks at lists of length 0; give a length of at least 1, as in `{metric_name}@20`", metric_name = metric.name())]
    ZeroK {
        /// The metric.
        metric: Metric,
    },
    /// A metric that measures another task than the one evaluated.
    #[error("`{metric}` measures {}, and this is an evaluation of {}; ask for {}", phrase(metric.task()), phrase(*task), Metric::names_of(*task))]
    OtherTask {
        /// The metric.
        metric: Metric,
        /// The task evaluated; `None` for link prediction.
        task: Option<Task>,
    },
    /// Lists of length zero were asked for.
    #[error("recommendation lists of length 0 were asked for; give a length of at least 1")]
    EmptyLists,
    /// Two parts disagree on a size.
    #[error("the {part} counts {found} {what}, expected {expected}; both must come from one dataset")]
    Mismatch {
        /// The part that disagrees with the others.
        part: &'static str,
        /// What it counts.
        what: &'static str,
        /// Its count.
        found: usize,
        /// The count of the others: of the scorer, where there is one.
        expected: usize,
    },
    /// An embedding table has no whole number of rows, or another number than it should.
    #[error("the {table} table holds {found} numbers, expected {rows} rows of width {dim}")]
    TableShape {
        /// Which table.
        table: &'static str,
        /// Numbers found.
        found: usize,
        /// Rows expected.
        rows: usize,
        /// Width of a row.
        dim: usize,
    },
    /// A score that cannot be ordered.
    #[error("the score of item {item} for user {user} is not a number; the model has diverged or its input is broken")]
    NanScore {
        /// The user.
        user: UserId,
        /// The item.
        item: ItemId,
    },
    /// A held-out item that the scorer cannot score.
    #[error("user {user} holds out item {item}, expected an item below {num_items}")]
    RelevantOutside {
        /// The user.
        user: UserId,
        /// The item.
        item: ItemId,
        /// Size of the scorer's catalogue.
        num_items: usize,
    },
    /// A user that does not exist.
    #[error("user {user} was asked for, expected one below {num_users}")]
    UserOutside {
        /// The user.
        user: UserId,
        /// Number of users.
        num_users: usize,
    },
    /// No user has a held-out item, so that there is nothing to take a mean of.
    #[error("none of {num_users} users has a held-out item; check the split")]
    NothingHeldOut {
        /// Number of users.
        num_users: usize,
    },
    /// A metric that compares item embeddings, asked of a scorer without any.
    #[error("`{metric}` compares item embeddings, and this scorer has none; leave it out for this model")]
    NeedsItemTable {
        /// The metric.
        metric: Metric,
    },
    /// A holdout without ratings where ratings are measured.
    #[error("the holdout has no ratings; hold out a matrix with weights")]
    NoRatings,
    /// A predicted rating that is no number on any scale.
    #[error("the rating predicted for item {item} by user {user} is {predicted}; the model has diverged")]
    RatingNotFinite {
        /// The user.
        user: UserId,
        /// The item.
        item: ItemId,
        /// What was predicted.
        predicted: f32,
    },
    /// A held-out rating outside the rating range.
    #[error("user {user} rated item {item} with {rating}, expected {low} to {high}; correct the range or the data")]
    RatingOutside {
        /// The user.
        user: UserId,
        /// The item.
        item: ItemId,
        /// The held-out rating.
        rating: f32,
        /// Low end of the range.
        low: f32,
        /// High end of the range.
        high: f32,
    },
    /// Labelled pairs that are all positive or all negative, which no AUC can compare.
    #[error("{num_positive} of {num_pairs} labelled pairs are positive; `pair-auc` needs pairs of both labels")]
    OneLabel {
        /// Number of pairs.
        num_pairs: usize,
        /// Those labelled positive: none or all.
        num_positive: usize,
    },
    /// A test triple that the knowledge graph cannot hold.
    #[error("test triple {position}: ({}, {}, {}), expected entities below {num_entities} and a relation below {num_relations}", triple.head, triple.relation, triple.tail)]
    TripleOutside {
        /// Its position.
        position: usize,
        /// The triple.
        triple: Triple,
        /// Number of entities.
        num_entities: usize,
        /// Number of relations.
        num_relations: usize,
    },
    /// A score of a fact that cannot be ordered.
    #[error("the score of entity {entity} as {end} of entity {given} by relation {relation} is not a number")]
    NanLink {
        /// The entity scored.
        entity: EntityId,
        /// Whether as head or as tail.
        end: &'static str,
        /// The entity at the other end.
        given: EntityId,
        /// The relation.
        relation: RelationId,
    },
    /// A metric that the evaluation was not asked for, or has no value for each user.
    #[error("`{metric}` has no values per user here; ask for a metric that was evaluated and is not of the catalogue")]
    NoPerUser {
        /// The metric.
        metric: Metric,
    },
    /// A metric whose mean weighs users, so that a test of unweighted users would be of another number.
    #[error("`{metric}` weighs users and the tests do not; compare `auc` instead")]
    Weighted {
        /// The metric.
        metric: Metric,
    },
    /// Two parts differ in length.
    #[error("{what}: {found} values, expected {expected}")]
    Length {
        /// What was counted.
        what: &'static str,
        /// Values found.
        found: usize,
        /// Values expected.
        expected: usize,
    },
    /// A holdout on which an evaluation was not made.
    #[error("user {user} had other held-out items when this was evaluated; pass the holdout of the evaluation")]
    OtherHoldout {
        /// The first such user.
        user: UserId,
    },
    /// Paired values of different users.
    #[error(
        "the two evaluations differ at position {position}: user {left} and user {right}; pair evaluations of one holdout"
    )]
    OtherUsers {
        /// Position in the list of evaluated users.
        position: usize,
        /// The user of the first evaluation.
        left: UserId,
        /// The user of the second evaluation.
        right: UserId,
    },
    /// A number that must be finite and is not.
    #[error("{what} at position {position} is {value}, expected a finite number")]
    NotFinite {
        /// What the number is.
        what: &'static str,
        /// Its position.
        position: usize,
        /// Its value.
        value: f64,
    },
    /// A number outside its range.
    #[error("{what} is {value}, expected {expected}")]
    OutOfRange {
        /// What the number is.
        what: &'static str,
        /// Its value.
        value: f64,
        /// The range in words.
        expected: &'static str,
    },
    /// Nothing to compute from.
    #[error("{what} is empty; at least one value is needed")]
    Empty {
        /// What is empty.
        what: &'static str,
    },
}

fn phrase(task: Option<Task>) -> &'static str {
    match task {
        Some(Task::Rank) => "ranking",
        Some(Task::Rate) => "rating prediction",
        Some(Task::ClickThrough) => "click-through prediction",
        None => "link prediction",
    }
}

fn suggest(suggestion: Option<&str>) -> String {
    match suggestion {
        Some(name) => format!("did you mean `{name}`? Valid names: {}", Metric::NAMES),
        None => format!("valid names: {}", Metric::NAMES),
    }
}
