//! `sim --from`: runs that go on from where another stood.

use super::{Desk, replay};
use crate::environment::Flags;
use crate::error::Error;
use crate::grounds::{Origin, World, sim};
use crate::registry::Entry;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use synod_kernel::Environment;
use synod_kernel::trace::{TraceError, header};

/// The world of an algorithm, as it goes on from a trace, or from the records of a real run.
///
/// A real run spent what it spent; what the world has of each fault is left beyond that, or, where the run had more of it, nothing. A
/// trace of a simulation or of a check goes on in its own world.
pub(super) fn continued(
    desk: &Desk<'_>,
    entry: &Entry,
    world: World,
    (path, at): (&Path, Option<u64>),
    flags: Flags,
) -> Result<World, Error> {
    let content = content(desk, entry, path)?;
    let damaged = |source: TraceError| Error::Trace { path: path.to_owned(), source };
    let header = header(&content).map_err(damaged)?;
    let wrong = |what: String, hint: String| Err(Error::Arguments { what, hint });
    if header.algorithm != entry.name() {
        let what = format!("{} is a run of {}, not of {}", path.display(), header.algorithm, entry.name());
        return wrong(what, format!("sim {} --from {}", header.algorithm, path.display()));
    }
    if header.ground == "check" && entry.type_name != entry.type_checked {
        let what = format!(
            "{} is a run of {} with an oracle in place of its detector",
            path.display(),
            entry.name()
        );
        return wrong(what, "go on from a simulated or a real run".to_owned());
    }
    let own: Environment = serde_json::from_value(header.setting["environment"].clone())
        .map_err(|e| damaged(TraceError::Damaged { line: 1, what: format!("its setting: {e}") }))?;
    let environment = if header.ground == "run" {
        left_beside(&own, world.environment)
    } else if flags != Flags::default() {
        let what = format!("{} goes on in its own world", path.display());
        return wrong(what, "leave out what changes the environment: it is for real runs".to_owned());
    } else {
        own
    };
    let mut scale = world.scale;
    scale.n = environment.processes;
    let from = Some(Arc::new(Origin { path: path.to_owned(), content, at }));
    Ok(World { scale, environment, from, ..world })
}

/// The trace in a file, or the one that the records of a run make.
fn content(desk: &Desk<'_>, entry: &Entry, path: &Path) -> Result<String, Error> {
    if !path.is_file() {
        return replay::retraced(desk, entry, path);
    }
    let damaged = |source: TraceError| Error::Trace { path: path.to_owned(), source };
    let located = replay::locate(desk, path)?;
    let mut content = String::new();
    let read = |e: std::io::Error| damaged(TraceError::Unreadable { line: 0, what: e.to_string() });
    located.seekable.source().open().map_err(damaged)?.read_to_string(&mut content).map_err(read)?;
    Ok(content)
}

/// A world with all that a real run was told and had of faults, and what `wanted` has beyond.
fn left_beside(run: &Environment, wanted: Environment) -> Environment {
    let mut world = wanted;
    world.processes = run.processes;
    world.timing.bounds = run.timing.bounds;
    world.storage.durability = run.storage.durability;
    for (own, spent) in [
        (&mut world.failures.stops, run.failures.stops),
        (&mut world.failures.restarts, run.failures.restarts),
        (&mut world.links.losses, run.links.losses),
        (&mut world.links.duplications, run.links.duplications),
        (&mut world.partitions, run.partitions),
        (&mut world.timing.firings, run.timing.firings),
        (&mut world.timing.pulses, run.timing.pulses),
    ] {
        *own = (*own).max(spent);
    }
    world
}

/// What goes on has all that its world has, and no clients of its own.
pub(super) fn limit(options: &mut sim::Options) -> Result<(), Error> {
    if options.run.workload.is_some() || options.run.platform.is_some() {
        return Err(Error::Arguments {
            what: "clients and platforms are of a run from its start".to_owned(),
            hint: "leave them out beside --from".to_owned(),
        });
    }
    options.run.swarm = false;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use synod_kernel::Budget;

    #[test]
    fn what_a_real_run_spent_is_not_left() {
        let (mut run, mut wanted) = (Environment::benign(5), Environment::benign(3));
        run.failures.restarts = Budget::AtMost(4);
        run.failures.stops = Budget::AtMost(1);
        wanted.failures.restarts = Budget::AtMost(6);
        wanted.links.losses = Budget::Unlimited;
        let world = left_beside(&run, wanted);
        assert_eq!(world.processes, 5);
        assert_eq!(
            (world.failures.restarts, world.failures.stops, world.links.losses),
            (Budget::AtMost(6), Budget::AtMost(1), Budget::Unlimited)
        );
    }
}
