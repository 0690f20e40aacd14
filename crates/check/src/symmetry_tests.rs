//! Worlds of processes that can take each other's place: what is kept is one state of each orbit, as told by hand.

use crate::reference::{Concrete, Reference};
use crate::space::{Edge, Rows, Space};
use crate::tests::{Adder, adders};
use crate::{Control, Engine, Options, Order, Report, SYMMETRY, Store, check};
use std::collections::{BTreeMap, BTreeSet};
use synod_kernel::trace::replay;
use synod_kernel::{Budget, Durability, Environment, Partition, Rest, SeatId, Setting, Status};
use synod_model::failure::FailureKind;
use synod_model::prelude::*;
use synod_properties::{Monitor, Obligation, Observation, Property, Unjudged, Verdict, Violation};

/// Broadcast by which a process delivers what a majority has relayed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Relay {
    twin: Twin,
    /// By origin: who relayed it.
    relayed: BTreeMap<ProcessId, ProcessSet>,
    delivered: ProcessSet,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Twin {
    Correct,
    /// Delivers again what it hears of after a majority has relayed it.
    Again,
    /// Takes the word of a process that comes before it for a majority's.
    Elders,
    /// Tells the first process of what it delivers.
    Informer,
    /// Delivers what it hears, and relays nothing.
    Mute,
    /// p1 panics where it has delivered.
    Panics,
}

/// An origin's broadcast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Data(ProcessId);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Say;

impl Process for Relay {
    type Model = (CrashStop, Perfect, Asynchronous, AnyNumber);
    type Parameters = Twin;
    type Request = Say;
    type Indication = Data;
    type Message = Data;
    fn on_init(twin: &Twin, _: &mut impl Context<Self>) -> Self {
        Self { twin: *twin, relayed: BTreeMap::new(), delivered: ProcessSet::new() }
    }
    fn on_request(&mut self, _: Say, ctx: &mut impl Context<Self>) {
        ctx.broadcast(&Data(ctx.me()));
    }
    fn on_message(&mut self, from: ProcessId, data: Data, ctx: &mut impl Context<Self>) {
        let Data(origin) = data;
        assert!(
            self.twin != Twin::Panics || ctx.me() != ProcessId(1) || self.delivered.is_empty(),
            "p1 delivered"
        );
        let first = !self.relayed.contains_key(&origin);
        let by = self.relayed.entry(origin).or_default();
        by.insert(from);
        let many = match self.twin {
            Twin::Elders => from < ctx.me() || by.len() >= ctx.group().majority(),
            Twin::Mute => true,
            _ => by.len() >= ctx.group().majority(),
        };
        if first && self.twin != Twin::Mute {
            ctx.broadcast(&data);
        }
        if many && (self.delivered.insert(origin) || self.twin == Twin::Again) {
            ctx.indicate(data);
            if self.twin == Twin::Informer && ctx.me() != ProcessId(0) {
                ctx.send(ProcessId(0), data);
            }
        }
    }
    no_timers!();
    no_storage!();
}

const ONCE: Property = Property::safety("ONCE", "no process delivers a broadcast twice");
const ORDER: Property = Property::safety("ORDER", "no two processes deliver in different orders");
const ALL: Property = Property::reachable("ALL", "everybody delivers everything");
const FIRST: Property = Property::reachable("FIRST", "p1 delivers before p2");
const DEBT: Property = Property::liveness("DEBT", "who broadcasts delivers it");

/// What was delivered where, in order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Logs {
    properties: Vec<&'static str>,
    of: BTreeMap<ProcessId, Vec<ProcessId>>,
    due: usize,
}

