//! A dataset in memory: who chose what, who knows whom, what is known about the items.
//!
//! It is complete, with training and held-out interactions side by side; what a model may see is made
//! from it by [`Dataset::split`].

use gnnrec_graph::{EntityId, Features, ItemId, TieDirection, Triple, UserId};

use crate::{Report, Vocabulary};

/// The part of a published split that a row belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// Models learn from it.
    Train,
    /// Settings are chosen on it.
    Validation,
    /// Results are measured on it.
    Test,
}

/// Interactions, one row each, in the order of the files; the columns are of one length.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Log {
    /// Who.
    pub users: Vec<UserId>,
    /// Chose what.
    pub items: Vec<ItemId>,
    /// And how much they liked it or how often, where the files say.
    pub ratings: Option<Vec<f32>>,
    /// When, in the unit of the files (as a rule seconds since 1970), where the files say.
    pub times: Option<Vec<i64>>,
    /// Which part of a published split the row was listed in, where there is one.
    pub parts: Option<Vec<Part>>,
}

impl Log {
    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.users.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// The rows at some positions, in that order.
    pub(crate) fn select(&self, rows: &[usize]) -> Self {
        fn pick<T: Copy>(column: &[T], rows: &[usize]) -> Vec<T> {
            rows.iter().map(|&row| column[row]).collect()
        }
        Self {
            users: pick(&self.users, rows),
            items: pick(&self.items, rows),
            ratings: self.ratings.as_ref().map(|column| pick(column, rows)),
            times: self.times.as_ref().map(|column| pick(column, rows)),
            parts: self.parts.as_ref().map(|column| pick(column, rows)),
        }
    }
}

/// Who trusts or knows whom, in the order of the file: no tie to oneself, none listed twice.
#[derive(Clone, Debug, PartialEq)]
pub struct Ties {
    /// `(truster, trustee)`.
    pub pairs: Vec<(UserId, UserId)>,
    /// Whether a tie counts both ways.
    pub direction: TieDirection,
}

/// What is known about the items.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// Names of the entities.
    pub entities: Vocabulary,
    /// Names of the relations.
    pub relations: Vocabulary,
    /// The facts, in the order of the file; none listed twice.
    pub triples: Vec<Triple>,
    /// For each item the entity that it is, if the facts know it.
    pub entity_of_item: Vec<Option<EntityId>>,
}

/// Features of all users or of all items, and what their values are called.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureTable {
    /// The columns.
    pub features: Features,
    /// By column the names of its values, as the files spell them; none for numbers and vectors. The values of
    /// several columns of 0 and 1 are named after these, by their numbers where they have no names.
    pub values: Vec<Vocabulary>,
}

impl FeatureTable {
    /// The features of some nodes, in the order given.
    pub(crate) fn select(&self, nodes: &[u32]) -> Self {
        Self { features: self.features.select(nodes), values: self.values.clone() }
    }
}

/// Everything that was read of one dataset, under external names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dataset {
    /// What the dataset is called.
    pub name: String,
    /// Names of the users.
    pub users: Vocabulary,
    /// Names of the items: the whole catalogue, with items that occur in a test file only.
    pub items: Vocabulary,
    /// For each item its title, where the dataset has titles and one for this item.
    pub titles: Option<Vec<Option<String>>>,
    /// The interactions.
    pub log: Log,
    /// Pairs that the files label 0, sampled by whoever made them, without those that are interactions as well;
    /// neither rated nor timed. They are no interactions: only [`Dataset::labelled`] uses them.
    pub negatives: Option<Log>,
    /// Least and greatest rating there can be, where there are ratings and the source says.
    pub rating_range: Option<[f32; 2]>,
    /// The social ties, where the dataset has any.
    pub ties: Option<Ties>,
    /// The knowledge graph, where the dataset has one.
    pub facts: Option<Facts>,
    /// What is known of each item beside the facts, where the dataset says.
    pub item_features: Option<FeatureTable>,
    /// What is known of each user beside the ties, where the dataset says.
    pub user_features: Option<FeatureTable>,
    /// What happened to every row so far.
    pub report: Report,
    /// SHA-256 in lowercase hex over one line `<sha256 of the file>  <name in the source>\n` for each
    /// file, in the order in which the files are read: interactions (train, validation, test), social,
    /// triples, link, titles, features of items, features of users.
    pub digest: String,
}

impl Dataset {
    /// Number of users.
    #[must_use]
    pub fn num_users(&self) -> usize {
        self.users.len()
    }

    /// Number of items.
    #[must_use]
    pub fn num_items(&self) -> usize {
        self.items.len()
    }

    /// The user with an external id.
    #[must_use]
    pub fn user(&self, name: &str) -> Option<UserId> {
        self.users.get(name).map(UserId)
    }

    /// The item with an external id.
    #[must_use]
    pub fn item(&self, name: &str) -> Option<ItemId> {
        self.items.get(name).map(ItemId)
    }

    /// The external id of a user.
    ///
    /// # Panics
    /// If the dataset has no such user.
    #[must_use]
    pub fn user_name(&self, user: UserId) -> &str {
        self.users.name(user.0)
    }

    /// The external id of an item.
    ///
    /// # Panics
    /// If the dataset has no such item.
    #[must_use]
    pub fn item_name(&self, item: ItemId) -> &str {
        self.items.name(item.0)
    }

    /// The title of an item, or its external id where it has none.
    ///
    /// # Panics
    /// If the dataset has no such item.
    #[must_use]
    pub fn item_title(&self, item: ItemId) -> &str {
        let title = self.titles.as_ref().and_then(|titles| titles[item.index()].as_deref());
        title.unwrap_or_else(|| self.item_name(item))
    }
}
