//! Writes the report of made-up results, to look at it without an experiment:
//! `cargo run --release -p gnnrec-experiment --example sample_report -- report.html`.

#![expect(clippy::print_stdout, reason = "an example shows what it did")]

#[path = "../tests/sample/mod.rs"]
mod sample;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().unwrap_or_else(|| "sample_report.html".to_owned());
    let results = match arguments.next().as_deref() {
        None => sample::results(&sample::SIX, 2),
        Some("twelve") => sample::results(&sample::TWELVE, 3),
        Some("one") => sample::results(&sample::SIX[3..4], 1),
        Some("solved") => sample::results(&sample::SIX[..2], 1),
        Some(other) => return Err(format!("there is no sample `{other}`; try twelve, one or solved").into()),
    };
    std::fs::write(&path, gnnrec_experiment::render(&results)?)?;
    println!("{path}: every number in it is made up");
    Ok(())
}
