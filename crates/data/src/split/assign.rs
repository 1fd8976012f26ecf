//! Which part each row goes to.
//!
//! Chance is drawn from a stream of the user's or item's *name*, so that a split does not change when
//! the lines of a file are reordered between users, nor with the number of threads.

use gnnrec_graph::UserId;
use gnnrec_sampling::{Purpose, stream};
use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

use super::{By, Scope, Split};
use crate::groups::Groups;
use crate::{DataError, Dataset, Part, Vocabulary};

/// What a stream of chance belongs to: no two share one.
#[derive(Clone, Copy)]
pub(super) enum Owner {
    User = 1,
    Item = 2,
    Log = 3,
    /// The negatives of a user.
    Negatives = 4,
}

/// Rows of the log with the part that each goes to; duplicates are not among them.
pub(super) struct Assignment<'a> {
    pub(super) dataset: &'a Dataset,
    pub(super) seed: u64,
    /// Rows to share out, ascending.
    pub(super) rows: Vec<usize>,
    /// By row of the log.
    pub(super) parts: Vec<Part>,
}

impl<'a> Assignment<'a> {
    pub(super) fn assign(&mut self, split: &Split) -> Result<(), DataError> {
        match *split {
            Split::Given { validation } => self.given(validation),
            Split::Ratio { scope, validation, test } => {
                check(validation, test)?;
                self.each_in(scope, |this, rows, rng| {
                    rows.shuffle(rng);
                    this.cut_ends(rows, validation, test);
                });
                Ok(())
            }
            Split::LeaveOneOut { validation, by } => self.leave_one_out(validation, by),
            Split::Temporal { scope, validation, test } => {
                check(validation, test)?;
                let times = self.times("temporal")?;
                self.each_in(scope, |this, rows, _| {
                    rows.sort_by_key(|&row| (times[row], row));
                    this.cut_ends(rows, validation, test);
                });
                Ok(())
            }
            Split::ColdUsers { validation, test } => {
                check(validation, test)?;
                let users = &self.dataset.log.users;
                self.cold(Owner::User, &self.dataset.users, validation, test, |row| users[row].index());
                Ok(())
            }
            Split::ColdItems { validation, test } => {
                check(validation, test)?;
                let items = &self.dataset.log.items;
                self.cold(Owner::Item, &self.dataset.items, validation, test, |row| items[row].index());
                Ok(())
            }
        }
    }

    fn given(&mut self, validation: f64) -> Result<(), DataError> {
        let dataset = self.dataset;
        let given = dataset.log.parts.as_ref().ok_or_else(|| DataError::Needs {
            what: "the split `given`",
            needs: "train and test files",
            dataset: dataset.name.clone(),
            remedy: "choose another split, as in `kind = \"ratio\"`",
        })?;
        self.parts.clone_from(given);
        if validation.abs().to_bits() == 0 {
            return Ok(());
        }
        let found = validation.to_string();
        if given.contains(&Part::Validation) {
            let expected = "0, since the files name a validation part";
            return Err(DataError::Setting { field: "validation", found, expected });
        }
        if !(validation > 0.0 && validation < 1.0) {
            return Err(DataError::Setting { field: "validation", found, expected: "at least 0 and below 1" });
        }
        let all = std::mem::take(&mut self.rows);
        self.rows = all.iter().copied().filter(|&row| given[row] == Part::Train).collect();
        self.each_in(Scope::User, |this, rows, rng| {
            rows.shuffle(rng);
            this.cut_ends(rows, validation, 0.0);
        });
        self.rows = all;
        Ok(())
    }

    fn leave_one_out(&mut self, validation: bool, by: By) -> Result<(), DataError> {
        let times = if by == By::Time { self.times("leave-one-out by time")? } else { &[] };
        self.each_in(Scope::User, |this, rows, rng| {
            match by {
                By::Time => rows.sort_by_key(|&row| (times[row], row)),
                By::Order => {}
                By::Random => rows.shuffle(rng),
            }
            if let [.., _, last] = rows {
                this.parts[*last] = Part::Test;
            }
            if let [.., _, before, _] = rows
                && validation
            {
                this.parts[*before] = Part::Validation;
            }
        });
        Ok(())
    }

