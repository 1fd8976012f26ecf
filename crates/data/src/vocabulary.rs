//! External names and the dense numbers that stand for them, in the order of first appearance.
//!
//! It is not a map of anything else: what a number means (a user, an item) is its owner's business.

use indexmap::IndexSet;

use crate::DataError;

/// External ids of one kind, numbered from 0 in the order in which they were first met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vocabulary {
    names: IndexSet<Box<str>>,
}

impl Vocabulary {
    /// An empty vocabulary.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of a name, a new one if the name is new.
    ///
    /// # Errors
    /// More names than a `u32` can number.
    pub fn intern(&mut self, name: &str) -> Result<u32, DataError> {
        let index = match self.names.get_index_of(name) {
            Some(index) => index,
            None => self.names.insert_full(name.into()).0,
        };
        // `u32::MAX` itself stays free, so that a count fits as well.
        u32::try_from(index).ok().filter(|&id| id < u32::MAX).ok_or(DataError::TooMany { what: "different ids" })
    }

    /// The number of a known name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<u32> {
        self.names.get_index_of(name).and_then(|index| u32::try_from(index).ok())
    }

    /// The name behind a number.
    ///
    /// # Panics
    /// If no name has this number.
    #[must_use]
    pub fn name(&self, id: u32) -> &str {
        &self.names[id as usize]
    }

    /// How many names there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is no name.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Every name in the order of the numbers.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(AsRef::as_ref)
    }

    /// The names at some numbers, in their order, renumbered from 0.
    ///
    /// # Panics
    /// If a number has no name.
    pub(crate) fn select(&self, ids: &[u32]) -> Self {
        Self { names: ids.iter().map(|&id| self.name(id).into()).collect() }
    }
}

impl<'a> FromIterator<&'a str> for Vocabulary {
    fn from_iter<I: IntoIterator<Item = &'a str>>(names: I) -> Self {
        Self { names: names.into_iter().map(Into::into).collect() }
    }
}
