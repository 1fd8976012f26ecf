//! A run that was interrupted and resumed is the run that was not; what is not its checkpoint is refused.

mod small;

use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use gnnrec_graph::{Csr, Duplicates, Holdout, InteractionGraph, World};
use gnnrec_model::{GradientModel, conformance};
use gnnrec_train::{Event, Fitted, OptimiserConfig, Run, Stop, TrainConfig, TrainError, fit};

use small::{SMALL, Small, bits, config, holdout, on_threads, run, sit, sit_on};

const NUM_STEPS: u64 = 25;

/// Everything of a run that must not depend on how it was cut.
fn course(fitted: &Fitted<Small>) -> impl PartialEq + std::fmt::Debug + use<> {
    let epoch = |epoch: &gnnrec_train::EpochRecord| (epoch.epoch, epoch.loss.to_bits(), epoch.metrics.clone());
    let epochs: Vec<_> = fitted.record.epochs.iter().map(epoch).collect();
    let record = &fitted.record;
    (bits(&fitted.model), epochs, record.best_epoch, record.stopped, record.num_steps)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder exists");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("it can be listed").path()).collect();
    files.sort();
    files
}

#[test]
fn interrupted_after_any_step_it_ends_with_the_same_bits() {
    let whole = tempfile::tempdir().unwrap();
    let expected = course(&sit(whole.path(), None, false).unwrap());
    for threads in [1, 2] {
        for after in 1..=NUM_STEPS {
            let folder = tempfile::tempdir().unwrap();
            let (interrupted, resumed) = on_threads(threads, || {
                (sit(folder.path(), Some(after), false).unwrap(), sit(folder.path(), None, true).unwrap())
            });
            assert_eq!((interrupted.record.stopped, interrupted.record.num_steps), (Stop::Interrupted, after));
            assert_eq!(interrupted.record.epochs.len() as u64, (after - 1) / 5, "step {after}");
            assert!(course(&resumed) == expected, "interrupted after step {after} on {threads} threads");
            let seconds = resumed.record.seconds.forward - interrupted.record.seconds.forward;
            assert!(seconds >= 0.0 && (seconds > 0.0) == (after < NUM_STEPS), "the record covers both sittings");
        }
    }
}

#[test]
fn a_run_may_be_cut_into_many_sittings() {
    let (whole, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let expected = course(&sit(whole.path(), None, false).unwrap());
    let mut sittings = 1;
    let mut fitted = sit(folder.path(), Some(4), true).unwrap();
    while fitted.record.stopped == Stop::Interrupted {
        sittings += 1;
        fitted = sit(folder.path(), Some(4), true).unwrap();
    }
    assert_eq!(sittings, 7);
    assert!(course(&fitted) == expected);
    // What is done stays done.
    assert!(course(&sit(folder.path(), None, true).unwrap()) == expected);
}

/// Twice across devices: after twelve steps, and at least four later. The second device is the CPU too, unless the tests
/// are for another.
#[test]
fn a_run_may_go_on_on_another_device() {
    let (whole, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let expected = sit(whole.path(), None, false).unwrap();
    let device = conformance::device();
    sit(folder.path(), Some(12), false).unwrap();
    let there = sit_on(device.clone(), folder.path(), Some(4), true).unwrap();
    assert!(there.record.stopped == Stop::Interrupted && (16..NUM_STEPS).contains(&there.record.num_steps));
    let back = sit(folder.path(), None, true).unwrap();
    if device == Device::flex() {
        assert!(course(&back) == course(&expected));
    }
    let losses = |fitted: &Fitted<Small>| fitted.record.epochs.iter().map(|epoch| epoch.loss).collect::<Vec<_>>();
    for (found, expected) in losses(&back).into_iter().zip(losses(&expected)) {
        assert!((found - expected).abs() < 1e-4 * expected, "{found}, {expected}");
    }
    let scores = |fitted: &Fitted<Small>| conformance::all_scores(&*fitted.model.scorer());
    for (found, expected) in scores(&back).into_iter().zip(scores(&expected)) {
        assert!((found - expected).abs() < 1e-4, "{found}, {expected}");
    }
}

#[test]
fn one_checkpoint_is_kept_and_what_is_not_ours_stays() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("model-notes.txt"), "mine").unwrap();
    sit(folder.path(), None, false).unwrap();
    let names: Vec<String> = files(folder.path())
        .iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap().split('-').next().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["best", "checkpoint.toml", "model", "model", "optimiser"]);
}

