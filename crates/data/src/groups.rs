//! Rows of a log, grouped by user or by item.

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
pub(crate) fn for_each_duplicate<E>(
    log: &Log,
    by_user: &Groups,
    mut each: impl FnMut(&[usize]) -> Result<(), E>,
) -> Result<(), E> {
    let mut keys = Vec::new();
    for rows in by_user.iter() {
        keys.clear();
        let part = |row: usize| log.parts.as_ref().map_or(Part::Train, |parts| parts[row]);
        keys.extend(rows.iter().map(|&row| (part(row), log.items[row], row)));
        keys.sort_unstable();
        for same in keys.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)).filter(|same| same.len() > 1) {
            each(&same.iter().map(|&(_, _, row)| row).collect::<Vec<_>>())?;
        }
    }
    Ok(())
}
