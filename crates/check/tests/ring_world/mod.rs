//! Leader election on a ring, the classic of reductions by partial order (Dolev, Klawe and Rodeh, *An O(n log n)
//! unidirectional distributed algorithm for extrema finding in a circle*, Journal of Algorithms 3, 1982).

use synod_kernel::{Environment, SeatId, Setting};
use synod_model::prelude::*;
use synod_properties::{Monitor, Obligation, Observation, Property, Violation};

/// A process of the unidirectional ring. Every process starts active with its own number; in each phase an active
/// process stays so, with the number of its neighbour, where that is the greatest of three.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Elector {
    active: bool,
    maximum: u32,
    neighbour: u32,
    knows_winner: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Told {
    One(u32),
    Two(u32),
    Winner(u32),
}

/// The number of process p of n, as SPIN's example deals them out.
fn number(p: ProcessId, n: usize) -> u32 {
    let n = n as u32;
    (n + 2 - p.0) % n + 1
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
            self.knows_winner = true;
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
        if !self.knows_winner {
            self.knows_winner = true;
            ctx.send(Self::next(ctx), Told::Winner(value));
        }
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
        Self { active: true, maximum, neighbour: 0, knows_winner: false }
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

/// ONE: at most one leader, and not the one that may never be. SOME: there may be one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Leader {
    leader: Option<ProcessId>,
    never: Option<ProcessId>,
}

impl Leader {
    /// Nobody is elected yet.
    pub(crate) fn never(never: Option<ProcessId>) -> Self {
        Self { leader: None, never }
    }
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

/// The ring of n processes.
pub(crate) fn setting(n: u32) -> Setting<Elector> {
    let mut environment = Environment::benign(n);
    environment.links.kind.fifo = true;
    let mut setting = Setting::new(environment, (), Vec::new());
    for p in 0..n {
        setting.seating.reach(SeatId(p), vec![SeatId((p + 1) % n)]);
    }
    setting
}
