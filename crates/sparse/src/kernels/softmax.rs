//! Softmax over the edges of each row, for several heads side by side: three passes over a row while it is
//! in cache (largest logit, exponentials, quotients).

use rayon::prelude::*;

use super::exp::exp;
use super::reduce::EDGES_A_TASK;
use super::split::{Task, for_each_task};
use super::vectors::vectorised;

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
    for_each_task(
        indptr,
        EDGES_A_TASK,
        out,
        |row| indptr[row] * num_heads,
        |task, out| {
            let logits = |row: usize| &x[indptr[row] * num_heads..indptr[row + 1] * num_heads];
            match task {
                Task::Rows(rows) => vectorised(
                    #[inline(always)]
                    || match num_heads {
                        // Numbers that the compiler knows, and then it makes vectors of neighbouring edges.
                        1 => softmax_rows(rows.clone().map(logits), 1, out),
                        4 => softmax_rows(rows.clone().map(logits), 4, out),
                        8 => softmax_rows(rows.clone().map(logits), 8, out),
                        _ => softmax_rows(rows.clone().map(logits), num_heads, out),
                    },
                ),
                Task::Hub(row) => softmax_hub(logits(row), num_heads, out),
            }
        },
    );
}

#[inline(always)]
fn softmax_rows<'a>(rows: impl Iterator<Item = &'a [f32]>, num_heads: usize, mut out: &mut [f32]) {
    let (mut largest, mut sums) = (vec![0f32; num_heads], vec![0f32; num_heads]);
    for x in rows {
        let out = out.split_off_mut(..x.len()).expect("a task owns the edges of its rows");
        find_largest(x, num_heads, &mut largest);
        exponentials(x, num_heads, &largest, out, &mut sums);
        divide(out, num_heads, &sums);
    }
}

/// One row of many edges: every pass in pieces, whose results are joined in their order.
fn softmax_hub(x: &[f32], num_heads: usize, out: &mut [f32]) {
    let size = EDGES_A_TASK * num_heads;
    let found = x.par_chunks(size).flat_map_iter(|x| {
        let mut largest = vec![0f32; num_heads];
        vectorised(
            #[inline(always)]
            || find_largest(x, num_heads, &mut largest),
        );
        largest
    });
    let mut largest = vec![0f32; num_heads];
    find_largest(&found.collect::<Vec<f32>>(), num_heads, &mut largest);
    let partials = x.par_chunks(size).zip(out.par_chunks_mut(size)).map(|(x, out)| {
        let mut sums = vec![0f32; num_heads];
        vectorised(
            #[inline(always)]
            || exponentials(x, num_heads, &largest, out, &mut sums),
        );
        sums
    });
    let partials: Vec<Vec<f32>> = partials.collect();
    let mut sums = vec![0f32; num_heads];
    partials.iter().for_each(|partial| add(&mut sums, partial));
    out.par_chunks_mut(size).for_each(|out| {
        vectorised(
            #[inline(always)]
            || divide(out, num_heads, &sums),
        )
    });
}

#[inline(always)]
fn find_largest(x: &[f32], num_heads: usize, largest: &mut [f32]) {
    let largest = &mut largest[..num_heads];
    largest.fill(f32::NEG_INFINITY);
    for x in x.chunks_exact(num_heads) {
        for (largest, x) in largest.iter_mut().zip(x) {
            *largest = if x > largest { *x } else { *largest };
        }
    }
}

/// `out = exp(x - largest)` and, head by head, its sums.
#[inline(always)]
fn exponentials(x: &[f32], num_heads: usize, largest: &[f32], out: &mut [f32], sums: &mut [f32]) {
    let (largest, sums) = (&largest[..num_heads], &mut sums[..num_heads]);
    for (out, x) in out.chunks_exact_mut(num_heads).zip(x.chunks_exact(num_heads)) {
        for ((out, x), largest) in out.iter_mut().zip(x).zip(largest) {
            *out = x - largest;
        }
    }
    // A pass of its own, in which neighbouring heads and edges share a vector.
    for out in &mut *out {
        *out = exp(*out);
    }
    sums.fill(0.0);
    out.chunks_exact(num_heads).for_each(|out| add(sums, out));
}

#[inline(always)]
fn add(sums: &mut [f32], terms: &[f32]) {
    for (sum, term) in sums.iter_mut().zip(terms) {
        *sum += term;
    }
}

#[inline(always)]
fn divide(out: &mut [f32], num_heads: usize, sums: &[f32]) {
    let sums = &sums[..num_heads];
    for out in out.chunks_exact_mut(num_heads) {
        for (out, sum) in out.iter_mut().zip(sums) {
            *out /= sum;
        }
    }
}
