//! A symmetric positive definite matrix in square tiles, inverted in place.
//!
//! ```text
//! sweep of block k, D = A(k,k)^-1:      A(k,k) = -D
//!                                       A(i,k) = A(i,k) D
//!                                       A(i,j) = A(i,j) - A(i,k) D A(k,j)     i, j other than k
//! after every block was swept:          A      = -(what A was)^-1
//! ```
//!
//! The sweep operator (Goodnight, The American Statistician 1979) by blocks: as many operations as a
//! Cholesky factor and its inverse, in one triangle and two panels. The library's inverse would hold
//! three full matrices. One task owns a tile, so that the result does not depend on the number of
//! threads. It is for matrices that a ridge keeps away from singular: there is no pivoting.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt::{factor, inverse};
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par};
use gnnrec_graph::Csr;
use rayon::prelude::*;

/// Rows and columns of a tile.
pub(super) const TILE: usize = 512;

/// Row-major, `TILE x TILE`.
type Tile = Vec<f32>;

/// Bytes of the mirrored matrix, padding included.
pub(super) fn num_bytes(size: usize) -> u64 {
    let padded = size.div_ceil(TILE) as u64 * TILE as u64;
    4 * padded * padded
}

/// The lower triangle, tile by tile: (0,0) (1,0) (1,1) (2,0) ... The last tiles are padded with rows of
/// the unit matrix.
pub(super) struct SymmetricTiles {
    tiles: Vec<Tile>,
    size: usize,
}

/// Both triangles.
pub(super) struct MirroredTiles {
    lower: Vec<Tile>,
    /// The transpose of each tile of `lower`; empty on the diagonal, whose tiles are symmetric.
    upper: Vec<Tile>,
}

fn position(row: usize, col: usize) -> usize {
    debug_assert!(row >= col, "only the lower triangle is stored");
    row * (row + 1) / 2 + col
}

impl SymmetricTiles {
    /// `AAᵀ + l2 I` of the pattern `A`, which is given with its transpose.
    pub(super) fn gram(pattern: &Csr, transposed: &Csr, l2: f32) -> Self {
        let size = pattern.num_rows();
        let tiles_of = |row: usize| {
            let mut tiles = vec![vec![0f32; TILE * TILE]; row + 1];
            let rows = row * TILE..size.min((row + 1) * TILE);
            for n in 0..TILE {
                tiles[row][n * TILE + n] = if n < rows.len() { l2 } else { 1.0 };
            }
            for (n, index) in rows.enumerate() {
                for &col in pattern.row(index) {
                    let others = transposed.row(col as usize).iter().map(|&other| other as usize);
                    for other in others.take_while(|other| other / TILE <= row) {
                        tiles[other / TILE][n * TILE + other % TILE] += 1.0;
                    }
                }
            }
            tiles
        };
        let tiles: Vec<Vec<Tile>> = (0..size.div_ceil(TILE)).into_par_iter().map(tiles_of).collect();
        Self { tiles: tiles.into_iter().flatten().collect(), size }
    }

    /// Leaves the negative of the inverse.
    ///
    /// # Errors
    /// The first row of a block that is not positive definite.
    pub(super) fn invert(&mut self) -> Result<(), usize> {
        let num_blocks = self.size.div_ceil(TILE);
        for k in 0..num_blocks {
            let pivot = inverse_of(&self.tiles[position(k, k)]).ok_or(k * TILE)?;
            let old: Vec<Tile> = (0..num_blocks).into_par_iter().map(|i| self.tile(i, k)).collect();
            let new: Vec<Tile> = old
                .par_iter()
                .map(|old| {
                    let mut new = vec![0f32; TILE * TILE];
                    matmul(view_mut(&mut new), Accum::Replace, view(old), view(&pivot), 1.0, Par::Seq);
                    new
                })
                .collect();
            let places: Vec<(usize, usize)> = (0..num_blocks).flat_map(|i| (0..=i).map(move |j| (i, j))).collect();
            self.tiles.par_iter_mut().zip(places).for_each(|(tile, (i, j))| match (i == k, j == k) {
                (true, true) => tile.iter_mut().zip(&pivot).for_each(|(value, pivot)| *value = -pivot),
                (false, true) => tile.copy_from_slice(&new[i]),
                (true, false) => *tile = transposed(&new[j]),
                (false, false) => {
                    matmul(view_mut(tile), Accum::Add, view(&new[i]), view(&old[j]).transpose(), -1.0, Par::Seq);
                }
            });
        }
        Ok(())
    }

