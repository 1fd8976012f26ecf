//! What the operations take on a device, beside the rate at which it copies: `--device wgpu` and the like.
//!
//! A round is as many calls as take some tens of milliseconds, with the device at rest before and after; the median of
//! eleven. Bytes are those that an operation cannot do without: every row of a table that an edge names, read once an
//! edge (caches may save some of it), and what it writes.

use std::time::Instant;

use burn::tensor::{Device, Tensor, TensorData};
use gnnrec_benches::Failure;
use gnnrec_benches::worlds::{Named, gowalla_or_generated};
use gnnrec_eval::recommend;
use gnnrec_graph::UserId;
use gnnrec_model::{DeviceChoice, joint_scorer};
use gnnrec_sparse::kernels::losses::{Objective, RowLoss};
use gnnrec_sparse::kernels::tables::Adam;
use gnnrec_sparse::tables::{TableGradient, adam, sgd};
use gnnrec_sparse::{
    Adjacency, EdgeGraph, LayerCombination, edge_dot, edge_softmax, gather_rows, propagate_rows, row_loss,
    scatter_rows, segment_sum, spmm, spmm_edges,
};

const WIDTH: usize = 64;
const BATCH: usize = 2048;
const ROUNDS: usize = 11;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let name = match (arguments.next().as_deref(), arguments.next()) {
        (Some("--device"), Some(name)) => name,
        _ => return Err("usage: device --device NAME, one of cpu, wgpu, vulkan, cuda".into()),
    };
    let device = name.parse::<DeviceChoice>()?.open()?.device;
    let named = gowalla_or_generated();
    let graph = gnnrec_model::joint_graph(named.world.interactions(), None)?;
    let (num_nodes, num_edges) = (graph.num_rows(), graph.num_edges());
    let adjacency = Adjacency::symmetric_normalised(&graph);
    let edges = EdgeGraph::new(graph);
    say(&format!("{name}: {}, {num_nodes} nodes, {num_edges} edges, width {WIDTH}, batch {BATCH}\n", named.name));
    say("| operation | ms | GB/s |\n| --- | --- | --- |");

    let table = |rows: usize, salt: f32| numbers([rows, WIDTH], salt, &device);
    let big = numbers([1 << 20, WIDTH], 1.0, &device);
    // The bound: a pass that reads two tables in order and writes one.
    let mut moved = Some(big.clone() * 2.0);
    report("descent in place, 256 MB", 3 * (1 << 20) * WIDTH, &device, || {
        let x = moved.take().expect("it is put back");
        moved = Some(sgd(x, TableGradient::Dense(big.clone()), 1e-3));
    });
    drop((big, moved));
    let row = WIDTH;
    let x = table(num_nodes, 2.0);
    report("spmm", num_edges * (row + 2) + num_nodes * row, &device, || drop(spmm(&adjacency, x.clone())));
    let all_nodes = u32::try_from(num_nodes)?;
    let rows: Vec<u32> = (0..u32::try_from(3 * BATCH)?).map(|n| n.wrapping_mul(7919) % all_nodes).collect();
    let layers = LayerCombination::mean(3).with_input();
    let hops = 2 * (num_edges * (row + 2) + num_nodes * row);
    report("3 hops for a batch's rows", hops, &device, || {
        drop(propagate_rows(&adjacency, x.clone(), &layers, &rows));
    });
    let tracked = x.clone().autodiff().require_grad();
    report("3 hops and their gradient", 2 * hops, &device, || {
        let y = propagate_rows(&adjacency, tracked.clone(), &layers, &rows);
        drop(tracked.grad(&y.sum().backward()));
    });
    let stacked = numbers([3 * BATCH, 2 * WIDTH], 3.0, &device).autodiff().require_grad();
    let loss = RowLoss::new(Objective::Bpr { num_negatives: 1 }, BATCH, 0..WIDTH).penalised(1e-4, WIDTH..2 * WIDTH);
    report("BPR and its gradient", 2 * 3 * BATCH * 2 * WIDTH, &device, || {
        drop(stacked.grad(&row_loss(&loss, stacked.clone()).backward()));
    });
    let info_nce = RowLoss::new(Objective::InfoNce { temperature: 0.2 }, BATCH, 0..WIDTH);
    let views = table(2 * BATCH, 4.0).autodiff().require_grad();
    report("InfoNCE and its gradient", 4 * BATCH * WIDTH, &device, || {
        drop(views.grad(&row_loss(&info_nce, views.clone()).backward()));
    });
    let zeros = || Tensor::<1>::zeros([num_nodes * WIDTH], &device);
    let (gradient, factors) = (table(num_nodes, 5.0), Adam::default().factors(1));
    let mut state = Some((table(num_nodes, 6.0), zeros(), zeros()));
    report("Adam, the whole table in place", 7 * num_nodes * WIDTH, &device, || {
        let (x, m, v) = state.take().expect("it is put back");
        state = Some(adam(x, TableGradient::Dense(gradient.clone()), m, v, factors));
    });
    report("rows looked up", 2 * rows.len() * WIDTH, &device, || drop(gather_rows(x.clone(), &rows)));
    let of_rows = table(rows.len(), 7.0);
    report("rows added to a table", (rows.len() + num_nodes) * WIDTH, &device, || {
        drop(scatter_rows(of_rows.clone(), &rows, num_nodes));
    });
    let weights = numbers([num_edges], 8.0, &device);
    report("spmm with learned weights", num_edges * (row + 2) + num_nodes * row, &device, || {
        drop(spmm_edges(&edges, weights.clone(), x.clone()));
    });
    report("scores of edges", num_edges * (2 * row + 3), &device, || drop(edge_dot(&edges, x.clone(), x.clone())));
    let logits = weights.clone().unsqueeze_dim::<2>(1);
    report("softmax along edges", 2 * num_edges, &device, || drop(edge_softmax(&edges, logits.clone())));
    let of_edges = numbers([num_edges, WIDTH], 9.0, &device);
    report("sums over segments", num_edges * row + num_nodes * row, &device, || {
        drop(segment_sum(&edges, of_edges.clone()));
    });
    rank(&named, x, &device);
    Ok(())
}

