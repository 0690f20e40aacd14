//! Small processes to be simulated, and what judges them.
#![allow(dead_code, unreachable_pub, reason = "each test takes some of it")]

pub mod judged;

use std::time::Duration;
use synod_kernel::environment::parse_link;
use synod_kernel::{Budget, Durability, Environment, Links, Probability, Setting};
use synod_model::failure::FailureKind;
use synod_model::prelude::*;
use synod_model::timing::TimingKind;
use synod_properties::{Monitor, Obligation, Observation, Property, Violation};
use synod_sim::{FaultKind, FaultPlan, Instance, Options, Outcome, check_determinism};

/// The faults that have a test file of their own.
pub const OF_THE_ADVERSARY: [FaultKind; 9] = [
    FaultKind::Omission,
    FaultKind::TakeOver,
    FaultKind::Lie,
    FaultKind::Replay,
    FaultKind::Corruption,
    FaultKind::Injection,
    FaultKind::BitRot,
    FaultKind::MisdirectedWrite,
    FaultKind::FailedWrite,
];

pub const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// `n` processes over links of this kind, with delays of 1 to 10 ms.
pub fn world(n: u32, link: &str) -> Environment {
    let mut environment = Environment::benign(n);
    environment.links = Links::of(parse_link(link).expect("a link"));
    environment.links.delay_min = ms(1);
    environment.links.delay_max = ms(10);
    environment
}

/// The same with crash-recovery and disks that take up to 20 ms.
pub fn recovering(n: u32, restarts: u32, durability: Durability) -> Environment {
    let mut environment = world(n, "perfect");
    environment.failures.kind = FailureKind::CrashRecovery;
    environment.failures.restarts = Budget::AtMost(restarts);
    environment.storage.durability = durability;
    environment.storage.sync_max = ms(20);
    environment
}

pub fn lossy(n: u32, losses: Budget, duplications: Budget) -> Environment {
    let mut environment = world(n, "fair-loss");
    environment.links.losses = losses;
    environment.links.duplications = duplications;
    environment.links.loss_probability = Probability::per_million(200_000);
    environment.links.duplication_probability = Probability::per_million(200_000);
    environment
}

pub fn partially_synchronous(mut environment: Environment, gst: Duration) -> Environment {
    environment.timing.kind = TimingKind::PartiallySynchronous;
    environment.timing.gst = gst;
    environment.timing.delay_before_gst = ms(200);
    environment
}

pub fn script(faults: Vec<(Duration, synod_sim::Fault)>) -> Options {
    Options { faults: FaultPlan::Script(faults), ..options() }
}

pub fn options() -> Options {
    Options { horizon: Duration::from_secs(2), ..Options::default() }
}

/// A run that was made three times and replayed.
pub fn checked<P, M>(setting: &Setting<P>, monitor: &M, seed: u64, options: &Options) -> (Outcome, String)
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    check_determinism(&simulated(setting, monitor), seed, options).unwrap_or_else(|e| panic!("{e}"))
}

/// The two as a simulation.
pub fn simulated<P: Process, M: Clone>(setting: &Setting<P>, monitor: &M) -> Instance<P, M> {
    Instance::new("test", setting.clone(), monitor.clone())
}

/// A process that sends what it is asked to everybody, `repeats` times in all, and indicates what it hears.
macro_rules! gossip {
    ($($(#[$doc:meta])* $name:ident: $model:ty;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name { said: Vec<u8>, left: u32 }

        impl Process for $name {
            type Model = $model;
            /// How often each value is sent again.
            type Parameters = u32;
            type Request = u8;
            type Indication = u8;
            type Message = u8;
            type Timer = ();

            fn on_init(repeats: &u32, _: &mut impl Context<Self>) -> Self {
                Self { said: Vec::new(), left: *repeats }
            }
            fn on_request(&mut self, value: u8, ctx: &mut impl Context<Self>) {
                self.said.push(value);
                ctx.broadcast(&value);
                if self.left > 0 {
                    ctx.set_pulse(());
                }
            }
            fn on_message(&mut self, _: ProcessId, value: u8, ctx: &mut impl Context<Self>) {
                ctx.indicate(value);
            }
            fn on_timer(&mut self, (): (), ctx: &mut impl Context<Self>) {
                self.left -= 1;
                for value in &self.said {
                    ctx.broadcast(value);
                }
                if self.left > 0 {
                    ctx.set_pulse(());
                }
            }
            no_storage!();
        }
    )*};
}
gossip! {
    /// Over perfect links.
    Gossip: (CrashStop, Perfect, Asynchronous);
    /// Over perfect links, by processes that forget.
    Amnesiac: (CrashRecovery, Perfect, Asynchronous);
    /// Over fair-loss links.
    LossyGossip: (CrashStop, FairLoss, Asynchronous);
    /// Over stubborn links.
    StubbornGossip: (CrashStop, Stubborn, Asynchronous);
    /// Over FIFO links.
    FifoGossip: (CrashStop, Fifo<Perfect>, Asynchronous);
}

/// What is asked of one is told by all; nothing else is told.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Spread {
    n: u32,
    asked: Vec<(ProcessId, u8)>,
    told: Vec<(ProcessId, u8)>,
}

