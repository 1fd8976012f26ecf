//! Against Burn's optimisers, in place, and through a file.

use burn::backend::Flex;
use burn::module::Module;
use burn::optim::{AdamConfig, AdamWConfig, ModuleOptimizer, RmsPropConfig, SgdConfig};
use gnnrec_eval::Scorer;
use gnnrec_model::{GradientModel, Planner, Step, Table, dense_gradients};
use gnnrec_sampling::{Batch, PairwiseBatch};
use gnnrec_sparse::gather_rows;

use super::*;

const ALL: [OptimiserConfig; 6] = [
    OptimiserConfig::Adam {},
    OptimiserConfig::AdamW { weight_decay: 0.3 },
    OptimiserConfig::Sgd {},
    OptimiserConfig::LazyAdam {},
    OptimiserConfig::RowAdagrad {},
    OptimiserConfig::RmsProp { decay: 0.9 },
];

/// Parameters of three ranks, a table that is looked up, and one that no loss names.
#[derive(Module, Debug)]
struct Mixed {
    table: Param<Tensor<2>>,
    bias: Param<Tensor<1>>,
    cube: Param<Tensor<3>>,
    looked_up: Table,
    idle: Param<Tensor<1>>,
}

impl GradientModel for Mixed {
    type Plan = Step;

    fn planner(&self) -> Planner<Step> {
        Planner::new(|_, step| step)
    }

    /// Random gradients for all parameters but the idle one; every third step none for the cube, and a dense
    /// one for the table that is looked up, beside that of its rows.
    fn planned_loss(&self, step: Step) -> Tensor<1> {
        let device = self.table.val().device();
        let step = usize::try_from(step.index).unwrap();
        let rows = [3, 17, 3, 29, 0].map(|row| (row + u32::try_from(step).unwrap()) % 30);
        let loss = (self.table.val() * numbers([40, 9], 10 + step, &device)).sum()
            + (self.bias.val() * numbers([17], 20 + 2 * step, &device)).sum()
            + (self.looked_up.lookup(&rows) * numbers([5, 3], 40 + step, &device)).sum()
            + (self.looked_up.lookup(&rows[1..3]) * numbers([2, 3], 50 + step, &device)).sum();
        if step % 3 == 2 {
            loss + (self.looked_up.weight().val() * numbers([30, 3], 60 + step, &device)).sum()
        } else {
            loss + (self.cube.val() * numbers([2, 3, 5], 30 + 3 * step, &device)).sum()
        }
    }

    fn tables(&self) -> Vec<&Table> {
        vec![&self.looked_up]
    }

    fn scorer(&self) -> Box<dyn Scorer> {
        unreachable!("nobody asks")
    }
}

/// Numbers in -1 .. 1 that repeat only after a long while.
#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn numbers<const D: usize>(shape: [usize; D], salt: usize, device: &Device) -> Tensor<D> {
    let len = shape.iter().product::<usize>();
    let values: Vec<f32> = (0..len).map(|n| ((n as f32 + 1.0) * 12.9898 + salt as f32 * 78.233).sin()).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

fn mixed() -> Mixed {
    let device = Device::flex().autodiff();
    Mixed {
        table: Param::from_tensor(numbers([40, 9], 1, &device)),
        bias: Param::from_tensor(numbers([17], 2, &device)),
        cube: Param::from_tensor(numbers([2, 3, 5], 3, &device)),
        looked_up: Table::new(Param::from_tensor(numbers([30, 3], 5, &device))),
        idle: Param::from_tensor(numbers([4], 4, &device)),
    }
}

fn loss(model: &Mixed, step: usize) -> Tensor<1> {
    model.loss(&Batch::Pairwise(PairwiseBatch::default()), Step { seed: 0, index: step as u64 })
}

fn values(model: &Mixed) -> [Vec<f32>; 5] {
    let Mixed { table, bias, cube, looked_up, idle } = model.clone();
    let data = [table.val().into_data(), bias.val().into_data(), cube.val().into_data()];
    let [a, b, c] = data.map(|data| data.try_to_vec().unwrap());
    let [d, e] = [looked_up.weight().val().into_data(), idle.val().into_data()].map(|data| data.try_to_vec().unwrap());
    [a, b, c, d, e]
}

fn steps(model: Mixed, optimiser: &mut Optimiser, range: std::ops::Range<usize>) -> Mixed {
    range.fold(model, |model, step| {
        let grads = loss(&model, step).backward();
        optimiser.step(0, model, grads)
    })
}

