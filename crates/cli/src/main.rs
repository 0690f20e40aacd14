//! `synod`: the algorithms of the library, simulated, checked and run; the gallery, checked.

mod subjects;

use std::process::ExitCode;
use synod_cli::Registry;

fn main() -> ExitCode {
    let registry = Registry::new(subjects::all()).with(subjects::checkables());
    synod_cli::main_of(registry.with_transformers(subjects::transformers::all()))
}
