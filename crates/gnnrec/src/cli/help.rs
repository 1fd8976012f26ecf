//! What `--help` says beyond the options. Lists of names come from where the names are kept, so that
//! none is missing here.

use gnnrec::data::Manifest;
use gnnrec::eval::{Metric, Task};
use gnnrec::experiment::{DEMO, ModelConfig};

use super::{models, words};

/// Below the list of commands.
pub(crate) const COMMANDS: &str = "\
Begin with `gnnrec experiment`; `gnnrec experiment --help` explains all of it, with examples.";

/// What an experiment is.
pub(crate) const EXPERIMENT: &str = "\
Compares recommenders: fits every model with every seed on one split of one dataset, ranks the
whole catalogue for every test user, and prints a table of means and spreads. Without options it
compares three families of models on the generated demo world.";

/// Below the options in the short help.
pub(crate) const MORE: &str =
    "`--help` has examples, the keys of a spec and of results.json, models, metrics and datasets.";

const EXAMPLES: &str = "\
Examples:
  gnnrec experiment
      Six models of three families on the generated world, two seeds each.
  gnnrec experiment --dataset lastfm
      The same models on a real dataset, as far as it has what they look at. Get it first, with
      `gnnrec dataset fetch lastfm`.
  gnnrec experiment --dataset ml-100k --models popularity,ease,lightgcn --seeds 3
      Chosen models, three seeds each.
  gnnrec experiment --spec benches/specs/douban-book.toml --out runs/douban
      A comparison that is written down, with everything that has an influence on it.
  gnnrec experiment --spec benches/specs/douban-book.toml --out runs/douban --resume
      Goes on where Ctrl-C stopped it: the same command and `--resume`.
  gnnrec experiment --spec mine.toml
      Your own data, see below.
  gnnrec experiment --device wgpu
      On a GPU, in a build that can; `cargo xtask experiment --device wgpu` makes one and runs it.
  gnnrec recommend --run runs/douban --user 17
      What the best model of a finished experiment recommends.
In a checkout of the source, `cargo xtask experiment` takes the same options.";

