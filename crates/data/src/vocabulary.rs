//! External names and the dense numbers that stand for them, in the order of first appearance.
//!
//! It is not a map of anything else: what a number means (a user, an item) is its owner's business.

use std::fmt;
use std::hash::BuildHasher;
use std::ops::Range;
use std::sync::OnceLock;

use gnnrec_graph::store::{Buffer, Store, StoreError, StoreWriter};
use hashbrown::{DefaultHashBuilder, HashTable};

use crate::DataError;

/// External ids of one kind, numbered from 0 in the order in which they were first met.
#[derive(Clone, Default)]
pub struct Vocabulary {
    /// The names, end to end; UTF-8 between any two of the ends.
    text: Buffer<u8>,
    /// Where each name ends.
    ends: Buffer<u64>,
    /// Made when a name is first looked up.
    index: OnceLock<Index>,
}

/// Ids by name.
#[derive(Clone, Default)]
struct Index {
    /// By the number that the name spells, the id plus one; 0 where there is none or it is among the hashed.
    numbers: Vec<u32>,
    hasher: DefaultHashBuilder,
    /// All others, each with its hash.
    hashed: HashTable<(u64, u32)>,
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
    #[expect(clippy::missing_panics_doc, reason = "the index that is expected was made the line before")]
    pub fn intern(&mut self, name: &str) -> Result<u32, DataError> {
        self.index();
        let Self { text, ends, index } = self;
        let index = index.get_mut().expect("it was made just now");
        if let Some(id) = index.find(name, |id| span(ends, id).map(|span| &text[span])) {
            return Ok(id);
        }
        // `u32::MAX` itself stays free, so that a count fits as well.
        let id = u32::try_from(ends.len()).ok().filter(|&id| id < u32::MAX);
        let id = id.ok_or(DataError::TooMany { what: "different ids" })?;
        text.to_mut().extend_from_slice(name.as_bytes());
        let end = text.len() as u64;
        ends.to_mut().push(end);
        index.insert(name, id);
        Ok(id)
    }

    /// The number of a known name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<u32> {
        self.index().find(name, |id| self.bytes(id))
    }

    /// The name behind a number.
    ///
    /// # Panics
    /// If no name has this number.
    #[must_use]
    pub fn name(&self, id: u32) -> &str {
        let bytes = self.bytes(id).unwrap_or_else(|| panic!("name {id} of {}", self.len()));
        std::str::from_utf8(bytes).expect("names are UTF-8")
    }

    /// How many names there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no name.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Every name in the order of the numbers.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        (0..).take(self.len()).map(|id| self.name(id))
    }

    /// The names at some numbers, in their order, renumbered from 0.
    ///
    /// # Panics
    /// If a number has no name.
    pub(crate) fn select(&self, ids: &[u32]) -> Self {
        ids.iter().map(|&id| self.name(id)).collect()
    }

    /// Adds the names to a store.
    pub(crate) fn add_to<'a>(&'a self, writer: &mut StoreWriter<'a>, name: &str) {
        writer.add(&format!("{name}.text"), &self.text);
        writer.add(&format!("{name}.ends"), &self.ends);
    }

    /// Takes names out of a store and checks that they are text, one after another. That no two are the same is
    /// what their writer knew.
    pub(crate) fn from_store(store: &Store, name: &str) -> Result<Self, StoreError> {
        let (text, ends) = (store.array::<u8>(&format!("{name}.text"))?, store.array::<u64>(&format!("{name}.ends"))?);
        let all = std::str::from_utf8(&text);
        let all = all.map_err(|error| store.damaged(&format!("`{name}.text`"), error, "UTF-8"))?;
        let mut from = 0;
        for (id, &end) in ends.iter().enumerate() {
            let boundary = usize::try_from(end).is_ok_and(|end| all.is_char_boundary(end));
            if end < from || !boundary {
                let expected = format!("the end of a name between {from} and {}", all.len());
                return Err(store.damaged(&format!("`{name}.ends`, place {id},"), end, expected));
            }
            from = end;
        }
        if from != all.len() as u64 || u32::try_from(ends.len()).is_err() {
            return Err(store.damaged(&format!("the end of the {} names of `{name}`", ends.len()), from, all.len()));
        }
        Ok(Self { text, ends, index: OnceLock::new() })
    }

    fn bytes(&self, id: u32) -> Option<&[u8]> {
        span(&self.ends, id).map(|span| &self.text[span])
    }

    fn index(&self) -> &Index {
        self.index.get_or_init(|| {
            let mut index = Index::default();
            for (id, name) in (0..).zip(self.names()) {
                index.insert(name, id);
            }
            index
        })
    }
}

