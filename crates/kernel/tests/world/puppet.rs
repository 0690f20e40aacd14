//! A process that does as it is told, and a world to do it in.

use std::collections::BTreeSet;
use synod_kernel::trace::{Line, Recorder};
use synod_kernel::{Budget, Choice, Environment, Move, SeatId, Setting, Takeover};
use synod_model::oracle::OracleKind;
use synod_model::prelude::*;

/// What a puppet is told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Act {
    Send(u32, u8),
    Store(u8),
    Say(u8),
    Timer(u8),
    Pulse(u8),
    Cancel(u8),
    Consult(Output),
    Choose(u32),
    Flip,
}

/// What it does of its own accord: it tells which messages, timers and oracles reach it. The message [`IGNORED`] it
/// ignores.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Puppet {
    handled: u32,
    remembers: Vec<u8>,
}

pub(crate) const IGNORED: u8 = 0;

/// What it tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Told {
    Said(u8),
    Heard(ProcessId, u8),
    Fired(Timer),
    Drew(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Timer {
    Plain(u8),
    Oracle(Output),
}

/// A disk that shows its tears.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Disk(pub(crate) Vec<u8>);

pub(crate) const TORN: u8 = 255;

impl Stable for Disk {
    type Write = u8;
    fn apply(&mut self, write: u8) {
        self.0.push(write);
    }
    fn tear(&mut self, _: u8) {
        self.0.push(TORN);
    }
}

impl Process for Puppet {
    type Model =
        (CrashRecovery, Perfect, With<With<With<PartiallySynchronous, Omega>, EventuallyPerfect>, LocalCoin>);
    type Parameters = ();
    type Request = Vec<Act>;
    type Indication = Told;
    type Message = u8;
    type Timer = Timer;
    type Stable = Disk;

    fn on_init((): &(), _: &mut impl Context<Self>) -> Self {
        Self { handled: 0, remembers: Vec::new() }
    }

    fn on_request(&mut self, acts: Vec<Act>, ctx: &mut impl Context<Self>) {
        self.handled += 1;
        for act in acts {
            match act {
                Act::Send(to, m) => ctx.send(ProcessId(to), m),
                Act::Store(w) => ctx.store(w),
                Act::Say(x) => ctx.indicate(Told::Said(x)),
                Act::Timer(t) => ctx.set_timer(Timer::Plain(t), Duration::from_millis(u64::from(t))),
                Act::Pulse(t) => ctx.set_pulse(Timer::Plain(t)),
                Act::Cancel(t) => ctx.cancel(Timer::Plain(t)),
                Act::Consult(output @ Output::Trust(_)) => {
                    ctx.consult::<Omega>(output, Timer::Oracle(output));
                }
                Act::Consult(output) => ctx.consult::<EventuallyPerfect>(output, Timer::Oracle(output)),
                Act::Choose(bound) => {
                    let outcome = ctx.choose(bound);
                    ctx.indicate(Told::Drew(outcome));
                }
                Act::Flip => {
                    let heads = ctx.coin();
                    ctx.indicate(Told::Drew(u32::from(heads)));
                }
            }
        }
    }

    fn on_message(&mut self, from: ProcessId, message: u8, ctx: &mut impl Context<Self>) {
        if message != IGNORED {
            self.handled += 1;
            ctx.indicate(Told::Heard(from, message));
        }
    }

    fn on_timer(&mut self, timer: Timer, ctx: &mut impl Context<Self>) {
        self.handled += 1;
        ctx.indicate(Told::Fired(timer));
    }

    fn on_recovery((): &(), disk: &Disk, _: &mut impl Context<Self>) -> Self {
        Self { handled: 0, remembers: disk.0.clone() }
    }
}

impl Puppet {
    pub(crate) fn remembers(&self) -> &[u8] {
        &self.remembers
    }
}

pub(crate) type PuppetChoice = Choice<u8, Timer>;
pub(crate) type PuppetLine = Line<Puppet>;

/// `n` puppets that never fail, for a test to let something happen to; the oracles speak as often as they like.
pub(crate) fn quiet(n: u32) -> Environment {
    let mut e = Environment::weakest::<<Puppet as Process>::Model>(n);
    e.failures.stops = Budget::NONE;
    e.failures.restarts = Budget::NONE;
    e.failures.takeover = Takeover::AtStart;
    e.storage.torn_writes = Budget::NONE;
    e.storage.failed_writes = Budget::NONE;
    e.partitions = Budget::NONE;
    e.oracles.granted = OracleKind::ALL.into();
    e
}

/// A setting in which seat i is asked for what row i says, in order.
pub(crate) fn setting(environment: Environment, requests: &[&[&[Act]]]) -> Setting<Puppet> {
    let requests = requests.iter().map(|row| row.iter().map(|acts| acts.to_vec()).collect()).collect();
    Setting::new(environment, (), requests)
}

pub(crate) const fn seat(i: u32) -> SeatId {
    SeatId(i)
}

pub(crate) fn deliver(from: u32, to: u32, message: u8) -> PuppetChoice {
    Choice::Deliver { from: seat(from), to: seat(to), message }
}

pub(crate) fn lose(from: u32, to: u32, message: u8) -> PuppetChoice {
    Choice::Lose { from: seat(from), to: seat(to), message }
}

pub(crate) fn duplicate(from: u32, to: u32, message: u8) -> PuppetChoice {
    Choice::Duplicate { from: seat(from), to: seat(to), message }
}

pub(crate) fn ask(i: u32) -> PuppetChoice {
    Choice::Request { seat: seat(i) }
}

pub(crate) fn sync(i: u32) -> PuppetChoice {
    Choice::Sync { seat: seat(i) }
}

pub(crate) fn recover(i: u32) -> PuppetChoice {
    Choice::Recover { seat: seat(i) }
}

pub(crate) fn crash(i: u32, forever: bool, kept: u32, torn: bool) -> PuppetChoice {
    Choice::Crash { seat: seat(i), forever, kept, torn }
}

pub(crate) fn fire(i: u32, timer: u8) -> PuppetChoice {
    Choice::Fire { seat: seat(i), timer: Timer::Plain(timer) }
}

pub(crate) fn output(i: u32, output: Output) -> PuppetChoice {
    Choice::Output { seat: seat(i), output }
}

/// A run, choice by choice.
pub(crate) struct Run<'a>(pub(crate) Recorder<'a, Puppet>);

