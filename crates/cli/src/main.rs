//! `synod`: the algorithms of the library, simulated, checked and run; the gallery, checked.

mod subjects;

use std::process::ExitCode;

fn main() -> ExitCode {
    synod_cli::main_with(subjects::all(), subjects::checkables())
}