impl Spread {
    pub const CREATION: Property = Property::safety("S1", "no creation");
    pub const VALIDITY: Property = Property::liveness("S2", "validity");
    pub const TOLD: Property = Property::reachable("R1", "told");

    pub fn among(n: u32) -> Self {
        Self { n, ..Self::default() }
    }

    /// How often a value was told.
    pub fn told(&self) -> usize {
        self.told.len()
    }
}

impl Monitor<u8, u8> for Spread {
    fn properties(&self) -> Vec<Property> {
        vec![Self::CREATION, Self::VALIDITY, Self::TOLD]
    }
    fn observe(&mut self, observation: &Observation<'_, u8, u8>) -> Result<(), Violation> {
        match *observation {
            Observation::Request { at, request } => self.asked.push((at, *request)),
            Observation::Indication { at, indication } => {
                if !self.asked.iter().any(|(_, value)| value == indication) {
                    return Err(Violation::new(&Self::CREATION, format!("{at} told {indication}")));
                }
                self.told.push((at, *indication));
            }
            Observation::Crash { .. } | Observation::Recover { .. } | Observation::Corrupt { .. } => {}
        }
        Ok(())
    }
    fn owed(&self, owe: &mut impl FnMut(Obligation)) {
        for &(by, value) in &self.asked {
            for at in Group::first(self.n).members().filter(|&at| !self.told.contains(&(at, value))) {
                owe(Obligation::new(&Self::VALIDITY, [by, at], format!("{at} has not told {value}")));
            }
        }
    }
    fn reached(&self, reach: &mut impl FnMut(&'static str)) {
        if !self.told.is_empty() {
            reach(Self::TOLD.id);
        }
    }
}

/// Where a store stands in the handler that answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Order {
    StoreThenReply,
    ReplyThenStore,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Talk {
    Put(u8),
    Ack(u8),
    Get,
    Value(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Heard {
    Acked(u8),
    Got(u8),
}

/// A disk that overwrites in place: a torn write leaves something that nobody wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct InPlaceDisk(pub u8);

impl Stable for InPlaceDisk {
    type Write = u8;
    fn apply(&mut self, write: u8) {
        self.0 = write;
    }
    fn tear(&mut self, write: u8) {
        self.0 = write / 2;
    }
}

/// p0 keeps a number that only grows; the others put numbers and, when told that one is kept, get it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Keeper {
    order: Order,
    value: u8,
}

impl Process for Keeper {
    type Model = (CrashRecovery, Perfect, Asynchronous);
    type Parameters = Order;
    type Request = u8;
    type Indication = Heard;
    type Message = Talk;
    type Stable = InPlaceDisk;

    fn on_init(order: &Order, _: &mut impl Context<Self>) -> Self {
        Self { order: *order, value: 0 }
    }
    fn on_request(&mut self, value: u8, ctx: &mut impl Context<Self>) {
        ctx.send(ProcessId(0), Talk::Put(value));
    }
    fn on_message(&mut self, from: ProcessId, message: Talk, ctx: &mut impl Context<Self>) {
        match message {
            Talk::Put(value) => {
                // what is kept already is not stored again
                let news = value > self.value;
                self.value = self.value.max(value);
                if news && self.order == Order::StoreThenReply {
                    ctx.store(value);
                }
                ctx.send(from, Talk::Ack(value));
                if news && self.order == Order::ReplyThenStore {
                    ctx.store(value);
                }
            }
            Talk::Ack(value) => {
                ctx.indicate(Heard::Acked(value));
                ctx.send(from, Talk::Get);
            }
            Talk::Get => ctx.send(from, Talk::Value(self.value)),
            Talk::Value(value) => ctx.indicate(Heard::Got(value)),
        }
    }
    fn on_recovery(order: &Order, disk: &InPlaceDisk, _: &mut impl Context<Self>) -> Self {
        Self { order: *order, value: disk.0 }
    }
    no_timers!();
}

/// What was acknowledged is not forgotten.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kept {
    /// By process: the largest number that it was told is kept.
    acked: std::collections::BTreeMap<ProcessId, u8>,
    got: bool,
}

impl Kept {
    pub const KEPT: Property = Property::safety("K1", "what is acknowledged is kept");
    pub const GOT: Property = Property::reachable("R1", "got");
}

impl Monitor<u8, Heard> for Kept {
    fn properties(&self) -> Vec<Property> {
        vec![Self::KEPT, Self::GOT]
    }
    fn observe(&mut self, observation: &Observation<'_, u8, Heard>) -> Result<(), Violation> {
        match *observation {
            Observation::Indication { at, indication: Heard::Acked(value) } => {
                let acked = self.acked.entry(at).or_default();
                *acked = (*acked).max(*value);
            }
            Observation::Indication { at, indication: Heard::Got(value) } => {
                // a process puts one number alone in these tests: what it gets was read after its acknowledgement
                if self.acked.get(&at).is_some_and(|acked| value < acked) {
                    return Err(Violation::new(&Self::KEPT, format!("{at} got {value} of {:?}", self.acked)));
                }
                self.got = true;
            }
            _ => {}
        }
        Ok(())
    }
    fn owed(&self, _: &mut impl FnMut(Obligation)) {}
    fn reached(&self, reach: &mut impl FnMut(&'static str)) {
        if self.got {
            reach(Self::GOT.id);
        }
    }
}

/// Sends a heartbeat every 50 ms, for ever.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Heart;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Alarm {
    Beat,
    Cancelled,
    Replaced,
}

impl Process for Heart {
    type Model = (CrashStop, Perfect, PartiallySynchronous);
    type Parameters = ();
    type Request = u8;
    type Indication = u8;
    type Message = ();
    type Timer = Alarm;

