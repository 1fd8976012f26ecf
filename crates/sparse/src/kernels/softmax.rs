//! Softmax over the edges of each row, for several heads side by side: three passes over a row while it is
//! in cache (largest logit, exponentials, quotients).

use pulp::Arch;
use rayon::prelude::*;

use super::reduce::{EDGES_A_TASK, add};
use super::split::{Task, for_each_task};

/// `out[e][h] = exp(x[e][h] - m) / Σ_{f in r} exp(x[f][h] - m)`, `m` the largest `x[f][h]` of the row `r` of `e`:
/// over every row's edges the outputs of a head sum to 1. `x` and `out` are `num_edges x num_heads`.
///
/// A NaN or `+inf` among a row's logits makes its outputs of that head NaN, and so does a row of nothing but
/// `-inf`.
///
/// # Panics
/// If a slice has another size.
pub fn edge_softmax(indptr: &[usize], x: &[f32], num_heads: usize, out: &mut [f32]) {
    assert_eq!(x.len(), indptr[indptr.len() - 1] * num_heads, "x is num_edges x num_heads");
    assert_eq!(out.len(), x.len(), "one output for each logit");
    if num_heads == 0 {
        return;
    }
    let arch = Arch::new();
    for_each_task(
        indptr,
        EDGES_A_TASK,
        out,
        |row| indptr[row] * num_heads,
        |task, out| {
            let logits = |row: usize| &x[indptr[row] * num_heads..indptr[row + 1] * num_heads];
            match task {
                Task::Rows(rows) => arch.dispatch(|| {
                    let (mut largest, mut sums, mut rest) = (vec![0f32; num_heads], vec![0f32; num_heads], out);
                    for x in rows.map(logits) {
                        let out = rest.split_off_mut(..x.len()).expect("a task owns the edges of its rows");
                        find_largest(x, &mut largest);
                        exponentials(x, &largest, out, &mut sums);
                        divide(out, &sums);
                    }
                }),
                Task::Hub(row) => {
                    let x = logits(row);
                    let size = EDGES_A_TASK * num_heads;
                    let found = x.par_chunks(size).flat_map_iter(|x| {
                        let mut largest = vec![0f32; num_heads];
                        arch.dispatch(|| find_largest(x, &mut largest));
                        largest
                    });
                    let mut largest = vec![0f32; num_heads];
                    find_largest(&found.collect::<Vec<f32>>(), &mut largest);
                    let pieces = x.par_chunks(size).zip(out.par_chunks_mut(size));
                    let partials = pieces.map(|(x, out)| {
                        let mut sums = vec![0f32; num_heads];
                        arch.dispatch(|| exponentials(x, &largest, out, &mut sums));
                        sums
                    });
                    let partials: Vec<Vec<f32>> = partials.collect();
                    let mut sums = vec![0f32; num_heads];
                    partials.iter().for_each(|partial| add(&mut sums, partial));
                    out.par_chunks_mut(size).for_each(|out| arch.dispatch(|| divide(out, &sums)));
                }
            }
        },
    );
}

#[inline(always)]
fn find_largest(x: &[f32], largest: &mut [f32]) {
    largest.fill(f32::NEG_INFINITY);
    for x in x.chunks_exact(largest.len()) {
        for (largest, x) in largest.iter_mut().zip(x) {
            *largest = if x > largest { *x } else { *largest };
        }
    }
}

/// `out = exp(x - largest)` and, head by head, its sums.
#[inline(always)]
fn exponentials(x: &[f32], largest: &[f32], out: &mut [f32], sums: &mut [f32]) {
    let num_heads = largest.len();
    for (out, x) in out.chunks_exact_mut(num_heads).zip(x.chunks_exact(num_heads)) {
        for ((out, x), largest) in out.iter_mut().zip(x).zip(largest) {
            *out = x - largest;
        }
    }
    // A pass of its own, in which neighbouring heads and edges share a vector.
    for out in &mut *out {
        *out = out.exp();
    }
    sums.fill(0.0);
    out.chunks_exact(num_heads).for_each(|out| add(sums, out));
}

#[inline(always)]
fn divide(out: &mut [f32], sums: &[f32]) {
    for out in out.chunks_exact_mut(sums.len()) {
        for (out, sum) in out.iter_mut().zip(sums) {
            *out /= sum;
        }
    }
}
