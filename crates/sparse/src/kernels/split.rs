//! Work cut by edges: tasks of about the same number of edges, whatever the degrees.
//!
//! Where the cuts fall depends on the graph and a fixed size alone, never on the number of threads, so
//! that partial sums added in their order are the same bits anywhere. It computes nothing itself.

use std::ops::Range;

use rayon::prelude::*;

/// What one task takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Whole rows, whose edges and rows together are at most the size of a task, or a single row.
    Rows(Range<usize>),
    /// One row of more edges than a task takes, to be cut into [`pieces`].
    Hub(usize),
}

impl Task {
    /// The rows of the task; a hub is one.
    #[must_use]
    pub fn rows(&self) -> Range<usize> {
        match self {
            Self::Rows(rows) => rows.clone(),
            &Self::Hub(row) => row..row + 1,
        }
    }
}

/// Every row once, in order, in tasks of about `edges_a_task` edges. A row counts as one edge more than it
/// has, so that empty rows fill a task too. One binary search a task.
///
/// # Panics
/// If `edges_a_task` is 0 or `indptr` is empty.
#[must_use]
pub fn balanced(indptr: &[usize], edges_a_task: usize) -> Vec<Task> {
    assert!(edges_a_task > 0, "a task takes at least one edge");
    let num_rows = indptr.len().checked_sub(1).expect("row boundaries start with 0");
    let mut tasks = Vec::with_capacity((indptr[num_rows] + num_rows) / edges_a_task * 2 + 1);
    let mut row = 0;
    while row < num_rows {
        if indptr[row + 1] - indptr[row] > edges_a_task {
            tasks.push(Task::Hub(row));
            row += 1;
            continue;
        }
        let most = indptr[row] + row + edges_a_task;
        // The first row is taken whatever it weighs; of the others those that still fit.
        let (mut end, mut beyond) = (row + 1, num_rows.min(row + edges_a_task) + 1);
        while beyond - end > 1 {
            let middle = end.midpoint(beyond);
            match indptr[middle] + middle <= most {
                true => end = middle,
                false => beyond = middle,
            }
        }
        tasks.push(Task::Rows(row..end));
        row = end;
    }
    tasks
}

/// A range of edges in pieces of `edges_a_task`, the last one shorter.
pub fn pieces(edges: Range<usize>, edges_a_task: usize) -> impl IndexedParallelIterator<Item = Range<usize>> {
    let starts = edges.clone().into_par_iter().step_by(edges_a_task);
    starts.map(move |start| start..edges.end.min(start + edges_a_task))
}

/// The rows that a range of edges touches, each with its edges inside the range.
pub(super) fn rows_of(indptr: &[usize], edges: Range<usize>) -> impl Iterator<Item = (usize, Range<usize>)> + '_ {
    let mut row = indptr.partition_point(|&start| start <= edges.start).saturating_sub(1);
    let mut start = edges.start;
    std::iter::from_fn(move || {
        if start >= edges.end {
            return None;
        }
        while indptr[row + 1] <= start {
            row += 1;
        }
        let end = indptr[row + 1].min(edges.end);
        Some((row, std::mem::replace(&mut start, end)..end))
    })
}

/// Runs every task of [`balanced`] on the part of `out` that its rows own: row `r` starts at `start_of(r)`.
pub(super) fn for_each_task<T: Send>(
    indptr: &[usize],
    edges_a_task: usize,
    mut out: &mut [T],
    start_of: impl Fn(usize) -> usize,
    run: impl Fn(Task, &mut [T]) + Sync,
) {
    let owned: Vec<(Task, &mut [T])> = balanced(indptr, edges_a_task)
        .into_iter()
        .map(|task| {
            let rows = task.rows();
            let length = start_of(rows.end) - start_of(rows.start);
            (task, out.split_off_mut(..length).expect("the output holds every row"))
        })
        .collect();
    owned.into_par_iter().with_max_len(1).for_each(|(task, out)| run(task, out));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn by_hand() {
        // Degrees 2, 0, 1, 9, 4, 0, 0 in tasks of 4.
        let indptr = [0, 2, 2, 3, 12, 16, 16, 16];
        let expected = [Task::Rows(0..2), Task::Rows(2..3), Task::Hub(3), Task::Rows(4..5), Task::Rows(5..7)];
        assert_eq!(balanced(&indptr, 4), expected);
        assert_eq!(pieces(3..12, 4).collect::<Vec<_>>(), [3..7, 7..11, 11..12]);
        assert_eq!(rows_of(&indptr, 1..5).collect::<Vec<_>>(), [(0, 1..2), (2, 2..3), (3, 3..5)]);
        assert_eq!(balanced(&[0], 4), []);
    }

    proptest! {
        #[test]
        fn every_row_and_edge_once_and_no_task_too_large(
            degrees in prop::collection::vec(prop_oneof![Just(0usize), 0usize..5, 0usize..100], 0..60),
            size in 1usize..40,
        ) {
            let mut indptr = vec![0];
            for degree in &degrees {
                indptr.push(indptr[indptr.len() - 1] + degree);
            }
            let tasks = balanced(&indptr, size);
            let rows: Vec<usize> = tasks.iter().flat_map(Task::rows).collect();
            prop_assert_eq!(rows, (0..degrees.len()).collect::<Vec<_>>());
            let work = |rows: Range<usize>| indptr[rows.end] - indptr[rows.start] + rows.len();
            for (task, next) in tasks.iter().zip(tasks.iter().skip(1).map(Some).chain([None])) {
                match task {
                    Task::Hub(row) => prop_assert!(degrees[*row] > size),
                    Task::Rows(rows) => {
                        prop_assert!(degrees[rows.start] <= size && (work(rows.clone()) <= size || rows.len() == 1));
                        if let Some(Task::Rows(_)) = next {
                            prop_assert!(work(rows.start..rows.end + 1) > size, "the next row would have fitted");
                        }
                    }
                }
            }
            let num_edges = indptr[degrees.len()];
            let cut: Vec<Range<usize>> = pieces(0..num_edges, size).collect();
            prop_assert!(cut.iter().all(|piece| piece.len() <= size));
            prop_assert_eq!(cut.iter().cloned().flatten().collect::<Vec<_>>(), (0..num_edges).collect::<Vec<_>>());
            let row_of: Vec<usize> = (0..degrees.len()).flat_map(|row| vec![row; degrees[row]]).collect();
            let mut found = Vec::new();
            for piece in cut {
                found.extend(rows_of(&indptr, piece).flat_map(|(row, edges)| edges.map(move |edge| (edge, row))));
            }
            prop_assert_eq!(found, row_of.into_iter().enumerate().collect::<Vec<_>>());
        }
    }
}
