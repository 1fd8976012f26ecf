//! From a file to a training world: `cargo run --release -p gnnrec-data --example load_and_split`.
//!
//! With a folder as argument, an adjacency-list dataset in it (`train.txt`, `test.txt`) is loaded
//! instead, as in `... --example load_and_split -- $GNNREC_DATA/gowalla`.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use gnnrec_data::{Dataset, Filter, KeepDuplicate, Scope, Source, Split, load};
use gnnrec_graph::UserId;

const LOG: &str = "user,item,stars,when
ann,tea,5,1
ann,coffee,2,2
ann,milk,4,3
ann,cake,5,4
bob,tea,4,1
bob,tea,5,7
bob,cake,4,2
bob,milk,3,3
cid,cake,5,9
";

#[expect(clippy::print_stdout, reason = "an example shows what it does")]
fn main() -> Result<(), Box<dyn Error>> {
    if let Some(folder) = std::env::args().nth(1) {
        let source = "[interactions]\nformat = 'adjacency'\ntrain = 'train.txt'\ntest = 'test.txt'\n";
        let start = Instant::now();
        let dataset = load("from the command line", &toml::from_str(source)?, Path::new(&folder))?;
        let loaded = start.elapsed();
        let parts = dataset.split(&Split::Given { validation: 0.0 }, 0)?;
        println!("{}loaded in {loaded:.0?}, split in {:.0?}", parts.report, start.elapsed() - loaded);
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("log.csv"), LOG)?;
    let source: Source = toml::from_str(
        r#"
        [interactions]
        file = "log.csv"
        delimiter = "comma"
        header = true
        columns = { user = "user", item = "item", rating = "stars", time = "when" }
        rating_range = [1, 5]
        "#,
    )?;
    let dataset: Dataset = load("breakfast", &source, folder.path())?;
    let filter = Filter { min_rating: Some(3.0), user_core: 2, duplicates: KeepDuplicate::Last, ..Filter::default() };
    let dataset = dataset.filtered(&filter)?;
    let split = Split::Temporal { scope: Scope::User, validation: 0.0, test: 0.34 };
    let parts = dataset.split(&split, 1)?;
    println!("{}", parts.report);
    for user in (0..).take(dataset.num_users()).map(UserId) {
        let names = |items: &[_]| items.iter().map(|&item| dataset.item_name(item).to_owned()).collect::<Vec<_>>();
        let seen = names(parts.world.interactions().items_of(user));
        println!("{}: train {seen:?}, test {:?}", dataset.user_name(user), names(parts.test.relevant(user)));
    }
    Ok(())
}
