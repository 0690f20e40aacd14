//! Recorded runs as runs of the kernel's world: records made line by line, as nodes would, and as none would.

mod ledger;

use ledger::{Entries, Ledger, Message, Timer, Told, Twin};
use serde_json::{Value, json};
use std::path::PathBuf;
use synod_kernel::trace::{self, Broken, Line};
use synod_kernel::{Choice, Cut, Durability, Observed, Script, Seat, SeatId, View};
use synod_model::{Event, Group, ProcessId};
use synod_runtime::digest::Digest;
use synod_runtime::execution::Execution;
use synod_runtime::record::{Incarnation, Record, file_name};
use synod_runtime::replay::{self, Again, ReplayError};
use synod_runtime::retrace::{self, RetraceError};

const P0: ProcessId = ProcessId(0);
const P1: ProcessId = ProcessId(1);

/// The record of one incarnation, as it is made.
struct Node {
    seat: Seat<Ledger>,
    group: Group,
    process: ProcessId,
    incarnation: u64,
    handlers: u64,
    lines: Vec<Value>,
    twin: Twin,
}

impl Node {
    fn start(n: u32, process: ProcessId, incarnation: u64, at: u64, disk: &[u64]) -> Self {
        let start = json!({"start": {
            "version": 1, "algorithm": "ledger", "cluster": 7, "process": process, "incarnation": incarnation,
            "group": Group::first(n), "parameters": Twin::Sound, "disk": {"json": disk}, "writes": disk.len(), "at": at,
        }});
        let entries: Entries = serde_json::from_value(json!(disk)).unwrap();
        let (seat, group) = (Seat::with_disk(entries), Group::first(n));
        Self { seat, group, process, incarnation, handlers: 0, lines: vec![start], twin: Twin::Sound }
    }

    fn of(mut self, twin: Twin) -> Self {
        self.lines[0]["start"]["parameters"] = json!(twin);
        Self { twin, ..self }
    }

    /// Handles an event: the line is what a node records of it.
    fn handle(mut self, at: u64, event: Event<Message, Timer, u64>, cause: Value) -> Self {
        let view = View { me: self.process, group: self.group, parameters: &self.twin, bounds: None };
        let mut effects = vec![];
        let mut draws = Script::new(vec![5, 6]);
        self.seat.handle(view, event.clone(), &mut draws, &mut effects);
        let handled = json!({
            "handler": self.handlers, "at": at, "event": event, "cause": cause, "draws": draws.drawn(),
            "effects": effects, "took": 7, "skew": 3, "state": self.seat.local().map(Digest::of),
        });
        self.seat.commit(&mut effects, None, Durability::Deferred, &mut |_| {});
        self.handlers += 1;
        self.line(json!({ "handled": handled }))
    }

    fn init(self, at: u64) -> Self {
        self.handle(at, Event::Init, Value::Null)
    }

    fn request(self, at: u64, entry: u64) -> Self {
        self.handle(at, Event::Request(entry), Value::Null)
    }

    /// Handles the effect of a handler of its own or of another process.
    fn message(self, at: u64, from: ProcessId, message: Message, (handler, effect): (u64, u32)) -> Self {
        let cause = json!({"incarnation": 1, "handler": handler, "effect": effect});
        self.handle(at, Event::Message(from, message), cause)
    }

    fn release(self, at: u64, stores: u32, effects: &[(u64, u32)]) -> Self {
        self.line(json!({"released": {"at": at, "stores": stores, "effects": effects}}))
    }

    fn stop(self, at: u64) -> Self {
        self.line(json!({"stopped": {"at": at}}))
    }

    fn line(mut self, line: Value) -> Self {
        self.lines.push(line);
        self
    }

    fn incarnation(&self) -> Incarnation<Ledger> {
        let path = PathBuf::from(file_name(self.process, self.incarnation));
        let text = self.lines.iter().fold(String::new(), |text, line| text + &line.to_string() + "\n");
        Incarnation::parse(&path, text.as_bytes()).unwrap().unwrap()
    }
}

fn execution(nodes: &[Node]) -> Execution<Ledger> {
    let mut execution = Execution { processes: std::collections::BTreeMap::new() };
    for node in nodes {
        execution.processes.entry(node.process).or_insert_with(Vec::new).push(node.incarnation());
    }
    execution
}

