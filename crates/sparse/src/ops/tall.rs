//! Sums over the rows of a table that has very many of them, by blocks: a device would give each column to one unit.

use std::ops::Range;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend as BurnBackend, TensorMetadata};
use burn::tensor::Shape;

use super::grouped::rows_of;

/// Rows of a block.
const BLOCK: usize = 512;

/// Rows that stand in whole blocks, counted from the first; 0 for a table of too few to be cut.
pub(crate) fn whole_blocks(rows: usize) -> usize {
    if rows < 8 * BLOCK { 0 } else { rows / BLOCK * BLOCK }
}

/// The first `whole` rows as `blocks x rows of a block x width`.
pub(crate) fn blocks<B: BurnBackend>(x: &FloatTensor<B>, whole: usize) -> FloatTensor<B> {
    let width = x.shape()[1];
    let rows: Range<usize> = 0..whole;
    B::float_reshape(rows_of::<B>(x, rows), Shape::new([whole / BLOCK, BLOCK, width]))
}

/// The sum of all rows, `1 x width`.
pub(crate) fn tall_sum<B: BurnBackend>(x: FloatTensor<B>) -> FloatTensor<B> {
    let (rows, width) = (x.shape()[0], x.shape()[1]);
    let whole = whole_blocks(rows);
    if whole == 0 {
        return B::float_sum_dim(x, 0);
    }
    let sums = B::float_sum_dim(blocks::<B>(&x, whole), 1);
    let sum = B::float_reshape(B::float_sum_dim(sums, 0), Shape::new([1, width]));
    if whole == rows {
        return sum;
    }
    B::float_add(sum, B::float_sum_dim(rows_of::<B>(&x, whole..rows), 0))
}