    fn on_init((): &(), ctx: &mut impl Context<Self>) -> Self {
        ctx.set_timer(Alarm::Beat, ms(50));
        ctx.set_timer(Alarm::Cancelled, ms(10));
        ctx.set_timer(Alarm::Replaced, ms(10));
        ctx.cancel(Alarm::Cancelled);
        ctx.set_timer(Alarm::Replaced, ms(30));
        Self
    }
    fn on_request(&mut self, _: u8, _: &mut impl Context<Self>) {}
    fn on_message(&mut self, _: ProcessId, (): (), _: &mut impl Context<Self>) {}
    fn on_timer(&mut self, alarm: Alarm, ctx: &mut impl Context<Self>) {
        if alarm == Alarm::Beat {
            ctx.send_others(&());
            ctx.set_timer(Alarm::Beat, ms(50));
        }
    }
    no_storage!();
}

/// Indicates all that its oracles say.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Listener;

impl Process for Listener {
    type Model = (CrashStop, Perfect, With<With<Asynchronous, Omega>, EventuallyPerfect>);
    type Parameters = ();
    type Indication = Output;
    type Timer = Output;

    fn on_init((): &(), ctx: &mut impl Context<Self>) -> Self {
        for p in ctx.processes() {
            ctx.consult::<Omega>(Output::Trust(p), Output::Trust(p));
            ctx.consult::<EventuallyPerfect>(Output::Suspect(p), Output::Suspect(p));
            ctx.consult::<EventuallyPerfect>(Output::Restore(p), Output::Restore(p));
        }
        Self
    }
    fn on_timer(&mut self, output: Output, ctx: &mut impl Context<Self>) {
        ctx.indicate(output);
    }
    no_requests!();
    no_messages!();
    no_storage!();
}

/// The axioms of both oracles, as debts.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Axioms {
    n: u32,
    trusts: std::collections::BTreeMap<ProcessId, ProcessId>,
    suspects: std::collections::BTreeSet<(ProcessId, ProcessId)>,
    crashed: ProcessSet,
}

impl Axioms {
    pub const OMEGA: Property = Property::liveness("O", "all trust one correct process");
    pub const COMPLETENESS: Property = Property::liveness("E1", "the crashed are suspected");
    pub const ACCURACY: Property = Property::liveness("E2", "no correct process is suspected");
    pub const WRONG: Property = Property::reachable("R1", "a correct process is suspected");

    pub fn among(n: u32) -> Self {
        Self { n, ..Self::default() }
    }
}

impl Monitor<Never, Output> for Axioms {
    fn properties(&self) -> Vec<Property> {
        vec![Self::OMEGA, Self::COMPLETENESS, Self::ACCURACY, Self::WRONG]
    }
    fn observe(&mut self, observation: &Observation<'_, Never, Output>) -> Result<(), Violation> {
        match *observation {
            Observation::Crash { at } => _ = self.crashed.insert(at),
            Observation::Indication { at, indication } => match *indication {
                Output::Trust(p) => _ = self.trusts.insert(at, p),
                Output::Suspect(p) => _ = self.suspects.insert((at, p)),
                Output::Restore(p) => _ = self.suspects.remove(&(at, p)),
            },
            _ => {}
        }
        Ok(())
    }
    fn owed(&self, owe: &mut impl FnMut(Obligation)) {
        let alive: Vec<_> = Group::first(self.n).members().filter(|p| !self.crashed.contains(*p)).collect();
        let trusted = alive.first().and_then(|p| self.trusts.get(p));
        for &p in &alive {
            if self.trusts.get(&p) != trusted || trusted.is_none_or(|t| self.crashed.contains(*t)) {
                owe(Obligation::new(&Self::OMEGA, [p], format!("{p} trusts {:?}", self.trusts.get(&p))));
            }
            for q in self.crashed.iter().filter(|&q| !self.suspects.contains(&(p, q))) {
                owe(Obligation::new(&Self::COMPLETENESS, [p], format!("{p} does not suspect {q}")));
            }
            for &q in alive.iter().filter(|&&q| self.suspects.contains(&(p, q))) {
                owe(Obligation::new(&Self::ACCURACY, [p, q], format!("{p} suspects {q}")));
            }
        }
    }
    fn reached(&self, reach: &mut impl FnMut(&'static str)) {
        if self.suspects.iter().any(|(_, q)| !self.crashed.contains(*q)) {
            reach(Self::WRONG.id);
        }
    }
}
