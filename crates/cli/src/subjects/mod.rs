//! The algorithms of the library as the grounds take them: what is asked of them, what judges them, and in which worlds.
//! And what is checked by its constants alone.

mod ben_or;
mod broadcast;
mod byzantine;
mod consensus;
mod detectors;
mod epidemics;
mod gallery;
mod games;
mod links;
mod raft;
mod registers;
mod rounds;
mod timed;
pub(crate) mod transformers;

use serde::de::DeserializeOwned;
use serde_json::Value;
use synod_cli::{Checkable, Entry};
use synod_properties::Scale;

/// All of them; the first is what is verified where nothing is said.
pub(crate) fn all() -> Vec<Entry> {
    let all = [
        consensus::all(),
        raft::all(),
        ben_or::all(),
        registers::all(),
        broadcast::all(),
        byzantine::all(),
        links::all(),
        detectors::all(),
        epidemics::all(),
    ];
    all.into_iter().flatten().collect()
}

/// What is checked by its constants alone.
pub(crate) fn checkables() -> Vec<Box<dyn Checkable>> {
    [rounds::all(), timed::all(), gallery::all(), games::all()].into_iter().flatten().collect()
}

/// The defect that a scale names, as the algorithm's own enum spells it.
fn defect<D: DeserializeOwned>(scale: &Scale) -> Result<Option<D>, String> {
    let parse = |name: &String| {
        serde_json::from_value(Value::String(name.clone())).map_err(|_| format!("there is no defect {name}"))
    };
    scale.defect.as_ref().map(parse).transpose()
}

/// Refuses fewer processes than `least`.
fn at_least(scale: &Scale, least: u32, why: &str) -> Result<(), String> {
    if scale.n >= least { Ok(()) } else { Err(format!("n = {} is less than {least}: {why}", scale.n)) }
}
