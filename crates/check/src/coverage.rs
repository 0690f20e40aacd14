//! What of an algorithm, and of its environment, no explored run came to.

use std::collections::BTreeMap;
use std::fmt;
use synod_kernel::kinds::{kind, kinds};
use synod_kernel::{Budget, Budgets, Choice, Cut, DiskFault, Environment, Marks, Script};
use synod_model::oracle::OracleKind;
use synod_model::{DrawKind, Mark, Process, Value};

/// Something that no explored run came to: of values, a kind by its name (`synod_kernel::kinds`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unreached {
    /// No request of this kind is ever handled.
    Request(String),
    /// No message of this kind is ever sent.
    Sent(String),
    /// A message of this kind is sent, and none is ever handled.
    Handled(String),
    /// No timer of this kind is ever set.
    Set(String),
    /// A timer of this kind is set, and none ever fires.
    Fired(String),
    /// No indication of this kind is ever given.
    Indicated(String),
    /// Requests of this kind are handled, and nothing ever comes of one: neither another state nor an effect.
    RequestIgnored(String),
    /// Messages of this kind are handled, and nothing ever comes of one.
    MessageIgnored(String),
    /// Timers of this kind fire, and nothing ever comes of one.
    TimerIgnored(String),
    /// No handler ever comes to this branch.
    Branch(String),
    /// The model grants a coin, and no run tosses it.
    Coin,
    /// Processes may restart, and none ever recovers.
    Recovery,
    /// A fault that the environment grants, and that no run has.
    Fault(&'static str),
    /// Of a transition system: no action of this kind is ever enabled.
    Action(String),
    /// Actions of this kind are enabled, and none ever leads to another state.
    Idle(String),
}

impl fmt::Display for Unreached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (noun, kind, what) = match self {
            Self::Request(kind) => ("request", kind, "never handled"),
            Self::Sent(kind) => ("message", kind, "never sent"),
            Self::Handled(kind) => ("message", kind, "sent, never handled"),
            Self::Set(kind) => ("timer", kind, "never set"),
            Self::Fired(kind) => ("timer", kind, "set, never fired"),
            Self::Indicated(kind) => ("indication", kind, "never given"),
            Self::RequestIgnored(kind) => ("request", kind, "handled, always ignored"),
            Self::MessageIgnored(kind) => ("message", kind, "handled, always ignored"),
            Self::TimerIgnored(kind) => ("timer", kind, "fired, always ignored"),
            Self::Branch(mark) => ("branch", mark, "never taken"),
            Self::Action(kind) => ("action", kind, "never enabled"),
            Self::Idle(kind) => ("action", kind, "enabled, changes nothing"),
            Self::Coin => return f.write_str("coin granted, never tossed"),
            Self::Recovery => return f.write_str("recovery never handled"),
            Self::Fault(fault) => return write!(f, "{fault} granted, never possible"),
        };
        match kind.as_str() {
            "" => write!(f, "any {noun} {what}"),
            kind => write!(f, "{noun} `{kind}` {what}"),
        }
    }
}

/// The kinds of the values of one type that were seen; whether anything came of one.
#[derive(Default)]
pub(crate) struct Seen(BTreeMap<String, bool>);

impl Seen {
    pub(crate) fn of<T: Value>(values: impl IntoIterator<Item = T>) -> Self {
        Self::with(values.into_iter().map(|value| (value, true)))
    }

    /// The same of values with whether anything came of each.
    pub(crate) fn with<T: Value>(values: impl IntoIterator<Item = (T, bool)>) -> Self {
        let mut seen = Self::default();
        for (value, came) in values {
            if let Some(kind) = kind(&value) {
                *seen.0.entry(kind).or_default() |= came;
            }
        }
        seen
    }

    /// The kinds of the type that are not among these.
    fn missing<T: Value>(&self) -> impl Iterator<Item = String> {
        kinds::<T>().into_iter().filter(|kind| !self.0.contains_key(kind))
    }

    /// The kinds that are here, and not among `others`.
    fn but(&self, others: &Self) -> impl Iterator<Item = String> {
        self.0.keys().filter(|kind| !others.0.contains_key(*kind)).cloned()
    }

    /// Those of which nothing ever came.
    fn ignored(&self) -> impl Iterator<Item = String> {
        self.0.iter().filter(|(_, came)| !**came).map(|(kind, _)| kind.clone())
    }
}

/// Whether a coin is among what was drawn.
pub(crate) fn is_tossed(draws: &Script) -> bool {
    draws.asked().iter().any(|draw| draw.kind() == DrawKind::Coin)
}

const OUTPUT: &str = "output of an oracle";

/// The faults that explored runs have.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    stops: bool,
    restarts: bool,
    torn_writes: bool,
    losses: bool,
    duplications: bool,
    partitions: bool,
    omissions: bool,
    lies: bool,
    injections: bool,
    bit_rot: bool,
    misdirected_writes: bool,
    failed_writes: bool,
    outputs: bool,
}

