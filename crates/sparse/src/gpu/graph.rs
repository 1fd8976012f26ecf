//! A graph on a device: its edges grouped by one end, and the plan that cuts them into pieces of even work.

use burn_cubecl::CubeDevice;
use burn_cubecl::tensor::CubeTensor;

use super::device::upload_lists;

/// Edges that one line of units adds: a row of more is cut, and its parts are added in order.
const PIECE: usize = 64;

/// Edges by one end: the node `v` owns the positions `indptr[v] .. indptr[v + 1]`.
#[derive(Debug)]
pub(crate) struct DeviceSide {
    pub(super) plan: Plan,
    /// First position of each node's edges, and the end: `num_rows + 1`.
    pub(super) indptr: CubeTensor,
    /// The node at the other end, by position.
    pub(super) others: CubeTensor,
    /// The edge at each position; where there is none, the position is the edge.
    pub(super) edge_of: Option<CubeTensor>,
}

impl DeviceSide {
    /// A side whose positions are its edges.
    pub(super) fn new(indptr: &[usize], others: &[u32], device: &CubeDevice) -> Self {
        let cut = Cut::new(indptr);
        let [pieces, hubs, indptr, others] = upload_lists([&cut.pieces, &cut.hubs, &cut.bounds, others], device);
        Self { plan: cut.plan(pieces, hubs), indptr, others, edge_of: None }
    }
}

/// Rows cut into pieces. A row of one piece is written by it; the pieces of a longer one, a hub, write parts, which are
/// then added into the row.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) num_rows: usize,
    pub(super) num_pieces: usize,
    /// For each piece: first position, end, what it writes, the row that it belongs to. It writes that row, or, counted
    /// from the last row on, a part.
    pub(super) pieces: CubeTensor,
    /// Of all hubs together.
    pub(super) num_parts: usize,
    pub(super) num_hubs: usize,
    /// For each row of several pieces: the row, its first part, the end of its parts.
    pub(super) hubs: CubeTensor,
}

/// A plan before it is uploaded.
pub(super) struct Cut {
    num_rows: usize,
    num_parts: usize,
    pub(super) pieces: Vec<u32>,
    pub(super) hubs: Vec<u32>,
    /// First positions of the rows, and the end.
    pub(super) bounds: Vec<u32>,
}

impl Cut {
    pub(super) fn new(indptr: &[usize]) -> Self {
        let num_rows = indptr.len() - 1;
        let (mut pieces, mut hubs, mut num_parts) = (Vec::with_capacity(num_rows * 4), Vec::new(), 0);
        for (row, ends) in indptr.windows(2).enumerate() {
            let (start, end) = (ends[0], ends[1]);
            if end - start <= PIECE {
                pieces.extend([start, end, row, row].map(number));
                continue;
            }
            let first = num_parts;
            for start in (start..end).step_by(PIECE) {
                pieces.extend([start, end.min(start + PIECE), num_rows + num_parts, row].map(number));
                num_parts += 1;
            }
            hubs.extend([row, first, num_parts].map(number));
        }
        let bounds = indptr.iter().map(|&position| number(position)).collect();
        Self { num_rows, num_parts, pieces, hubs, bounds }
    }

    /// The plan, from its uploaded lists.
    pub(super) fn plan(&self, pieces: CubeTensor, hubs: CubeTensor) -> Plan {
        let Self { num_rows, num_parts, .. } = *self;
        Plan { num_rows, num_pieces: self.pieces.len() / 4, pieces, num_parts, num_hubs: self.hubs.len() / 3, hubs }
    }
}

pub(super) fn number(position: usize) -> u32 {
    u32::try_from(position).expect("edges and rows on a device are counted by a u32")
}
