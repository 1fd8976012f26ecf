//! The ranking losses of a batch of 2048, value and gradient: on slices, through Burn, and what BPR costs in
//! tensor operations.
//!
//! Throughput is in rows of the batch.

use std::hint::black_box;
use std::time::Duration;

use burn::tensor::{Device, Tensor, TensorData};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gnnrec_model::{BatchRows, bpr_loss};
use gnnrec_sparse::kernels::losses::{self, Objective, RowLoss};
use gnnrec_sparse::row_loss;

const ROWS: usize = 2048;
/// Width of the final embeddings, scored, and of the initial ones, penalised.
const DIM: usize = 64;

fn table(loss: &RowLoss) -> Vec<f32> {
    (0u16..).map(|n| f32::from(n % 1021) / 510.0 - 1.0).cycle().take(loss.num_stacked() * 2 * DIM).collect()
}

fn loss(objective: Objective) -> RowLoss {
    RowLoss::new(objective, ROWS, 0..DIM).penalised(1e-4, DIM..2 * DIM)
}

fn on_slices(criterion: &mut Criterion) {
    let softmax = |temperature, cosine| Objective::InBatchSoftmax {
        temperature,
        cosine,
        ids: Some((0..).take(ROWS).collect::<Vec<u32>>().into()),
        log_probabilities: None,
    };
    let mut group = criterion.benchmark_group(format!("losses/{ROWS}-rows/d{DIM}"));
    group.throughput(Throughput::Elements(ROWS as u64)).measurement_time(Duration::from_secs(3)).sample_size(20);
    for (name, objective) in [
        ("bpr/1-negative", Objective::Bpr { num_negatives: 1 }),
        ("bpr/64-negatives", Objective::Bpr { num_negatives: 64 }),
        (
            "sampled-softmax/64-negatives",
            Objective::SampledSoftmax { num_negatives: 64, temperature: 0.2, cosine: true },
        ),
        ("in-batch-softmax", softmax(1.0, false)),
        ("info-nce", Objective::InfoNce { temperature: 0.2 }),
        ("direct-au", Objective::DirectAu { gamma: 1.0 }),
    ] {
        let loss = loss(objective);
        let x = table(&loss);
        let mut gradient = vec![0f32; x.len()];
        group.bench_function(format!("{name}/slices"), |bencher| {
            bencher.iter(|| black_box(losses::row_loss(&loss, &x, 2 * DIM, &mut gradient)));
        });
    }
}

fn through_burn(criterion: &mut Criterion) {
    let loss = loss(Objective::Bpr { num_negatives: 1 });
    let data = TensorData::new(table(&loss), [loss.num_stacked(), 2 * DIM]);
    let x = Tensor::<2>::from_data(data, &Device::flex().autodiff()).require_grad();
    let rows = |x: &Tensor<2>, from: usize| {
        let x = x.clone().narrow(1, from, DIM);
        let part = |index: usize| x.clone().narrow(0, index * ROWS, ROWS);
        BatchRows { users: part(0), positives: part(1), negatives: part(2) }
    };
    let mut group = criterion.benchmark_group(format!("losses/{ROWS}-rows/d{DIM}"));
    group.throughput(Throughput::Elements(ROWS as u64)).measurement_time(Duration::from_secs(3)).sample_size(20);
    group.bench_function("bpr/1-negative/flex", |bencher| {
        bencher.iter(|| x.grad(&row_loss(&loss, x.clone()).backward()));
    });
    group.bench_function("bpr/1-negative/flex-tensor-operations", |bencher| {
        bencher.iter(|| {
            let (pos, neg) = rows(&x, 0).scores();
            x.grad(&(bpr_loss(pos, neg) + rows(&x, DIM).l2() * 1e-4).backward())
        });
    });
}

criterion_group!(benches, on_slices, through_burn);
criterion_main!(benches);
