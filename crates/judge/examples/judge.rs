//! Judges files: `cargo run --release -p synod-judge --example judge -- MODEL FILE..`
#![expect(clippy::print_stdout, reason = "it is what an example is for")]

use std::time::Instant;
use synod_judge::judgement::{conventions, judge};
use synod_judge::{Budget, log::Log};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let model = arguments.next().ok_or("a model is missing")?.parse()?;
    for path in arguments {
        let text = std::fs::read_to_string(&path)?;
        let begin = Instant::now();
        let (log, format) = Log::from_text(&text)?;
        let read = begin.elapsed();
        let judgement = judge(&log, model, conventions(format), Budget::default())?;
        println!(
            "{path}: {format}, {} operations, {:?}, read {read:?}, all {:?}",
            log.operations().len(),
            judgement.holds(),
            begin.elapsed()
        );
    }
    Ok(())
}
