//! What a run gives: the best model, its record, its end, and an error where the numbers break.

mod small;

use burn::tensor::Device;
use gnnrec_eval::{EvalError, Metric};
use gnnrec_graph::{Csr, Duplicates, Holdout};
use gnnrec_model::{GradientConfig, conformance};
use gnnrec_train::{Culprit, Event, OptimiserConfig, Run, Stop, TrainConfig, TrainError, fit, load_model, save_model};

use small::{SMALL, SmallConfig, bits, config, holdout, on_threads, run};

#[test]
fn learns_what_was_held_out() {
    let (config, holdout) = (TrainConfig { max_epochs: 20, ..config() }, holdout());
    let fitted = fit(&SMALL, &conformance::world(), run(&config, Some(&holdout))).unwrap();
    let record = &fitted.record;
    assert_eq!((record.epochs.len(), record.stopped, record.num_steps), (20, Stop::MaxEpochs, 20 * 5));
    // Within its circle a user lacks a third of 9 items, so that three guesses hit most of them.
    let best = &record.epochs[record.best_epoch.unwrap() - 1];
    assert!(best.metrics[&Metric::Recall(3)] > 0.9, "{best:?}");
    assert!(record.epochs[19].loss < 0.7 * record.epochs[0].loss, "{record:?}");
}

#[test]
fn every_optimiser_learns_what_was_held_out() {
    let (holdout, world) = (holdout(), conformance::world());
    for (optimiser, learning_rate) in [
        (OptimiserConfig::Adam {}, 0.02),
        (OptimiserConfig::AdamW { weight_decay: 0.1 }, 0.02),
        (OptimiserConfig::Sgd {}, 2.0),
        (OptimiserConfig::LazyAdam {}, 0.02),
        (OptimiserConfig::RowAdagrad {}, 0.2),
    ] {
        let config = TrainConfig { max_epochs: 30, optimiser, learning_rate, ..config() };
        let fitted = fit(&SMALL, &world, run(&config, Some(&holdout))).unwrap();
        let best = &fitted.record.epochs[fitted.record.best_epoch.unwrap() - 1];
        assert!(best.metrics[&Metric::Recall(3)] > 0.85, "{optimiser:?}: {best:?}");
    }
}

#[test]
fn keeps_the_best_epoch_not_the_last() {
    // So large a step that the metric soon wavers.
    let config = TrainConfig { max_epochs: 30, learning_rate: 0.5, validate_every: 1, patience: Some(3), ..config() };
    let (holdout, world) = (holdout(), conformance::world());
    let fitted = fit(&SMALL, &world, run(&config, Some(&holdout))).unwrap();
    let best = fitted.record.best_epoch.unwrap();
    assert_eq!(fitted.record.stopped, Stop::Patience);
    assert_eq!(fitted.record.epochs.len(), best + 3);
    let value = |epoch: usize| fitted.record.epochs[epoch - 1].metrics[&Metric::Ndcg(3)];
    assert!((1..best).all(|epoch| value(epoch) < value(best)), "the first of the best");
    assert!((best + 1..=best + 3).all(|epoch| value(epoch) <= value(best)));

    let until_best = TrainConfig { max_epochs: best, ..config.clone() };
    let last = |config| fit(&SMALL, &world, run(config, None)).unwrap().model;
    assert_eq!(bits(&fitted.model), bits(&last(&until_best)));
    let until_end = TrainConfig { max_epochs: best + 3, ..config.clone() };
    assert_ne!(bits(&fitted.model), bits(&last(&until_end)));
}

#[test]
fn without_a_validation_part_the_last_model_is_kept() {
    let config = TrainConfig { patience: Some(1), validate_every: 1, ..config() };
    let fitted = fit(&SMALL, &conformance::world(), run(&config, None)).unwrap();
    assert_eq!((fitted.record.best_epoch, fitted.record.stopped), (None, Stop::MaxEpochs));
    assert_eq!(fitted.record.epochs.len(), 5);
    assert!(fitted.record.epochs.iter().all(|epoch| epoch.metrics.is_empty()));
}

#[test]
fn no_epoch_gives_the_untrained_model() {
    let (config, holdout, world) = (TrainConfig { max_epochs: 0, ..config() }, holdout(), conformance::world());
    let fitted = fit(&SMALL, &world, run(&config, Some(&holdout))).unwrap();
    assert_eq!(bits(&fitted.model), bits(&SMALL.init(&world, 11, &Device::flex()).unwrap()));
    assert_eq!((fitted.record.epochs.len(), fitted.record.num_steps), (0, 0));
    assert_eq!((fitted.record.best_epoch, fitted.record.stopped), (None, Stop::MaxEpochs));
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let of = |threads| {
        on_threads(threads, || {
            let (config, holdout) = (config(), holdout());
            let fitted = fit(&SMALL, &conformance::world(), run(&config, Some(&holdout))).unwrap();
            (bits(&fitted.model), fitted.record.epochs.iter().map(|epoch| epoch.loss.to_bits()).collect::<Vec<_>>())
        })
    };
    assert_eq!(of(1), of(2));
    assert_eq!(of(1), of(3));
}