const SPEC: &str = "\
A spec is a TOML file; what it leaves out has a default:
  dataset      name of a dataset, or a table for your own data
  name         what the report is called [default: the dataset's name]
  filter       min_rating, user_core, item_core (least interactions of a user, of an item),
               duplicates (last unless you say first, max-rating or error)
  split        one of
               { kind = \"given\", validation = 0.1 }
               { kind = \"ratio\", scope = \"user\", validation = 0.1, test = 0.1 }
               { kind = \"temporal\", scope = \"global\", validation = 0.1, test = 0.1 }
               { kind = \"leave-one-out\", validation = true, by = \"time\" }
               { kind = \"cold-users\", test = 0.1 }
               { kind = \"cold-items\", test = 0.1 }
               where scope is user or global, and by is time, order or random
               [default: given where the files are split, else ratio]
  split_seed   seed of the split [default: 1]
  validate_on_test  true measures every validation on the test part, as some papers' code does: to
               compare curves with theirs, never to choose a model [default: false]
  seeds        a number of seeds, or a list of them [default: 1]
  device       cpu, wgpu (any GPU), vulkan or cuda; wgpu:1 is the second of several adapters, as
               `gnnrec doctor` lists them [default: cpu]
  task         \"rank\", \"rate\" (predict ratings) or \"click-through\" [default: rank]
  metrics      a list; the first that measures accuracy chooses the best epoch and the best model
               [default: recall@20, ndcg@20, coverage@20; to rate rmse, mae; for click-through
               pair-auc, pair-f1, pair-accuracy]
  [train]      for every trained model: max_epochs, learning_rate, optimiser ({ kind = \"adam\" };
               adamw with weight_decay, sgd, lazy-adam, rmsprop with decay, row-adagrad),
               validate_every, patience (a number of validations, or \"never\"),
               validation_metrics, sampling (a table: batch_size, num_negatives, ...), facts (a
               table for models that train on facts too: batch_size, optimiser, learning_rate)
  [[models]]   a table for each model: model (its name), label (in tables), preset, config (a
               table of the model's own settings), train (what differs from [train])
The spec with all defaults spelled out is written beside the results, as spec.toml.

Your own data:
  [dataset]
  name = \"mine\"
  folder = \"data\"                       # beside the spec, or absolute
  [dataset.source.interactions]
  file = \"ratings.csv\"                  # or train = \"...\", test = \"...\" of a split of your own
  format = \"table\"                      # or \"adjacency\", \"atomic\" (RecBole), \"parquet\"
  delimiter = \"comma\"                   # or \"tab\", \"whitespace\", \"::\"
  header = true
  columns = { user = \"userId\", item = \"movieId\", rating = \"rating\", time = \"timestamp\" }
  [dataset.source.social]               # where users know or trust one another
  file = \"trust.tsv\"
  [dataset.source.knowledge]            # where there are facts about items: head, relation, tail
  file = \"facts.tsv\"
  [dataset.source.titles]
  file = \"movies.csv\"
  delimiter = \"comma\"
  header = true
  columns = { item = \"movieId\", title = \"title\" }
Files may be compressed, as .gz or .zst.";

const RESULTS: &str = "\
The folder of the results holds report.html (one file that needs no network), spec.toml, models/
and results.json:
  schema       version of this form
  spec         the spec with every default
  dataset      name, sha256, users, items, train, validation, test, ties, triples, report (the
               rows read and dropped, by step and reason)
  protocol     split, candidates, ties, main_metric, users, users_without_test_items
  environment  version, commit, device, threads, started, command
  models       for each: label, model, family, config, metrics (as recall@20, each with mean, std,
               per_seed), train_seconds, eval_seconds, epochs, peak_bytes, slices (means over
               groups: by, group, count, metric, mean), runs (for each seed: seed, metrics,
               train_seconds, eval_seconds, peak_bytes, training)
  comparisons  each model against the best, paired over users: label, best, metric, difference,
               interval, p_value
Earlier results in the folder stay until the new ones are complete.";

const CODES: &str = "\
Exit codes: 0 done; 1 failed; 2 the command line, the spec or the data cannot be used; 130 stopped
by Ctrl-C, with a checkpoint. A second Ctrl-C stops at once.";

/// Below the options of `dataset`.
pub(crate) const DATASET: &str = "\
Examples:
  gnnrec dataset list
  gnnrec dataset describe ciao
  gnnrec dataset fetch lastfm                     Downloads, verifies, then replaces.
  gnnrec dataset fetch lastfm --from ~/downloads  Copies and verifies; needs no network.
  gnnrec dataset check lastfm                     Exit code 1 if a file or a count is not right.
The data folder is --data, else the environment variable GNNREC_DATA, else datasets/cache.";

/// Below the options of `recommend`.
pub(crate) const RECOMMEND: &str = "\
Examples:
  gnnrec recommend --run runs/ml-100k --user 42
  gnnrec recommend --run runs/ml-100k --user 42 -k 5 --model lightgcn --json
A user who is not in the dataset gets the most popular items, and the list says so.";

/// Below the options of `doctor`.
pub(crate) const DOCTOR: &str = "\
Every adapter is opened and computes a sum. `gnnrec experiment --device NAME` trains on the one of
that name. In a checkout of the source, `cargo xtask doctor` looks with wgpu, and
`cargo xtask doctor --device cuda` with CUDA.";

/// Below the options of `experiment`.
pub(crate) fn experiment() -> String {
    [EXAMPLES, SPEC, RESULTS, &names(), CODES].join("\n\n")
}

/// Every model, metric and dataset.
fn names() -> String {
    let mut text = "Models:\n".to_owned();
    for config in ModelConfig::all() {
        let presets = match models::presets(&config).as_slice() {
            [] => String::new(),
            presets => format!("; presets: {}", presets.join(", ")),
        };
        let family = words::family(config.family());
        text += &format!("  {:<18}  {family}: {}{presets}\n", config.name(), config.summary());
    }
    text +=
        &format!("\nMetrics, with a list length for K:\n{}\n", listed(Metric::names_of(Some(Task::Rank)).split(", ")));
    for task in [Task::Rate, Task::ClickThrough] {
        text += &format!("Metrics of the task {task}:\n{}\n", listed(Metric::names_of(Some(task)).split(", ")));
    }
    let manifests = Manifest::all();
    let datasets = std::iter::once(DEMO).chain(manifests.iter().map(|manifest| manifest.name.as_str()));
    text += &format!("\nDatasets (`gnnrec dataset list` says more):\n{}\n", listed(datasets));
    text + "They are read from --data, else from the folder that GNNREC_DATA names, else from datasets/cache."
}

/// Names with commas, in indented lines of less than 100 characters.
fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut lines = vec![String::new()];
    for name in names {
        let line = lines.last_mut().expect("there is one from the start");
        match line.len() {
            0 => *line = format!("  {name}"),
            length if length + name.len() + 2 < 99 => *line += &format!(", {name}"),
            _ => {
                line.push(',');
                lines.push(format!("  {name}"));
            }
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use gnnrec::experiment::Spec;

    use super::*;

    #[test]
    fn every_key_of_a_spec_is_explained() {
        let spec = serde_json::to_value(Spec::demo()).unwrap();
        let model = spec["models"].as_array().unwrap().iter().find(|model| model["model"] == "lightgcn").unwrap();
        let train = &model["train"];
        for table in [&spec, model, train] {
            for key in table.as_object().unwrap().keys() {
                let mut words = SPEC.split(|c: char| !c.is_alphanumeric() && c != '_');
                // The experiment's main metric takes the place of this one.
                assert!(key == "stop_metric" || words.any(|word| word == key), "{key}");
            }
        }
    }

    #[test]
    fn the_spec_for_own_data_is_one() {
        let (_, example) = SPEC.split_once("Your own data:\n").unwrap();
        let (example, _) = example.split_once("Files may").unwrap();
        let text = format!("{example}[[models]]\nmodel = 'lightgcn'\n");
        let spec = Spec::parse(&text, Path::new("folder/mine.toml")).unwrap();
        assert_eq!(spec.name, "mine");
        for line in SPEC.lines().filter(|line| line.trim().starts_with("{ kind")) {
            let text = format!("dataset = 'demo'\nsplit = {line}\n[[models]]\nmodel = 'ease'\n");
            Spec::parse(&text, Path::new("split.toml")).unwrap();
        }
    }

    #[test]
    fn the_lines_fit() {
        let texts = [&experiment(), COMMANDS, EXPERIMENT, MORE, DATASET, RECOMMEND, DOCTOR];
        for line in texts.iter().flat_map(|text| text.lines()) {
            assert!(line.chars().count() < 100, "{line}");
        }
        assert_eq!(listed(["a", "b"].into_iter()), "  a, b");
    }
}