/// The steps of the trace, which replays.
fn retold(nodes: &[Node]) -> Vec<Line<Ledger>> {
    let text = retrace::trace("ledger", &execution(nodes), None).unwrap();
    trace::replay::<Ledger>(&text).unwrap().lines
}

fn refused(nodes: &[Node]) -> RetraceError {
    retrace::trace("ledger", &execution(nodes), None).unwrap_err()
}

fn observed(lines: &[Line<Ledger>]) -> Vec<Observed<u64, Told>> {
    lines.iter().flat_map(|line| line.observed.iter().cloned()).collect()
}

fn store(entry: u64, salt: u32) -> Message {
    Message::Store { entry, salt }
}

/// A process alone: it is asked for 7 and has it on its disk.
fn alone() -> Node {
    Node::start(1, P0, 1, 100, &[])
        .init(110)
        .request(120, 7)
        .release(130, 0, &[(1, 0)])
        .message(140, P0, store(7, 5), (1, 0))
        .release(150, 1, &[(2, 1), (2, 2)])
}

/// The same, and has heard itself say so: nobody knows whether it told that 7 is kept.
fn unknown_end() -> Node {
    alone().message(160, P0, Message::Stored(7), (2, 2))
}

#[test]
fn a_run_that_ends_in_order_is_told_whole() {
    let lines = retold(&[unknown_end().release(170, 0, &[(3, 0)]).stop(180)]);
    let kinds: Vec<_> = lines.iter().map(|line| &line.choice).collect();
    let (seat, from, to) = (SeatId(0), SeatId(0), SeatId(0));
    assert_eq!(
        kinds,
        [
            &Choice::Init { seat },
            &Choice::Request { seat },
            &Choice::Deliver { from, to, message: store(7, 5) },
            &Choice::Sync { seat },
            &Choice::Deliver { from, to, message: Message::Stored(7) },
        ]
    );
    assert_eq!(lines.iter().map(|line| line.at.unwrap()).collect::<Vec<_>>(), [0, 20, 40, 50, 60]);
    assert_eq!(lines[1].draws, [5]);
    assert_eq!(
        observed(&lines),
        [
            Observed::Request(P0, 7),
            Observed::Indication(P0, Told::Stored(7)),
            Observed::Indication(P0, Told::Kept(7)),
        ]
    );
}

#[test]
fn the_environment_is_what_happened() {
    let again = Node::start(1, P0, 2, 200, &[7]).handle(210, Event::Recover, Value::Null);
    let broken = Some(Broken { property: "L1".to_owned(), what: "a test".to_owned() });
    let text = retrace::trace("ledger", &execution(&[alone(), again]), broken.clone()).unwrap();
    let header = trace::header(&text).unwrap();
    assert_eq!((header.ground.as_str(), header.algorithm.as_str(), header.seed), ("run", "ledger", None));
    let replayed = trace::replay::<Ledger>(&text).unwrap();
    let environment = &replayed.setting.environment;
    assert_eq!(serde_json::to_value(environment.failures.restarts).unwrap(), json!(1));
    assert_eq!(serde_json::to_value(environment.failures.stops).unwrap(), json!(1));
    assert_eq!(environment.storage.durability, Durability::Deferred);
    assert!(!environment.links.duplications.any() && !environment.links.losses.any());
    assert_eq!(replayed.setting.requests, [[7]]);
    assert_eq!(replayed.end.violation, broken);
}

/// What the next incarnation reads shows which writes had become durable.
#[test]
fn a_crash_keeps_the_writes_that_the_next_start_read() {
    for (disk, kept) in [(&[][..], 0), (&[7][..], 1)] {
        let mut dying = alone();
        dying.lines.pop();
        let again = Node::start(1, P0, 2, 200, disk).handle(210, Event::Recover, Value::Null);
        let lines = retold(&[dying, again.release(220, 0, &[(0, 0)])]);
        let seat = SeatId(0);
        let crash = Choice::Crash { seat, forever: false, kept, torn: false };
        assert!(lines.iter().any(|line| line.choice == crash), "{kept}");
        assert!(lines.iter().all(|line| !matches!(line.choice, Choice::Sync { .. })));
        let found = Observed::Indication(P0, Told::Found(disk.iter().copied().collect()));
        let end = [Observed::Crash(P0), Observed::Recover(P0), found, Observed::Crash(P0)];
        assert_eq!(observed(&lines)[1..], end);
    }
}