#[test]
fn tells_who_watches_everything_in_order() {
    let (config, holdout) = (TrainConfig { max_epochs: 3, ..config() }, holdout());
    let mut events = Vec::new();
    let mut observer = |event: &Event<'_>| {
        events.push(match event {
            Event::Started { epochs, steps, epochs_done: 0, steps_done: 0 } => format!("{epochs} x {steps}"),
            Event::Step { epoch, step, of, loss, seconds } => {
                assert!(loss.is_finite() && seconds.forward > 0.0 && *of == 5);
                format!("{epoch}.{step}")
            }
            Event::Validated { epoch, metrics, .. } => format!("{epoch} validated {}", metrics.len()),
            Event::EpochEnded(record) => format!("{} ended", record.epoch),
            Event::Stopped { stop, .. } => format!("{stop:?}"),
            event => panic!("{event:?}"),
        });
    };
    let run = Run { observer: &mut observer, ..run(&config, Some(&holdout)) };
    let fitted = fit(&SMALL, &conformance::world(), run).unwrap();
    let expected = "3 x 5, 1.1, 1.2, 1.3, 1.4, 1.5, 1 ended, 2.1, 2.2, 2.3, 2.4, 2.5, 2 validated 2, 2 ended, \
                    3.1, 3.2, 3.3, 3.4, 3.5, 3 validated 2, 3 ended, MaxEpochs";
    assert_eq!(events.join(", "), expected);
    let steps: f64 = fitted.record.epochs.iter().map(|epoch| epoch.seconds).sum();
    let seconds = &fitted.record.seconds;
    assert!(seconds.optimiser > 0.0 && seconds.backward > 0.0 && seconds.evaluation > 0.0);
    assert!(steps > 0.0 && steps <= seconds.training() && seconds.training() < seconds.total());
}

#[test]
fn a_loss_that_is_not_finite_names_its_place() {
    let of = |model: &SmallConfig, learning_rate| {
        let (config, holdout) = (TrainConfig { learning_rate, ..config() }, holdout());
        match fit(model, &conformance::world(), run(&config, Some(&holdout))) {
            Err(TrainError::Diverged { epoch, step, culprit, .. }) => (epoch, step, culprit),
            other => panic!("{other:?}"),
        }
    };
    // Steps count from 0 over all epochs of five: the eighth is the third of the second epoch.
    let infinite = SmallConfig { infinite_from: 7, ..SMALL };
    assert_eq!(of(&infinite, 0.02), (2, 3, Culprit::Gradient("users".to_owned())));
    // A step past the range of 32-bit floats: the loss of the next one shows it.
    assert_eq!(of(&SMALL, 1e39), (1, 2, Culprit::Parameter("users".to_owned())));
}

#[test]
fn a_parameter_broken_by_the_last_step_is_found() {
    let config = TrainConfig { max_epochs: 1, learning_rate: 1e39, ..config() };
    let one_step =
        TrainConfig { sampling: gnnrec_sampling::SamplerConfig { batch_size: 1000, ..Default::default() }, ..config };
    let error = fit(&SMALL, &conformance::world(), run(&one_step, None)).unwrap_err();
    assert!(matches!(error, TrainError::Diverged { epoch: 1, step: 1, loss, .. } if loss.is_finite()), "{error:?}");
    let message = error.to_string();
    assert!(message.contains("parameter `users` is not finite; lower the learning rate"), "{message}");
}

#[test]
fn refuses_at_once_what_cannot_work() {
    let world = conformance::world();
    let of = |config: &TrainConfig, holdout: &Holdout, resume| {
        fit(&SMALL, &world, Run { resume, ..run(config, Some(holdout)) }).unwrap_err()
    };
    let error = of(&TrainConfig { learning_rate: 0.0, ..config() }, &holdout(), false);
    assert_eq!(error.to_string(), "learning_rate is 0, expected a finite number above 0");
    let error = of(&config(), &holdout(), true);
    assert!(error.to_string().starts_with("resume is true, expected a checkpoint folder"), "{error}");
    let part = |users, items, edges: &[(u32, u32)]| {
        Holdout::new(Csr::from_edges(users, items, edges, Duplicates::Error).unwrap())
    };
    for (holdout, expected) in [(part(22, 19, &[(0, 0)]), "22 users"), (part(23, 20, &[(0, 0)]), "20 items")] {
        let error = of(&config(), &holdout, false);
        assert!(matches!(error, TrainError::Eval(EvalError::Mismatch { .. })), "{error:?}");
        assert!(error.to_string().contains(expected), "{error}");
    }
    let error = of(&config(), &part(23, 19, &[]), false);
    assert!(matches!(error, TrainError::Eval(EvalError::NothingHeldOut { num_users: 23 })), "{error:?}");
    let mut no_batch = config();
    no_batch.sampling.batch_size = 0;
    assert!(matches!(of(&no_batch, &holdout(), false), TrainError::Sampling(_)));
}

#[test]
fn a_saved_model_scores_as_before() {
    let (config, world, device) = (config(), conformance::world(), Device::flex());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let load = |config: &SmallConfig| load_model(config, &world, 11, &device, &path);
    assert!(matches!(load(&SMALL), Err(TrainError::Io { .. })));
    let model = fit(&SMALL, &world, run(&config, None)).unwrap().model;
    // Twice: a file of that name is replaced.
    save_model(&SMALL.init(&world, 5, &device).unwrap(), &path).unwrap();
    save_model(&model, &path).unwrap();
    assert_eq!(bits(&load(&SMALL).unwrap()), bits(&model));

    let error = load(&SmallConfig { dim: 5, ..SMALL }).unwrap_err();
    assert!(matches!(error, TrainError::Damaged { .. }) && error.to_string().contains("users"), "{error}");
    let bytes = std::fs::read(&path).unwrap();
    for len in [0, 7, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&path, &bytes[..len]).unwrap();
        assert!(matches!(load(&SMALL), Err(TrainError::Damaged { .. })), "{len} bytes");
    }
}
