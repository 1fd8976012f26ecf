//! How units are laid over rows.

use burn_cubecl::CubeDevice;
use cubecl::prelude::*;
use cubecl::server::CubeCountSelection;

/// Units of a cube: a size that every adapter grants.
const UNITS: u32 = 256;

/// Columns of a row in vectors.
#[derive(Clone, Copy)]
pub(super) struct Columns {
    /// Floats of a vector.
    pub(super) vector: usize,
    /// Vectors of a row.
    pub(super) count: usize,
}

impl Columns {
    /// The widest vectors that divide a row of `width`.
    pub(super) fn of(width: usize) -> Self {
        let vector = [4, 2].into_iter().find(|vector| width.is_multiple_of(*vector)).unwrap_or(1);
        Self { vector, count: width / vector }
    }
}

/// Cubes and their shape: one line of units (`UNIT_POS_X`) for each row, several rows a cube (`UNIT_POS_Y`). A kernel's
/// row is `CUBE_POS * CUBE_DIM_Y + UNIT_POS_Y`, and its columns begin at `UNIT_POS_X` and go on by `CUBE_DIM_X`.
pub(super) fn lines(num_rows: usize, num_columns: usize, device: &CubeDevice) -> (CubeCount, CubeDim) {
    let lanes = u32::try_from(num_columns).unwrap_or(UNITS).next_power_of_two().clamp(1, UNITS / 4);
    let rows = UNITS / lanes;
    (cubes(num_rows.div_ceil(rows as usize), device), CubeDim::new_2d(lanes, rows))
}

/// So many cubes, spread over the dimensions that an adapter limits one by one; there may be more.
pub(super) fn cubes(count: usize, device: &CubeDevice) -> CubeCount {
    let count = u32::try_from(count).expect("a launch has fewer than 2^32 cubes");
    CubeCountSelection::new(&device.client(), count).cube_count()
}

/// One unit for each of `count` (`ABSOLUTE_POS`), and some more.
pub(super) fn units(count: usize, device: &CubeDevice) -> (CubeCount, CubeDim) {
    (cubes(count.div_ceil(UNITS as usize), device), CubeDim::new_1d(UNITS))
}
