//! Queues on links, and what a reduction by partial order makes of them: leader election on a ring (Dolev, Klawe, Rodeh
//! 1982), the classic of the field.

use synod_check::{Control, Engine, Options, Report, Store, check};
use synod_kernel::{Environment, SeatId, Setting};
use synod_model::prelude::*;
use synod_properties::{Monitor, Obligation, Observation, Property, Verdict, Violation};

/// A process of the unidirectional ring. Every process starts active with its own number; in each phase an active
/// process stays so, with the number of its neighbour, where that is the greatest of three.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Elector {
    active: bool,
    maximum: u32,
    neighbour: u32,
    elected: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Told {
    One(u32),
    Two(u32),
    Winner(u32),
}

/// The number of process p of n, all different.
fn number(p: ProcessId, n: usize) -> u32 {
    let stride = if n.is_multiple_of(5) { 3 } else { 5 };
    (p.0 * stride + 1) % n as u32 + 1
}

impl Elector {
    fn next(ctx: &impl Context<Self>) -> ProcessId {
        ctx.group().after(ctx.me())
    }

    fn on_one(&mut self, value: u32, ctx: &mut impl Context<Self>) {
        let next = Self::next(ctx);
        if !self.active {
            ctx.send(next, Told::One(value));
        } else if value == self.maximum {
            // it came round: no other is active
            ctx.send(next, Told::Winner(value));
        } else {
            ctx.send(next, Told::Two(value));
            self.neighbour = value;
        }
    }

    fn on_two(&mut self, value: u32, ctx: &mut impl Context<Self>) {
        let next = Self::next(ctx);
        if !self.active {
            ctx.send(next, Told::Two(value));
        } else if self.neighbour > value && self.neighbour > self.maximum {
            self.maximum = self.neighbour;
            ctx.send(next, Told::One(self.neighbour));
        } else {
            self.active = false;
        }
    }

    fn on_winner(&mut self, value: u32, ctx: &mut impl Context<Self>) {
        if self.elected {
            return;
        }
        self.elected = true;
        ctx.send(Self::next(ctx), Told::Winner(value));
        if value == number(ctx.me(), ctx.n()) {
            ctx.indicate(value);
        }
    }
}

impl Process for Elector {
    type Model = (Reliable, Fifo<Perfect>, Asynchronous);
    type Parameters = ();
    type Request = Never;
    type Indication = u32;
    type Message = Told;
    fn on_init((): &(), ctx: &mut impl Context<Self>) -> Self {
        let maximum = number(ctx.me(), ctx.n());
        ctx.send(Self::next(ctx), Told::One(maximum));
        Self { active: true, maximum, neighbour: 0, elected: false }
    }
    fn on_request(&mut self, request: Never, _: &mut impl Context<Self>) {
        match request {}
    }
    fn on_message(&mut self, _: ProcessId, told: Told, ctx: &mut impl Context<Self>) {
        match told {
            Told::One(value) => self.on_one(value, ctx),
            Told::Two(value) => self.on_two(value, ctx),
            Told::Winner(value) => self.on_winner(value, ctx),
        }
    }
    no_timers!();
    no_storage!();
}

/// ONE: at most one leader; the greatest number, if `greatest` says so. SOME: there may be one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Leader {
    leader: Option<ProcessId>,
    never: Option<ProcessId>,
}

const ONE: Property = Property::safety("ONE", "at most one process is elected");
const SOME: Property = Property::reachable("SOME", "a process is elected");

impl Monitor<Never, u32> for Leader {
    fn properties(&self) -> Vec<Property> {
        vec![ONE, SOME]
    }
    fn observe(&mut self, observation: &Observation<'_, Never, u32>) -> Result<(), Violation> {
        if let Observation::Indication { at, .. } = observation {
            if self.leader.is_some() || self.never == Some(*at) {
                return Err(Violation::new(&ONE, format!("{at} is elected too")));
            }
            self.leader = Some(*at);
        }
        Ok(())
    }
    fn owed(&self, _: &mut impl FnMut(Obligation)) {}
    fn reached(&self, reach: &mut impl FnMut(&'static str)) {
        if self.leader.is_some() {
            reach("SOME");
        }
    }
}

fn ring(n: u32) -> Setting<Elector> {
    let mut environment = Environment::benign(n);
    environment.links.kind.fifo = true;
    let mut setting = Setting::new(environment, (), Vec::new());
    for p in 0..n {
        setting.seating.reach(SeatId(p), vec![SeatId((p + 1) % n)]);
    }
    setting
}

fn explore(n: u32, never: Option<ProcessId>, options: &Options) -> Report<Elector> {
    let monitor = Leader { leader: None, never };
    check(&ring(n), &monitor, |_| 0, options, &mut |_| Control::Continue)
}

#[test]
fn both_engines_count_the_same_states_of_queues() {
    for n in [2, 3, 4] {
        let of = |engine, store| {
            let report = explore(n, None, &Options { engine, store, ..Options::default() });
            assert!(report.complete && report.holds(), "{report}");
            (report.states, report.transitions, report.depth)
        };
        let plain = of(Engine::Reference, Store::Exact);
        for store in [Store::Fingerprint64, Store::Fingerprint128, Store::Exact] {
            assert_eq!(of(Engine::Tabulating, store), plain, "n = {n}, {store:?}");
        }
    }
}

#[test]
fn the_reduction_keeps_a_verdict_and_little_more_than_one_run() {
    let reduced = Options { partial_order: true, ..Options::default() };
    for (n, of_a_peer) in [(3, 61), (5, 97), (6, 115), (7, 133)] {
        let whole = explore(n, None, &Options::default());
        let report = explore(n, None, &reduced);
        assert!(report.complete && report.holds() && whole.holds(), "{report}");
        assert!(report.states <= of_a_peer && report.states < whole.states, "n = {n}: {report}");
        // what can be refuted still is, by a run that replays
        let leader = number_of_the_greatest(n);
        let refuted = explore(n, Some(leader), &reduced);
        assert!(matches!(refuted.verdict("ONE"), Verdict::Violated { .. }), "n = {n}: {refuted}");
        let found = refuted.counterexample.expect("it is refuted");
        let trace = found.trace("ring", &ring(n));
        let replayed = synod_kernel::trace::replay::<Elector>(&trace).expect("it replays");
        assert_eq!(replayed.lines.len(), found.moves.len());
    }
}

/// Who wins: whoever is elected in a run.
fn number_of_the_greatest(n: u32) -> ProcessId {
    let winners = (0..n).map(ProcessId).filter(|&p| !explore(n, Some(p), &Options::default()).holds());
    let winners: Vec<_> = winners.collect();
    assert_eq!(winners.len(), 1, "one and the same in every run: {winners:?}");
    winners[0]
}

#[test]
fn the_reduction_gives_the_same_with_any_number_of_threads() {
    let of = |threads| {
        let report = explore(6, None, &Options { partial_order: true, threads, ..Options::default() });
        (report.states, report.transitions, report.depth)
    };
    assert_eq!(of(1), of(2));
}
