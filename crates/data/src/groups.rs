//! Rows of a log, grouped by user or by item.

use rayon::prelude::*;

use crate::{Log, Part};

/// Row numbers by key: those of key `k` are `rows[starts[k] .. starts[k + 1]]`, ascending.
pub(crate) struct Groups {
    starts: Vec<usize>,
    rows: Vec<usize>,
}

impl Groups {
    /// Groups the rows by `key(row)`, in linear time.
    pub(crate) fn new(
        num_keys: usize,
        rows: impl Iterator<Item = usize> + Clone,
        key: impl Fn(usize) -> usize,
    ) -> Self {
        let mut starts = vec![0usize; num_keys + 1];
        for row in rows.clone() {
            starts[key(row) + 1] += 1;
        }
        for at in 0..num_keys {
            starts[at + 1] += starts[at];
        }
        let mut next = starts.clone();
        let mut grouped = vec![0; starts[num_keys]];
        for row in rows {
            let slot = &mut next[key(row)];
            grouped[*slot] = row;
            *slot += 1;
        }
        Self { starts, rows: grouped }
    }

    pub(crate) fn of(&self, key: usize) -> &[usize] {
        &self.rows[self.starts[key]..self.starts[key + 1]]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[usize]> {
        self.starts.windows(2).map(|bounds| &self.rows[bounds[0]..bounds[1]])
    }
}

/// Calls `each` with the rows of every (part, user, item) that several rows share, ascending.
///
/// Linear in the rows of users without such rows; the rows of the others are sorted.
pub(crate) fn for_each_duplicate<E>(
    log: &Log,
    num_items: usize,
    by_user: &Groups,
    mut each: impl FnMut(&[usize]) -> Result<(), E>,
) -> Result<(), E> {
    let part = |row: usize| log.parts.as_ref().map_or(Part::Train, |parts| parts[row]);
    // The last user seen with an item in a part, plus one.
    let repeats = |seen: &mut Vec<[usize; 3]>, user: usize| {
        by_user.of(user).iter().any(|&row| {
            let last = seen.get_mut(log.items[row].index()).map(|last| &mut last[part(row) as usize]);
            // An item outside the catalogue is for others to name.
            last.is_none_or(|last| std::mem::replace(last, user + 1) == user + 1)
        })
    };
    let num_users = by_user.starts.len() - 1;
    let share = num_users / (2 * rayon::current_num_threads()) + 1;
    let users = (0..num_users).into_par_iter().with_min_len(share);
    let users = users.map_init(|| vec![[0; 3]; num_items], |seen, user| repeats(seen, user).then_some(user));
    let users: Vec<usize> = users.flatten_iter().collect();
    let mut keys = Vec::new();
    for user in users {
        keys.clear();
        keys.extend(by_user.of(user).iter().map(|&row| (part(row), log.items[row], row)));
        keys.sort_unstable();
        for same in keys.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)).filter(|same| same.len() > 1) {
            each(&same.iter().map(|&(_, _, row)| row).collect::<Vec<_>>())?;
        }
    }
    Ok(())
}
