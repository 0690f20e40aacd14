//! Raft, every run of small instances: it holds; and each twin is refuted.

use synod_algorithms::consensus::raft::{Defect, Payload, Raft, RaftParameters};
use synod_algorithms::machines::{ReadFrom, Registers, WriteTo};
use synod_check::{Control, Engine, Options, Report, check};
use synod_kernel::environment::{Budget, Environment};
use synod_kernel::{Setting, trace};
use synod_model::failure::FailureModel;
use synod_model::interface::{Ask, Submit, Ticket};
use synod_model::link::LinkModel;
use synod_model::{Datum, FailuresOf, LinkOf, ProcessId};
use synod_properties::{ReplicatedLog, ReplicatedMachine};

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
    let requests = vec![(1..=writes).map(write).collect()];
    World { environment, parameters: RaftParameters::figure_2(), requests }
}

impl World {
    fn with(mut self, defect: Defect) -> Self {
        self.parameters.defect = Some(defect);
        self
    }

    fn setting(&self) -> Setting<Replica> {
        Setting::new(self.environment.clone(), self.parameters.clone(), self.requests.clone())
    }

    fn explored(&self, engine: Engine) -> Report<Replica> {
        let options = Options { engine, states_max: 4_000_000, ..Options::default() };
        let monitor: Monitor = (ReplicatedLog::new(), ReplicatedMachine::new());
        check(&self.setting(), &monitor, |raft| raft.term().0, &options, &mut |_| Control::Continue)
    }
}

impl World {
    fn restarts(mut self, restarts: u32) -> Self {
        self.environment.failures.restarts = Budget::AtMost(restarts);
        self
    }

    fn duplications(mut self, duplications: u32) -> Self {
        self.environment.links.duplications = Budget::AtMost(duplications);
        self
    }

    fn also(mut self, p: usize, request: Asked) -> Self {
        self.requests.resize(self.requests.len().max(p + 1), Vec::new());
        self.requests[p].push(request);
        self
    }

    fn in_flight(mut self, messages: usize) -> Self {
        self.parameters.in_flight_max = messages;
        self
    }
}

#[test]
fn scratch() {
    let worlds = [
        world(3, 1, 0).restarts(1).with(Defect::VoteNotStored),
        world(3, 1, 0).restarts(1).with(Defect::TermAndVoteApart),
        world(2, 1, 2).duplications(1).in_flight(2).with(Defect::TruncatesAlways),
        world(2, 1, 1).with(Defect::CommitGoesBack),
        world(2, 1, 1).with(Defect::AnswersBeforeCommit),
        world(3, 2, 1).with(Defect::VotesForOlderLogs),
        world(3, 2, 1).also(1, write(9)).with(Defect::CommitsUnmatched),
    ];
    for world in worlds {
        let began = std::time::Instant::now();
        let report = world.explored(Engine::Tabulating);
        println!("{:?}: {} states, {:?} {:?}", world.parameters.defect, report.states, report.counterexample.map(|c| (c.property, c.moves.len(), c.what)), began.elapsed());
    }
}
