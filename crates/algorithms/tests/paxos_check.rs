//! Paxos, every run of small instances: it holds; and each twin is refuted.

use synod_algorithms::consensus::single_decree::{Request, SingleDecree};
use synod_algorithms::consensus::{Defect, Paxos, PaxosParameters};
use synod_algorithms::detectors::OmegaOracle;
use synod_check::{Control, Engine, Options, Report, check};
use synod_kernel::environment::{Budget, Environment, Oracles};
use synod_kernel::{Setting, trace};
use synod_model::failure::FailureModel;
use synod_model::interface::{Decide, Propose};
use synod_model::timing::TimingModel;
use synod_model::{Group, Process, ProcessId, SystemModel, TimingOf};
use synod_properties::{Consensus, Kind, Monitor, Obligation, Observation, Property, Verdict, Violation};

/// Within the model `M`: so many crashes for ever, so many restarts, ballots up to this round.
fn environment<M: SystemModel>(n: u32, stops: u32, restarts: u32, rounds: u32) -> Environment {
    let mut environment = Environment::benign(n);
    environment.failures.kind = M::Failures::KIND;
    environment.failures.stops = Budget::AtMost(stops);
    environment.failures.restarts = Budget::AtMost(restarts);
    environment.measure = Budget::AtMost(rounds);
    environment
}

type Led = Paxos<char, OmegaOracle>;

/// Omega says anything, so many times in all.
fn led(
    engine: Engine,
    defect: Option<Defect>,
    mut environment: Environment,
    outputs: u32,
    proposals: &str,
) -> Report<Led> {
    let granted = <TimingOf<Led> as TimingModel>::ORACLES.iter().collect();
    environment.oracles = Oracles { granted, outputs: Budget::AtMost(outputs) };
    let monitor = Consensus::new(Group::first(environment.processes));
    let parameters = PaxosParameters { defect, ..PaxosParameters::default() };
    let proposals = proposals.chars().map(|value| vec![Propose(value)]).collect();
    let setting = Setting::<Led>::new(environment, parameters, proposals);
    let options = Options { engine, ..Options::default() };
    check(&setting, &monitor, Led::ballot_round, &options, &mut |_| Control::Continue)
}

fn practical(n: u32, stops: u32, restarts: u32, rounds: u32) -> Environment {
    environment::<<Led as Process>::Model>(n, stops, restarts, rounds)
}

/// Modulo the renumbering of its ballots' rounds: whatever they grow to.
fn renumbered(defect: Option<Defect>, (n, stops, restarts, rounds): (u32, u32, u32, u32), outputs: u32, proposals: &str) -> (Setting<Led>, Report<Led>) {
    let mut environment = practical(n, stops, restarts, rounds);
    let granted = <TimingOf<Led> as TimingModel>::ORACLES.iter().collect();
    environment.oracles = Oracles { granted, outputs: Budget::AtMost(outputs) };
    let monitor = Consensus::new(Group::first(environment.processes));
    let parameters = PaxosParameters { defect, ..PaxosParameters::default() };
    let proposals = proposals.chars().map(|value| vec![Propose(value)]).collect();
    let setting = Setting::<Led>::new(environment, parameters, proposals);
    let options = Options { renumber: true, states_max: 200_000, ..Options::default() };
    let report = check(&setting, &monitor, Led::ballot_round, &options, &mut |_| Control::Continue);
    (setting, report)
}

#[test]
fn paxos_terminates_whatever_its_ballots_grow_to() {
    for (d, n, s, r, b, o, p) in [(None, 2, 0, 0, 2, 3, "a"), (None, 2, 0, 0, 3, 3, "a"), (None, 2, 0, 0, 3, 3, "ab"), (Some(Defect::PromisesTheNext), 2, 0, 0, 2, 2, "ab"), (Some(Defect::NoNack), 2, 0, 0, 3, 3, "ab"),(None, 2, 0, 1, 2, 3, "a"),(None, 2, 0, 1, 2, 4, "a")] {
        let now = std::time::Instant::now();
        let (_, report) = renumbered(d, (n, s, r, b), o, p);
        eprintln!("{d:?} n={n} s={s} r={r} b={b} o={o} {p}: {report} {:?} {:?}", report.stopped, now.elapsed());
        if let Some(c) = report.counterexample { eprintln!("{} {} {:?}", c.property, c.what, c.cycle_from); for m in c.moves { eprintln!("  {}", m.choice) } }
    }
    panic!();
}

const BOTH: [Engine; 2] = [Engine::Reference, Engine::Tabulating];

#[test]
fn paxos_with_two_processes_one_restart_and_two_outputs_of_omega_holds() {
    for engine in BOTH {
        let report = led(engine, None, practical(2, 0, 1, 3), 2, "ab");
        assert!(report.complete && report.holds(), "{report}");
        assert_eq!((report.states, report.transitions), (32_803, 87_394), "{engine:?}");
    }
}

#[test]
fn paxos_with_three_processes_of_which_one_stops_and_two_outputs_of_omega_holds() {
    for engine in BOTH {
        let report = led(engine, None, practical(3, 1, 0, 1), 2, "ab");
        assert!(report.complete && report.holds(), "{report}");
        assert_eq!((report.states, report.transitions), (120_597, 684_602), "{engine:?}");
    }
}