/// What nobody was told, the process did not live to tell; what it was asked for afterwards is lost.
#[test]
fn an_indication_that_never_left_is_cut_off() {
    let dying = || unknown_end().request(165, 8).request(166, 9);
    let seat = SeatId(0);
    for back in [true, false] {
        let again = Node::start(1, P0, 2, 200, &[7]).handle(210, Event::Recover, Value::Null);
        let nodes =
            if back { vec![dying(), again.release(220, 0, &[(0, 0)]).stop(230)] } else { vec![dying()] };
        let lines = retold(&nodes);
        let cut: Vec<_> = lines.iter().filter(|line| line.cut.is_some()).collect();
        assert_eq!(cut.len(), 1);
        assert_eq!(cut[0].cut, Some(Cut::before(0, !back)));
        assert!(matches!(&cut[0].choice, Choice::Deliver { message: Message::Stored(7), .. }));
        assert_eq!(
            observed(&lines)[2..5],
            [Observed::Crash(P0), Observed::Request(P0, 8), Observed::Request(P0, 9)]
        );
        assert_eq!(lines.iter().filter(|line| line.choice == Choice::Request { seat }).count(), 3);
        assert_eq!(observed(&lines).len(), if back { 7 } else { 5 });
    }
}

/// Messages that did not leave stay in flight: they ask for no crash inside the handler.
#[test]
fn sends_that_never_left_are_not_cut_off() {
    let lines = retold(&[Node::start(1, P0, 1, 100, &[]).init(110).request(120, 7)]);
    assert!(lines.iter().all(|line| line.cut.is_none()));
    assert_eq!(lines[1].sent, [(SeatId(0), store(7, 5))]);
    assert!(matches!(lines[2].choice, Choice::Crash { forever: true, kept: 0, .. }));
}

#[test]
fn a_node_that_dies_before_its_first_handler_has_done_nothing() {
    let still_born = Node::start(1, P0, 1, 100, &[]);
    let again = Node::start(1, P0, 2, 200, &[]);
    let third = Node::start(1, P0, 3, 300, &[]).handle(310, Event::Recover, Value::Null);
    let lines = retold(&[still_born, again, third.release(320, 0, &[(0, 0)]).stop(330)]);
    let cut = Some(Cut::before(0, false));
    assert_eq!(lines.iter().map(|line| line.cut).collect::<Vec<_>>(), [cut, cut, None]);
    assert_eq!(
        observed(&lines),
        [
            Observed::Crash(P0),
            Observed::Recover(P0),
            Observed::Crash(P0),
            Observed::Recover(P0),
            Observed::Indication(P0, Told::Found([].into())),
        ]
    );
    // nor has one whose first start left no record
    let second = Node::start(1, P0, 2, 200, &[]).handle(210, Event::Recover, Value::Null);
    let lines = retold(&[second.release(220, 0, &[(0, 0)]).stop(230)]);
    assert_eq!(lines.iter().map(|line| line.cut).collect::<Vec<_>>(), [cut, None]);
}

/// What others were asked before an indication left was asked before it, though its handler had run.
#[test]
fn an_indication_is_told_where_it_left() {
    let teller = Node::start(2, P0, 1, 100, &[])
        .init(110)
        .request(120, 7)
        .release(130, 0, &[(1, 0), (1, 1)])
        .message(140, P0, store(7, 5), (1, 0))
        .release(142, 1, &[(2, 1), (2, 2)])
        .message(145, P0, Message::Stored(7), (2, 2))
        .message(160, P1, Message::Stored(7), (1, 2))
        .request(165, 9)
        .release(180, 0, &[(4, 0), (5, 0), (5, 1)])
        .stop(190);
    let asked = Node::start(2, P1, 1, 105, &[])
        .init(115)
        .message(150, P0, store(7, 6), (1, 1))
        .release(152, 1, &[(1, 1), (1, 2)])
        .request(170, 8)
        .release(171, 0, &[(2, 0), (2, 1)])
        .stop(190);
    let lines = retold(&[teller, asked]);
    let told = Observed::Indication(P0, Told::Kept(7));
    assert_eq!(observed(&lines)[3..], [Observed::Request(P1, 8), told, Observed::Request(P0, 9)]);
    assert!(lines.is_sorted_by_key(|line| line.at));
}