impl<'a> Run<'a> {
    /// A world in which everybody has started.
    pub(crate) fn started(setting: &'a Setting<Puppet>) -> Self {
        let mut run = Self(Recorder::new(setting));
        for seat in setting.seating.seats() {
            run.take(Choice::Init { seat });
        }
        run
    }

    pub(crate) fn may(&self, choice: &PuppetChoice) -> bool {
        self.0.enabled().contains(choice)
    }

    /// Takes a choice that is enabled.
    pub(crate) fn take(&mut self, choice: PuppetChoice) -> PuppetLine {
        self.0.step(None, Move::plain(choice.clone())).unwrap_or_else(|| panic!("{choice} is not enabled"))
    }

    pub(crate) fn take_all(&mut self, choices: impl IntoIterator<Item = PuppetChoice>) {
        for choice in choices {
            self.take(choice);
        }
    }

    /// What is durable at a seat.
    pub(crate) fn disk(&self, i: u32) -> &[u8] {
        &self.0.world().seats[i as usize].stable().0
    }

    /// The enabled choices of which `pick` makes something.
    pub(crate) fn picks<T: Ord>(&self, pick: impl FnMut(PuppetChoice) -> Option<T>) -> BTreeSet<T> {
        self.0.enabled().into_iter().filter_map(pick).collect()
    }
}

/// What the processes told in a step.
pub(crate) fn told(line: &PuppetLine) -> Vec<Told> {
    line.observed
        .iter()
        .filter_map(|o| match o {
            synod_kernel::Observed::Indication(_, told) => Some(*told),
            _ => None,
        })
        .collect()
}

/// The messages that were released in a step.
pub(crate) fn sent(line: &PuppetLine) -> Vec<(u32, u8)> {
    line.sent.iter().map(|(to, m)| (to.0, *m)).collect()
}
