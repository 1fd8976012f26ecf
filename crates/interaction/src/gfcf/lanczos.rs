//! The first right singular vectors of a sparse matrix whose norm is 1: block Lanczos on `AᵀA`.
//!
//! ```text
//! Z      = AᵀA Q(j) - Q(0) C(0) - ... - Q(j) C(j)     C(l) = Q(l)ᵀ AᵀA Q(j)
//! Q(j+1) R(j) = Z                                     a block of orthonormal columns, R upper triangular
//! T      = block tridiagonal: C(j) on the diagonal, R(j) below it
//! T s    = θ s      =>    |AᵀA Q s - θ Q s| = |R(j) s(j)|
//! ```
//!
//! Golub and Underwood, 1977, with every block made orthogonal to all earlier ones, twice. The basis
//! grows until the last identity puts the residual of every wanted vector below the tolerance. Sums over
//! rows are cut in fixed chunks and added in their order, so that the result does not depend on the
//! number of threads. It is not a general eigensolver: the matrix has norm 1 and is held in memory.

use faer::linalg::evd::{self, ComputeEigenvectors};
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par};
use gnnrec_model::ModelError;
use gnnrec_sampling::{Purpose, stream};
use gnnrec_sparse::{Adjacency, kernels};
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;

use super::NAME;

/// Columns of a block: a wider one multiplies faster and needs a larger basis.
const BLOCK: usize = 8;
/// Rows of a table that one task owns.
const ROWS_A_TASK: usize = 2048;
/// A column of `Z` shorter than this is rounding: the basis holds everything reachable from it.
const NOISE: f64 = 1e-6;
/// The basis may grow to this many times the wanted vectors ...
const MAX_GROWTH: usize = 12;
/// ... or to this many vectors, if that is more.
const SMALL_BASIS: usize = 512;

/// A row-major table, one row for each column of the matrix, [`BLOCK`] wide.
type Table = Vec<f32>;
/// `BLOCK x BLOCK`, row-major.
type Small = Vec<f64>;

/// `V`, `num_cols x count`, row-major: orthonormal, in the order of falling singular values.
///
/// `count` is at most the number of columns. Vectors of equal singular values are some basis of their
/// space, and which ones a cut through equals keeps depends on `seed`.
///
/// # Errors
/// No convergence in a basis of `12 count` or 512 vectors.
pub(super) fn right_singular_vectors(
    matrix: &Adjacency,
    count: usize,
    tolerance: f64,
    seed: u64,
) -> Result<Vec<f32>, ModelError> {
    let num_rows = matrix.num_cols();
    if num_rows <= 4 * (count + BLOCK) {
        return exact(matrix, count);
    }
    let max_blocks = (MAX_GROWTH * count).max(SMALL_BASIS).min(num_rows - 2 * BLOCK) / BLOCK;
    let mut next = vec![0f32; num_rows * BLOCK];
    let mut basis: Vec<Table> = Vec::new();
    let mut draw = Draw { seed, position: 0 };
    draw.fill(&mut next, &[true; BLOCK]);
    orthonormalise(&basis, &mut next, &mut draw);
    let (mut diagonal, mut below): (Vec<Small>, Vec<Small>) = (Vec::new(), Vec::new());
    let mut next_check = 2 * count;
    loop {
        let mut image = normal_matrix_times(matrix, &next);
        basis.push(next);
        diagonal.push(coefficients(&basis[basis.len() - 1..], &image).remove(0));
        below.push(orthonormalise(&basis, &mut image, &mut draw));
        next = image;
        let (size, last) = (basis.len() * BLOCK, basis.len() == max_blocks);
        if size >= next_check || last {
            let (_, vectors) = eigen(&tridiagonal(&diagonal, &below))?;
            let residual = residual(&vectors, count, &below[basis.len() - 1]);
            if residual <= tolerance {
                return Ok(combine(&basis, &vectors, count));
            }
            if last {
                let what = format!(
                    "{count} singular vectors have a residual of {residual:.1e} after {size} steps, expected at \
                     most {tolerance:.1e}; raise tolerance or lower num_singular_vectors"
                );
                return Err(ModelError::Numeric { model: NAME, what });
            }
            next_check = size + (count / 4).max(BLOCK);
        }
    }
}

