//! Which rows of a propagated table a step asks for, and which of them more than once.

use std::ops::Range;

use crate::layout::Layout;

/// Says that a position is not asked for.
const NONE: u32 = u32::MAX;

/// Rows asked for, as distinct positions of a layout in ascending order.
#[derive(Debug)]
pub(crate) struct Lookup {
    /// The distinct positions.
    pub(crate) positions: Vec<u32>,
    /// By position: its number among the distinct ones, or [`NONE`].
    number_of: Vec<u32>,
    /// For each row asked for, in the order of asking: its number.
    pub(crate) numbers: Vec<u32>,
    /// For each number the rows that ask for it: `askers[asker_ends[n - 1] .. asker_ends[n]]`, ascending.
    asker_ends: Vec<usize>,
    askers: Vec<u32>,
}

impl Lookup {
    /// Linear in the nodes and the rows asked for.
    ///
    /// # Panics
    /// If a row lies outside the matrix.
    pub(crate) fn new(layout: &Layout, rows: &[u32]) -> Self {
        let mut number_of = vec![NONE; layout.num_rows()];
        let at = |&row: &u32| layout.rows.position_of[row as usize] as usize;
        rows.iter().for_each(|row| number_of[at(row)] = 0);
        let mut positions = Vec::with_capacity(rows.len().min(layout.num_rows()));
        for (position, number) in (0..).zip(&mut number_of) {
            if *number != NONE {
                *number = u32::try_from(positions.len()).expect("nodes are counted by a u32");
                positions.push(position);
            }
        }
        let numbers: Vec<u32> = rows.iter().map(|row| number_of[at(row)]).collect();
        let mut asker_ends = vec![0; positions.len() + 1];
        numbers.iter().for_each(|&number| asker_ends[number as usize + 1] += 1);
        for number in 1..asker_ends.len() {
            asker_ends[number] += asker_ends[number - 1];
        }
        let (mut askers, mut next) = (vec![0; rows.len()], asker_ends.clone());
        for (asker, &number) in (0..).zip(&numbers) {
            askers[next[number as usize]] = asker;
            next[number as usize] += 1;
        }
        Self { positions, number_of, numbers, asker_ends, askers }
    }

    /// The number of a position that is asked for.
    #[inline(always)]
    pub(crate) fn number(&self, position: usize) -> Option<usize> {
        let number = self.number_of[position];
        (number != NONE).then_some(number as usize)
    }

    /// The numbers of the positions in a range that are asked for.
    pub(crate) fn numbers_within(&self, positions: &Range<usize>) -> Range<usize> {
        let number = |end: usize| self.positions.partition_point(|&position| (position as usize) < end);
        number(positions.start)..number(positions.end)
    }

    /// The rows that ask for a number.
    pub(crate) fn askers(&self, number: usize) -> &[u32] {
        &self.askers[self.asker_ends[number]..self.asker_ends[number + 1]]
    }

    /// Keeps of some positions those that are asked for, as numbers, and counts them; `kept` is at least
    /// as long as `positions`. Without a branch: about a tenth pass, at random.
    #[inline(always)]
    pub(crate) fn keep(&self, positions: &[u32], kept: &mut [u32]) -> usize {
        let mut count = 0;
        for &position in positions {
            let number = self.number_of[position as usize];
            kept[count] = number;
            count += usize::from(number != NONE);
        }
        count
    }
}
