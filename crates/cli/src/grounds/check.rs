//! Every run of a small instance.

use super::{World, confirm, number, report, setting, title};
use crate::environment::{faults, limits};
use crate::error::Error;
use crate::report::{Report, count, grouped};
use crate::watch::Watch;
use std::fmt::Write;
use std::time::{Duration, Instant};
pub use synod_check::Options;
use synod_check::{Control, Engine, Order, Progress, Store};
use synod_kernel::trace::digest;
use synod_kernel::{Budget, Environment, Keeping, SeatId, Setting};
use synod_properties::{Algorithm, GroundKind, Kind, Monitor, Property};

/// Tells a watch how far a check has come, and asks it whether to go on.
pub fn telling(watch: &Watch) -> impl FnMut(&Progress) -> Control + '_ {
    let started = Instant::now();
    let mut saves = Saves { last: started, every: watch.save_every, asked: false };
    move |progress| {
        watch.tell(|| {
            let elapsed = started.elapsed().as_secs_f64().max(1e-3);
            format!(
                "{}, depth {}, {} states/s, {} to expand, {} MiB",
                count(progress.states, "state", "states"),
                progress.depth,
                grouped((progress.states as f64 / elapsed) as u64),
                grouped(progress.frontier),
                grouped(progress.memory >> 20)
            )
        });
        match watch.interrupted() {
            true => Control::Stop,
            false if saves.is_due(Instant::now()) => Control::Save,
            false => Control::Continue,
        }
    }
}

/// When it is time to write down how far a check has come.
struct Saves {
    last: Instant,
    every: Duration,
    /// Whether it was, when it was last asked: what has passed since is what writing took.
    asked: bool,
}

impl Saves {
    fn is_due(&mut self, now: Instant) -> bool {
        if std::mem::take(&mut self.asked) {
            self.every = self.every.max((now - self.last) * 10).min(Duration::from_hours(1));
            self.last = now;
        }
        self.asked = now - self.last >= self.every;
        if self.asked {
            self.last = now;
        }
        self.asked
    }
}

/// Why a check stopped, and what to do about it.
pub fn with_advice(why: &str, options: &Options) -> String {
    if why.contains("memory limit") && options.disk.is_none() {
        return format!("{why}: --memory gives it more, --spill DIRECTORY a disk");
    }
    why.to_owned()
}

/// That nothing was judged of what happens for ever, where that was asked.
pub fn safety_alone(options: &Options) -> Option<String> {
    let note = "safety and goals alone were judged, as was asked: nothing of what happens for ever";
    options.safety.then(|| note.to_owned())
}

/// Tells in which order states were visited, and what that means for the answer, where it is not the usual one. `shortest`
/// is said of a counterexample of safety, where there is one.
pub fn tell_order(report: &mut Report, options: &Options, complete: bool, shortest: Option<bool>) {
    number(&mut report.numbers, "order", options.order.name());
    if let Some(shortest) = shortest {
        number(&mut report.numbers, "shortest", shortest);
    }
    report.notes.extend(order(options, complete, shortest));
}

fn order(options: &Options, complete: bool, shortest: Option<bool>) -> Vec<String> {
    let order = options.order;
    if order == Order::BreadthFirst {
        return Vec::new();
    }
    let mut notes = vec![format!("order: {order}; what happens for ever is judged breadth-first alone")];
    if matches!(order, Order::Swarm { .. }) && !complete {
        let counted = "a state that several searches of the swarm visited is counted for each of them";
        notes.push(counted.to_owned());
    } else if options.threads > 1 && !matches!(order, Order::Swarm { .. }) {
        notes.push("in this order one thread searches".to_owned());
    }
    let shortest = shortest.filter(|_| !order.finds_shortest());
    notes.extend(shortest.map(|shortest| {
        let none = "no run is shorter that breaks anything: looked for breadth-first, after one was found";
        let some = "a shorter run may break it too: --order breadth-first finds a shortest one";
        if shortest { none } else { some }.to_owned()
    }));
    notes
}

