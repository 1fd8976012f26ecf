//! Which interactions stay: a least rating, no duplicates, enough of them for each user and item.

use gnnrec_graph::{ItemId, UserId};
use serde::{Deserialize, Serialize};

use crate::groups::{Groups, for_each_duplicate};
use crate::report::{Reason, Step};
use crate::{DataError, Dataset, Log, Part};

/// What to do with several rows of one user and item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeepDuplicate {
    /// Keep the first row of the log.
    First,
    /// Keep the last row of the log: the user's last word, as [`Dataset::split`] does.
    #[default]
    Last,
    /// Keep the row with the greatest rating, of equals the first.
    MaxRating,
    /// Refuse the dataset, naming the row.
    Error,
}

/// What to keep of a dataset. The default drops duplicates alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// Rows rated lower are dropped, from every part.
    pub min_rating: Option<f32>,
    /// Least number of interactions of a user.
    pub user_core: usize,
    /// Least number of interactions of an item.
    pub item_core: usize,
    /// Which row of several of one user and item. In a published split each part is looked at alone: a
    /// pair in both training and test stays in both, as published, and [`Dataset::split`] counts it.
    pub duplicates: KeepDuplicate,
}

impl Dataset {
    /// The dataset without the rows that the filter refuses.
    ///
    /// In this order: ratings, duplicates, cores. Cores are taken until nothing changes: every user and
    /// item left has enough interactions with those left. Where the dataset has a published split, only
    /// training rows count, and a user or item without enough of them leaves every part. Users and items
    /// left without a row leave the vocabularies, the others keep their order; ties, titles,
    /// features, negatives and the alignment follow, entities stay. Linear in the rows but for the search of duplicates, which sorts each
    /// user's rows.
    ///
    /// # Errors
    /// A least rating or [`KeepDuplicate::MaxRating`] for a dataset without ratings, a least rating that
    /// is not finite, a repeated pair under [`KeepDuplicate::Error`], or nothing left.
    pub fn filtered(self, filter: &Filter) -> Result<Self, DataError> {
        let mut fate: Vec<Option<Reason>> = vec![None; self.log.len()];
        self.low_ratings(filter, &mut fate)?;
        self.duplicates(filter, &mut fate)?;
        cores(&self.log, (self.num_users(), self.num_items()), filter, &mut fate);
        let mut step = Step::new("filter");
        let mut rows = Vec::with_capacity(fate.len());
        for (row, fate) in fate.into_iter().enumerate() {
            match fate {
                Some(reason) => step.drop(reason, row as u64 + 1),
                None => {
                    step.keep();
                    rows.push(row);
                }
            }
        }
        self.with_rows(&rows, step)
    }

    fn low_ratings(&self, filter: &Filter, fate: &mut [Option<Reason>]) -> Result<(), DataError> {
        let Some(least) = filter.min_rating else { return Ok(()) };
        if !least.is_finite() {
            let found = least.to_string();
            return Err(DataError::Setting { field: "min_rating", found, expected: "a finite number" });
        }
        let ratings = self.log.ratings.as_ref().ok_or_else(|| self.needs("min_rating", "ratings"))?;
        for (fate, _) in fate.iter_mut().zip(ratings).filter(|&(_, &rating)| rating < least) {
            *fate = Some(Reason::LowRating);
        }
        Ok(())
    }

    fn duplicates(&self, filter: &Filter, fate: &mut [Option<Reason>]) -> Result<(), DataError> {
        let ratings = match filter.duplicates {
            KeepDuplicate::MaxRating => {
                Some(self.log.ratings.as_ref().ok_or_else(|| self.needs("duplicates = \"max-rating\"", "ratings"))?)
            }
            _ => None,
        };
        let by_user = {
            let rows = (0..self.log.len()).filter(|&row| fate[row].is_none());
            Groups::new(self.num_users(), rows, |row| self.log.users[row].index())
        };
        for_each_duplicate(&self.log, self.num_items(), &by_user, |rows| {
            let kept = match filter.duplicates {
                KeepDuplicate::First => rows[0],
                KeepDuplicate::Last => rows[rows.len() - 1],
                KeepDuplicate::MaxRating => {
                    let rating = |row: usize| ratings.map_or(0.0, |ratings| ratings[row]);
                    rows.iter().copied().fold(rows[0], |best, row| if rating(row) > rating(best) { row } else { best })
                }
                KeepDuplicate::Error => {
                    let (user, item) = (self.log.users[rows[1]], self.log.items[rows[1]]);
                    let (user, item) = (self.user_name(user).to_owned(), self.item_name(item).to_owned());
                    return Err(DataError::Duplicate { row: rows[1] + 1, user, item });
                }
            };
            for &row in rows.iter().filter(|&&row| row != kept) {
                fate[row] = Some(Reason::Duplicate);
            }
            Ok(())
        })
    }

    fn needs(&self, what: &'static str, needs: &'static str) -> DataError {
        DataError::Needs { what, needs, dataset: self.name.clone(), remedy: "leave it out" }
    }

