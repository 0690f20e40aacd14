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

/// Modulo the renumbering of rounds: of those that matter at a time so many, while Omega breaks its axioms.
fn renumbered(
    defect: Option<Defect>,
    mut environment: Environment,
    outputs: u32,
    proposals: &str,
) -> (Setting<Led>, Report<Led>) {
    let granted = <TimingOf<Led> as TimingModel>::ORACLES.iter().collect();
    environment.oracles = Oracles { granted, outputs: Budget::AtMost(outputs) };
    let monitor = Consensus::new(Group::first(environment.processes));
    let parameters = PaxosParameters { defect, ..PaxosParameters::default() };
    let proposals = proposals.chars().map(|value| vec![Propose(value)]).collect();
    let setting = Setting::<Led>::new(environment, parameters, proposals);
    let options = Options { renumber: true, ..Options::default() };
    let report = check(&setting, &monitor, Led::ballot_round, &options, &mut |_| Control::Continue);
    (setting, report)
}

#[test]
fn paxos_terminates_whatever_rounds_its_leaders_have_outbid_each_other_to() {
    for (restarts, rounds, proposals, states) in
        [(0, 2, "a", 517), (0, 3, "a", 989), (0, 2, "ab", 4_290), (0, 3, "ab", 14_460), (1, 2, "a", 12_707)]
    {
        let (_, report) = renumbered(None, practical(2, 0, restarts, rounds), 3, proposals);
        assert!(report.complete && report.holds(), "{report}");
        assert_eq!(report.states, states, "{rounds} rounds");
    }
}

#[test]
fn the_bound_on_rounds_leaves_open_what_the_renumbering_does_not() {
    for (proposals, rounds) in [("ab", 2), ("ab", 3), ("a", 2), ("a", 3), ("a", 4)] {
        let bounded = led(Engine::Tabulating, None, practical(2, 0, 0, rounds), 3, proposals);
        let (_, report) = renumbered(None, practical(2, 0, 0, rounds), 3, proposals);
        assert!(report.holds(), "{proposals}, {rounds} rounds: {report}");
        if proposals == "ab" {
            assert!(matches!(bounded.verdict("C1"), Verdict::Unknown { .. }), "{rounds} rounds: {bounded}");
        } else {
            assert!(
                bounded.holds() && bounded.states <= report.states,
                "{rounds} rounds: {bounded}, {report}"
            );
        }
    }
}

#[test]
fn an_acceptor_that_promises_more_than_it_is_asked_for_is_safe_and_outbids_its_leader_for_ever() {
    let defect = Some(Defect::PromisesTheNext);
    let bounded = led(Engine::Tabulating, defect, practical(2, 0, 0, 4), 2, "ab");
    assert!(bounded.complete && matches!(bounded.verdict("C1"), Verdict::Unknown { .. }), "{bounded}");
    let (setting, report) = renumbered(defect, practical(2, 0, 0, 2), 2, "ab");
    assert!(report.complete, "{report}");
    let run = report.counterexample.expect("C1 is refuted");
    assert_eq!((run.property.as_str(), run.moves.len(), run.cycle_from), ("C1", 15, Some(11)));
    assert!(run.what.ends_with("while its numbers grow by 2 each time round"), "{}", run.what);
    let replayed = trace::replay::<Led>(&run.trace("single-decree", &setting));
    assert_eq!(replayed.expect("it replays").lines.len(), run.moves.len());
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