/// What would have no effect on a search for these properties, or leave nothing of it, is refused.
pub fn refuse_unfit(options: &Options, properties: &[Property]) -> Result<(), Error> {
    if options.safety && properties.iter().all(|property| property.kind == Kind::Liveness) {
        return Err(Error::Arguments {
            what: "--safety leaves nothing to judge: all that is claimed happens in the end".to_owned(),
            hint: "leave it out".to_owned(),
        });
    }
    let asked = options.disk.is_some() || options.notebook.is_some();
    if !asked || options.can_be_put_on_disk(properties) {
        return Ok(());
    }
    Err(Error::Arguments {
        what: "--spill, --save and --resume are for a breadth-first search by fingerprints".to_owned(),
        hint: "what happens for ever is judged on states kept in memory: --safety leaves that out, and \
               --order and --store must be the usual ones, without --forget or --partial-order"
            .to_owned(),
    })
}

/// Where nothing can be forgotten, that is refused.
fn refuse_to_forget(options: &Options, environment: &Environment) -> Result<(), Error> {
    let fits = options.engine == Engine::Tabulating && Keeping::of(&environment.links) == Keeping::Bag;
    if !options.forget || fits {
        return Ok(());
    }
    Err(Error::Arguments {
        what: "--forget has no effect here".to_owned(),
        hint: "it is for the tabulating engine, and for links that keep every copy of a message, in no \
               order"
            .to_owned(),
    })
}

/// A reduction by partial order that would have no effect is refused.
fn refuse_partial_order(options: &Options) -> Result<(), Error> {
    if !options.partial_order || options.engine != Engine::Reference {
        return Ok(());
    }
    Err(Error::Unsupported {
        what: "no reduction by partial order: the reference engine takes every step".to_owned(),
        hint: "leave out --partial-order, or --engine".to_owned(),
    })
}

/// How states were known again, and what each took: the strength of a verdict.
pub fn known(store: Store, states: u64, memory: u64) -> String {
    known_with(store.omission(states), store, states, memory)
}

fn known_with(omission: f64, store: Store, states: u64, memory: u64) -> String {
    let each = memory.checked_div(states).unwrap_or_default();
    let each = count(each, "byte a state", "bytes a state");
    let bits = match store {
        Store::Exact => return format!("states compared in full, {each}"),
        Store::Fingerprint64 => 64,
        Store::Fingerprint128 => 128,
    };
    format!(
        "states known by {bits}-bit fingerprints: an omission has probability at most {omission:.1e}; {each}"
    )
}