/// The same from all eigenvectors of the dense `AᵀA`, for a matrix of few columns.
fn exact(matrix: &Adjacency, count: usize) -> Result<Vec<f32>, ModelError> {
    let size = matrix.num_cols();
    let mut dense = Mat::<f64>::zeros(size, size);
    for first in (0..size).step_by(BLOCK) {
        let mut unit = vec![0f32; size * BLOCK];
        for n in 0..BLOCK.min(size - first) {
            unit[(first + n) * BLOCK + n] = 1.0;
        }
        for (row, values) in normal_matrix_times(matrix, &unit).chunks_exact(BLOCK).enumerate() {
            for (n, &value) in values.iter().enumerate().take(size - first) {
                dense[(row, first + n)] = f64::from(value);
            }
        }
    }
    let (_, vectors) = eigen(&dense)?;
    Ok((0..size).flat_map(|row| (0..count).map(move |n| (row, n))).map(|(row, n)| to_f32(vectors[(row, n)])).collect())
}

/// `AᵀA x`.
fn normal_matrix_times(matrix: &Adjacency, x: &[f32]) -> Table {
    let mut between = vec![0f32; matrix.num_rows() * BLOCK];
    kernels::spmm(matrix, x, BLOCK, &mut between);
    let mut out = vec![0f32; x.len()];
    kernels::spmm(&matrix.transposed(), &between, BLOCK, &mut out);
    out
}

/// Makes the columns of `z` orthonormal, and orthogonal to the basis. Returns `R`: what `z` was, beyond
/// the basis, is the new `z` times `R`.
///
/// A column that is nothing but rounding is replaced by a random one, with zeros in its row of `R`.
fn orthonormalise(basis: &[Table], z: &mut [f32], draw: &mut Draw) -> Small {
    let mut product: Small = (0..BLOCK * BLOCK).map(|n| if n / BLOCK == n % BLOCK { 1.0 } else { 0.0 }).collect();
    let mut passes = 2;
    while passes > 0 {
        subtract(basis, &coefficients(basis, z), z);
        let (factor, noise) = cholesky(&gram(z));
        solve(z, &factor);
        product = multiply(&factor, &product);
        passes -= 1;
        if noise.contains(&true) {
            draw.fill(z, &noise);
            passes = 2;
        }
    }
    product
}

/// `Q(l)ᵀ z` for every block of the basis.
fn coefficients(basis: &[Table], z: &[f32]) -> Vec<Small> {
    let task = |(task, z): (usize, &[f32])| -> Vec<f32> {
        let mut all = vec![0f32; basis.len() * BLOCK * BLOCK];
        for (q, out) in basis.iter().zip(all.chunks_exact_mut(BLOCK * BLOCK)) {
            let q = &q[task * ROWS_A_TASK * BLOCK..][..z.len()];
            let out = MatMut::from_row_major_slice_mut(out, BLOCK, BLOCK);
            matmul(out, Accum::Replace, table(q).transpose(), table(z), 1.0, Par::Seq);
        }
        all
    };
    let parts: Vec<Vec<f32>> = z.par_chunks(ROWS_A_TASK * BLOCK).enumerate().map(task).collect();
    let mut sums = vec![0f64; basis.len() * BLOCK * BLOCK];
    for part in parts {
        sums.iter_mut().zip(part).for_each(|(sum, value)| *sum += f64::from(value));
    }
    sums.chunks_exact(BLOCK * BLOCK).map(<[f64]>::to_vec).collect()
}

/// `z -= Σ Q(l) C(l)`.
fn subtract(basis: &[Table], coefficients: &[Small], z: &mut [f32]) {
    let coefficients: Vec<Vec<f32>> =
        coefficients.iter().map(|small| small.iter().map(|&value| to_f32(value)).collect()).collect();
    z.par_chunks_mut(ROWS_A_TASK * BLOCK).enumerate().for_each(|(task, z)| {
        let rows = z.len() / BLOCK;
        for (q, coefficients) in basis.iter().zip(&coefficients) {
            let q = &q[task * ROWS_A_TASK * BLOCK..][..rows * BLOCK];
            let z = MatMut::from_row_major_slice_mut(z, rows, BLOCK);
            matmul(z, Accum::Add, table(q), table(coefficients), -1.0, Par::Seq);
        }
    });
}

fn table(values: &[f32]) -> MatRef<'_, f32> {
    MatRef::from_row_major_slice(values, values.len() / BLOCK, BLOCK)
}

/// `zᵀ z` in double precision, so that its factor is good for columns that are almost dependent.
fn gram(z: &[f32]) -> Small {
    let task = |z: &[f32]| {
        let mut sums = vec![0f64; BLOCK * BLOCK];
        for row in z.as_chunks::<BLOCK>().0 {
            let row = row.map(f64::from);
            for (sums, left) in sums.chunks_exact_mut(BLOCK).zip(row) {
                sums.iter_mut().zip(row).for_each(|(sum, right)| *sum += left * right);
            }
        }
        sums
    };
    let parts: Vec<Small> = z.par_chunks(ROWS_A_TASK * BLOCK).map(task).collect();
    let mut total = vec![0f64; BLOCK * BLOCK];
    for part in parts {
        total.iter_mut().zip(part).for_each(|(sum, value)| *sum += value);
    }
    total
}

