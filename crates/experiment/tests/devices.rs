//! Where an experiment runs: a device that is not there changes nothing, and one begun here may end elsewhere.
//!
//! The second device is what `GNNREC_TEST_DEVICE` names, else the CPU again.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use gnnrec_eval::Metric;
use gnnrec_experiment::{Environment, Event, ExperimentError, Place, Progress, Results, Spec, run};
use gnnrec_model::{DeviceChoice, GpuApi};

/// Six steps an epoch.
const SPEC: &str = "
dataset = 'demo'
split = { kind = 'ratio', validation = 0.1, test = 0.2 }
metrics = ['ndcg@10']
[train]
max_epochs = 2
sampling = { batch_size = 4096 }
[[models]]
model = 'mf-bpr'
config = { embedding_dim = 8 }
[[models]]
model = 'lightgcn'
config = { embedding_dim = 8, num_layers = 2 }
";

fn spec(device: DeviceChoice) -> Spec {
    Spec { device, ..Spec::parse(SPEC, Path::new("devices.rs")).unwrap() }
}

fn second_device() -> DeviceChoice {
    std::env::var("GNNREC_TEST_DEVICE").map_or(DeviceChoice::Cpu, |name| name.parse().unwrap())
}

fn environment() -> Environment {
    Environment { device: "cpu: A".to_owned(), ..Environment::default() }
}

/// Stops after as many steps, those of all models together.
struct Stopper<'a> {
    flag: &'a AtomicBool,
    left: usize,
}

impl Progress for Stopper<'_> {
    fn on(&mut self, event: &Event<'_>) {
        if let Event::Training(gnnrec_train::Event::Step { .. }) = event {
            self.left -= 1;
            self.flag.store(self.left == 0, Ordering::Relaxed);
        }
    }
}

fn ndcg(results: &Results) -> Vec<f64> {
    results.models.iter().map(|model| model.metrics[&Metric::Ndcg(10)].mean).collect()
}

#[test]
fn begun_on_the_cpu_it_ends_on_another_device() {
    let (whole, cut) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let data = Path::new("nowhere");
    let device = second_device();
    let place = Place::new(data, whole.path());
    let expected = run(spec(DeviceChoice::Cpu), &place, environment(), &mut ()).unwrap();
    assert_eq!(expected.environment.device, "cpu: A");

    let flag = AtomicBool::new(false);
    let place = Place { interrupt: Some(&flag), ..Place::new(data, cut.path()) };
    // In the first epoch of the second model, so that one is done and one under way.
    let steps = expected.models[0].runs[0].training.as_ref().unwrap().num_steps;
    let mut stopper = Stopper { flag: &flag, left: usize::try_from(steps).unwrap() + 3 };
    let stopped = run(spec(DeviceChoice::Cpu), &place, environment(), &mut stopper);
    assert!(matches!(stopped, Err(ExperimentError::Interrupted)), "{stopped:?}");

    let place = Place { resume: true, ..Place::new(data, cut.path()) };
    let resumed = run(spec(device), &place, environment(), &mut ()).unwrap();
    assert_eq!(resumed.spec["device"], device.to_string());
    let devices = &resumed.environment.device;
    if device == DeviceChoice::Cpu {
        assert_eq!((ndcg(&resumed), devices.as_str()), (ndcg(&expected), "cpu: A"));
        return;
    }
    assert!(devices.starts_with(&format!("cpu: A, then {device}: ")) && devices.ends_with("; cpu: A"), "{devices}");
    for (found, expected) in ndcg(&resumed).into_iter().zip(ndcg(&expected)) {
        assert!((found - expected).abs() < 2e-3, "{found} on {device}, {expected} on the CPU");
    }
}

#[test]
fn a_device_that_is_not_there_changes_nothing() {
    let out = tempfile::tempdir().unwrap();
    let place = Place::new(Path::new("nowhere"), out.path());
    std::fs::write(out.path().join("results.json"), "earlier").unwrap();
    for api in GpuApi::ALL {
        let device = DeviceChoice::Gpu { api, adapter: Some(4000) };
        let error = run(spec(device), &place, environment(), &mut ()).unwrap_err();
        assert!(matches!(error, ExperimentError::Device(_)) && error.is_input(), "{error:?}");
        assert!(error.to_string().starts_with(&format!("device `{api}:4000`: ")), "{error}");
    }
    let names: Vec<_> = std::fs::read_dir(out.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["results.json"]);
    assert_eq!(std::fs::read_to_string(out.path().join("results.json")).unwrap(), "earlier");
}