#[test]
fn paxos_with_three_processes_one_proposal_one_restart_and_two_outputs_of_omega_is_safe() {
    for engine in BOTH {
        let report = led(engine, None, practical(3, 0, 1, 1), 2, "a");
        // two words of Omega cannot make three processes trust the same one: nothing is ever owed
        assert!(report.complete && report.verdict("C1").is_vacuous(), "{report}");
        let others = report.verdicts.iter().filter(|(property, _)| property.id != "C1");
        assert!(others.clone().all(|(_, verdict)| *verdict == Verdict::Holds), "{report}");
        assert_eq!((report.states, report.transitions), (234_220, 987_673), "{engine:?}");
    }
}

#[test]
fn three_outputs_of_omega_make_a_leader_meet_the_ballots_of_a_former_one() {
    for engine in BOTH {
        let report = led(engine, None, practical(2, 0, 0, 3), 3, "ab");
        assert!(report.complete, "{report}");
        assert_eq!((report.states, report.transitions), (9_556, 24_073), "{engine:?}");
        for id in ["C2", "C3", "UC4", "decided"] {
            assert_eq!(*report.verdict(id), Verdict::Holds, "{report}");
        }
        // two processes that trust themselves outbid each other beyond any bound on ballots
        assert!(matches!(report.verdict("C1"), Verdict::Unknown { .. }), "{report}");
    }
}

#[test]
fn without_negative_acknowledgement_a_leader_waits_for_ever() {
    let report = led(Engine::Tabulating, Some(Defect::NoNack), practical(2, 0, 0, 3), 3, "ab");
    for id in ["C2", "C3", "UC4", "decided"] {
        assert_eq!(*report.verdict(id), Verdict::Holds, "{report}");
    }
    let counterexample = report.counterexample.expect("C1 is refuted");
    assert_eq!((counterexample.property.as_str(), counterexample.moves.len()), ("C1", 10));
    assert_eq!(counterexample.cycle_from, Some(10), "nothing more happens");
}

/// [`Consensus`] for the module on its own, which is also told whom to trust; no detector, no liveness.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Safety(Consensus<char>);

impl Monitor<Request<char>, Decide<char>> for Safety {
    fn properties(&self) -> Vec<Property> {
        self.0.properties().into_iter().filter(|property| property.kind != Kind::Liveness).collect()
    }
    fn observe(
        &mut self,
        observation: &Observation<'_, Request<char>, Decide<char>>,
    ) -> Result<(), Violation> {
        match *observation {
            Observation::Request { at, request: Request::Propose(value) } => {
                self.0.observe(&Observation::Request { at, request: &Propose(*value) })
            }
            Observation::Request { request: Request::Trust(_), .. } => Ok(()),
            Observation::Indication { at, indication } => {
                self.0.observe(&Observation::Indication { at, indication })
            }
            Observation::Crash { at } => self.0.observe(&Observation::Crash { at }),
            Observation::Recover { at } => self.0.observe(&Observation::Recover { at }),
            Observation::Corrupt { at } => self.0.observe(&Observation::Corrupt { at }),
        }
    }
    fn owed(&self, _: &mut impl FnMut(Obligation)) {}
    fn reached(&self, reach: &mut impl FnMut(&'static str)) {
        self.0.reached(reach);
    }
}

type Decree = SingleDecree<char>;

/// Of three processes p0 and p1 lead a ballot each, 1.p0 and 1.p1; p2 may restart.
fn duel(engine: Engine, defect: Option<Defect>, restarts: u32) -> (Setting<Decree>, Report<Decree>) {
    let mut environment = environment::<<Decree as Process>::Model>(3, 0, restarts, 1);
    environment.failures.among = Some(Group::new(2, 1));
    let lead = |p, value| vec![Request::Propose(value), Request::Trust(ProcessId(p))];
    let setting = Setting::new(environment, defect, vec![lead(0, 'a'), lead(1, 'b')]);
    let monitor = Safety(Consensus::new(Group::first(3)));
    let options = Options { engine, ..Options::default() };
    let report = check(&setting, &monitor, Decree::ballot_round, &options, &mut |_| Control::Continue);
    (setting, report)
}

#[test]
fn two_leaders_agree() {
    for engine in BOTH {
        let (_, report) = duel(engine, None, 0);
        assert!(report.complete && report.holds(), "{report}");
        assert_eq!((report.states, report.transitions), (24_780, 120_964), "{engine:?}");
    }
}

#[test]
fn each_twin_that_breaks_agreement_is_refuted_by_a_shortest_run_that_replays() {
    let twins = [
        (Defect::PromiseNotStored, 1, 17),
        (Defect::ReplyBeforeStore, 1, 16),
        (Defect::AcceptedNotStored, 1, 17),
        (Defect::IgnoresAccepted, 0, 15),
        (Defect::QuorumsMiss, 0, 7),
    ];
    for (defect, restarts, length) in twins {
        let (setting, report) = duel(Engine::Tabulating, Some(defect), restarts);
        let counterexample = report.counterexample.unwrap_or_else(|| panic!("{defect:?} is not refuted"));
        assert_eq!(
            (counterexample.property.as_str(), counterexample.moves.len()),
            ("UC4", length),
            "{defect:?}"
        );
        let replayed = trace::replay::<Decree>(&counterexample.trace("single-decree", &setting));
        assert!(replayed.is_ok(), "{defect:?}: {:?}", replayed.err());
    }
}
