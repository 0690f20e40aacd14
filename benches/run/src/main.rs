//! The runtime's parts beside what the machine allows, measured in the same run.
//!
//! ```console
//! $ cargo run --release --manifest-path benches/Cargo.toml -p bench-run -- links
//! $ cargo run --release --manifest-path benches/Cargo.toml -p bench-run -- requests
//! $ cargo run --release --manifest-path benches/Cargo.toml -p bench-run -- wal
//! ```

mod links;
mod requests;
mod wal;

use std::process::ExitCode;

fn main() -> ExitCode {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let met = match given.split_first() {
        Some((bench, _)) if bench == "links" => Ok(links::run()),
        Some((bench, rest)) if bench == "requests" => requests::run(rest),
        Some((bench, rest)) if bench == "wal" => wal::run(rest),
        _ => Err("which one? links, requests, wal".to_owned()),
    };
    match met {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(what) => {
            eprintln!("{what}");
            ExitCode::from(2)
        }
    }
}

/// The one in the middle.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
