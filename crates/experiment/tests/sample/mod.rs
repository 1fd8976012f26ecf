//! Made-up results of a plausible shape, for tests and for a look at the report. Nothing here was measured.

use std::collections::BTreeMap;

use gnnrec_data::{Dropped, Example, Noted, Reason, Report, Step};
use gnnrec_eval::Metric;
use gnnrec_experiment::{
    Comparison, DatasetFacts, Environment, ModelResults, Protocol, Results, RunResults, SCHEMA, SliceResults, Spread,
};
use gnnrec_model::Family;
use gnnrec_train::{EpochRecord, Seconds, Stop, TrainRecord};

/// What is said of a made-up model; the rest follows from it.
#[derive(Clone, Copy)]
pub(crate) struct Sketch {
    pub(crate) label: &'static str,
    pub(crate) family: Family,
    pub(crate) recall: f64,
    pub(crate) coverage: f64,
    /// Seconds of an epoch, or of the solution.
    pub(crate) seconds: f64,
    /// 0 for a model that is solved for.
    pub(crate) epochs: usize,
}

const fn sketch(label: &'static str, family: Family, numbers: [f64; 3], epochs: usize) -> Sketch {
    Sketch { label, family, recall: numbers[0], coverage: numbers[1], seconds: numbers[2], epochs }
}

/// Six models, as the demo has.
pub(crate) const SIX: [Sketch; 6] = [
    sketch("Popularity", Family::Interaction, [0.0612, 0.021, 0.004], 0),
    sketch("ItemKNN", Family::Interaction, [0.1683, 0.612, 0.21], 0),
    sketch("MF-BPR", Family::Interaction, [0.1574, 0.534, 0.12], 60),
    sketch("LightGCN", Family::Interaction, [0.1849, 0.571, 0.41], 48),
    sketch("Social LightGCN", Family::Social, [0.2013, 0.598, 0.63], 52),
    sketch("KGCN", Family::Knowledge, [0.1711, 0.463, 1.12], 30),
];

/// A dozen, some with labels longer than any chart has room for.
pub(crate) const TWELVE: [Sketch; 12] = [
    SIX[0],
    SIX[1],
    sketch("EASE", Family::Interaction, [0.1765, 0.402, 1.9], 0),
    sketch("GF-CF", Family::Interaction, [0.1851, 0.388, 2.7], 0),
    SIX[2],
    SIX[3],
    sketch("LightGCN, 4 layers, 256 wide, slower rate", Family::Interaction, [0.1856, 0.566, 1.7], 110),
    SIX[4],
    sketch("DiffNet", Family::Social, [0.1657, 0.497, 0.71], 44),
    sketch("Social LightGCN without ties (ablation)", Family::Social, [0.1843, 0.569, 0.44], 50),
    SIX[5],
    sketch("CKE", Family::Knowledge, [0.1702, 0.541, 0.52], 36),
];

/// The results of the models sketched, with `num_seeds` seeds each.
pub(crate) fn results(sketches: &[Sketch], num_seeds: u32) -> Results {
    let models: Vec<ModelResults> = sketches.iter().map(|sketch| model(sketch, num_seeds)).collect();
    let comparisons = comparisons(sketches);
    Results {
        schema: SCHEMA,
        spec: serde_json::json!({
            "dataset": { "name": "demo", "seed": 1 },
            "metrics": ["recall@20", "ndcg@20", "coverage@20"],
            "models": sketches.iter().map(|s| serde_json::json!({ "label": s.label, "embedding_dim": 64 })).collect::<Vec<_>>(),
            "seeds": (1..=num_seeds).collect::<Vec<_>>(),
        }),
        dataset: DatasetFacts {
            name: "Sample, not measured".to_owned(),
            sha256: "5a3c".repeat(16),
            users: 3000,
            items: 1800,
            train: 61_204,
            validation: 7311,
            test: 7298,
            ties: 18_440,
            triples: 7125,
            report: report(),
        },
        protocol: Protocol {
            split: "random 80/10/10 per user, seed 1".to_owned(),
            candidates: "every item the user has not seen in training".to_owned(),
            ties: "equal scores by ascending item id".to_owned(),
            main_metric: Metric::Recall(20),
            users: 2871,
            users_without_test_items: 129,
        },
        environment: Environment {
            version: "0.1.0".to_owned(),
            commit: "0000000+".to_owned(),
            device: "cpu".to_owned(),
            threads: 2,
            started: "2026-01-01T00:00:00Z".to_owned(),
            command: "cargo xtask experiment --out \"a folder\"".to_owned(),
        },
        models,
        comparisons,
    }
}

fn model(sketch: &Sketch, num_seeds: u32) -> ModelResults {
    let runs: Vec<RunResults> = (1..=num_seeds).map(|seed| run(sketch, seed)).collect();
    let over = |value: &dyn Fn(&RunResults) -> f64| Spread::of(runs.iter().map(value).collect());
    let metrics = runs.first().map(|run| run.metrics.keys().copied().collect::<Vec<_>>()).unwrap_or_default();
    let trained = |run: &RunResults| run.training.as_ref().map_or(0.0, |record| number(record.epochs.len()));
    ModelResults {
        label: sketch.label.to_owned(),
        model: sketch.label.to_lowercase(),
        family: sketch.family,
        config: serde_json::json!({ "embedding_dim": 64 }),
        metrics: metrics.into_iter().map(|metric| (metric, over(&|run| run.metrics[&metric]))).collect(),
        train_seconds: over(&|run| run.train_seconds).mean,
        eval_seconds: over(&|run| run.eval_seconds).mean,
        epochs: over(&trained).mean,
        peak_bytes: runs.iter().map(|run| run.peak_bytes).max().unwrap_or(0),
        slices: slices(sketch),
        runs,
    }
}

