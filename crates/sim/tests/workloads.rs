//! Clients: known answers of what they do, see and cost.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;
use synod_judge::{Client, Event, Outcome as Result_};
use synod_kernel::{Budget, Environment, Setting};
use synod_model::failure::FailureKind;
use synod_model::prelude::*;
use synod_properties::{Ask, Completion, Object, OperationKind, Operations, Scale, Told, Unjudged};
use synod_sim::cost::{Ended, OperationCost};
use synod_sim::workload::{Arrivals, History, Keys, LINEARIZABLE};
use synod_sim::{
    Distribution, Fault, FaultPlan, Instance, Options, Outcome, Simulation, Summary, Workload,
    check_determinism,
};

const DELAY: Duration = Duration::from_millis(5);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Request {
    Read { key: u64, number: u64 },
    Write { key: u64, value: u64 },
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Message {
    Asked(Request),
    Answer { number: u64, value: Option<u64> },
    Written { value: u64 },
}

/// p0 keeps registers for the others; a forgetful one forgets what is written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Shelf {
    values: BTreeMap<u64, u64>,
    forgetful: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Shelves {
    forgetful: bool,
}

impl Process for Shelf {
    type Model = (CrashRecovery, Perfect, Asynchronous, AnyNumber);
    type Parameters = Shelves;
    type Request = Request;
    type Indication = Message;
    type Message = Message;

    no_timers!();
    no_storage!();

    fn on_init(parameters: &Shelves, _: &mut impl Context<Self>) -> Self {
        Self { values: BTreeMap::new(), forgetful: parameters.forgetful }
    }

    fn on_request(&mut self, request: Request, ctx: &mut impl Context<Self>) {
        ctx.send(ProcessId(0), Message::Asked(request));
    }

    fn on_message(&mut self, from: ProcessId, message: Message, ctx: &mut impl Context<Self>) {
        match message {
            Message::Asked(Request::Read { key, number }) => {
                ctx.send(from, Message::Answer { number, value: self.values.get(&key).copied() });
            }
            Message::Asked(Request::Write { key, value }) => {
                if !self.forgetful {
                    self.values.insert(key, value);
                }
                ctx.send(from, Message::Written { value });
            }
            answer => ctx.indicate(answer),
        }
    }
}

const KINDS: [OperationKind; 2] = [OperationKind::plain("read"), OperationKind::with_value("write")];

fn operations(n: u32) -> Operations<Request, Message> {
    Operations {
        scale: Scale::new(n, 0),
        kinds: &KINDS,
        keyed: true,
        in_order: false,
        object: Some(Object::Register),
        clients: (1..n).map(ProcessId).collect(),
        own: Vec::new(),
        make: |_, Ask { kind, key, value, .. }| match kind.name {
            "read" => Some(Request::Read { key: *key, number: *value }),
            _ => Some(Request::Write { key: *key, value: *value }),
        },
        completes: |Told { asked, by, indication, request }| match (request, indication) {
            _ if asked != by => None,
            (Request::Read { number: asked, .. }, Message::Answer { number, value }) if asked == number => {
                Some(Completion::Value("value", *value))
            }
            (Request::Write { value: asked, .. }, Message::Written { value }) if asked == value => {
                Some(Completion::Done("written"))
            }
            _ => None,
        },
    }
}

fn shelves(n: u32, forgetful: bool) -> Instance<Shelf, Unjudged> {
    let mut environment = Environment::benign(n);
    environment.failures.kind = FailureKind::CrashRecovery;
    environment.failures.restarts = Budget::AtMost(2);
    environment.links.delay_min = DELAY;
    environment.links.delay_max = DELAY;
    let setting = Setting::new(environment, Shelves { forgetful }, Vec::new());
    Instance::new("shelf", setting, Unjudged).with_operations(operations(n))
}

fn with(workload: Workload, faults: Vec<(Duration, Fault)>) -> Options {
    workload.fits(&KINDS).expect("sound");
    let faults = FaultPlan::Script(faults);
    Options { workload: Some(workload), costs: true, history: true, faults, ..Options::default() }
}

/// A run that is the same when it is made again, traced, and replayed.
fn run(instance: &Instance<Shelf, Unjudged>, options: &Options) -> (Outcome, History, Vec<OperationCost>) {
    let (outcome, _) = check_determinism(instance, 1, options).expect("one seed is one run");
    let history = outcome.history.clone().expect("it is kept");
    let costs = outcome.costs.clone().expect("they are counted");
    (outcome, history, costs.operations)
}

fn closed(clients: u32, think: Duration) -> Arrivals {
    Arrivals::Closed { clients, think: Distribution::Constant { value: think } }
}

fn begun(history: &History) -> Vec<u64> {
    let at = |event: &Event<_, _>| match event {
        Event::Invoke { at, .. } => *at,
        Event::Return { .. } => None,
    };
    history.events().iter().filter_map(at).collect()
}

#[test]
fn a_closed_loop_completes_as_many_operations_as_its_round_trips_allow() {
    for (clients, think, expected) in
        [(1, Duration::ZERO, 100.0), (7, Duration::ZERO, 700.0), (6, DELAY * 4, 200.0)]
    {
        let workload = Workload { arrivals: closed(clients, think), ..Workload::default() };
        let (outcome, _, operations) = run(&shelves(4, false), &with(workload, Vec::new()));
        assert_eq!(outcome.broken(), None);
        let mut summary = Summary::default();
        summary.add(&outcome.costs.expect("they are counted"));
        let throughput = summary.throughput().expect("there was work");
        assert!((throughput - expected).abs() < expected * 0.01, "{clients}: {throughput}");
        assert!(operations.iter().all(|operation| operation.latency() == Some(2 * DELAY)));
    }
}

#[test]
fn an_operation_costs_what_its_messages_cost() {
    let workload = Workload { operations: Some(50), ..Workload::default() };
    let (_, _, operations) = run(&shelves(3, false), &with(workload, Vec::new()));
    assert_eq!(operations.len(), 50);
    for operation in operations {
        assert_eq!((operation.traffic.messages, operation.delays, operation.delays_to_all), (2, Some(2), 2));
        assert!((4..=8).contains(&operation.traffic.bytes), "{operation:?}");
    }
}

/// The gaps of a Poisson process are exponential: their deviation is their mean.
#[test]
fn poisson_arrivals_are_a_poisson_process_and_constant_ones_are_even() {
    let gaps = |arrivals| {
        let workload = Workload { arrivals, ..Workload::default() };
        let history = run(&shelves(4, false), &with(workload, Vec::new())).1;
        let begun = begun(&history);
        begun.windows(2).map(|pair| (pair[1] - pair[0]) as f64 / 1e6).collect::<Vec<f64>>()
    };
    let poisson = gaps(Arrivals::Poisson { rate: 500.0 });
    let count = poisson.len() as f64;
    let mean = poisson.iter().sum::<f64>() / count;
    let deviation = (poisson.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / count).sqrt();
    // five seconds of 500 a second; both within five standard deviations of 2 ms
    assert!((count - 2_500.0).abs() < 250.0, "{count}");
    assert!((mean - 2.0).abs() < 0.2 && (deviation - 2.0).abs() < 0.3, "{mean} {deviation}");
    assert!(gaps(Arrivals::Constant { rate: 500.0 }).iter().all(|&gap| (gap - 2.0).abs() < 1e-9));
    let bursts = gaps(Arrivals::Bursts { rate: 10.0, size: 4 });
    assert!(bursts.chunks(4).all(|gaps| gaps[..3].iter().all(|&gap| gap == 0.0)));
    assert!((bursts[3] - 100.0).abs() < 1e-9);
}

#[test]
fn keys_and_kinds_are_drawn_by_their_laws() {
    let workload = Workload {
        arrivals: Arrivals::Constant { rate: 2_000.0 },
        keys: Keys::Zipf { count: 50, exponent: 1.0 },
        mix: [("read".to_owned(), 3.0), ("write".to_owned(), 1.0)].into(),
        ..Workload::default()
    };
    let (_, history, _) = run(&shelves(4, false), &with(workload, Vec::new()));
    let (mut keys, mut writes, mut all) = (BTreeMap::<u64, f64>::new(), 0.0, 0.0);
    for event in history.events() {
        if let Event::Invoke { operation, key, .. } = event {
            *keys.entry(key.expect("registers have keys")).or_default() += 1.0;
            all += 1.0;
            writes += f64::from(u8::from(operation.kind.carries));
        }
    }
    let harmonic: f64 = (1..=50).map(|k| 1.0 / f64::from(k)).sum();
    for rank in [1, 2, 5] {
        let share = 1.0 / f64::from(rank) / harmonic;
        let sigma = (share * (1.0 - share) * all).sqrt();
        let seen = keys[&u64::from(rank as u32 - 1)];
        assert!((seen - share * all).abs() < 4.0 * sigma, "rank {rank}: {seen} of {all}");
    }
    assert!((writes / all - 0.25).abs() < 0.02, "{writes} of {all}");
}

/// p0 is down from 20 ms on for a second: whoever asks it then waits in vain, and says so.
#[test]
fn an_operation_that_is_not_answered_in_time_has_an_unknown_outcome_and_is_tried_again() {
    let crash = Fault::Crash {
        process: ProcessId(0),
        recover_after: Some(Duration::from_secs(1)),
        kept: 0,
        torn: false,
    };
    let workload = Workload {
        arrivals: closed(1, Duration::ZERO),
        timeout: Duration::from_millis(300),
        retries: 1,
        duration: Some(Duration::from_secs(2)),
        mix: [("write".to_owned(), 1.0)].into(),
        ..Workload::default()
    };
    let faults = vec![(Duration::from_millis(20), crash)];
    let (_, history, operations) = run(&shelves(2, false), &with(workload, faults));
    let unknown = operations.iter().filter(|operation| operation.outcome == Ended::Unknown).count();
    assert!((1..=2).contains(&unknown), "{unknown}");
    assert!(operations.iter().filter(|o| o.outcome == Ended::Unknown).all(|o| o.retries == 1));
    let mut last = None;
    let mut retries = 0;
    for event in history.events() {
        if let Event::Invoke { operation, retry, client, .. } = event {
            assert_eq!(*client, Client(0));
            if *retry {
                retries += 1;
                assert_eq!(last, Some(operation.value), "a retry is the same operation");
            }
            last = Some(operation.value);
        }
    }
    assert!(retries >= unknown);
    let timeouts = history
        .events()
        .iter()
        .filter(|event| matches!(event, Event::Return { outcome: Result_::Unknown, .. }));
    assert!(timeouts.count() >= 2 * unknown);
}

/// The process at which the client sits is down: it is refused, and that operation never takes effect.
#[test]
fn who_asks_a_process_that_is_down_is_refused() {
    let crash = Fault::Crash {
        process: ProcessId(1),
        recover_after: Some(Duration::from_millis(50)),
        kept: 0,
        torn: false,
    };
    let arrivals = Arrivals::Constant { rate: 100.0 };
    let workload = Workload { arrivals, operations: Some(20), ..Workload::default() };
    let (_, _, operations) =
        run(&shelves(2, false), &with(workload, vec![(Duration::from_millis(95), crash)]));
    let failed = operations.iter().filter(|operation| operation.outcome == Ended::Failed);
    assert_eq!(failed.count(), 5, "100 ms to 140 ms");
    let mut summary = Summary::default();
    let costs = synod_sim::Costs { operations, ..synod_sim::Costs::default() };
    summary.add(&costs);
    // the one that was asked for at 90 ms was forgotten
    assert_eq!(summary.availability(), Some(14.0 / 20.0));
}

#[test]
fn a_register_that_forgets_is_found_by_the_history_of_its_clients() {
    let workload = Workload { keys: Keys::Uniform { count: 3 }, ..Workload::default() };
    let options = with(workload, Vec::new());
    let (outcome, history, _) = run(&shelves(4, true), &options);
    assert_eq!(outcome.broken().expect("what is written is lost").property, LINEARIZABLE.id);
    assert!(history.to_json_lines().expect("plain data").lines().count() > 4);
    let (sound, ..) = run(&shelves(4, false), &options);
    assert_eq!(sound.broken(), None);
}

#[test]
fn nothing_is_counted_unless_it_is_asked_for() {
    let options = Options { costs: false, history: false, ..with(Workload::default(), Vec::new()) };
    let outcome = shelves(3, false).run(1, &options);
    assert_eq!((outcome.costs, outcome.history), (None, None));
}
