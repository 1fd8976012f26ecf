//! Steps of optimisers on a device, in place where nobody else holds the tensors: the equations of
//! [`crate::kernels::tables`].

#![expect(clippy::collapsible_if, reason = "a kernel may read both sides of a conjunction")]

use std::sync::Arc;

use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::device::empty;
use super::geometry::{Columns, lines, units};
use super::rowwise::row_dot;
use crate::kernels::tables::{AdamFactors, RmsProp};
use crate::ops::tables::Named;

/// Which rows move, and where their gradient is.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
enum Moved {
    /// All, each with its row of the gradient.
    All,
    /// All, of which some have a gradient: the rows named, ascending.
    AllOfNamed,
    /// The rows named.
    Named,
}

/// The place of `row` in an ascending list; `len` where it is not in it.
#[cube]
fn place(rows: &[u32], len: usize, row: u32) -> usize {
    let mut low = 0usize;
    let mut high = len;
    while low < high {
        let middle = (low + high) / 2;
        if rows[middle] < row {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    let mut found = len;
    if low < len {
        if rows[low] == row {
            found = low;
        }
    }
    found
}

#[derive(Clone, Copy, CubeLaunch, CubeType)]
struct Factors {
    beta_1: f32,
    beta_2: f32,
    rest_1: f32,
    rest_2: f32,
    rate: f32,
    epsilon: f32,
    keep: f32,
}

#[cube(launch_unchecked)]
fn adam_step<N: Size>(
    x: &mut [Vector<f32, N>],
    m: &mut [Vector<f32, N>],
    v: &mut [Vector<f32, N>],
    gradient: &[Vector<f32, N>],
    rows: &[u32],
    num_lines: usize,
    num_named: usize,
    columns: usize,
    factors: Factors,
    #[comptime] moved: Moved,
) {
    let line = CUBE_POS * CUBE_DIM_Y as usize + UNIT_POS_Y as usize;
    if line >= num_lines {
        terminate!();
    }
    let mut row = line;
    let mut source = line;
    if comptime!(moved == Moved::Named) {
        row = rows[line] as usize;
    }
    if comptime!(moved == Moved::AllOfNamed) {
        source = place(rows, num_named, line as u32);
    }
    let mut column = UNIT_POS_X as usize;
    while column < columns {
        let at = row * columns + column;
        let mut g = Vector::<f32, N>::new(0.0);
        if comptime!(moved == Moved::AllOfNamed) {
            if source < num_named {
                g = gradient[source * columns + column];
            }
        } else {
            g = gradient[source * columns + column];
        }
        let first = m[at] * Vector::new(factors.beta_1) + g * Vector::new(factors.rest_1);
        let second = v[at] * Vector::new(factors.beta_2) + g * g * Vector::new(factors.rest_2);
        m[at] = first;
        v[at] = second;
        let step = first * Vector::new(factors.rate) / (second.sqrt() + Vector::new(factors.epsilon));
        x[at] = x[at] * Vector::new(factors.keep) - step;
        column += CUBE_DIM_X as usize;
    }
}

#[cube(launch_unchecked)]
fn sgd_step<N: Size>(
    x: &mut [Vector<f32, N>],
    gradient: &[Vector<f32, N>],
    rows: &[u32],
    squares: &[f32],
    num_lines: usize,
    columns: usize,
    learning_rate: f32,
    epsilon: f32,
    #[comptime] named: bool,
    #[comptime] adaptive: bool,
) {
    let line = CUBE_POS * CUBE_DIM_Y as usize + UNIT_POS_Y as usize;
    if line >= num_lines {
        terminate!();
    }
    let mut row = line;
    if comptime!(named) {
        row = rows[line] as usize;
    }
    let mut rate = learning_rate;
    if comptime!(adaptive) {
        rate = learning_rate / (squares[row].sqrt() + epsilon);
    }
    let mut column = UNIT_POS_X as usize;
    while column < columns {
        let at = row * columns + column;
        x[at] -= gradient[line * columns + column] * Vector::new(rate);
        column += CUBE_DIM_X as usize;
    }
}

/// `squares[row] += mean of g²`, one unit a row.
#[cube(launch_unchecked)]
fn add_squares<N: Size>(
    gradient: &[Vector<f32, N>],
    rows: &[u32],
    squares: &mut [f32],
    num_lines: usize,
    columns: usize,
    width: f32,
    #[comptime] named: bool,
) {
    if ABSOLUTE_POS >= num_lines {
        terminate!();
    }
    let mut row = ABSOLUTE_POS;
    if comptime!(named) {
        row = rows[ABSOLUTE_POS] as usize;
    }
    squares[row] += row_dot(gradient, gradient, ABSOLUTE_POS, columns) / width;
}

#[cube(launch_unchecked)]
fn rms_prop_step<N: Size>(
    x: &mut [Vector<f32, N>],
    squares: &mut [Vector<f32, N>],
    gradient: &[Vector<f32, N>],
    rows: &[u32],
    last: &[u32],
    num_lines: usize,
    columns: usize,
    step: u32,
    decay: f32,
    rest: f32,
    learning_rate: f32,
    epsilon: f32,
    #[comptime] named: bool,
) {
    let line = CUBE_POS * CUBE_DIM_Y as usize + UNIT_POS_Y as usize;
    if line >= num_lines {
        terminate!();
    }
    let mut row = line;
    if comptime!(named) {
        row = rows[line] as usize;
    }
    // The power of the decay that the row missed, by squaring.
    let mut missed = step - min(last[row], step);
    let mut power = f32::new(1.0);
    let mut square = decay;
    while missed > 0 {
        if missed & 1 == 1 {
            power *= square;
        }
        square *= square;
        missed >>= 1;
    }
    let mut column = UNIT_POS_X as usize;
    while column < columns {
        let at = row * columns + column;
        let g = gradient[line * columns + column];
        let second = squares[at] * Vector::new(power) + g * g * Vector::new(rest);
        squares[at] = second;
        x[at] -= g * Vector::new(learning_rate) / (second.sqrt() + Vector::new(epsilon));
        column += CUBE_DIM_X as usize;
    }
}

/// `last[row] = step`, once every unit has read what was there.
#[cube(launch_unchecked)]
fn mark(rows: &[u32], last: &mut [u32], num_lines: usize, step: u32, #[comptime] named: bool) {
    if ABSOLUTE_POS >= num_lines {
        terminate!();
    }
    let mut row = ABSOLUTE_POS;
    if comptime!(named) {
        row = rows[ABSOLUTE_POS] as usize;
    }
    last[row] = step;
}

/// A step's sizes and its gradient.
struct Step {
    num_rows: usize,
    columns: Columns,
    width: usize,
    gradient: CubeTensor,
    /// The rows named, if not all are.
    rows: Option<Arc<CubeTensor>>,
    num_named: usize,
}

impl Step {
    /// Panics where the kernels of the CPU do, since a step comes from outside.
    fn new(x: &CubeTensor, rows: Named, gradient: CubeTensor) -> Self {
        let shape = x.meta.shape();
        let num_rows = shape[0];
        let width = shape.num_elements() / num_rows.max(1);
        let gradient = into_contiguous(gradient);
        let len = gradient.meta.num_elements();
        let num_named = rows.as_deref().map_or(num_rows, <[u32]>::len);
        assert_eq!(len, num_named * width, "one row of gradient for each row that is named");
        if let Some(rows) = &rows {
            assert!(rows.windows(2).all(|pair| pair[0] < pair[1]), "rows are distinct and ascending");
            assert!(rows.last().is_none_or(|&row| (row as usize) < num_rows), "rows lie within the table");
        }
        let rows = rows.map(|rows| rows.on(&x.device));
        Self { num_rows, columns: Columns::of(width), width, gradient, rows, num_named }
    }

    fn named(&self) -> &CubeTensor {
        self.rows.as_deref().unwrap_or(&self.gradient)
    }

    fn is_empty(&self) -> bool {
        self.num_named == 0 || self.width == 0
    }
}

/// The tensor itself if it is contiguous and nobody else's, and otherwise a copy.
fn own(x: CubeTensor) -> CubeTensor {
    let x = into_contiguous(x);
    if x.can_mut() { x } else { copied(&x) }
}

#[cube(launch_unchecked)]
fn copy_words(from: &[u32], to: &mut [u32], len: usize) {
    if ABSOLUTE_POS < len {
        to[ABSOLUTE_POS] = from[ABSOLUTE_POS];
    }
}

/// A copy bit by bit: some floats are counts.
fn copied(x: &CubeTensor) -> CubeTensor {
    let len = x.meta.num_elements();
    let mut copy = empty([len], &x.device);
    copy.meta = Box::new(burn_std::Metadata::new(x.meta.shape().clone(), x.meta.strides().clone()));
    if len > 0 {
        let (count, dim) = units(len, &x.device);
        #[expect(unsafe_code, reason = "launched unchecked, as the module says")]
        // SAFETY: both have so many words.
        unsafe {
            copy_words::launch_unchecked(
                &x.client,
                count,
                dim,
                x.clone().into_buffer_arg(),
                copy.clone().into_buffer_arg(),
                len,
            );
        }
    }
    copy
}

/// Adam's step, of all rows or of those named.
pub(super) fn adam(
    [x, m, v]: [CubeTensor; 3],
    rows: Named,
    gradient: CubeTensor,
    factors: AdamFactors,
    lazy: bool,
) -> [CubeTensor; 3] {
    let step = Step::new(&x, rows, gradient);
    for moment in [&m, &v] {
        assert_eq!(moment.meta.num_elements(), x.meta.num_elements(), "a moment has the size of the table");
    }
    let [x, m, v] = [x, m, v].map(own);
    let (moved, num_lines) = match (&step.rows, lazy) {
        (None, _) => (Moved::All, step.num_rows),
        (Some(_), false) => (Moved::AllOfNamed, step.num_rows),
        (Some(_), true) => (Moved::Named, step.num_named),
    };
    if num_lines > 0 && step.width > 0 {
        let (count, dim) = lines(num_lines, step.columns.count, &x.device);
        let [beta_1, beta_2, rest_1, rest_2, rate, epsilon, keep] = factors.parts();
        #[expect(unsafe_code, reason = "launched unchecked, as the module says")]
        // SAFETY: rows lie within the table, and moments have its size.
        unsafe {
            adam_step::launch_unchecked(
                &x.client,
                count,
                dim,
                step.columns.vector,
                x.clone().into_buffer_arg(),
                m.clone().into_buffer_arg(),
                v.clone().into_buffer_arg(),
                step.gradient.clone().into_buffer_arg(),
                step.named().clone().into_buffer_arg(),
                num_lines,
                step.num_named,
                step.columns.count,
                FactorsLaunch::new(beta_1, beta_2, rest_1, rest_2, rate, epsilon, keep),
                moved,
            );
        }
    }
    [x, m, v]
}

/// A step of gradient descent, its rate divided by the root of each row's squares where there are any.
fn descend(x: &CubeTensor, step: &Step, learning_rate: f32, squares: Option<(&CubeTensor, f32)>) {
    if step.is_empty() {
        return;
    }
    let (count, dim) = lines(step.num_named, step.columns.count, &x.device);
    let (squares, epsilon, adaptive) = squares.map_or((x, 0.0, false), |(squares, epsilon)| (squares, epsilon, true));
    #[expect(unsafe_code, reason = "launched unchecked, as the module says")]
    // SAFETY: rows lie within the table, and there is a square for each.
    unsafe {
        sgd_step::launch_unchecked(
            &x.client,
            count,
            dim,
            step.columns.vector,
            x.clone().into_buffer_arg(),
            step.gradient.clone().into_buffer_arg(),
            step.named().clone().into_buffer_arg(),
            if adaptive { squares.clone() } else { step.gradient.clone() }.into_buffer_arg(),
            step.num_named,
            step.columns.count,
            learning_rate,
            epsilon,
            step.rows.is_some(),
            adaptive,
        );
    }
}

pub(super) fn sgd(x: CubeTensor, rows: Named, gradient: CubeTensor, learning_rate: f32) -> CubeTensor {
    let step = Step::new(&x, rows, gradient);
    let x = own(x);
    descend(&x, &step, learning_rate, None);
    x
}

#[expect(clippy::cast_precision_loss, reason = "a row has far fewer than 2^24 values")]
pub(super) fn row_adagrad(
    [x, squares]: [CubeTensor; 2],
    rows: Named,
    gradient: CubeTensor,
    learning_rate: f32,
    epsilon: f32,
) -> [CubeTensor; 2] {
    let step = Step::new(&x, rows, gradient);
    assert_eq!(squares.meta.num_elements(), step.num_rows, "one square for each row");
    let [x, squares] = [x, squares].map(own);
    if !step.is_empty() {
        let (count, dim) = units(step.num_named, &x.device);
        #[expect(unsafe_code, reason = "launched unchecked, as the module says")]
        // SAFETY: rows lie within the table, and there is a square for each.
        unsafe {
            add_squares::launch_unchecked(
                &x.client,
                count,
                dim,
                step.columns.vector,
                step.gradient.clone().into_buffer_arg(),
                step.named().clone().into_buffer_arg(),
                squares.clone().into_buffer_arg(),
                step.num_named,
                step.columns.count,
                step.width as f32,
                step.rows.is_some(),
            );
        }
        descend(&x, &step, learning_rate, Some((&squares, epsilon)));
    }
    [x, squares]
}

#[expect(clippy::cast_possible_truncation, reason = "tables hold 32-bit floats")]
pub(super) fn rms_prop(
    [x, squares, last]: [CubeTensor; 3],
    rows: Named,
    gradient: CubeTensor,
    constants: RmsProp,
    nth: u32,
) -> [CubeTensor; 3] {
    let step = Step::new(&x, rows, gradient);
    assert_eq!(squares.meta.num_elements(), x.meta.num_elements(), "squares have the size of the table");
    assert_eq!(last.meta.num_elements(), step.num_rows, "one step for each row");
    let [x, squares, last] = [x, squares, last].map(own);
    if !step.is_empty() {
        let (count, dim) = lines(step.num_named, step.columns.count, &x.device);
        let (marks, of_marks) = units(step.num_named, &x.device);
        let RmsProp { learning_rate, decay, epsilon } = constants;
        #[expect(unsafe_code, reason = "launched unchecked, as the module says")]
        // SAFETY: rows lie within the table, squares have its size, and there is a step for each row.
        unsafe {
            rms_prop_step::launch_unchecked(
                &x.client,
                count,
                dim,
                step.columns.vector,
                x.clone().into_buffer_arg(),
                squares.clone().into_buffer_arg(),
                step.gradient.clone().into_buffer_arg(),
                step.named().clone().into_buffer_arg(),
                last.clone().into_buffer_arg(),
                step.num_named,
                step.columns.count,
                nth,
                decay as f32,
                (1.0 - decay) as f32,
                learning_rate as f32,
                epsilon as f32,
                step.rows.is_some(),
            );
            mark::launch_unchecked(
                &x.client,
                marks,
                of_marks,
                step.named().clone().into_buffer_arg(),
                last.clone().into_buffer_arg(),
                step.num_named,
                nth,
                step.rows.is_some(),
            );
        }
    }
    [x, squares, last]
}