#[test]
fn equals_burns_optimisers() {
    let adam: ModuleOptimizer = AdamConfig::new().with_epsilon(1e-8).init();
    let adamw = AdamWConfig::new().with_beta_2(0.999).with_epsilon(1e-8).with_weight_decay(0.3).init();
    let rms_prop = RmsPropConfig::new().with_alpha(0.9).with_momentum(0.0).with_epsilon(1e-8).init();
    for (config, mut burns) in [(ALL[0], adam), (ALL[1], adamw), (ALL[2], SgdConfig::new().init()), (ALL[5], rms_prop)]
    {
        let mut expected = mixed();
        let mut optimiser = Optimiser::new(vec![(config, 0.01)]);
        let mut found = mixed();
        for step in 0..50 {
            found = steps(found, &mut optimiser, step..step + 1);
            let grads = dense_gradients(&expected, &loss(&expected, step));
            expected = burns.step(0.01, expected, grads);
            for (found, expected) in values(&found).iter().zip(&values(&expected)) {
                let size = expected.iter().fold(0f32, |size, value| size.max(value.abs()));
                let worst = found.iter().zip(expected).fold(0f32, |worst, (a, b)| worst.max((a - b).abs()));
                assert!(worst <= 1e-6 * size, "{config:?}, step {step}: {worst} of {size}");
            }
        }
        assert_eq!(values(&found)[4], values(&mixed())[4], "without a gradient nothing moves");
    }
}

/// Where a table and its moments lie in memory.
fn addresses(model: &Mixed, optimiser: &Optimiser) -> Vec<*const u8> {
    fn address<const D: usize>(x: Tensor<D>) -> *const u8 {
        x.without_autodiff().try_into_primitive::<Flex>().unwrap().bytes().as_ptr()
    }
    let Mixed { table, bias, cube, looked_up, .. } = model;
    let parameters =
        [address(table.val()), address(bias.val()), address(cube.val()), address(looked_up.weight().val())];
    let states = optimiser.states.values().flat_map(|state| state.tensors.iter().cloned().map(address));
    parameters.into_iter().chain(states).collect()
}

#[test]
fn a_step_copies_no_table() {
    for config in ALL {
        let mut optimiser = Optimiser::new(vec![(config, 0.01)]);
        let mut model = steps(mixed(), &mut optimiser, 0..1);
        let before = addresses(&model, &optimiser);
        for step in 1..4 {
            // As in a model: a lookup, and a use of the whole table, with the loss still alive in the step.
            let rows = gather_rows(model.table.val(), &[3, 3, 9]);
            let loss = loss(&model, step) + rows.square().sum() + model.table.val().square().sum();
            let grads = loss.backward();
            model = optimiser.step(0, model, grads);
            assert_eq!(addresses(&model, &optimiser), before, "{config:?}");
            drop(loss);
        }
        // Whoever keeps a model keeps its numbers.
        let kept = model.clone();
        let expected = values(&kept);
        model = steps(model, &mut optimiser, 4..5);
        assert_eq!(values(&kept), expected);
        assert_ne!(values(&model), expected);
    }
}

/// A model whose table is looked up, or a table that is gathered from with a dense gradient.
fn lookups(sparse: bool, config: OptimiserConfig, num_steps: usize) -> Vec<f32> {
    let mut model = mixed();
    let mut optimiser = Optimiser::new(vec![(config, 0.01)]);
    for step in 0..num_steps {
        let rows: Vec<u32> = (0..8u32).map(|n| (n * n + 5 * u32::try_from(step).unwrap()) % 30).collect();
        let found =
            if sparse { model.looked_up.lookup(&rows) } else { gather_rows(model.looked_up.weight().val(), &rows) };
        let grads = found.square().sum().backward();
        model = optimiser.step(0, model, grads);
    }
    values(&model)[3].clone()
}

#[test]
fn gradients_of_rows_give_the_bits_of_dense_ones() {
    for config in ALL {
        let same = lookups(true, config, 6) == lookups(false, config, 6);
        // Lazy Adam alone asks whether a row was named.
        assert_eq!(same, !matches!(config, OptimiserConfig::LazyAdam {}), "{config:?}");
    }
    // The first step of every optimiser but those that decay moves the same rows.
    let lazy = OptimiserConfig::LazyAdam {};
    assert_eq!(lookups(true, lazy, 1), lookups(true, OptimiserConfig::Adam {}, 1));
}