/// All users, the best 20 of the unseen items: where the tables are on a GPU, there.
fn rank(named: &Named, nodes: Tensor<2>, device: &Device) {
    let interactions = named.world.interactions();
    let (num_users, num_items) = (interactions.num_users(), interactions.num_items());
    let users: Vec<UserId> = (0..).take(num_users).map(UserId).collect();
    let scorer = joint_scorer([nodes], num_users);
    // A product and an addition for each component of each pair: here a rate in G of those, not of bytes.
    let work = num_users * num_items * WIDTH / 2;
    report("20 best of all items for all users (GFLOP/s)", work, device, || {
        drop(recommend(&*scorer, interactions.by_user(), &users, 20));
    });
}

fn numbers<const D: usize>(shape: [usize; D], salt: f32, device: &Device) -> Tensor<D> {
    let len = shape.iter().product();
    #[expect(clippy::cast_precision_loss, reason = "any numbers will do")]
    let values = (0..len).map(|n: usize| ((n % 1_000_003) as f32 * 0.61 + salt).sin()).collect::<Vec<f32>>();
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// The median of rounds, and the rate of so many floats a call.
fn report(what: &str, floats: usize, device: &Device, mut call: impl FnMut()) {
    let mut timed = |calls: u32| {
        device.sync().expect("the device is there");
        let start = Instant::now();
        (0..calls).for_each(|_| call());
        device.sync().expect("the device is there");
        start.elapsed().as_secs_f64() / f64::from(calls)
    };
    timed(3);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of calls")]
    let calls = (0.03 / timed(3)).clamp(1.0, 200.0) as u32;
    let mut rounds: Vec<f64> = (0..ROUNDS).map(|_| timed(calls)).collect();
    rounds.sort_by(f64::total_cmp);
    let seconds = rounds[ROUNDS / 2];
    #[expect(clippy::cast_precision_loss, reason = "a rate in three digits")]
    let rate = (4 * floats) as f64 / seconds / 1e9;
    say(&format!("| {what} | {:.3} | {rate:.0} |", seconds * 1e3));
}

#[expect(clippy::print_stdout, reason = "a table for people")]
fn say(text: &str) {
    println!("{text}");
}
