//! Rows labelled 0: the sampled negatives that a dataset came with, kept apart from its interactions.
//!
//! They number no user and no item: one that has no interaction has no negatives either, and is counted.

use gnnrec_graph::{ItemId, UserId};
use hashbrown::HashSet;

use crate::report::{Reason, Step};
use crate::vocabulary::Additions;
use crate::{DataError, Log, Part, Report, Vocabulary};

/// The negatives as they were read, under numbers of their own: the interactions are not yet all known.
#[derive(Default)]
pub(super) struct Negatives {
    users: Vocabulary,
    items: Vocabulary,
    pairs: Pairs,
    parts: Vec<Part>,
}

#[derive(Default)]
struct Pairs {
    users: Vec<u32>,
    items: Vec<u32>,
}

/// What one thread read.
#[derive(Default)]
pub(super) struct NegativesPiece {
    new_users: Additions,
    new_items: Additions,
    pairs: Pairs,
}

impl NegativesPiece {
    pub(super) fn add(&mut self, whole: &Negatives, user: &str, item: &str) -> Result<(), DataError> {
        self.pairs.users.push(self.new_users.id(&whole.users, user)?);
        self.pairs.items.push(self.new_items.id(&whole.items, item)?);
        Ok(())
    }
}

impl Negatives {
    /// Adds a piece behind those that stand before it in the file.
    pub(super) fn put(&mut self, piece: NegativesPiece) -> Result<(), DataError> {
        let NegativesPiece { new_users, new_items, mut pairs } = piece;
        new_users.settle(&mut self.users, &mut pairs.users)?;
        new_items.settle(&mut self.items, &mut pairs.items)?;
        self.pairs.users.append(&mut pairs.users);
        self.pairs.items.append(&mut pairs.items);
        Ok(())
    }

    /// Says which part the rows since the last file belong to.
    pub(super) fn end_file(&mut self, part: Option<Part>) {
        let added = self.pairs.users.len() - self.parts.len();
        self.parts.extend(part.into_iter().cycle().take(added));
    }

    /// The negatives under the numbers of the interactions, without what repeats or contradicts; `None` where no row
    /// was labelled 0.
    pub(super) fn settle(self, users: &Vocabulary, items: &Vocabulary, log: &Log, report: &mut Report) -> Option<Log> {
        let Self { users: own_users, items: own_items, pairs, parts } = self;
        if pairs.users.is_empty() {
            return None;
        }
        let user_of: Vec<_> = own_users.names().map(|name| users.get(name).map(UserId)).collect();
        let item_of: Vec<_> = own_items.names().map(|name| items.get(name).map(ItemId)).collect();
        let ends = |row: usize| (user_of[pairs.users[row] as usize], item_of[pairs.items[row] as usize]);
        let rows = 0..pairs.users.len();
        let named: HashSet<_> = rows.clone().filter_map(|row| ends(row).0.zip(ends(row).1)).collect();
        let positives = log.users.iter().copied().zip(log.items.iter().copied());
        let positives: HashSet<_> = positives.filter(|pair| named.contains(pair)).collect();
        let mut step = Step::new("negatives");
        let mut kept = HashSet::with_capacity(named.len());
        let mut negatives = Log { parts: (!parts.is_empty()).then(Vec::new), ..Log::default() };
        for row in rows {
            let part = parts.get(row).copied();
            let fate = match ends(row) {
                (None, _) => Err(Reason::UnknownUser),
                (_, None) => Err(Reason::UnknownItem),
                (Some(user), Some(item)) if positives.contains(&(user, item)) => Err(Reason::AlsoPositive),
                (Some(user), Some(item)) if !kept.insert((user, item, part)) => Err(Reason::Repeated),
                (Some(user), Some(item)) => Ok((user, item)),
            };
            match fate {
                Err(reason) => step.drop(reason, row as u64 + 1),
                Ok((user, item)) => {
                    step.keep();
                    negatives.users.push(user);
                    negatives.items.push(item);
                    if let Some((parts, part)) = negatives.parts.as_mut().zip(part) {
                        parts.push(part);
                    }
                }
            }
        }
        report.steps.push(step);
        Some(negatives)
    }
}
