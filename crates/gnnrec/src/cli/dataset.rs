//! `gnnrec dataset`: what there is, where it comes from, whether it is here, and how it gets here.

use std::path::Path;

use gnnrec::data::{self, Family, Listing, Manifest};
use gnnrec::experiment::DEMO;
use indicatif::HumanCount;

use super::arguments::DatasetCommand;
use super::failure::Failure;
use super::progress::Watch;
use super::{environment, output, table};

/// What there is to say of the generated world wherever a dataset is asked for.
const GENERATED: &str = "demo: a world generated in memory from a seed, with interactions, friendships and facts.\n\
                         It has no files: nothing to fetch, nothing to check.";

pub(crate) fn run(command: &DatasetCommand) -> Result<(), Failure> {
    match command {
        DatasetCommand::List { data } => list(&environment::data_folder(data)),
        DatasetCommand::Describe { name, .. }
        | DatasetCommand::Check { name, .. }
        | DatasetCommand::Fetch { name, .. }
            if name == DEMO =>
        {
            Ok(output::print(GENERATED)?)
        }
        DatasetCommand::Describe { name, data } => describe(name, &environment::data_folder(data)),
        DatasetCommand::Check { name, data } => check(name, &environment::data_folder(data)),
        DatasetCommand::Fetch { name, from, data, quiet } => {
            fetch(name, from.as_deref(), &environment::data_folder(data), *quiet)
        }
    }
}

fn list(folder: &Path) -> Result<(), Failure> {
    let mut rows =
        vec![[DEMO, "generated", "interaction, social, knowledge", "-", "-", "-"].map(str::to_owned).to_vec()];
    rows.extend(data::list(folder).into_iter().map(row));
    let header = ["dataset", "here", "families", "users", "items", "interactions"].map(str::to_owned).to_vec();
    Ok(output::print(&format!("{}\n\ndata folder: {}", table::table(header, rows, 3), folder.display()))?)
}

fn row(listing: Listing) -> Vec<String> {
    let Listing { name, families, counts, present } = listing;
    let here = if present { "yes" } else { "no" };
    let families = families.iter().map(Family::to_string).collect::<Vec<_>>().join(", ");
    let mut row = vec![name, here.to_owned(), families];
    row.extend([counts.users, counts.items, counts.interactions].map(|count| HumanCount(count as u64).to_string()));
    row
}

fn describe(name: &str, folder: &Path) -> Result<(), Failure> {
    let manifest = Manifest::find(name)?;
    let here = if manifest.is_present(folder) { "here" } else { "not here, or not whole" };
    Ok(output::print(&format!("{}\n{here}; data folder: {}", data::describe(&manifest), folder.display()))?)
}

/// The answer is printed; it is also the exit code.
fn check(name: &str, folder: &Path) -> Result<(), Failure> {
    let manifest = Manifest::find(name)?;
    let mut watch = Watch::new(false);
    watch.begin(&format!("checking {name} in {}", folder.display()));
    let report = data::check(&manifest, folder);
    drop(watch);
    output::print(&report.to_string())?;
    if report.is_ok() { Ok(()) } else { Err(Failure::No) }
}

fn fetch(name: &str, from: Option<&Path>, folder: &Path, quiet: bool) -> Result<(), Failure> {
    let manifest = Manifest::find(name)?;
    let mut watch = Watch::new(quiet);
    let fetched = data::fetch(&manifest, folder, from, &mut watch)?;
    drop(watch);
    let count = fetched.len();
    let files = if count == 1 { "file" } else { "files" };
    Ok(output::print(&format!("{name}: {count} {files} in {}, verified", folder.display()))?)
}