/// Where a name lies in the text, if there is one of that number.
fn span(ends: &[u64], id: u32) -> Option<Range<usize>> {
    #[expect(clippy::cast_possible_truncation, reason = "ends are lengths of what is in memory")]
    let end = |id: usize| ends.get(id).map(|&end| end as usize);
    let id = id as usize;
    Some(if id == 0 { 0 } else { end(id - 1)? }..end(id)?)
}

impl Index {
    fn find<'a>(&self, name: &str, name_of: impl Fn(u32) -> Option<&'a [u8]>) -> Option<u32> {
        if let Some(&next) = number(name).and_then(|number| self.numbers.get(number))
            && next > 0
        {
            return Some(next - 1);
        }
        let hash = self.hasher.hash_one(name);
        let same = |&(other, id): &(u64, u32)| other == hash && name_of(id) == Some(name.as_bytes());
        self.hashed.find(hash, same).map(|&(_, id)| id)
    }

    fn insert(&mut self, name: &str, id: u32) {
        // Numbers far beyond the count would take more memory than their names do.
        match number(name).filter(|&number| number < (1 << 16) + 4 * id as usize) {
            Some(number) => {
                self.numbers.resize(self.numbers.len().max(number + 1), 0);
                self.numbers[number] = id + 1;
            }
            None => {
                let hash = self.hasher.hash_one(name);
                self.hashed.insert_unique(hash, (hash, id), |&(hash, _)| hash);
            }
        }
    }
}

/// The number that a name spells, of at most 9 digits and as it would be printed: `7`, but not `07`.
fn number(name: &str) -> Option<usize> {
    let digits = name.as_bytes();
    let printed = matches!(digits, [b'0'] | [b'1'..=b'9', ..]) && digits.len() < 10;
    let add = |number: usize, &digit: &u8| digit.is_ascii_digit().then(|| number * 10 + usize::from(digit - b'0'));
    if printed { digits.iter().try_fold(0, add) } else { None }
}

/// New names met by one reader of several, while the vocabulary that all of them know cannot change.
#[derive(Default)]
pub(crate) struct Additions {
    new: Vocabulary,
    /// How many names were known.
    known: usize,
}

impl Additions {
    /// The number of a name: its own if it is known, else one after all the known ones, until [`Additions::settle`]
    /// gives it its own.
    pub(crate) fn id(&mut self, known: &Vocabulary, name: &str) -> Result<u32, DataError> {
        if let Some(id) = known.get(name) {
            return Ok(id);
        }
        self.known = known.len();
        // Should the sum wrap, so many names are too many for the vocabulary as well, which settling will say.
        let new = self.new.intern(name)?;
        Ok(u32::try_from(self.known).map_or(new, |known| known.wrapping_add(new)))
    }

    /// Adds the names to the vocabulary, which may have grown since, and gives those of `ids` that were numbered
    /// after the known ones their own numbers.
    pub(crate) fn settle(self, vocabulary: &mut Vocabulary, ids: &mut [u32]) -> Result<(), DataError> {
        let own: Vec<u32> = self.new.names().map(|name| vocabulary.intern(name)).collect::<Result<_, _>>()?;
        if own.is_empty() {
            return Ok(());
        }
        for id in ids {
            if let Some(&own) = (*id as usize).checked_sub(self.known).and_then(|new| own.get(new)) {
                *id = own;
            }
        }
        Ok(())
    }
}

impl PartialEq for Vocabulary {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.ends == other.ends
    }
}

impl Eq for Vocabulary {}

impl fmt::Debug for Vocabulary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

impl<'a> FromIterator<&'a str> for Vocabulary {
    /// # Panics
    /// If there are more names than a `u32` can number.
    fn from_iter<I: IntoIterator<Item = &'a str>>(names: I) -> Self {
        let mut vocabulary = Self::new();
        for name in names {
            vocabulary.intern(name).expect("a u32 numbers the names");
        }
        vocabulary
    }
}