/// Checks the algorithm `A`.
pub fn check<A: Algorithm>(world: &World, options: &Options, watch: &Watch) -> Result<Report, Error> {
    let setting = setting::<A>(world)?;
    let monitor = A::monitor(&world.scale);
    refuse_unfit(options, &monitor.properties())?;
    refuse_to_forget(options, &setting.environment)?;
    refuse_partial_order(options)?;
    let options = &Options { subject: subject::<A>(world, &setting, options), ..options.clone() };
    let started = Instant::now();
    let found = synod_check::check(&setting, &monitor, A::measure, options, &mut telling(watch));
    refuse_asymmetry(&found)?;
    refuse_renumbering(&found)?;
    let mut report = report(A::NAME, GroundKind::Check, world, found.verdicts.clone());
    report.elapsed = started.elapsed();
    report.interrupted = watch.interrupted();
    for (name, value) in [
        ("states", found.states),
        ("transitions", found.transitions),
        ("depth", u64::from(found.depth)),
        ("handler_calls", found.handler_calls),
        ("memory", found.memory),
    ] {
        number(&mut report.numbers, name, value);
    }
    number(&mut report.numbers, "complete", found.complete);
    if options.symmetry {
        number(&mut report.numbers, "permutations", found.permutations);
    }
    let omission = found.omission();
    number(&mut report.numbers, "omission_probability_max", omission);
    report.known = known_with(omission, found.store, found.states, found.memory);
    let lies = lies(&setting);
    if let Some(lies) = &lies {
        number(&mut report.numbers, "lies", lies.clone());
    }
    report.scope = scope(&setting, &found);
    let bounds = limits(&world.environment, A::MEASURE);
    if !bounds.is_empty() {
        report.world = format!("{}; {}", report.world, bounds.join(", "));
    }
    report.notes = not_explored::<A>(&world.environment, options);
    report.notes.extend(twins(&setting));
    report.notes.extend(options.symmetry.then(|| by_symmetry(found.permutations)));
    let finite = found.counterexample.as_ref().filter(|run| run.cycle_from.is_none());
    tell_order(&mut report, options, found.complete, finite.map(|_| found.shortest));
    report.notes.extend(lies.map(|lies| match &lies[..] {
        [] => "who lies is silent: the algorithm names nothing that it may say".to_owned(),
        lies => format!("who lies says to anyone, at any time, and nothing else: {}", lies.join(", ")),
    }));
    // a search that ended at a violation has not tried the rest
    let covered = found.unreached.as_ref().filter(|_| found.counterexample.is_none());
    report.unreached = covered.map(|unreached| unreached.iter().map(ToString::to_string).collect());
    if found.counterexample.is_none() && !found.complete {
        report.notes.extend(found.stopped.as_deref().map(|why| with_advice(why, options)));
        report.notes.extend(why_so_many(&found.parts));
    }
    if let Some(counterexample) = &found.counterexample {
        if counterexample.property == synod_check::DETERMINISM.id {
            // its trace is the run of another process
            let before = count(counterexample.moves.len().saturating_sub(1) as u64, "step", "steps");
            report.nondeterminism = Some(format!("after {before}, {}", counterexample.what));
            return Ok(report);
        }
        confirm(&mut report, super::replay::replay::<A>, counterexample.trace(A::NAME, &setting), None);
        let loops = counterexample.cycle_from.filter(|&from| from < counterexample.moves.len());
        if let (Some(from), Some(failure)) = (loops, report.failures.first_mut()) {
            let last = counterexample.moves.len() - 1;
            let _ = write!(failure.what, ", while steps {from} to {last} happen again and again");
        }
    }
    Ok(report)
}

/// A reduction by symmetry of what is not alike.
fn refuse_asymmetry<P: synod_model::Process>(found: &synod_check::Report<P>) -> Result<(), Error> {
    match &found.counterexample {
        Some(counterexample) if counterexample.property == synod_check::SYMMETRY.id => {
            Err(Error::Arguments {
                what: format!("--symmetry is refused: {}", counterexample.what),
                hint: "leave it out: every state is then explored".to_owned(),
            })
        }
        _ => Ok(()),
    }
}

/// A check modulo a renumbering of what is no number, or is more than one.
fn refuse_renumbering<P: synod_model::Process>(found: &synod_check::Report<P>) -> Result<(), Error> {
    match &found.counterexample {
        Some(counterexample) if counterexample.property == synod_check::RENUMBERING.id => {
            Err(Error::Arguments {
                what: format!("--renumber is refused: {}", counterexample.what),
                hint: "leave it out: every state within the bound on the measure is then explored".to_owned(),
            })
        }
        _ => Ok(()),
    }
}

/// What was counted, and what could not be judged.
fn by_symmetry(permutations: u64) -> String {
    format!(
        "reduced by symmetry: states that {permutations} permutations of processes and data make equal are counted as one; \
         every step was compared with its images"
    )
}

/// Which check this is, for those who want to go on with it.
fn subject<A: Algorithm>(world: &World, setting: &Setting<A::Process>, options: &Options) -> String {
    let setting = serde_json::to_string(setting).expect("a setting is plain data");
    let reduced = match options {
        Options { symmetry: true, .. } => ", by symmetry",
        Options { renumber: true, .. } => ", renumbered",
        _ => "",
    };
    format!("{} in the setting {}{reduced}", title(A::NAME, &world.scale), digest(setting.as_bytes()))
}

