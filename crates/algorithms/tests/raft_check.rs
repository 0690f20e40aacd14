//! Raft, every run of small instances: it holds; and each twin is refuted.

use synod_algorithms::consensus::raft::{Defect, Payload, Raft, RaftParameters};
use synod_algorithms::machines::{ReadFrom, Registers, WriteTo};
use synod_check::{Control, Engine, Options, Report, check};
use synod_kernel::environment::{Budget, Environment};
use synod_kernel::{Setting, trace};
use synod_model::failure::FailureModel;
use synod_model::interface::{Ask, Submit, Ticket};
use synod_model::link::LinkModel;
use synod_model::{Datum, FailuresOf, LinkOf};
use synod_properties::{Kind, ReplicatedLog, ReplicatedMachine, Verdict};

type Replica = Raft<Registers>;
type Monitor = (ReplicatedLog<Payload<WriteTo>>, ReplicatedMachine<Registers>);
type Asked = Submit<WriteTo, ReadFrom>;

fn write(ticket: u64) -> Asked {
    let command = WriteTo { key: 0, value: Datum(ticket) };
    Submit { ticket: Ticket(ticket), ask: Ask::Execute { stamp: None, command } }
}

/// A world to explore.
struct World {
    environment: Environment,
    parameters: RaftParameters,
    requests: Vec<Vec<Asked>>,
}

/// n processes that go up to this term; the first is asked to write, so many times.
fn world(n: u32, terms: u32, writes: u64) -> World {
    let mut environment = Environment::benign(n);
    environment.failures.kind = FailuresOf::<Replica>::KIND;
    environment.links.kind = LinkOf::<Replica>::KIND;
    environment.links.as_set = true;
    environment.measure = Budget::AtMost(terms);
    World {
        environment,
        parameters: RaftParameters::figure_2(),
        requests: vec![(1..=writes).map(write).collect()],
    }
}

impl World {
    fn with(mut self, defect: Defect) -> Self {
        self.parameters.defect = Some(defect);
        self
    }

    fn restarts(mut self, restarts: u32) -> Self {
        self.environment.failures.restarts = Budget::AtMost(restarts);
        self
    }

    fn duplications(mut self, duplications: u32) -> Self {
        self.environment.links.duplications = Budget::AtMost(duplications);
        self
    }

    /// Another process is asked too.
    fn also(mut self, p: usize, request: Asked) -> Self {
        self.requests.resize(self.requests.len().max(p + 1), Vec::new());
        self.requests[p].push(request);
        self
    }

    /// With this of its parts on.
    fn also_with(mut self, part: impl FnOnce(&mut RaftParameters)) -> Self {
        part(&mut self.parameters);
        self
    }

    fn setting(&self) -> Setting<Replica> {
        Setting::new(self.environment.clone(), self.parameters.clone(), self.requests.clone())
    }

    fn explored(&self, engine: Engine) -> Report<Replica> {
        let options = Options { engine, states_max: 5_000_000, threads: 2, ..Options::default() };
        let monitor: Monitor = (ReplicatedLog::new(), ReplicatedMachine::new());
        check(&self.setting(), &monitor, |raft| raft.term().0, &options, &mut |_| Control::Continue)
    }
}

/// Nothing is broken, all was seen, and by both engines the same.
fn is_safe(world: &World, states: u64) {
    for engine in [Engine::Reference, Engine::Tabulating] {
        let report = world.explored(engine);
        assert!(report.complete && report.counterexample.is_none(), "{report}");
        let safety = report.verdicts.iter().filter(|(property, _)| property.kind == Kind::Safety);
        let judged = safety.filter(|(_, verdict)| *verdict == Verdict::Holds).count();
        assert!(judged >= 2, "{report}");
        assert_eq!(report.states, states, "{engine:?}: {report}");
    }
}

/// Its property is broken, by a shortest run of this length that replays.
fn is_refuted(world: &World, property: &str, length: usize) {
    let report = world.explored(Engine::Tabulating);
    let defect = world.parameters.defect;
    let counterexample = report.counterexample.unwrap_or_else(|| panic!("{defect:?} is not refuted"));
    assert_eq!(
        (counterexample.property.as_str(), counterexample.moves.len()),
        (property, length),
        "{defect:?}"
    );
    let replayed = trace::replay::<Replica>(&counterexample.trace("raft", &world.setting()));
    assert!(replayed.is_ok(), "{defect:?}: {:?}", replayed.err());
}

#[test]
fn figure_2_is_safe_in_small_worlds() {
    is_safe(&world(1, 1, 1), 4);
    is_safe(&world(2, 1, 1), 129);
    is_safe(&world(2, 2, 1), 6_386);
    is_safe(&world(3, 1, 0), 9_604);
}

#[test]
#[ignore = "complete, but minutes in a debug build"]
fn figure_2_is_safe_in_larger_worlds() {
    is_safe(&world(2, 2, 2), 129_136);
    is_safe(&world(3, 1, 1), 1_012_197);
}

#[test]
fn each_twin_is_refuted_by_a_shortest_run_that_replays() {
    is_refuted(&world(3, 1, 0).restarts(1).with(Defect::VoteNotStored), "election-safety", 10);
    is_refuted(&world(3, 1, 0).restarts(1).with(Defect::TermAndVoteApart), "election-safety", 10);
    is_refuted(&world(2, 1, 2).duplications(1).with(Defect::TruncatesAlways), "state-machine-safety", 11);
    is_refuted(&world(2, 1, 1).with(Defect::CommitGoesBack), "state-machine-safety", 11);
    is_refuted(&world(3, 2, 1).with(Defect::VotesForOlderLogs), "leader-completeness", 12);
}

#[test]
#[ignore = "two million states"]
fn a_follower_that_commits_what_it_does_not_know_to_match_is_refuted() {
    let world = world(3, 2, 1).also(1, write(9)).with(Defect::CommitsUnmatched);
    is_refuted(&world, "state-machine-safety", 15);
}

#[test]
fn each_part_is_safe_in_small_worlds() {
    is_safe(&world(2, 1, 1).also_with(|raft| raft.no_op = true), 387);
    is_safe(&world(2, 1, 0).also_with(|raft| raft.pre_vote = true), 9_024);
    is_safe(&world(2, 1, 0).also_with(|raft| raft.check_quorum = true), 154);
    is_safe(&world(2, 1, 1).also_with(|raft| raft.write_in_parallel = true), 281);
    is_safe(&world(2, 1, 2).also_with(|raft| raft.in_flight_max = 2), 4_707);
    is_safe(&world(2, 1, 1).also_with(|raft| raft.compact_after = 1), 129);
}