    /// The last rows are tested, those before them validated; one row at least stays in training.
    fn cut_ends(&mut self, rows: &[usize], validation: f64, test: f64) {
        let num_test = share(rows.len(), test).min(rows.len().saturating_sub(1));
        let num_validation = share(rows.len(), validation).min((rows.len() - num_test).saturating_sub(1));
        let tested = rows.len() - num_test;
        for &row in &rows[tested..] {
            self.parts[row] = Part::Test;
        }
        for &row in &rows[tested - num_validation..tested] {
            self.parts[row] = Part::Validation;
        }
    }

    /// All rows of the owners drawn for a part go there; one owner at least stays in training.
    fn cold(
        &mut self,
        owner: Owner,
        names: &Vocabulary,
        validation: f64,
        test: f64,
        owner_of: impl Fn(usize) -> usize,
    ) {
        let groups = Groups::new(names.len(), self.rows.iter().copied(), owner_of);
        let mut drawn: Vec<(u64, &str, usize)> = names
            .names()
            .enumerate()
            .filter(|&(at, _)| !groups.of(at).is_empty())
            .map(|(at, name)| (self.stream(owner, name).random(), name, at))
            .collect();
        drawn.sort_unstable();
        let num_test = share(drawn.len(), test).max(1).min(drawn.len().saturating_sub(1));
        let num_validation = share(drawn.len(), validation).min((drawn.len() - num_test).saturating_sub(1));
        for (position, &(_, _, at)) in drawn.iter().enumerate().take(num_test + num_validation) {
            let part = if position < num_test { Part::Test } else { Part::Validation };
            for &row in groups.of(at) {
                self.parts[row] = part;
            }
        }
    }

    /// Calls `each` with the rows of every user, or with all of them, ascending.
    fn each_in(&mut self, scope: Scope, mut each: impl FnMut(&mut Self, &mut [usize], &mut ChaCha8Rng)) {
        if scope == Scope::Global {
            let mut rows = self.rows.clone();
            let mut rng = self.stream(Owner::Log, "");
            each(self, &mut rows, &mut rng);
            return;
        }
        let users = &self.dataset.log.users;
        let groups = Groups::new(self.dataset.num_users(), self.rows.iter().copied(), |row| users[row].index());
        for user in (0..).take(self.dataset.num_users()).map(UserId) {
            let mut rows = groups.of(user.index()).to_vec();
            let mut rng = self.stream(Owner::User, self.dataset.user_name(user));
            each(self, &mut rows, &mut rng);
        }
    }

    fn stream(&self, owner: Owner, name: &str) -> ChaCha8Rng {
        stream_of(self.seed, owner, name)
    }

    fn times(&self, what: &'static str) -> Result<&'a [i64], DataError> {
        let needs = || DataError::Needs {
            what,
            needs: "times",
            dataset: self.dataset.name.clone(),
            remedy: "name the column, or choose a split without times, as in `by = \"order\"`",
        };
        self.dataset.log.times.as_deref().ok_or_else(needs)
    }
}

/// The stream of one name.
pub(super) fn stream_of(seed: u64, owner: Owner, name: &str) -> ChaCha8Rng {
    let hash = Sha256::digest(name);
    let key = u64::from_le_bytes(hash[..8].try_into().expect("a SHA-256 has 32 bytes"));
    stream(seed, Purpose::Split, [owner as u64, key])
}

/// A fraction of some rows, to the nearest whole row.
fn share(count: usize, fraction: f64) -> usize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rounded, between 0 and the count")]
    #[expect(clippy::cast_precision_loss, reason = "exact below 2^53 rows")]
    let share = (count as f64 * fraction).round() as usize;
    share
}

fn check(validation: f64, test: f64) -> Result<(), DataError> {
    let wrong = |field, found: f64, expected| Err(DataError::Setting { field, found: found.to_string(), expected });
    if !(test > 0.0 && test < 1.0) {
        return wrong("test", test, "above 0 and below 1");
    }
    if !(0.0..1.0).contains(&validation) {
        return wrong("validation", validation, "at least 0 and below 1");
    }
    if validation + test >= 1.0 {
        return wrong("validation + test", validation + test, "below 1, so that something is left to train on");
    }
    Ok(())
}
