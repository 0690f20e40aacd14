//! Paxos: in simulations and clusters with heartbeats, explored with the oracle Omega in their place.

use super::{at_least, defect};
use std::marker::PhantomData;
use synod_algorithms::consensus::paxos::PracticalDetector;
use synod_algorithms::consensus::{Paxos, PaxosParameters, PaxosSequence};
use synod_algorithms::detectors::{DetectorParameters, ElectLowerEpoch, OmegaOracle};
use synod_cli::Entry;
use synod_kernel::{Budget, Environment};
use synod_model::interface::{Decide, DecideAt, Propose, ProposeAt};
use synod_model::{Datum, Group};
use synod_properties::{
    Algorithm, Ask, Completion, Consensus, ConsensusSequence, Cost, GroundKind, Metric, OperationKind, Scale,
    Told, Twin, usual,
};

pub(super) fn all() -> Vec<Entry> {
    vec![
        Entry::checked_as::<Sequence<ElectLowerEpoch>, Sequence<OmegaOracle>>()
            .also_checked_in(stopping)
            .renumbered_in(restarting),
        Entry::checked_as::<Single<ElectLowerEpoch>, Single<OmegaOracle>>()
            .also_checked_in(stopping)
            .renumbered_in(restarting),
    ]
}

const TWINS: &[Twin] = &[
    Twin::new(
        "promise-not-stored",
        "UC4",
        "an acceptor does not store its promise, and votes in a ballot that it promised to leave alone",
    ),
    Twin::new("reply-before-store", "UC4", "an acceptor promises first and stores then"),
    Twin::new(
        "accepted-not-stored",
        "UC4",
        "an acceptor does not store its vote, and denies it after a restart",
    ),
    Twin { n: Some(2), ..Twin::new("no-nack", "C1", "nobody tells a leader that its ballot is too low") },
    Twin {
        n: Some(2),
        ..Twin::new(
            "promises-the-next",
            "C1",
            "an acceptor promises the round after the one that it is asked for, and refuses each ballot (--renumber)",
        )
    },
    Twin::new("ignores-accepted", "UC4", "the leader proposes its own value, whatever the promises say"),
    Twin::new("quorums-miss", "UC4", "a quorum is half of the processes, rounded down"),
];

/// A value that a process proposes in an instance.
type Value = Datum;

/// Who proposes: the first majority of the processes.
fn proposers(n: u32) -> u32 {
    n / 2 + 1
}

fn parameters(scale: &Scale) -> Result<PaxosParameters, String> {
    at_least(scale, 1, "somebody must decide")?;
    Ok(PaxosParameters { detector: DetectorParameters::default(), defect: defect(scale)? })
}

/// Paxos is explored with two leaders at most, each in its first ballot: every word of the oracle and every ballot
/// makes the world some twenty times larger.
fn world<D: PracticalDetector>(ground: GroundKind, scale: &Scale) -> Environment {
    let mut environment = usual::<D::PracticalModel>(ground, scale.n);
    if ground == GroundKind::Check {
        environment.failures.stops = Budget::NONE;
        environment.oracles.outputs = Budget::AtMost(2);
        environment.measure = Budget::AtMost(1);
    }
    if ground == GroundKind::Check && scale.defect.as_deref() == Some("no-nack") {
        // its leader is stuck once the oracle has had another mind: that takes a third word, but no crash
        environment.oracles.outputs = Budget::AtMost(3);
        environment.measure = Budget::AtMost(3);
        environment.failures.restarts = Budget::NONE;
    }
    environment
}

/// The same with a process that stops in place of one that restarts: with it the oracle's two words make all correct
/// processes trust the same one, so that termination is owed.
fn stopping(_: &mut Scale, environment: &mut Environment) {
    environment.failures.restarts = Budget::NONE;
    environment.failures.stops = Budget::AtMost(u32::from(environment.processes > 2));
}

/// Modulo the renumbering of rounds two processes, one of which restarts: with three words the oracle makes both trust the same one in the
/// end, so that termination is owed; before that, two who lead may outbid each other.
fn restarting(scale: &mut Scale, environment: &mut Environment) {
    scale.n = 2;
    environment.processes = 2;
    environment.failures.stops = Budget::NONE;
    environment.failures.restarts = Budget::AtMost(1);
    environment.oracles.outputs = Budget::AtMost(3);
    environment.measure = Budget::AtMost(2);
    if scale.defect.as_deref() == Some("promises-the-next") {
        // one leader is enough
        environment.failures.restarts = Budget::NONE;
        environment.oracles.outputs = Budget::AtMost(2);
    }
}

