//! `synod`: the algorithms of the library, simulated, checked and run.

mod subjects;

use std::process::ExitCode;

fn main() -> ExitCode {
    synod_cli::main(subjects::all())
}