/// The line of the record that the world cannot follow, and why not.
fn reason(nodes: &[Node]) -> (usize, &'static str) {
    match refused(nodes) {
        RetraceError::Refused { line, why, .. } => (line, why),
        other => panic!("{other}"),
    }
}

#[test]
fn what_cannot_happen_is_refused_with_its_line() {
    let never_sent = alone().message(160, P0, Message::Stored(8), (2, 2));
    assert_eq!(reason(&[never_sent]), (7, "no such message is in flight"));
    let from_nobody = alone().message(160, ProcessId(9), Message::Stored(7), (2, 2));
    assert_eq!(reason(&[from_nobody]), (7, "no such message is in flight"));
    let twice = unknown_end().release(170, 0, &[(3, 0)]).message(180, P0, Message::Stored(7), (2, 2));
    assert_eq!(reason(&[twice]), (9, "no such message is in flight"));
    let pulse = |node: Node, at| node.handle(at, Event::Timer(Timer::Resend), Value::Null);
    let fired_twice = pulse(pulse(unknown_end().release(170, 0, &[(3, 0)]), 180), 190);
    assert_eq!(reason(&[fired_twice]), (10, "that timer is not set"));
    assert_eq!(reason(&[alone().release(160, 1, &[])]), (7, "no write is pending"));
    assert_eq!(reason(&[alone().handle(160, Event::Recover, Value::Null)]).0, 7);
    assert_eq!(reason(&[alone().handle(160, Event::Init, Value::Null)]).0, 7);
    for event in [json!({"Request": 8}), json!({"Message": [0, {"Stored": 7}]})] {
        let handled = json!({"handled": {"handler": 0, "at": 210, "event": event}});
        let asleep = Node::start(1, P0, 2, 200, &[7]).line(handled);
        assert_eq!(reason(&[alone(), asleep]), (2, "the process is not up"));
    }
    let error = refused(&[alone().message(160, P0, Message::Stored(8), (2, 2))]);
    assert_eq!(
        error.to_string(),
        "p0.1.jsonl, line 7 is no step of the model: p0 -> p0  Stored(8): no such message is in flight"
    );
}

#[test]
fn what_has_other_consequences_differs() {
    let differs = |node: Node, number: usize| match refused(&[node]) {
        RetraceError::Differs { line, .. } => assert_eq!(line, number),
        other => panic!("{other}"),
    };
    let with = |mut node: Node, line: usize, change: &dyn Fn(&mut Value)| {
        change(&mut node.lines[line - 1]);
        node
    };
    let handled =
        |field: &'static str, value: Value| move |line: &mut Value| line["handled"][field] = value.clone();
    differs(with(alone(), 3, &handled("effects", json!([]))), 3);
    differs(with(alone(), 3, &handled("draws", json!([4]))), 3);
    differs(with(alone(), 3, &handled("draws", json!([]))), 3);
    differs(with(alone(), 2, &handled("event", json!("Recover"))), 2);
    assert_eq!(reason(&[with(alone(), 3, &handled("draws", json!([5, 5])))]).0, 3);
    assert_eq!(reason(&[with(alone(), 3, &handled("draws", json!([1000])))]).0, 3);
    // it told something else, more, less, or what was no speech
    let released = |effects: Value| move |line: &mut Value| line["released"]["effects"] = effects.clone();
    differs(with(alone(), 6, &released(json!([[2, 2]]))), 6);
    differs(with(alone(), 6, &released(json!([[2, 1], [2, 1]]))), 6);
    differs(with(alone(), 6, &released(json!([[2, 0], [2, 1]]))), 6);
    differs(with(alone(), 6, &released(json!([[7, 0]]))), 6);
    differs(with(alone(), 6, &|line| line["released"]["stores"] = json!(0)), 6);
}

