//! Worlds of processes that can take each other's place: what is kept is one state of each orbit, as told by hand.

use crate::reference::{Concrete, Reference};
use crate::space::{Edge, Rows, Space};
use crate::{Control, Engine, Options, Order, Report, SYMMETRY, Store, check};
use std::collections::{BTreeMap, BTreeSet};
use synod_kernel::trace::replay;
use synod_kernel::{Budget, Environment, Rest, SeatId, Setting, Status};
use synod_model::failure::FailureKind;
use synod_model::prelude::*;
use synod_properties::{Monitor, Obligation, Observation, Property, Verdict, Violation};

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
    /// Draws whom to tell of what it delivers.
    Draws,
    /// p1 may not be the last but one.
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
        let many = by.len() >= ctx.group().majority() || (self.twin == Twin::Elders && from < ctx.me());
        if first {
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
    let copy = |e: &synod_kernel::network::Envelope<Data>| (seat(e.to), seat(e.from), Data(name(e.message.0)));
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
    let mut waiting: Vec<Concrete<Relay, Logs>> = (0..start.rows.len()).map(|at| start.rows.at(at).clone()).collect();
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
            let may = |q: &u32| !begun.contains(q) && (moved.contains(&p) == moved.contains(q)) && (moved.contains(&p) || p == *q);
            (0..n).filter(may).map(|q| begun.iter().copied().chain([q]).collect()).collect()
        };
        all = all.iter().flat_map(next).collect();
    }
    all
}

#[test]
fn one_state_is_kept_of_each_orbit_whatever_the_links() {
    let monitor = logs(&["ONCE", "ALL"], 3);
    for (n, asked, stops, links, moved) in [
        (3, 1, 1, Links::Bag, &[1, 2][..]),
        (3, 1, 1, Links::Set, &[1, 2]),
        (3, 1, 1, Links::Queues, &[1, 2]),
        (3, 2, 0, Links::Bag, &[0, 1]),
        (4, 1, 0, Links::Bag, &[1, 2, 3]),
        (3, 3, 0, Links::Set, &[0, 1, 2]),
    ] {
        let setting = relays(n, asked, stops, links, Twin::Correct);
        let monitor = Logs { due: n as usize * asked, ..monitor.clone() };
        let group = permuting(n, moved);
        let plain = explored(&setting, &monitor, &Options::default());
        let folded = explored(&setting, &monitor, &reduced());
        let case = format!("{n} {asked} {stops} {links:?}");
        assert_eq!(folded.permutations, group.len() as u64, "{case}");
        let by_hand = orbits(&setting, &monitor, &group, matches!(links, Links::Queues));
        eprintln!("{case}: {} {} {by_hand:?}", plain.states, folded.states);
        assert_eq!((folded.states, plain.states), by_hand, "{case}");
        assert!(plain.complete && folded.complete, "{case}");
        assert_eq!(plain.depth, folded.depth, "{case}");
        assert_eq!(plain.verdicts, folded.verdicts, "{case}");
    }
}
