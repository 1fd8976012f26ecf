//! The device under test, and a model on it beside the same model on the CPU.

use burn::module::Module;
use burn::optim::{AdamConfig, SgdConfig};
use burn::tensor::Device;
use gnnrec_eval::Scorer;
use gnnrec_graph::{UserId, World};

use super::{Flatten, all_scores, batch, init_on, train_by};
use crate::{DeviceChoice, GradientConfig, GradientModel, Step, dense_gradients};

/// Rounds of training that are compared.
const NUM_STEPS: u64 = 20;

/// Of losses and scores, between devices.
const TOLERANCE: f32 = 2e-3;

/// What tests compute on: the device that the environment variable `GNNREC_TEST_DEVICE` names, without one the CPU.
///
/// # Panics
/// If the device cannot be used.
#[must_use]
pub fn device() -> Device {
    let name = std::env::var("GNNREC_TEST_DEVICE").unwrap_or_else(|_| "cpu".to_owned());
    let choice: DeviceChoice = name.parse().expect("GNNREC_TEST_DEVICE names a device");
    choice.open().expect("GNNREC_TEST_DEVICE names a device that can be used").device
}

/// The gradients of a batch, the losses of 20 rounds of training and the scores after them are those of the CPU, and
/// weights move from either device to the other. Whether there was anything to compare: not on the CPU itself.
///
/// Gradients that equal the CPU's need no differences of losses. The training is Adam's, but plain descent where a model is
/// `kinked`: a gradient that is zero but for rounding, as that of a bias before batch normalisation, makes a step of Adam
/// in whatever direction its last digit points.
pub(super) fn agrees_with_cpu<C: GradientConfig>(config: &C, world: &World, kinked: bool) -> bool {
    let (cpu, device) = (Device::flex(), device());
    if device == cpu {
        return false;
    }
    for (position, phase) in config.phases().iter().enumerate() {
        let (step, batch) = (Step { seed: 4, index: 0 }, batch(world, phase, 4, 0));
        let [expected, found] = [&cpu, &device].map(|device| {
            let model = init_on(config, world, 4, device).refreshed(position);
            let mut gradient =
                Flatten { grads: dense_gradients(&model, &model.loss(&batch, step)), values: Vec::new() };
            model.visit(&mut gradient);
            gradient.values.into_iter().flatten().collect::<Vec<f32>>()
        });
        assert_close(&found, &expected, 1e-4, "gradients");
    }

    #[cfg(any(feature = "wgpu", feature = "cuda"))]
    uploads_nothing(config, world, &device);

    let train = |device: &Device| {
        let (model, steps) = (init_on(config, world, 4, device), (4, NUM_STEPS));
        let (mut adam, mut descent) = (AdamConfig::new().with_epsilon(1e-8).init(), SgdConfig::new().init());
        train_by(config, world, steps, model, |model, grads| match kinked {
            true => descent.step(0.02, model, grads),
            false => adam.step(0.02, model, grads),
        })
    };
    let ((on_cpu, expected), (on_device, found)) = (train(&cpu), train(&device));
    assert_close(&found, &expected, TOLERANCE, "losses");
    ranks_alike(&*on_device.scorer(), world);
    let expected = all_scores(&*on_cpu.scorer());
    let found = all_scores(&*on_device.scorer());
    assert_close(&found, &expected, TOLERANCE, "scores");

    let moved = |from: C::Model, to: &Device| {
        all_scores(&*init_on(config, world, 4, to).load_record(from.into_record()).scorer())
    };
    assert_close(&moved(on_device, &cpu), &found, TOLERANCE, "scores of weights moved to the CPU");
    assert_close(&moved(on_cpu, &device), &expected, TOLERANCE, "scores of weights moved to the device");
    true
}

/// Where a scorer ranks by itself, its lists hold the best of its scores.
pub(super) fn ranks_alike(scorer: &dyn Scorer, world: &World) {
    const K: usize = 5;
    let seen = world.interactions().by_user();
    let users: Vec<UserId> = (0..).take(scorer.num_users()).map(UserId).collect();
    let Some(lists) = scorer.best_unseen(&users, seen, K) else { return };
    let scores = all_scores(scorer);
    let scale = scores.iter().fold(f32::MIN_POSITIVE, |largest, score| largest.max(score.abs()));
    for ((user, list), scores) in lists.iter().enumerate().zip(scores.chunks(scorer.num_items())) {
        let unseen = (0u32..).zip(scores).filter(|(item, _)| !seen.contains(user, *item));
        let mut best: Vec<f32> = unseen.map(|(_, &score)| score).collect();
        best.sort_by(|a, b| b.total_cmp(a));
        assert_eq!(list.len(), K.min(best.len()), "user {user}");
        for (n, &(item, score)) in list.iter().enumerate() {
            assert!(!seen.contains(user, item.0), "user {user} has seen item {item}");
            let near = |expected: f32| (score - expected).abs() <= 1e-5 * scale;
            assert!(near(scores[item.index()]), "user {user}, item {item}: listed with {score}");
            assert!(near(best[n]), "user {user}: {score} is in place {n}, where {} belongs", best[n]);
        }
    }
}

/// A step whose plan was made ahead, on another thread, has all its lists, graphs and masks on the device.
#[cfg(any(feature = "wgpu", feature = "cuda"))]
fn uploads_nothing<C: GradientConfig>(config: &C, world: &World, device: &Device) {
    use burn::optim::GradientsParams;
    use burn::tensor::Tensor;
    use gnnrec_sparse::late_uploads;
    use gnnrec_sparse::tables::{TableGradient, sgd};

    use crate::{Table, TableRows};

    let mut model = init_on(config, world, 4, device);
    for (position, phase) in config.phases().iter().enumerate() {
        model = model.refreshed(position);
        // The first step uploads what belongs to the model.
        for index in 0..3 {
            let (planner, batch) = (model.planner(), batch(world, phase, 4, index));
            let plan = std::thread::spawn(move || planner.plan(&batch, Step { seed: 4, index })).join();
            let before = late_uploads();
            let loss = model.planned_loss(plan.expect("a step can be planned"));
            let grads = GradientsParams::from_grads(loss.backward(), &model);
            model.visit(&mut Flatten { grads, values: Vec::new() });
            for TableRows { rows, values, .. } in model.tables().into_iter().flat_map(Table::take_gradients) {
                let num_rows = rows.last().map_or(0, |&row| row as usize + 1);
                let table = Tensor::<2>::zeros([num_rows, values.dims()[1]], device);
                drop(sgd(table, TableGradient::Rows { rows, values }, 0.1).into_data());
            }
            let late = late_uploads() - before;
            assert!(
                index == 0 || late == 0,
                "step {index} of {phase:?} uploads {late} buffers that no plan made ready"
            );
        }
    }
}

pub(super) fn assert_close(found: &[f32], expected: &[f32], tolerance: f32, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(f32::MIN_POSITIVE, |largest, value| largest.max(value.abs()));
    for (n, (found, expected)) in found.iter().zip(expected).enumerate() {
        let close = (found - expected).abs() <= tolerance * scale;
        assert!(close, "{what}: number {n} is {found}, expected {expected}");
    }
}
