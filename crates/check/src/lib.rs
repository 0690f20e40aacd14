//! The exhaustive checker: every run of a small instance.
//!
//! [`check`] explores all that the kernel's `step` can do within an environment's budgets, and judges safety in every
//! state, reachability over all of them, and obligations on every [`fair`] run. [`check_system`] does the same for plain
//! transition systems ([`system`]). One search explores both; for worlds of processes there are two representations of a
//! state: [`Engine::Reference`] keeps plain values and is what [`Engine::Tabulating`], which interns them and tabulates the
//! kernel's step, is tested against.

// the disk of the tests is written for those outside of this crate
#[cfg(test)]
extern crate self as synod_check;

mod actions;
pub mod chance;
mod coverage;
#[cfg(test)]
mod data_tests;
pub mod disk;
mod erased;
pub mod fair;
mod fingerprint;
mod intern;
mod judged;
mod liveness;
mod older;
mod parallel;
mod partial_order;
mod pass;
mod plain;
mod reference;
mod renumbered;
mod report;
pub mod rounds;
mod search;
mod shape;
mod space;
#[cfg(test)]
mod symmetry_tests;
pub mod system;
mod table;
mod tabulate;
#[cfg(test)]
#[path = "../tests/disk/mod.rs"]
mod test_disk;
mod tested;
#[cfg(test)]
mod tests;
pub mod time;
mod visited;
mod witness;
mod worlds;

pub use actions::{ActionCount, count_actions};
pub use coverage::Unreached;
pub use plain::{SystemReport, SystemRun, check_system};
pub use report::{
    Control, Counterexample, DETERMINISM, Engine, Measure, NO_PANIC, Options, Order, Progress, RENUMBERING,
    Report, SYMMETRY, Store,
};
pub use shape::Part;

use synod_kernel::Setting;
use synod_model::Process;
use synod_properties::Monitor;

/// Explores every run of `setting` and judges it by `monitor`.
///
/// `measure` is the algorithm's own measure of its growth (see `Environment::measure`). `progress` is called every few
/// thousand states and may stop the search.
pub fn check<P, M>(
    setting: &Setting<P>,
    monitor: &M,
    measure: fn(&P) -> u64,
    options: &Options,
    progress: &mut dyn FnMut(&Progress) -> Control,
) -> Report<P>
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    if options.renumber {
        return renumbered::check(setting, monitor, measure, options, progress);
    }
    if options.symmetry {
        return folded(setting, monitor, measure, options, progress);
    }
    match options.engine {
        Engine::Reference => {
            let space = reference::Reference::new(setting, monitor, measure);
            let (start, reader) = space.start();
            let mut found = erased::explore(&space, start, options, progress);
            let for_ever = worlds::judge_for_ever(&mut found, &reader, setting, options);
            worlds::report(found, &reader, for_ever, options)
        }
        Engine::Tabulating => {
            let (mut maker, mut space) = tabulate::tables(setting, monitor, measure, options);
            if options.forget {
                maker.begin_to_forget(&mut space);
            }
            if options.partial_order {
                maker.begin_to_look_ahead(&mut space);
            }
            loop {
                let start = maker.start(&mut space);
                let mut fill = |space: &mut tabulate::Tabulated, state: &[u32]| maker.fill(space, state);
                let mut found = tabulate::explore(space, start, &mut fill, options, progress);
                // what is broken is broken, but not by a shortest run, where a message was late that need not be
                let limited = matches!(found.ended, Some(search::Ended::Limit(_)));
                let anew = !limited
                    && (maker.assumes_anew(&mut found.space)
                        || (found.ended.is_none() && maker.finds_circles(&mut found.space)));
                if !anew {
                    let for_ever = worlds::judge_for_ever(&mut found, &maker, setting, options);
                    return worlds::report(found, &maker, for_ever, options);
                }
                space = found.space;
            }
        }
    }
}

/// Explores the states of `setting`, those that a permutation of its processes makes equal as one.
fn folded<P, M>(
    setting: &Setting<P>,
    monitor: &M,
    measure: fn(&P) -> u64,
    options: &Options,
    progress: &mut dyn FnMut(&Progress) -> Control,
) -> Report<P>
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    let unfit = match options {
        Options { engine: Engine::Reference, .. } => Some("the reference engine takes no states for one"),
        Options { store: Store::Exact, .. } => Some("states that are compared in full are not taken for one"),
        Options { partial_order: true, .. } => Some("not together with a reduction by partial order"),
        Options { forget: true, .. } => Some("not where messages are forgotten"),
        _ => None,
    };
    if let Some(why) = unfit {
        return worlds::refused(&monitor.properties(), why);
    }
    let (mut maker, space) = tabulate::tables(setting, monitor, measure, options);
    let begun = tabulate::candidates(setting)
        .and_then(|candidates| tabulate::Folding::new(&mut maker, candidates, space));
    let (mut folding, space, start) = match begun {
        Ok(begun) => begun,
        Err(why) => return worlds::refused(&monitor.properties(), &why),
    };
    let mut fill = |space: &mut tabulate::Folded, state: &[u32]| folding.fill(space, state);
    let found = tabulate::explore_folded(space, start, &mut fill, options, progress);
    let (asymmetry, permutations) = (found.space.asymmetry(), folding.permutations());
    let for_ever = worlds::not_judged(&monitor.properties(), options);
    let mut report = worlds::report(found, &tabulate::Unfolding(&maker), for_ever, options);
    report.permutations = permutations;
    match asymmetry {
        // found, and gone past: no verdict means anything
        Some(why) if report.counterexample.as_ref().is_none_or(|c| c.property != SYMMETRY.id) => {
            worlds::refused(&monitor.properties(), &why)
        }
        _ => report,
    }
}