/// At the process that leads, where it has led from the start.
const COSTS: &[Cost] = &[
    Cost::operation(Metric::Messages, "5(n - 1)"),
    Cost::operation(Metric::Delays, "4"),
    Cost::operation(Metric::DelaysToAll, "5"),
    Cost::operation(Metric::Writes, "3n"),
    Cost::period(Metric::Messages, "n(n - 1)", 200),
];

fn decided(value: Value) -> Completion {
    Completion::Value("decided", Some(value.0))
}

macro_rules! decrees {
    ($($(#[$doc:meta])* $name:ident: $process:ident, $text:literal, $page:literal, $monitor:ident,
        requests: [$check:literal, $sim:literal, $run:literal], |$scale:ident| $requests:expr, $request:ty, $indication:ty,
        operations $operations:expr, $make:expr, completes $completes:expr;)*) => {$(
        $(#[$doc])*
        struct $name<D>(PhantomData<fn() -> D>);

        impl<D: PracticalDetector> Algorithm for $name<D> {
            type Process = $process<Value, D>;
            type Monitor = $monitor<Value>;

            const NAME: &'static str = $text;
            const PAGE: &'static str = include_str!(concat!("../../../algorithms/src/consensus/", $page));
            const TWINS: &'static [Twin] = TWINS;
            const MEASURE: Option<&'static str> = Some("ballots of rounds");

            const OPERATIONS: &'static [OperationKind] = $operations;
            const COSTS: &'static [Cost] = COSTS;

            fn operation(_: &Scale, ask: &Ask) -> Option<$request> {
                let make: fn(&Ask) -> Option<$request> = $make;
                make(ask)
            }

            fn completes(told: &Told<'_, $request, $indication>) -> Option<Completion> {
                let completes: fn(&$request, &$indication) -> Option<Completion> = $completes;
                completes(told.request, told.indication).filter(|_| told.asked == told.by)
            }

            fn measure(process: &Self::Process) -> u64 {
                process.ballot_round()
            }

            fn scale(ground: GroundKind) -> Scale {
                match ground {
                    GroundKind::Check => Scale::new(3, $check),
                    GroundKind::Sim => Scale::new(5, $sim),
                    GroundKind::Run => Scale::new(5, $run),
                }
            }

            fn parameters(scale: &Scale) -> Result<PaxosParameters, String> {
                parameters(scale)
            }

            fn requests($scale: &Scale) -> Vec<Vec<$request>> {
                $requests
            }

            fn monitor(scale: &Scale) -> Self::Monitor {
                $monitor::new(Group::first(scale.n))
            }

            fn environment(ground: GroundKind, scale: &Scale) -> Environment {
                world::<D>(ground, scale)
            }
        }
    )*};
}
decrees! {
    /// A sequence of instances, in each of which a majority proposes.
    Sequence: PaxosSequence, "paxos", "paxos_sequence.rs", ConsensusSequence,
        requests: [1, 4, 40], |scale| {
            let propose = |p: u32, k: u32| ProposeAt { instance: k.into(), value: Datum((100 * (k + 1) + p).into()) };
            let of = |p| (0..scale.requests).map(|k| propose(p, k)).collect();
            (0..proposers(scale.n)).map(of).collect()
        }, ProposeAt<Value>, DecideAt<Value>,
        operations &[OperationKind::with_value("propose")],
        |ask| Some(ProposeAt { instance: ask.value, value: Datum(ask.value) }),
        completes |asked, told| (asked.instance == told.instance).then_some(decided(told.value));
    /// One instance.
    Single: Paxos, "single-decree", "single_decree.rs", Consensus,
        requests: [1, 1, 1], |scale| {
            let of = |p: u32| (0..scale.requests.min(1)).map(|_| Propose(Datum((100 + p).into()))).collect();
            (0..proposers(scale.n)).map(of).collect()
        }, Propose<Value>, Decide<Value>,
        operations &[], |_| None,
        completes |_, told| Some(decided(told.0));
}
