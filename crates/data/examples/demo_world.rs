//! Makes the demo world, shows one reader of it, and writes it as files that `load` reads back.
//!
//! `cargo run --release -p gnnrec-data --example demo_world [FOLDER]`
#![allow(clippy::print_stdout, reason = "an example talks to its reader")]

use std::path::PathBuf;

use gnnrec_data::{Split, demo, load};
use gnnrec_graph::UserId;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dataset = demo::generate(&demo::DemoConfig::default(), 1)?;
    let parts = dataset.split(&Split::Given { validation: 0.0 }, 1)?;
    println!("{}", parts.report);

    let user = UserId(0);
    let items = parts.world.interactions().items_of(user);
    println!("{} has taken {} books, among them", dataset.user_name(user), items.len());
    items.iter().take(5).for_each(|&item| println!("  {}", dataset.item_title(item)));
    println!("and will take");
    parts.test.relevant(user).iter().for_each(|&item| println!("  {}", dataset.item_title(item)));

    let temporary = tempfile::tempdir()?;
    let folder = std::env::args_os().nth(1).map_or(temporary.path().to_owned(), PathBuf::from);
    let source = demo::write(&dataset, &folder)?;
    let read = load("demo", &source, &folder)?;
    println!("\n{} and read again, both {}", folder.display(), read.digest);
    assert_eq!(read.digest, dataset.digest);
    Ok(())
}