fn run(sketch: &Sketch, seed: u32) -> RunResults {
    // A model that is solved for gives the same with every seed.
    let wobble = if sketch.epochs == 0 { 1.0 } else { 1.0 + 0.012 * f64::from(seed * 7 % 5) - 0.024 };
    let recall = sketch.recall * wobble;
    let training = (sketch.epochs > 0).then(|| training(sketch, recall, seed));
    let seconds = training.as_ref().map_or(sketch.seconds, |record| record.seconds.total());
    let metrics = BTreeMap::from([
        (Metric::Recall(20), recall),
        (Metric::Ndcg(20), recall * 0.71),
        (Metric::Hit(20), recall * 2.1),
        (Metric::Coverage(20), sketch.coverage),
        (Metric::Gini(20), 1.0 - sketch.coverage * 0.6),
        (Metric::Popularity(20), 310.0 * (1.0 - sketch.coverage)),
        (Metric::Novelty(20), 4.0 + 4.0 * sketch.coverage),
    ]);
    let peak_bytes = 148_000_000 + u64::from(seed) * 1_000_000;
    RunResults { seed: u64::from(seed), metrics, train_seconds: seconds, eval_seconds: 0.083, peak_bytes, training }
}

fn training(sketch: &Sketch, recall: f64, seed: u32) -> TrainRecord {
    let last = sketch.epochs + seed as usize * 2;
    let epochs = (1..=last).map(|epoch| {
        let progress = 1.0 - (-number(epoch) / number(sketch.epochs) * 4.5).exp();
        let noise = 1.0 + 0.01 * number(epoch * 13 % 7) / 7.0;
        let value = recall * progress * noise;
        let validated = epoch % 2 == 0 || epoch == last;
        let metrics = if validated { BTreeMap::from([(Metric::Recall(20), value)]) } else { BTreeMap::new() };
        EpochRecord { epoch, loss: 0.69 * (1.0 - 0.86 * progress) * noise, seconds: sketch.seconds * noise, metrics }
    });
    let total = sketch.seconds * number(last);
    let share = if sketch.family == Family::Knowledge { 0.52 } else { 0.31 };
    TrainRecord {
        epochs: epochs.collect(),
        best_epoch: Some((last - 6).max(1) / 2 * 2).filter(|epoch| *epoch > 0),
        stopped: if seed == 1 { Stop::Patience } else { Stop::MaxEpochs },
        num_steps: 30 * last as u64,
        seconds: Seconds {
            sampling_wait: total * 0.05,
            forward: total * share,
            backward: total * (0.78 - share),
            optimiser: total * 0.12,
            evaluation: total * 0.2,
            checkpoint: total * 0.01,
            other: total * 0.02,
        },
        peak_bytes: Some(149_000_000),
    }
}

fn slices(sketch: &Sketch) -> Vec<SliceResults> {
    let reaches = match sketch.family {
        Family::Interaction => [0.72, 1.0, 1.12],
        Family::Social => [0.93, 1.0, 1.05],
        Family::Knowledge => [0.88, 1.0, 1.02],
    };
    let kinds = [
        ("user activity", ["1 to 9", "10 to 29", "30 and more"], [1031, 1342, 498]),
        ("item popularity", ["tail", "middle", "head"], [1205, 2391, 3702]),
        ("social ties", ["none", "1 to 5", "6 and more"], [402, 1533, 936]),
    ];
    let mut slices = Vec::new();
    for (by, groups, counts) in kinds {
        for ((group, count), reach) in groups.into_iter().zip(counts).zip(reaches) {
            let mean =
                if by == "item popularity" { sketch.recall * reach * reach * reach } else { sketch.recall * reach };
            slices.push(SliceResults {
                by: by.to_owned(),
                group: group.to_owned(),
                count,
                metric: Metric::Recall(20),
                mean,
            });
        }
    }
    slices
}

fn comparisons(sketches: &[Sketch]) -> Vec<Comparison> {
    let Some(best) = sketches.iter().max_by(|a, b| a.recall.total_cmp(&b.recall)) else {
        return Vec::new();
    };
    let others = sketches.iter().filter(|sketch| sketch.label != best.label);
    let of = |sketch: &Sketch| {
        let difference = sketch.recall - best.recall;
        Comparison {
            label: sketch.label.to_owned(),
            best: best.label.to_owned(),
            metric: Metric::Recall(20),
            difference,
            interval: [difference - 0.0061, difference + 0.0058],
            p_value: (difference * 260.0).exp().min(1.0),
        }
    };
    others.map(of).collect()
}

fn report() -> Report {
    let dropped = |reason, count, line| (reason, Dropped { count, first: Example { line } });
    let step = |name: &str, read, kept, dropped: Vec<(Reason, Dropped)>, noted| {
        let dropped = dropped.into_iter().collect();
        Step { name: name.to_owned(), read, kept, dropped, noted }
    };
    let noted = vec![Noted { what: "users without training items".to_owned(), count: 3 }];
    Report {
        steps: vec![
            step(
                "ratings.csv",
                80_000,
                77_812,
                vec![dropped(Reason::LowRating, 2000, 17), dropped(Reason::Duplicate, 188, 4211)],
                vec![],
            ),
            step("friends.csv", 18_440, 18_440, vec![], vec![]),
            step("split", 75_813, 75_813, vec![], noted),
        ],
    }
}

#[expect(clippy::cast_precision_loss, reason = "epochs are few")]
fn number(count: usize) -> f64 {
    count as f64
}