    /// Sets the diagonal to 0 and returns the negative of what it was.
    pub(super) fn take_diagonal(&mut self) -> Vec<f32> {
        let diagonal = |row: usize| {
            let block = row / TILE;
            -std::mem::take(&mut self.tiles[position(block, block)][row % TILE * (TILE + 1)])
        };
        (0..self.size).map(diagonal).collect()
    }

    /// Adds the other triangle, so that rows can be read.
    pub(super) fn mirror(self) -> MirroredTiles {
        let num_blocks = self.size.div_ceil(TILE);
        let places: Vec<(usize, usize)> = (0..num_blocks).flat_map(|i| (0..=i).map(move |j| (i, j))).collect();
        let upper = self.tiles.par_iter().zip(places);
        let upper = upper.map(|(tile, (i, j))| if i == j { Vec::new() } else { transposed(tile) }).collect();
        MirroredTiles { lower: self.tiles, upper }
    }

    /// A copy of any tile.
    fn tile(&self, row: usize, col: usize) -> Tile {
        if row >= col { self.tiles[position(row, col)].clone() } else { transposed(&self.tiles[position(col, row)]) }
    }
}

impl MirroredTiles {
    /// The part of a row that lies in one column of tiles, padding included.
    pub(super) fn row(&self, row: usize, tile: usize) -> &[f32] {
        let block = row / TILE;
        let tile = if block >= tile { &self.lower[position(block, tile)] } else { &self.upper[position(tile, block)] };
        &tile[row % TILE * TILE..][..TILE]
    }
}

fn view(tile: &[f32]) -> MatRef<'_, f32> {
    MatRef::from_row_major_slice(tile, TILE, TILE)
}

fn view_mut(tile: &mut [f32]) -> MatMut<'_, f32> {
    MatMut::from_row_major_slice_mut(tile, TILE, TILE)
}

/// The transpose, in squares that stay in the cache.
fn transposed(tile: &[f32]) -> Tile {
    const SQUARE: usize = 16;
    let mut out = vec![0f32; TILE * TILE];
    for first_row in (0..TILE).step_by(SQUARE) {
        for first_col in (0..TILE).step_by(SQUARE) {
            for row in first_row..first_row + SQUARE {
                for col in first_col..first_col + SQUARE {
                    out[col * TILE + row] = tile[row * TILE + col];
                }
            }
        }
    }
    out
}

/// The inverse of one tile in double precision, or `None` if it is not positive definite.
fn inverse_of(tile: &[f32]) -> Option<Tile> {
    let mut lower = Mat::from_fn(TILE, TILE, |row, col| f64::from(tile[row * TILE + col]));
    let need = factor::cholesky_in_place_scratch::<f64>(TILE, Par::Seq, Default::default())
        .or(inverse::inverse_scratch::<f64>(TILE, Par::Seq));
    let mut memory = MemBuffer::new(need);
    let stack = MemStack::new(&mut memory);
    factor::cholesky_in_place(lower.as_mut(), Default::default(), Par::Seq, stack, Default::default()).ok()?;
    let mut inverse = Mat::<f64>::zeros(TILE, TILE);
    inverse::inverse(inverse.as_mut(), lower.as_ref(), Par::Seq, stack);
    #[expect(clippy::cast_possible_truncation, reason = "rounded to the precision of the tiles")]
    let value = |n: usize| inverse[((n / TILE).max(n % TILE), (n / TILE).min(n % TILE))] as f32;
    Some((0..TILE * TILE).map(value).collect())
}