#[test]
fn goes_on_from_a_file_with_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("optimiser.bpk");
    for config in ALL {
        let mut optimiser = Optimiser::new(vec![(config, 0.01)]);
        let model = steps(mixed(), &mut optimiser, 0..7);
        optimiser.save(&path).unwrap();
        let load = || Optimiser::new(vec![(config, 0.01)]).load(Bytes::from_bytes_vec(std::fs::read(&path).unwrap()));
        let resumed = steps(model.clone(), &mut load().unwrap(), 7..12);
        let forgotten = steps(model.clone(), &mut Optimiser::new(vec![(config, 0.01)]), 7..12);
        let expected = values(&steps(model, &mut optimiser, 7..12));
        assert_eq!(values(&resumed), expected, "{config:?}");
        assert_eq!(values(&forgotten) == expected, config == OptimiserConfig::Sgd {}, "{config:?}");
    }
}

#[test]
fn refuses_the_state_of_another_optimiser() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("optimiser.bpk");
    let mut optimiser = Optimiser::new(vec![(OptimiserConfig::Adam {}, 0.01)]);
    steps(mixed(), &mut optimiser, 0..1);
    optimiser.save(&path).unwrap();
    let read = |config| Optimiser::new(vec![(config, 0.01)]).load(Bytes::from_bytes_vec(std::fs::read(&path).unwrap()));
    assert!(read(OptimiserConfig::Adam {}).is_ok());
    let error = read(OptimiserConfig::RowAdagrad {}).err().unwrap().to_string();
    assert!(error.contains(".1` belongs to no parameter"), "{error}");
    let mut optimiser = Optimiser::new(vec![(OptimiserConfig::RowAdagrad {}, 0.01)]);
    steps(mixed(), &mut optimiser, 0..1);
    optimiser.save(&path).unwrap();
    let error = read(OptimiserConfig::LazyAdam {}).err().unwrap().to_string();
    assert!(error.contains(".1` is missing"), "{error}");
}

/// Two rows in panels of two columns and one, then whole: a value for each column moves with it, a number for each row
/// becomes the mean over columns, and what is no state of such panels is refused.
#[test]
fn states_move_into_other_panels() {
    let [first, second, whole] = [1u64, 2, 3].map(ParamId::from);
    let moved = [Moved { num_rows: 2, from: vec![(first, 2), (second, 1)], to: vec![(whole, 3)] }];
    let regrouped = |config, states: &[(ParamId, &[f32])]| {
        let mut optimiser = Optimiser::new(vec![(OptimiserConfig::Sgd {}, 0.1), (config, 0.1)]);
        for (id, values) in states {
            let num_tensors = config.state_sizes(1, 1).len();
            let tensors = vec![Tensor::from_floats(*values, &Device::flex()); num_tensors];
            optimiser.states.insert((1, *id), State { num_steps: 7, tensors });
        }
        let states = optimiser.regrouped(&moved)?.states;
        let values = |state: State| state.tensors.into_iter().map(|tensor| tensor.into_data().try_to_vec().unwrap());
        let of = |(key, state): (Key, State)| (key, state.num_steps, values(state).collect::<Vec<Vec<f32>>>());
        Ok::<_, RecordError>(states.into_iter().map(of).collect::<Vec<_>>())
    };
    let adam = regrouped(OptimiserConfig::Adam {}, &[(first, &[1., 2., 4., 5.]), (second, &[3., 6.])]).unwrap();
    assert_eq!(adam, [((1, whole), 7, vec![vec![1., 2., 3., 4., 5., 6.]; 2])]);
    let sums = regrouped(OptimiserConfig::RowAdagrad {}, &[(first, &[1., 4.]), (second, &[4., 1.])]).unwrap();
    assert_eq!(sums, [((1, whole), 7, vec![vec![2., 3.]])]);
    assert_eq!(regrouped(OptimiserConfig::Adam {}, &[]).unwrap(), []);
    for states in [&[(first, &[1., 2., 4., 5.][..])][..], &[(first, &[1., 2., 4., 5.]), (second, &[3.])]] {
        assert!(matches!(regrouped(OptimiserConfig::Adam {}, states), Err(RecordError::Validation(_))));
    }
}