/// The upper triangular `R` of `RᵀR = gram`, and which columns are [`NOISE`]: their rows of `R` are zero.
fn cholesky(gram: &[f64]) -> (Small, [bool; BLOCK]) {
    let (mut factor, mut noise) = (vec![0f64; BLOCK * BLOCK], [false; BLOCK]);
    for row in 0..BLOCK {
        let rest = |col: usize| {
            let above: f64 = (0..row).map(|k| factor[k * BLOCK + row] * factor[k * BLOCK + col]).sum();
            gram[row * BLOCK + col] - above
        };
        let pivot = rest(row);
        if pivot <= NOISE * NOISE {
            noise[row] = true;
            continue;
        }
        let values: Vec<f64> = (row..BLOCK).map(|col| rest(col) / pivot.sqrt()).collect();
        factor[row * BLOCK + row..][..BLOCK - row].copy_from_slice(&values);
    }
    (factor, noise)
}

/// `z = z R^-1`; columns whose row of `R` is zero become zero.
fn solve(z: &mut [f32], factor: &[f64]) {
    z.as_chunks_mut::<BLOCK>().0.par_iter_mut().with_min_len(ROWS_A_TASK).for_each(|row| {
        let mut rest = row.map(f64::from);
        for n in 0..BLOCK {
            let factors = &factor[n * BLOCK..][..BLOCK];
            let value = if factors[n] > 0.0 { rest[n] / factors[n] } else { 0.0 };
            rest[n..].iter_mut().zip(&factors[n..]).for_each(|(rest, factor)| *rest -= value * factor);
            row[n] = to_f32(value);
        }
    });
}

fn multiply(left: &[f64], right: &[f64]) -> Small {
    let entry = |row: usize, col: usize| (0..BLOCK).map(|k| left[row * BLOCK + k] * right[k * BLOCK + col]).sum();
    (0..BLOCK * BLOCK).map(|n| entry(n / BLOCK, n % BLOCK)).collect()
}

/// `T`. Its lower triangle is what counts.
fn tridiagonal(diagonal: &[Small], below: &[Small]) -> Mat<f64> {
    let mut out = Mat::zeros(diagonal.len() * BLOCK, diagonal.len() * BLOCK);
    for (block, small) in diagonal.iter().enumerate() {
        for (n, value) in small.iter().enumerate() {
            let (row, col) = (block * BLOCK + n / BLOCK, block * BLOCK + n % BLOCK);
            out[(row, col)] += value / 2.0;
            out[(col, row)] += value / 2.0;
        }
    }
    for (block, small) in below[..diagonal.len() - 1].iter().enumerate() {
        for (n, &value) in small.iter().enumerate() {
            out[((block + 1) * BLOCK + n / BLOCK, block * BLOCK + n % BLOCK)] = value;
        }
    }
    out
}

/// Eigenvalues in falling order and their vectors, from the lower triangle of a symmetric matrix.
fn eigen(matrix: &Mat<f64>) -> Result<(Vec<f64>, Mat<f64>), ModelError> {
    let size = matrix.nrows();
    let (mut values, mut vectors) = (vec![0f64; size], Mat::zeros(size, size));
    let need = evd::self_adjoint_evd_scratch::<f64>(size, ComputeEigenvectors::Yes, Par::Seq, Default::default());
    let mut memory = faer::dyn_stack::MemBuffer::new(need);
    evd::self_adjoint_evd(
        matrix.as_ref(),
        faer::ColMut::from_slice_mut(&mut values).as_diagonal_mut(),
        Some(vectors.as_mut()),
        Par::Seq,
        faer::dyn_stack::MemStack::new(&mut memory),
        Default::default(),
    )
    .map_err(|error| ModelError::Numeric {
        model: NAME,
        what: format!("the eigenvalues do not converge: {error:?}"),
    })?;
    values.reverse();
    Ok((values, Mat::from_fn(size, size, |row, col| vectors[(row, size - 1 - col)])))
}

/// The largest `|R s(last block)|` of the first `count` vectors.
fn residual(vectors: &Mat<f64>, count: usize, factor: &[f64]) -> f64 {
    let first = vectors.nrows() - BLOCK;
    let norm = |vector: usize| {
        let entry = |row: usize| {
            (0..BLOCK).map(|n| factor[row * BLOCK + n] * vectors[(first + n, vector)]).sum::<f64>().powi(2)
        };
        (0..BLOCK).map(entry).sum::<f64>().sqrt()
    };
    (0..count).map(norm).fold(0.0, f64::max)
}