    /// The dataset with some of its rows, renumbered.
    fn with_rows(mut self, rows: &[usize], mut step: Step) -> Result<Self, DataError> {
        if rows.is_empty() {
            let (what, remedy) = ("interaction", "lower `min_rating`, `user_core` or `item_core`");
            return Err(DataError::NothingLeft { step: "the filter", what, remedy });
        }
        let mut log = self.log.select(rows);
        let users = Renumbering::new(self.num_users(), UserId::peel_slice(&log.users));
        let items = Renumbering::new(self.num_items(), ItemId::peel_slice(&log.items));
        renumber(&mut log, &users, &items);
        step.note("users left without interactions", self.num_users() - users.kept.len());
        step.note("items left without interactions", self.num_items() - items.kept.len());
        if let Some(ties) = &mut self.ties {
            let before = ties.pairs.len();
            let renumbered = |&(a, b): &(UserId, UserId)| Some((UserId(users.of(a.0)?), UserId(users.of(b.0)?)));
            ties.pairs = ties.pairs.iter().filter_map(renumbered).collect();
            step.note("ties of users who left", before - ties.pairs.len());
        }
        if let Some(facts) = &mut self.facts {
            facts.entity_of_item = items.select(&facts.entity_of_item);
        }
        if let Some(negatives) = &mut self.negatives {
            let before = negatives.len();
            let stays = |row: &usize| {
                users.of(negatives.users[*row].0).is_some() && items.of(negatives.items[*row].0).is_some()
            };
            let rows: Vec<usize> = (0..before).filter(stays).collect();
            *negatives = negatives.select(&rows);
            renumber(negatives, &users, &items);
            step.note("negatives of users or items who left", before - negatives.len());
        }
        self.titles = self.titles.as_ref().map(|titles| items.select(titles));
        self.item_features = self.item_features.as_ref().map(|features| features.select(&items.kept));
        self.user_features = self.user_features.as_ref().map(|features| features.select(&users.kept));
        self.users = self.users.select(&users.kept);
        self.items = self.items.select(&items.kept);
        self.log = log;
        self.report.steps.push(step);
        Ok(self)
    }
}

/// Gives the users and items of some rows, all of which stay, their new numbers.
fn renumber(log: &mut Log, users: &Renumbering, items: &Renumbering) {
    for (user, item) in log.users.iter_mut().zip(&mut log.items) {
        (user.0, item.0) = (users.of_kept(user.0), items.of_kept(item.0));
    }
}

/// Marks the rows that fall out of the core.
fn cores(log: &Log, (num_users, num_items): (usize, usize), filter: &Filter, fate: &mut [Option<Reason>]) {
    if filter.user_core == 0 && filter.item_core == 0 {
        return;
    }
    let alive: Vec<usize> = (0..log.len()).filter(|&row| fate[row].is_none()).collect();
    let by_user = Groups::new(num_users, alive.iter().copied(), |row| log.users[row].index());
    let by_item = Groups::new(num_items, alive.iter().copied(), |row| log.items[row].index());
    let counts = |row: usize| log.parts.as_ref().is_none_or(|parts| parts[row] == Part::Train);
    let degrees = |groups: &Groups| -> Vec<usize> {
        groups.iter().map(|rows| rows.iter().filter(|&&row| counts(row)).count()).collect()
    };
    // Users are nodes 0 .. num_users, items follow.
    let mut degree = [degrees(&by_user), degrees(&by_item)].concat();
    let least = |node: usize| if node < num_users { filter.user_core } else { filter.item_core };
    let mut leaving: Vec<usize> = (0..degree.len()).filter(|&node| degree[node] < least(node)).collect();
    while let Some(node) = leaving.pop() {
        let (rows, reason) = if node < num_users {
            (by_user.of(node), Reason::UserCore)
        } else {
            (by_item.of(node - num_users), Reason::ItemCore)
        };
        for &row in rows {
            if fate[row].is_some() {
                continue;
            }
            fate[row] = Some(reason);
            let (user, item) = (log.users[row].index(), num_users + log.items[row].index());
            let other = if node < num_users { item } else { user };
            if counts(row) {
                degree[other] -= 1;
                if degree[other] + 1 == least(other) {
                    leaving.push(other);
                }
            }
        }
    }
}

/// Old numbers to new ones.
struct Renumbering {
    kept: Vec<u32>,
    new: Vec<Option<u32>>,
}

impl Renumbering {
    /// Keeps the ids that are used, in their order.
    fn new(count: usize, used: &[u32]) -> Self {
        let mut new = vec![None; count];
        for &id in used {
            new[id as usize] = Some(0);
        }
        let mut kept = Vec::new();
        for (id, slot) in (0..).zip(&mut new) {
            if let Some(number) = slot {
                *number = u32::try_from(kept.len()).expect("no more ids are kept than there were");
                kept.push(id);
            }
        }
        Self { kept, new }
    }

    fn of(&self, id: u32) -> Option<u32> {
        self.new[id as usize]
    }

    fn of_kept(&self, id: u32) -> u32 {
        self.of(id).expect("the rows that stay name only ids that stay")
    }

    fn select<T: Clone>(&self, column: &[T]) -> Vec<T> {
        self.kept.iter().map(|&id| column[id as usize].clone()).collect()
    }
}