#[test]
fn a_checkpoint_that_was_being_written_does_not_harm_the_one_before() {
    let (folder, later) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let expected = course(&sit(later.path(), None, false).unwrap());
    sit(folder.path(), Some(12), false).unwrap();
    // The state is written last: everything of a later checkpoint is there but that, and half a file.
    for path in files(later.path()).iter().filter(|path| !path.ends_with("checkpoint.toml")) {
        fs::copy(path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    fs::write(folder.path().join("optimiser.partial.bpk"), "half").unwrap();
    assert!(course(&sit(folder.path(), None, true).unwrap()) == expected);
}

#[test]
fn without_resume_a_run_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    let expected = course(&sit(folder.path(), None, false).unwrap());
    sit(folder.path(), Some(3), false).unwrap();
    assert!(course(&sit(folder.path(), None, true).unwrap()) == expected);
}

#[test]
fn says_where_it_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    sit(folder.path(), Some(7), false).unwrap();
    let (config, holdout) = (config(), holdout());
    let mut started = None;
    let mut checkpoints = 0;
    let mut observer = |event: &Event<'_>| match event {
        Event::Started { epochs_done, steps_done, .. } => started = Some((*epochs_done, *steps_done)),
        Event::Checkpointed { folder: place } => checkpoints += usize::from(*place == folder.path()),
        _ => {}
    };
    let base = run(&config, Some(&holdout));
    let run = Run { checkpoints: Some(folder.path()), resume: true, observer: &mut observer, ..base };
    fit(&SMALL, &conformance::world(), run).unwrap();
    // At epochs 2, 4 and, because it is the last, 5.
    assert_eq!((started, checkpoints), (Some((1, 2)), 3));
}

#[test]
fn a_damaged_file_is_an_error_and_not_another_model() {
    let folder = tempfile::tempdir().unwrap();
    sit(folder.path(), Some(12), false).unwrap();
    assert_eq!(files(folder.path()).len(), 4);
    for path in files(folder.path()) {
        let bytes = fs::read(&path).unwrap();
        let len = bytes.len();
        let refused = |bytes: &[u8], how: String| {
            fs::write(&path, bytes).unwrap();
            match sit(folder.path(), None, true) {
                Err(TrainError::Damaged { path: found, .. }) => assert_eq!(found, path),
                other => panic!("{} {how}: {other:?}", path.display()),
            }
        };
        for len in [0, 1, len / 2, len - 1] {
            refused(&bytes[..len], format!("cut to {len} bytes"));
        }
        for at in [0, 9, len / 4, len / 2, 3 * len / 4, len - 1] {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            refused(&flipped, format!("with byte {at} flipped"));
        }
        fs::remove_file(&path).unwrap();
        if !path.ends_with("checkpoint.toml") {
            assert!(matches!(sit(folder.path(), None, true), Err(TrainError::Io { path: found, .. }) if found == path));
        }
        fs::write(&path, &bytes).unwrap();
    }
    sit(folder.path(), None, true).unwrap();
}

#[test]
fn a_checkpoint_of_another_run_is_refused_by_the_field_that_differs() {
    let folder = tempfile::tempdir().unwrap();
    sit(folder.path(), Some(12), false).unwrap();
    let (world, other_config) = (conformance::world(), TrainConfig { learning_rate: 0.03, ..config() });
    let mut other_sampling = config();
    other_sampling.sampling.batch_size = 31;
    let field = |world: &World, change: &dyn Fn(&mut Run<'_>), config: &TrainConfig, holdout: Option<&Holdout>| {
        let mut run = Run { checkpoints: Some(folder.path()), resume: true, ..run(config, holdout) };
        change(&mut run);
        match fit(&SMALL, world, run) {
            Err(TrainError::OtherRun { field, found, expected, .. }) => format!("{field}: {found}, {expected}"),
            other => panic!("{other:?}"),
        }
    };
    let (same, config, holdout) = (|_: &mut Run<'_>| {}, config(), holdout());
    let of = |config| field(&world, &same, config, Some(&holdout));
    assert_eq!(of(&other_config), "config.learning_rate: 0.02, 0.03");
    assert_eq!(of(&other_sampling), "config.sampling.batch_size: 30, 31");
    let sgd = TrainConfig { optimiser: OptimiserConfig::Sgd {}, ..config.clone() };
    assert_eq!(of(&sgd), "config.optimiser.kind: \"adam\", \"sgd\"");
    assert_eq!(of(&TrainConfig { patience: Some(4), ..config.clone() }), "config.patience: \"never\", 4");
    let seed = |run: &mut Run<'_>| run.seed = 12;
    assert_eq!(field(&world, &seed, &config, Some(&holdout)), "seed: \"11\", \"12\"");
    let model = |run: &mut Run<'_>| run.fingerprint = "other".to_owned();
    assert_eq!(field(&world, &model, &config, Some(&holdout)), "model: \"small\", \"other\"");
    assert!(field(&world, &same, &config, None).starts_with("validation: "));
    // The same sizes, one item exchanged for another.
    let mut edges: Vec<(u32, u32)> = world.interactions().by_user().edges().collect();
    edges[0] = (0, 18);
    let exchanged = Csr::from_edges(23, 19, &edges, Duplicates::Error).unwrap();
    let exchanged = World::new(InteractionGraph::new(exchanged));
    assert!(field(&exchanged, &same, &config, Some(&holdout)).starts_with("world: "));
    // Nothing was harmed by the attempts.
    sit(folder.path(), None, true).unwrap();
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = sit(&file.join("run"), None, false).unwrap_err();
    assert!(matches!(&error, TrainError::Io { .. }) && error.to_string().contains("file/run"), "{error}");
}