impl Faults {
    /// Takes note of a move.
    pub(crate) fn note<M, T>(&mut self, choice: &Choice<M, T>, cut: Option<Cut>) {
        if let Some(Cut { forever, torn, .. }) = cut {
            self.crash(forever);
            self.torn_writes |= torn;
        }
        match *choice {
            Choice::Crash { forever, torn, .. } => {
                self.crash(forever);
                self.torn_writes |= torn;
            }
            Choice::Lose { .. } => self.losses = true,
            Choice::Duplicate { .. } => self.duplications = true,
            Choice::Sever { .. } => self.partitions = true,
            Choice::Omit { .. } => self.omissions = true,
            Choice::Corrupt { .. } => self.lies = true,
            Choice::Inject { .. } => self.injections = true,
            Choice::Disk { fault: DiskFault::Rot { .. }, .. } => self.bit_rot = true,
            Choice::Disk { fault: DiskFault::Misdirect, .. } => self.misdirected_writes = true,
            Choice::Disk { fault: DiskFault::Refuse, .. } => self.failed_writes = true,
            Choice::Output { .. } => self.outputs = true,
            _ => {}
        }
    }

    fn crash(&mut self, forever: bool) {
        self.stops |= forever;
        self.restarts |= !forever;
    }

    /// The faults that an environment grants, and that are not among these.
    fn missing(self, environment: &Environment) -> impl Iterator<Item = &'static str> {
        let all = Budgets::of(environment);
        let all: [(Budget, bool, &str); 13] = [
            (all.stops, self.stops, "crash for ever"),
            (all.restarts, self.restarts, "crash with recovery"),
            (all.torn_writes, self.torn_writes, "torn write"),
            (all.bit_rot, self.bit_rot, "flipped bit"),
            (all.misdirected_writes, self.misdirected_writes, "misdirected write"),
            (all.failed_writes, self.failed_writes, "failed write"),
            (all.losses, self.losses, "loss"),
            (all.duplications, self.duplications, "duplication"),
            (all.injections, self.injections, "injection"),
            (all.partitions, self.partitions, "partition"),
            (all.omissions, self.omissions, "omission"),
            (all.lies, self.lies, "lie"),
            (all.outputs, self.outputs, OUTPUT),
        ];
        // a coin gives no outputs: it is asked
        let tell = environment.oracles.granted.iter().any(|kind| *kind != OracleKind::LocalCoin);
        all.into_iter()
            .filter(move |(granted, seen, fault)| granted.any() && !seen && (tell || *fault != OUTPUT))
            .map(|(_, _, fault)| fault)
    }
}

/// What explored runs came to.
#[derive(Default)]
pub(crate) struct Covered {
    pub(crate) requests: Seen,
    pub(crate) sent: Seen,
    pub(crate) handled: Seen,
    pub(crate) set: Seen,
    pub(crate) fired: Seen,
    pub(crate) indicated: Seen,
    pub(crate) recovered: bool,
    pub(crate) coin: bool,
    pub(crate) branches: Branches,
    pub(crate) faults: Faults,
}

/// The marked branches, by their names; whether a handler came to each.
#[derive(Clone, Default)]
pub(crate) struct Branches(BTreeMap<String, bool>);

impl Branches {
    pub(crate) fn note(&mut self, marks: &Marks) {
        for (mark, reached) in marks.each() {
            self.add(mark, reached);
        }
    }

    pub(crate) fn add(&mut self, mark: Mark, reached: bool) {
        *self.0.entry(mark.to_string()).or_default() |= reached;
    }

    /// Those that were never taken.
    pub(crate) fn missing(&self) -> impl Iterator<Item = Unreached> {
        self.0.iter().filter(|(_, reached)| !**reached).map(|(name, _)| Unreached::Branch(name.clone()))
    }
}

impl Covered {
    /// What they did not come to, of an algorithm with these requests, messages, timers and indications.
    pub(crate) fn values<Q: Value, M: Value, T: Value, I: Value>(&self) -> Vec<Unreached> {
        let mut all: Vec<Unreached> = self.requests.missing::<Q>().map(Unreached::Request).collect();
        all.extend(self.requests.ignored().map(Unreached::RequestIgnored));
        all.extend(self.sent.missing::<M>().map(Unreached::Sent));
        all.extend(self.sent.but(&self.handled).map(Unreached::Handled));
        all.extend(self.handled.ignored().map(Unreached::MessageIgnored));
        all.extend(self.set.missing::<T>().map(Unreached::Set));
        all.extend(self.set.but(&self.fired).map(Unreached::Fired));
        all.extend(self.fired.ignored().map(Unreached::TimerIgnored));
        all.extend(self.indicated.missing::<I>().map(Unreached::Indicated));
        all
    }

    /// What they did not come to, of an algorithm in this environment.
    pub(crate) fn unreached<P: Process>(&self, environment: &Environment) -> Vec<Unreached> {
        let mut all = self.values::<P::Request, P::Message, P::Timer, P::Indication>();
        let mut branches = self.branches.clone();
        Mark::all::<P>().for_each(|mark| branches.add(mark, false));
        all.extend(branches.missing());
        if environment.oracles.granted.contains(&OracleKind::LocalCoin) && !self.coin {
            all.push(Unreached::Coin);
        }
        if environment.failures.restarts.any() && !self.recovered {
            all.push(Unreached::Recovery);
        }
        all.extend(self.faults.missing(environment).map(Unreached::Fault));
        all
    }
}