/// "n = 3, at most 1 restart: complete, 16,668 states".
fn scope<P: synod_model::Process>(setting: &Setting<P>, found: &synod_check::Report<P>) -> String {
    let environment = &setting.environment;
    let mut within = vec![format!("n = {}", environment.processes)];
    within.extend(setting.seating.twinned().map(|p| format!("{p} in two seats")));
    let requests: usize = setting.requests.iter().map(Vec::len).sum();
    within.push(count(requests as u64, "request", "requests"));
    let faults = faults(environment);
    within.push(if faults.is_empty() { "no faults".to_owned() } else { faults.join(", ") });
    let how = match (&found.counterexample, found.complete) {
        (Some(counterexample), _) => {
            format!("refuted in {}", count(counterexample.moves.len() as u64, "step", "steps"))
        }
        (None, true) => "complete".to_owned(),
        (None, false) => format!("not complete beyond depth {}", found.depth),
    };
    format!("{}: {how}, {}", within.join(", "), count(found.states, "state", "states"))
}

/// Who sits where, besides the processes at their own seats.
fn twins<P: synod_model::Process>(setting: &Setting<P>) -> Vec<String> {
    let (n, seating) = (setting.environment.processes as usize, &setting.seating);
    let twin = |seat: SeatId| {
        let process = seating.identity(seat);
        let asked = |seat: SeatId| format!("{:?}", setting.requests[seat.index()]);
        let (first, second) = (asked(SeatId(process.0)), asked(seat));
        format!(
            "{process} is faulty: two honest copies of it, at {process} and p{}, asked {first} and {second}",
            seat.0
        )
    };
    seating.seats().skip(n).map(twin).collect()
}

/// The domain of what those who lie may say, where any may.
fn lies<P: synod_model::Process>(setting: &Setting<P>) -> Option<Vec<String>> {
    let any = setting.environment.failures.lies.any();
    any.then(|| setting.lies.iter().map(|message| format!("{message:?}")).collect())
}

/// What takes the most values, where there are too many states.
fn why_so_many(parts: &[synod_check::Part]) -> Option<String> {
    const SHOWN: usize = 5;
    let most: Vec<_> = parts
        .iter()
        .take(SHOWN)
        .map(|part| format!("{} ({})", part.what, count(part.values, "value", "values")))
        .collect();
    (!most.is_empty()).then(|| format!("what makes states many: {}", most.join(", ")))
}

/// What lies beyond the bounds.
fn not_explored<A: Algorithm>(environment: &Environment, options: &Options) -> Vec<String> {
    let mut beyond = vec![format!("other sizes than n = {}", environment.processes)];
    let mut bounds = limits(environment, A::MEASURE);
    bounds.extend(faults(environment));
    if !bounds.is_empty() {
        beyond.push(format!("more than: {}", bounds.join(", ")));
    }
    let mut notes = vec![format!("not explored: {}", beyond.join("; "))];
    notes.extend(safety_alone(options));
    if options.forget {
        let what = "forgotten: messages that their receivers never heed, in whatever state they may come to; states that \
                    differ in those alone are counted once";
        notes.push(what.to_owned());
    }
    if options.renumber {
        let what = "modulo a renumbering: states that differ in how great their numbers are, and not in their order nor in which of \
                    them are neighbours, are counted once; handlers were held against numbers further apart";
        notes.push(what.to_owned());
        if environment.measure != Budget::Unlimited && !environment.oracles.granted.is_empty() {
            let bound =
                "the bound is one on the numbers that matter at a time, while oracles break their axioms";
            notes.push(bound.to_owned());
        }
    }
    if options.partial_order {
        let left_out =
            "reduced by partial order: steps are left out where what others do makes no difference to them";
        notes.push(format!("{left_out}; what happens for ever is not judged"));
    }
    if options.engine == Engine::Reference {
        notes.push("by the reference engine: plain values".to_owned());
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_states_were_known_is_said_with_its_strength() {
        assert_eq!(
            known(Store::Fingerprint64, 1_194_428, 23_888_560),
            "states known by 64-bit fingerprints: an omission has probability at most 3.9e-8; 20 bytes a state"
        );
        assert_eq!(known(Store::Exact, 10, 10), "states compared in full, 1 byte a state");
        assert!(known(Store::Fingerprint128, 1_194_428, 0).contains("128-bit"));
    }
}
