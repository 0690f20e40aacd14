//! What known answers have in common: exploring a small world in full, by both engines.
#![allow(dead_code, reason = "each file of tests uses some of it")]

use synod_check::{Control, Engine, Options, Report, SYMMETRY, check};
use synod_kernel::trace::replay;
use synod_kernel::{Budget, Durability, Environment, Links, Setting};
use synod_model::Process;
use synod_model::failure::FailureKind;
use synod_model::link::{LinkBase, LinkKind};
use synod_properties::{Kind, Monitor, Verdict};

pub(crate) fn explore_with<P, M>(engine: Engine, setting: &Setting<P>, monitor: &M) -> Report<P>
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    // the answer is that of one thread, sooner
    let options = Options { engine, states_max: 3_000_000, threads: 2, ..Options::default() };
    check(setting, monitor, |_| 0, &options, &mut |_| Control::Continue)
}

/// Explores on both engines; they must agree, and so must a reduction by symmetry where there is one.
pub(crate) fn explore<P, M>(setting: &Setting<P>, monitor: &M) -> Report<P>
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    let [reference, report] =
        [Engine::Reference, Engine::Tabulating].map(|e| explore_with(e, setting, monitor));
    let counts = |r: &Report<P>| (r.states, r.transitions, r.depth, r.complete, r.verdicts.clone());
    assert_eq!(counts(&reference), counts(&report));
    agrees_with_its_reduction(setting, monitor, &report);
    report
}

/// Where processes can take each other's place, fewer states say the same: the same runs are needed to break a property, the
/// same goals are reached. Nothing is said of what happens for ever.
fn agrees_with_its_reduction<P, M>(setting: &Setting<P>, monitor: &M, report: &Report<P>)
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    let Some(reduced) = by_symmetry(setting, monitor) else { return };
    let lasting: Vec<_> = report.verdicts.iter().filter(|(p, _)| p.kind == Kind::Liveness).collect();
    let is_lasting = |id: &str| lasting.iter().any(|(p, _)| p.id == id);
    if report.counterexample.as_ref().is_some_and(|c| is_lasting(&c.property)) {
        assert!(reduced.complete, "nothing ends it: {reduced}");
        return;
    }
    let judged = |r: &Report<P>| {
        let all = r.verdicts.iter().filter(|(p, _)| p.kind != Kind::Liveness);
        all.map(|(p, verdict)| (p.id, std::mem::discriminant(verdict))).collect::<Vec<_>>()
    };
    assert_eq!(judged(&reduced), judged(report), "{reduced}\n{report}");
    assert_eq!((reduced.complete, reduced.depth), (report.complete, report.depth));
    assert!(reduced.states <= report.states && report.states <= reduced.states * reduced.permutations);
    if reduced.counterexample.is_some() {
        assert_eq!(replays(setting, &reduced), replays(setting, report));
    }
}

/// What is found where states are taken for one that a permutation of processes makes equal, unless that is refused.
pub(crate) fn by_symmetry<P, M>(setting: &Setting<P>, monitor: &M) -> Option<Report<P>>
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    let options = Options { symmetry: true, states_max: 3_000_000, ..Options::default() };
    let report = check(setting, monitor, |_| 0, &options, &mut |_| Control::Continue);
    let refused = report.counterexample.as_ref().is_some_and(|c| c.property == SYMMETRY.id);
    (!refused).then_some(report)
}

/// The length of the counterexample, which must replay.
pub(crate) fn replays<P: Process>(setting: &Setting<P>, report: &Report<P>) -> usize {
    let counterexample = report.counterexample.as_ref().expect("what is violated has a counterexample");
    let replayed = replay::<P>(&counterexample.trace("test", setting)).expect("a counterexample replays");
    assert_eq!(replayed.lines.len(), counterexample.moves.len());
    replayed.lines.len()
}

/// The number of states of a complete exploration in which everything holds.
#[track_caller]
pub(crate) fn holds<P, M>(setting: &Setting<P>, monitor: &M) -> u64
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    let report = explore(setting, monitor);
    assert!(report.complete && report.holds(), "{report}\n{}", story(&report));
    report.states
}

/// The length of a counterexample to the property `id`.
#[track_caller]
pub(crate) fn refuted<P, M>(setting: &Setting<P>, monitor: &M, id: &str) -> usize
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    let report = explore(setting, monitor);
    assert!(matches!(report.verdict(id), Verdict::Violated { .. }), "{report}\n{}", story(&report));
    replays(setting, &report)
}

/// The length of a run to a loop in which `id` is owed for ever, where all of `safe` holds: the answer of a twin that is
/// safe and not live.
#[track_caller]
pub(crate) fn stuck<P, M>(setting: &Setting<P>, monitor: &M, id: &str, safe: &[&str]) -> usize
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    let report = explore(setting, monitor);
    assert!(report.complete && matches!(report.verdict(id), Verdict::Violated { .. }), "{report}");
    for property in safe {
        assert_eq!(*report.verdict(property), Verdict::Holds, "{report}");
    }
    let lasso = report.counterexample.as_ref().and_then(|found| found.cycle_from).expect("a lasso");
    assert!(lasso <= replays(setting, &report));
    lasso
}

pub(crate) fn story<P: Process>(report: &Report<P>) -> String {
    let Some(c) = &report.counterexample else { return String::new() };
    let lines = c.moves.iter().map(|m| match m.cut {
        Some(cut) => format!("  {} (crash before effect {})\n", m.choice, cut.before),
        None => format!("  {}\n", m.choice),
    });
    format!("{}: {}\n{}", c.property, c.what, lines.collect::<String>())
}

/// `n` crash-stop processes of which `f` may stop, over perfect links, asynchronous.
pub(crate) fn crash_stop(n: u32, f: u32) -> Environment {
    let mut environment = Environment::benign(n);
    environment.failures.kind = FailureKind::CrashStop;
    environment.failures.stops = Budget::AtMost(f);
    environment
}

/// Two processes over links that lose and duplicate.
pub(crate) fn fair_loss(losses: u32, duplications: u32) -> Environment {
    let mut environment = Environment::benign(2);
    environment.links = Links::of(LinkKind::plain(LinkBase::FairLoss));
    environment.links.as_set = true;
    environment.links.losses = Budget::AtMost(losses);
    environment.links.duplications = Budget::AtMost(duplications);
    environment
}

/// The same where anyone may restart, so often in all.
pub(crate) fn restarts(mut environment: Environment, times: u32) -> Environment {
    environment.failures.kind = FailureKind::CrashRecovery;
    environment.failures.restarts = Budget::AtMost(times);
    environment
}

pub(crate) fn deferred(mut environment: Environment) -> Environment {
    environment.storage.durability = Durability::Deferred;
    environment
}