/// `Q s` for the first `count` vectors.
fn combine(basis: &[Table], vectors: &Mat<f64>, count: usize) -> Vec<f32> {
    let vectors = Mat::<f32>::from_fn(vectors.nrows(), count, |row, col| to_f32(vectors[(row, col)]));
    let mut out = vec![0f32; basis[0].len() / BLOCK * count];
    out.par_chunks_mut(ROWS_A_TASK * count).enumerate().for_each(|(task, out)| {
        let rows = out.len() / count;
        for (block, q) in basis.iter().enumerate() {
            let q = &q[task * ROWS_A_TASK * BLOCK..][..rows * BLOCK];
            let out = MatMut::from_row_major_slice_mut(out, rows, count);
            matmul(out, Accum::Add, table(q), vectors.subrows(block * BLOCK, BLOCK), 1.0, Par::Seq);
        }
    });
    out
}

/// Where random columns come from: a new stream for each time they are needed.
struct Draw {
    seed: u64,
    position: u64,
}

impl Draw {
    /// Fills some columns with standard normal values.
    fn fill(&mut self, z: &mut [f32], columns: &[bool; BLOCK]) {
        let mut random = stream(self.seed, Purpose::Projection, [self.position, 0]);
        self.position += 1;
        for row in z.chunks_exact_mut(BLOCK) {
            for (value, _) in row.iter_mut().zip(columns).filter(|(_, chosen)| **chosen) {
                *value = StandardNormal.sample(&mut random);
            }
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "rounded to the precision of the tables")]
fn to_f32(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use gnnrec_graph::{Csr, Duplicates};
    use rand::RngExt;

    use super::*;

    /// A random graph of 400 rows, each with some of 300 columns, of which the last three are empty.
    fn matrix() -> Adjacency {
        let mut random = stream(4, Purpose::World, [0, 0]);
        let edges: Vec<(u32, u32)> = (0..400u32)
            .flat_map(|row| (0..9).map(move |_| row))
            .map(|row| (row, random.random_range(0..297).min(random.random_range(0..297))))
            .collect();
        Adjacency::symmetric_normalised(&Csr::from_edges(400, 300, &edges, Duplicates::First).unwrap())
    }

    /// `V Vᵀ`, which unlike `V` is determined.
    fn projector(vectors: &[f32], count: usize) -> Mat<f64> {
        let v = Mat::from_fn(vectors.len() / count, count, |row, col| f64::from(vectors[row * count + col]));
        &v * v.transpose()
    }

    #[test]
    fn lanczos_finds_the_space_of_the_dense_decomposition() {
        let (matrix, count) = (matrix(), 12);
        assert!(matrix.num_cols() > 4 * (count + BLOCK), "large enough for Lanczos");
        let dense = projector(&exact(&matrix, count).unwrap(), count);
        for seed in [0, 1] {
            let found = projector(&right_singular_vectors(&matrix, count, 1e-6, seed).unwrap(), count);
            let difference = (&found - &dense).norm_max();
            assert!(difference < 1e-4, "{difference}");
        }
    }

    /// 100 separate pairs and 60 empty columns: one step exhausts every start, with all singular values 1.
    #[test]
    fn a_space_that_is_exhausted_is_left_by_a_random_step() {
        let edges: Vec<(u32, u32)> = (0..200).map(|n| (n, n)).collect();
        let csr = Csr::from_edges(200, 260, &edges, Duplicates::Error).unwrap();
        let matrix = Adjacency::symmetric_normalised(&csr);
        let count = 30;
        let projector = projector(&right_singular_vectors(&matrix, count, 1e-5, 3).unwrap(), count);
        let trace = (0..200).map(|n| projector[(n, n)]).sum::<f64>();
        assert!((trace - 30.0).abs() < 1e-4, "30 orthonormal vectors over the used columns, found {trace}");
    }

    #[test]
    fn what_does_not_converge_is_an_error() {
        let edges: Vec<(u32, u32)> = (0..3000).flat_map(|n| [(n, n), (n, (n + 1) % 3000)]).collect();
        let csr = Csr::from_edges(3000, 3000, &edges, Duplicates::Error).unwrap();
        let error = right_singular_vectors(&Adjacency::symmetric_normalised(&csr), 4, 1e-6, 0).unwrap_err();
        assert!(error.to_string().contains("raise tolerance"), "{error}");
    }
}
