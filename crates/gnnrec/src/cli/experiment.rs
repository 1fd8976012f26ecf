//! `gnnrec experiment`: options become a spec, the experiment runs, its table is printed.

use std::path::{Path, PathBuf};

use gnnrec::data::Manifest;
use gnnrec::experiment::{self, DEMO, Overrides, Place, Spec};

use super::arguments::ExperimentArguments;
use super::failure::Failure;
use super::progress::Watch;
use super::{environment, interrupt, output, table, words};

pub(crate) fn run(arguments: &ExperimentArguments) -> Result<(), Failure> {
    environment::use_threads(arguments.threads)?;
    let spec = spec(arguments)?;
    let data = environment::data_folder(&arguments.data);
    let out = arguments.out.clone().unwrap_or_else(|| default_out(&spec.name));
    let mut watch = Watch::new(arguments.quiet);
    let interrupt = interrupt::listen(watch.speaker())?;
    let place = Place {
        data: &data,
        cache: arguments.cache.cache.as_deref(),
        out: &out,
        resume: arguments.resume,
        interrupt: Some(interrupt),
    };
    let results = experiment::run(spec, &place, environment::describe(), &mut watch)?;
    // The bars go before the table comes.
    drop(watch);
    let (report, json) = (out.join("report.html"), out.join("results.json"));
    output::print(&format!(
        "{}\n\n{}\n\nreport   {}\nresults  {}",
        table::results(&results),
        table::verdict(&results),
        report.display(),
        json.display()
    ))?;
    Ok(())
}

/// The spec that the options make of a file, or of the built-in one.
fn spec(arguments: &ExperimentArguments) -> Result<Spec, Failure> {
    let spec = match &arguments.spec {
        Some(path) => Spec::read(path)?,
        None => Spec::demo(),
    };
    let mut overrides = Overrides {
        dataset: arguments.dataset.clone(),
        models: arguments.models.clone(),
        num_seeds: arguments.seeds,
        device: arguments.device,
        max_epochs: arguments.epochs,
    };
    let chosen = arguments.spec.is_some() || arguments.models.is_some();
    if let (false, Some(dataset)) = (chosen, &arguments.dataset) {
        overrides.models = fitting(&spec, dataset)?;
    }
    Ok(spec.with(&overrides)?)
}

/// The built-in models that find input in a dataset; `None` for all of them.
fn fitting(spec: &Spec, dataset: &str) -> Result<Option<Vec<String>>, Failure> {
    if dataset == DEMO {
        return Ok(None);
    }
    let families: Vec<String> = Manifest::find(dataset)?.families.iter().map(ToString::to_string).collect();
    let fits = |family| families.iter().any(|known| known == words::family(family));
    let fitting = spec.models.iter().filter(|model| fits(model.config.family()));
    Ok(Some(fitting.map(|model| model.label.clone()).collect()))
}

/// `runs/NAME`: lower case, with a dash for everything that is no letter and no digit.
fn default_out(name: &str) -> PathBuf {
    let lower = name.to_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let slug = if words.is_empty() { "experiment".to_owned() } else { words.join("-") };
    Path::new("runs").join(slug)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_becomes_a_folder() {
        assert_eq!(default_out("Three families, on Ciao!"), Path::new("runs/three-families-on-ciao"));
        assert_eq!(default_out("../.."), Path::new("runs/experiment"));
        assert_eq!(default_out("ml-100k"), Path::new("runs/ml-100k"));
    }

    #[test]
    fn a_dataset_without_ties_gets_no_social_model() {
        let spec = Spec::demo();
        let fitting = |dataset| fitting(&spec, dataset).ok().flatten();
        let gowalla = fitting("gowalla").unwrap();
        assert!(gowalla.contains(&"lightgcn".to_owned()) && !gowalla.contains(&"social-lightgcn".to_owned()));
        assert_eq!(fitting(DEMO), None);
    }
}
