//! `synod`: the algorithms of the library, simulated, checked and run.

use std::process::ExitCode;

fn main() -> ExitCode {
    synod_cli::main(synod_cli::subjects::all())
}