fn logs(properties: &[&'static str], due: usize) -> Logs {
    Logs { properties: properties.to_vec(), of: BTreeMap::new(), due }
}

impl Monitor<Say, Data> for Logs {
    fn properties(&self) -> Vec<Property> {
        let all = [ONCE, ORDER, ALL, FIRST, DEBT];
        all.into_iter().filter(|p| self.properties.contains(&p.id)).collect()
    }
    fn observe(&mut self, observation: &Observation<'_, Say, Data>) -> Result<(), Violation> {
        let Observation::Indication { at, indication: &Data(origin) } = *observation else { return Ok(()) };
        let log = self.of.entry(at).or_default();
        if log.contains(&origin) && self.properties.contains(&"ONCE") {
            return Err(Violation::new(&ONCE, format!("{at} delivers {origin}'s again")));
        }
        log.push(origin);
        let log = log.clone();
        let differs = |other: &Vec<ProcessId>| log.iter().zip(other).any(|(a, b)| a != b);
        if self.properties.contains(&"ORDER") && self.of.values().any(differs) {
            return Err(Violation::new(&ORDER, format!("{:?}", self.of)));
        }
        Ok(())
    }
    fn owed(&self, owe: &mut impl FnMut(Obligation)) {
        for (p, log) in &self.of {
            if !log.contains(p) {
                owe(Obligation::new(&DEBT, [*p], format!("{p} has not delivered its own")));
            }
        }
    }
    fn reached(&self, reach: &mut impl FnMut(&'static str)) {
        if self.due > 0 && self.of.values().map(Vec::len).sum::<usize>() == self.due {
            reach("ALL");
        }
        if self.of.contains_key(&ProcessId(1)) && !self.of.contains_key(&ProcessId(2)) {
            reach("FIRST");
        }
    }
}

/// How messages in flight are kept.
#[derive(Clone, Copy, Debug)]
enum Links {
    Bag,
    Set,
    Queues,
}

/// `n` processes, of which the first `asked` broadcast, and `stops` may stop.
fn relays(n: u32, asked: usize, stops: u32, links: Links, twin: Twin) -> Setting<Relay> {
    let mut environment = Environment::benign(n);
    environment.failures.kind = FailureKind::CrashStop;
    environment.failures.stops = Budget::AtMost(stops);
    match links {
        Links::Bag => {}
        Links::Set => environment.links.as_set = true,
        Links::Queues => environment.links.kind.fifo = true,
    }
    Setting::new(environment, twin, vec![vec![Say]; asked])
}

fn explored(setting: &Setting<Relay>, monitor: &Logs, options: &Options) -> Report<Relay> {
    check(setting, monitor, |_| 0, options, &mut |_| Control::Continue)
}

fn reduced() -> Options {
    Options { symmetry: true, ..Options::default() }
}

/// A state, by hand: each process with its state, what is beside them, what is in flight in order, what is judged by.
type ByHand = (Vec<(Status, Option<Relay>)>, Rest, Vec<(SeatId, SeatId, Data)>, Logs);

fn renamed(state: &Concrete<Relay, Logs>, names: &[u32], queues: bool) -> ByHand {
    let name = |p: ProcessId| ProcessId(names[p.index()]);
    let seat = |s: SeatId| SeatId(names[s.index()]);
    let set = |all: &ProcessSet| all.iter().map(name).collect::<ProcessSet>();
    let local = |l: &Relay| Relay {
        twin: l.twin,
        relayed: l.relayed.iter().map(|(origin, by)| (name(*origin), set(by))).collect(),
        delivered: set(&l.delivered),
    };
    let Concrete { world, network, monitor } = state;
    let mut seats: Vec<_> = world.seats.iter().map(|s| (s.status(), s.local().map(local))).collect();
    let mut rest = world.rest.clone();
    for (p, one) in world.seats.iter().enumerate() {
        seats[names[p] as usize] = (one.status(), one.local().map(local));
        rest.asked[names[p] as usize] = world.rest.asked[p];
    }
    rest.stopped = world.rest.stopped.iter().copied().map(seat).collect();
    rest.omitting = world.rest.omitting.iter().copied().map(seat).collect();
    rest.lying = world.rest.lying.iter().copied().map(seat).collect();
    rest.severed = world.rest.severed.iter().map(|(a, b)| (seat(*a), seat(*b))).collect();
    let copy =
        |e: &synod_kernel::network::Envelope<Data>| (seat(e.to), seat(e.from), Data(name(e.message.0)));
    let mut in_flight: Vec<_> = network.copies().map(copy).collect();
    if queues {
        in_flight.sort_by_key(|(to, from, _)| (*to, *from));
    } else {
        in_flight.sort();
    }
    let log = |(p, log): (&ProcessId, &Vec<ProcessId>)| (name(*p), log.iter().copied().map(name).collect());
    let of = monitor.of.iter().map(log).collect();
    (seats, rest, in_flight, Logs { of, ..monitor.clone() })
}

/// How many orbits the states have under these permutations, and how many states there are: every state of the reference, its
/// images made by hand.
fn orbits(setting: &Setting<Relay>, monitor: &Logs, group: &[Vec<u32>], queues: bool) -> (u64, u64) {
    let reference = Reference::new(setting, monitor, |_| 0);
    let (start, _) = reference.start();
    let (mut seen, mut orbits) = (BTreeSet::new(), BTreeSet::new());
    let mut waiting: Vec<Concrete<Relay, Logs>> =
        (0..start.rows.len()).map(|at| start.rows.at(at).clone()).collect();
    let identity: Vec<u32> = (0..setting.environment.processes).collect();
    while let Some(state) = waiting.pop() {
        if !seen.insert(renamed(&state, &identity, queues)) {
            continue;
        }
        orbits.insert(group.iter().map(|names| renamed(&state, names, queues)).min());
        reference
            .expand(&state, &mut |edge| {
                if let Edge::To { step: (next, _), .. } = edge {
                    waiting.push(next);
                }
            })
            .expect("nothing is missing");
    }
    (orbits.len() as u64, seen.len() as u64)
}

/// Every permutation of these, the others where they are.
fn permuting(n: u32, moved: &[u32]) -> Vec<Vec<u32>> {
    let mut all: Vec<Vec<u32>> = vec![Vec::new()];
    for p in 0..n {
        let next = |begun: &Vec<u32>| -> Vec<Vec<u32>> {
            let may = |q: &u32| {
                !begun.contains(q)
                    && (moved.contains(&p) == moved.contains(q))
                    && (moved.contains(&p) || p == *q)
            };
            (0..n).filter(may).map(|q| begun.iter().copied().chain([q]).collect()).collect()
        };
        all = all.iter().flat_map(next).collect();
    }
    all
}

/// Whether the reduction keeps one state of each orbit under these permutations, and says what is said without it.
fn folds(setting: &Setting<Relay>, monitor: &Logs, group: &[Vec<u32>]) -> (u64, u64) {
    let plain = explored(setting, monitor, &Options::default());
    let folded = explored(setting, monitor, &reduced());
    assert_eq!(folded.permutations, group.len() as u64);
    let by_hand = orbits(setting, monitor, group, setting.environment.links.kind.fifo);
    assert_eq!((folded.states, plain.states), by_hand);
    assert!(plain.complete && folded.complete);
    assert_eq!((plain.depth, &plain.verdicts), (folded.depth, &folded.verdicts));
    assert_eq!(plain.unreached, folded.unreached);
    by_hand
}

#[test]
fn one_state_is_kept_of_each_orbit_whatever_the_links() {
    for (n, asked, stops, links, twin, moved, states) in [
        (3, 1, 1, Links::Bag, Twin::Correct, &[1, 2][..], (1_308, 2_548)),
        (3, 1, 1, Links::Set, Twin::Correct, &[1, 2], (1_265, 2_463)),
        (3, 1, 1, Links::Queues, Twin::Correct, &[1, 2], (1_308, 2_548)),
        (2, 2, 1, Links::Bag, Twin::Correct, &[0, 1], (733, 1_436)),
        (2, 2, 1, Links::Queues, Twin::Correct, &[0, 1], (801, 1_574)),
        (4, 1, 2, Links::Bag, Twin::Mute, &[1, 2, 3], (81, 285)),
        (3, 3, 0, Links::Queues, Twin::Mute, &[0, 1, 2], (776, 4_496)),
    ] {
        let setting = relays(n, asked, stops, links, twin);
        let monitor = logs(&["ONCE", "ALL"], n as usize * asked);
        let found = folds(&setting, &monitor, &permuting(n, moved));
        assert_eq!(found, states, "{n} {asked} {stops} {links:?} {twin:?}");
    }
}

#[test]
fn cuts_and_lies_are_renamed_too() {
    let monitor = logs(&["ONCE"], 0);
    let mut cut = relays(3, 1, 0, Links::Bag, Twin::Mute);
    cut.environment.partitions = Budget::AtMost(2);
    assert_eq!(folds(&cut, &monitor, &permuting(3, &[1, 2])), (210, 360));
    // one way of cutting p1 off, and another: p2 is not cut off like this
    let cuts = |of: &[u32]| of.iter().map(|&p| one_off(p)).collect();
    cut.environment.cuts = Some(cuts(&[1]));
    let refused = explored(&cut, &monitor, &reduced());
    assert!(why_refused(&refused).contains("the cuts would not be the same"));
    cut.environment.cuts = Some(cuts(&[2, 1]));
    folds(&cut, &monitor, &permuting(3, &[1, 2]));
    let mut lying =
        relays(3, 0, 0, Links::Bag, Twin::Mute).with_lies((0..3).map(|p| Data(ProcessId(p))).collect());
    lying.environment.failures.kind = FailureKind::Byzantine;
    lying.environment.failures.lies = Budget::AtMost(1);
    assert_eq!(folds(&lying, &monitor, &permuting(3, &[0, 1, 2])), (137, 769));
    lying.lies.pop();
    folds(&lying, &monitor, &permuting(3, &[0, 1]));
}

fn one_off(p: u32) -> Partition {
    Partition {
        from: vec![ProcessId(p)],
        to: (0..3).filter(|q| *q != p).map(ProcessId).collect(),
        one_way: true,
    }
}

fn why_refused(report: &Report<Relay>) -> &str {
    let refused = report.counterexample.as_ref().expect("it is refused");
    assert_eq!((refused.property.as_str(), report.complete), ("symmetry", false), "{}", refused.what);
    assert!(matches!(report.verdict(SYMMETRY.id), Verdict::Violated { .. }));
    let of_others = report.verdicts.iter().filter(|(property, _)| property.id != SYMMETRY.id);
    assert!(of_others.clone().count() > 0, "something else was asked");
    assert!(
        of_others.clone().all(|(_, verdict)| matches!(verdict, Verdict::Unknown { .. })),
        "and is not said"
    );
    &refused.what
}

#[test]
fn a_step_that_tells_processes_apart_is_named_with_both_outcomes() {
    let monitor = logs(&["ONCE", "ALL"], 3);
    let refused = |asked, twin| explored(&relays(3, asked, 1, Links::Bag, twin), &monitor, &reduced());
    let elders = refused(1, Twin::Elders);
    let what = why_refused(&elders);
    for part in [
        "p1 -> p2  Data(ProcessId(0))",
        "p1 and p2 exchanged",
        "p2 -> p1  Data(ProcessId(0))",
        "p2 indicates",
    ] {
        assert!(what.contains(part), "{part}: {what}");
    }
    let trace = elders
        .counterexample
        .as_ref()
        .expect("it is refused")
        .trace("test", &relays(3, 1, 1, Links::Bag, Twin::Elders));
    assert!(replay::<Relay>(&trace).is_ok(), "the run to the step is a run");
    let panics = refused(1, Twin::Panics);
    assert!(why_refused(&panics).contains("the handler panics: p1 delivered"), "{}", why_refused(&panics));
    // p0 alone broadcasts, and nobody takes its place: that others tell it of what they deliver tells no others apart
    let informer = refused(1, Twin::Informer);
    assert!(informer.complete && informer.holds(), "{informer}");
    let informers = refused(3, Twin::Informer);
    assert!(why_refused(&informers).contains("p0"), "{}", why_refused(&informers));
}

#[test]
fn what_judges_processes_by_their_names_is_refused() {
    let setting = relays(3, 1, 0, Links::Bag, Twin::Correct);
    let refused = explored(&setting, &logs(&["ONCE", "FIRST"], 0), &reduced());
    assert!(why_refused(&refused).contains("`FIRST` tells Logs"), "{}", why_refused(&refused));
}

#[test]
fn where_nothing_can_be_reduced_or_shown_it_is_refused() {
    let monitor = logs(&["ONCE"], 0);
    let with = |n, asked, options: &Options| {
        let refused = explored(&relays(n, asked, 0, Links::Bag, Twin::Correct), &monitor, options);
        assert_eq!(refused.states, 0);
        why_refused(&refused).to_owned()
    };
    assert!(with(2, 1, &reduced()).contains("p0 and p1 are not asked as much"), "{}", with(2, 1, &reduced()));
    assert!(with(9, 1, &reduced()).contains("more than 8 processes"));
    assert!(with(7, 0, &reduced()).contains("5040 permutations"));
    assert!(with(3, 1, &Options { engine: Engine::Reference, ..reduced() }).contains("reference"));
    assert!(with(3, 1, &Options { store: Store::Exact, ..reduced() }).contains("in full"));
    assert!(with(3, 1, &Options { partial_order: true, ..reduced() }).contains("partial order"));
    let mut twins = relays(3, 1, 0, Links::Bag, Twin::Correct);
    twins.seating.add(ProcessId(2));
    twins.requests.push(Vec::new());
    assert!(why_refused(&explored(&twins, &monitor, &reduced())).contains("twins"));
    let mut server = relays(3, 0, 1, Links::Bag, Twin::Correct);
    server.environment.failures.among = Some(Group::new(1, 1));
    assert_eq!(explored(&server, &monitor, &reduced()).permutations, 2, "p0 and p2");
}

#[test]
fn what_is_broken_is_found_as_soon_by_a_run_of_the_world_itself() {
    for (setting, monitor, broken) in [
        (relays(3, 1, 0, Links::Bag, Twin::Again), logs(&["ONCE"], 0), "ONCE"),
        (relays(3, 1, 1, Links::Queues, Twin::Again), logs(&["ONCE"], 0), "ONCE"),
        (relays(3, 2, 0, Links::Bag, Twin::Mute), logs(&["ORDER", "ALL"], 6), "ORDER"),
        (relays(3, 3, 1, Links::Set, Twin::Mute), logs(&["ORDER", "ALL"], 9), "ORDER"),
    ] {
        let plain = explored(&setting, &monitor, &Options::default());
        let folded = explored(&setting, &monitor, &reduced());
        let run = folded.counterexample.as_ref().expect("it is refuted");
        assert_eq!(run.property, broken);
        let replayed = replay::<Relay>(&run.trace("test", &setting)).expect("it replays");
        assert_eq!(replayed.lines.len(), run.moves.len());
        assert_eq!(plain.counterexample.map(|c| c.moves.len()), Some(run.moves.len()), "as short");
        assert!(folded.states < plain.states);
    }
}

#[test]
fn the_reduction_is_the_same_in_every_order_on_any_number_of_threads_and_by_any_fingerprint() {
    let setting = relays(3, 1, 1, Links::Bag, Twin::Correct);
    let monitor = logs(&["ONCE", "DEBT"], 0);
    let broad = explored(&setting, &monitor, &reduced());
    assert!(matches!(broad.verdict("DEBT"), Verdict::Unknown { why } if why.contains("without a reduction")));
    for options in [
        Options { threads: 2, ..reduced() },
        Options { store: Store::Fingerprint128, ..reduced() },
        Options { order: Order::DepthFirst, ..reduced() },
        Options { order: Order::Deepening, ..reduced() },
    ] {
        let other = explored(&setting, &monitor, &options);
        assert_eq!((other.states, other.transitions), (broad.states, broad.transitions), "{options:?}");
        assert_eq!((other.complete, &other.verdicts), (true, &broad.verdicts));
    }
    let walks = Options { order: Order::Walks { seed: 1, walks: 20, length: 10 }, ..reduced() };
    let walked = explored(&setting, &monitor, &walks);
    assert!(!walked.complete && walked.states > 10 && walked.states < broad.states);
}

/// A state of a world of two, as text, with the processes exchanged or not.
fn exchanged(state: &Concrete<Adder, Unjudged>, exchange: bool) -> String {
    let other =
        |part: &str| part.replace("Id(0)", "Id(_)").replace("Id(1)", "Id(0)").replace("Id(_)", "Id(1)");
    let text = |part: String| if exchange { other(&part) } else { part };
    let mut seats: Vec<_> = state.world.seats.iter().map(|seat| text(format!("{seat:?}"))).collect();
    let mut rest = state.world.rest.clone();
    let mut copies: Vec<_> = state.network.copies().map(|copy| text(format!("{copy:?}"))).collect();
    copies.sort();
    if exchange {
        seats.reverse();
        rest.asked.reverse();
    }
    format!("{seats:?} {:?} {:?} {copies:?}", rest.asked, rest.budgets)
}

#[test]
fn disks_and_what_is_held_back_have_images_too() {
    for durability in [Durability::Immediate, Durability::Deferred] {
        let setting = Setting { requests: vec![vec![1, 2], vec![1, 2]], ..adders(durability, 1) };
        let reference = Reference::new(&setting, &Unjudged, |_| 0);
        let mut waiting = reference.start().0.rows;
        let (mut seen, mut orbits) = (BTreeSet::new(), BTreeSet::new());
        while let Some(state) = waiting.pop() {
            let (here, there) = (exchanged(&state, false), exchanged(&state, true));
            if seen.insert(here.clone()) {
                orbits.insert(here.min(there));
                let expanded = reference.expand(&state, &mut |edge| {
                    if let Edge::To { step: (next, _), .. } = edge {
                        waiting.push(next);
                    }
                });
                expanded.expect("plain values need no table");
            }
        }
        let folded = check(&setting, &Unjudged, |_| 0, &reduced(), &mut |_| Control::Continue);
        assert_eq!((folded.states, folded.complete), (orbits.len() as u64, true));
        assert!(folded.states < seen.len() as u64 * 11 / 20);
    }
}