#[test]
fn a_disk_that_was_not_left_is_refused() {
    let read = |disk: &[u64], writes: u64| {
        let mut again = Node::start(1, P0, 2, 200, disk);
        again.lines[0]["start"]["writes"] = json!(writes);
        let error = refused(&[alone(), again.handle(210, Event::Recover, Value::Null)]);
        assert_eq!(error, RetraceError::Disk { path: PathBuf::from("p0.2.jsonl") }, "{disk:?} {writes}");
    };
    read(&[], 0);
    read(&[8], 1);
    read(&[7], 0);
    read(&[7], 2);
    read(&[7, 8], 2);
}

#[test]
fn records_that_do_not_belong_together_are_refused() {
    let both = Node::start(2, P0, 1, 100, &[]).init(110);
    assert_eq!(refused(&[both]), RetraceError::NoRecord(P1));
    assert_eq!(refused(&[]), RetraceError::NoRecord(P0));
    let with = |process: ProcessId, field: &str, value: Value| {
        let mut other = Node::start(2, process, 1, 100, &[]);
        other.lines[0]["start"][field] = value;
        let error = refused(&[Node::start(2, P0, 1, 100, &[]).init(110), other.init(110)]);
        assert!(matches!(error, RetraceError::Other { .. }), "{error}");
    };
    with(P1, "cluster", json!(8));
    with(P1, "parameters", json!("Amnesiac"));
    with(P1, "group", json!(Group::first(3)));
    with(ProcessId(5), "at", json!(100));
}

// --- each node by itself ---

/// Replays a node, whose lines are written as nodes write them.
fn again(node: &Node) -> Result<Again, ReplayError> {
    let written = |line: &Value| {
        let record: Record<Ledger> = serde_json::from_value(line.clone()).unwrap();
        serde_json::to_string(&record).unwrap() + "\n"
    };
    let text: String = node.lines.iter().map(written).collect();
    let incarnation = Incarnation::parse(&PathBuf::from("p0.1.jsonl"), text.as_bytes()).unwrap().unwrap();
    let processes = [(node.process, vec![incarnation])].into();
    replay::verify_each(&Execution::<Ledger> { processes }).map(|all| all[&node.process])
}

#[test]
fn effects_and_states_come_out_the_same() {
    assert_eq!(again(&unknown_end()), Ok(Again { incarnations: 1, handlers: 4, states: 4 }));
    let mut without = unknown_end();
    without.lines[2]["handled"].as_object_mut().unwrap().remove("state");
    assert_eq!(again(&without), Ok(Again { incarnations: 1, handlers: 4, states: 3 }));
}

/// What a process reads from a clock it reads otherwise when it runs again: the field is named.
#[test]
fn a_process_that_reads_a_clock_differs_by_field() {
    let node = Node::start(1, P0, 1, 100, &[]).of(Twin::Clockwatcher).init(110);
    let told = again(&node.request(120, 14)).unwrap_err().to_string();
    let mut lines = told.lines();
    assert_eq!(lines.next(), Some("p0.1.jsonl, line 3 differs"));
    assert_eq!(lines.next(), Some("  handled.effects[0].Send.message.Stored"), "{told}");
    assert!(lines.next().unwrap().trim_start().starts_with("recorded: 1"), "{told}");
    assert!(lines.next().unwrap().trim_start().starts_with("replayed: 1"), "{told}");
    assert_eq!(lines.next(), None, "{told}");
}

/// One that keeps it to itself has the same effects, and another state: that is shown.
#[test]
fn another_state_is_shown() {
    let node = Node::start(1, P0, 1, 100, &[]).of(Twin::Clockwatcher).init(110).request(120, 7);
    let told = again(&node.message(130, P0, Message::Stored(8), (1, 0))).unwrap_err().to_string();
    assert!(told.starts_with("p0.1.jsonl, line 4 differs\n  handled.state\n    recorded: \""), "{told}");
    assert!(told.contains("  the state after it, as replayed:\n    Ledger {"), "{told}");
    assert!(told.contains("seen: 1") && told.contains("watches: true"), "{told}");
}
