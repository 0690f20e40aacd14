//! What of an algorithm, and of its environment, no explored run came to.

use std::collections::BTreeSet;
use std::fmt;
use synod_kernel::kinds::{kind, kinds};
use synod_kernel::{Budget, Budgets, Choice, Cut, Environment};
use synod_model::oracle::OracleKind;
use synod_model::{Process, Value};

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
            Self::Action(kind) => ("action", kind, "never enabled"),
            Self::Idle(kind) => ("action", kind, "enabled, changes nothing"),
            Self::Recovery => return f.write_str("recovery never handled"),
            Self::Fault(fault) => return write!(f, "{fault} granted, never possible"),
        };
        match kind.as_str() {
            "" => write!(f, "any {noun} {what}"),
            kind => write!(f, "{noun} `{kind}` {what}"),
        }
    }
}

/// The kinds of the values of one type that were seen.
#[derive(Default)]
pub(crate) struct Seen(BTreeSet<String>);

impl Seen {
    pub(crate) fn of<T: Value>(values: impl Iterator<Item = T>) -> Self {
        Self(values.filter_map(|value| kind(&value)).collect())
    }

    /// The kinds of the type that are not among these.
    fn missing<T: Value>(&self) -> impl Iterator<Item = String> {
        kinds::<T>().into_iter().filter(|kind| !self.0.contains(kind))
    }
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
    lies: bool,
    outputs: bool,
}

impl Faults {
    /// Takes note of a move.
    pub(crate) fn note<M, T>(&mut self, choice: &Choice<M, T>, cut: Option<Cut>) {
        if let Some(Cut { forever, .. }) = cut {
            self.crash(forever);
        }
        match *choice {
            Choice::Crash { forever, torn, .. } => {
                self.crash(forever);
                self.torn_writes |= torn;
            }
            Choice::Lose { .. } => self.losses = true,
            Choice::Duplicate { .. } => self.duplications = true,
            Choice::Sever { .. } => self.partitions = true,
            Choice::Corrupt { .. } => self.lies = true,
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
        let Budgets { stops, lies, restarts, losses, duplications, partitions, torn_writes, outputs, .. } =
            Budgets::of(environment);
        let all: [(Budget, bool, &str); 8] = [
            (stops, self.stops, "crash for ever"),
            (restarts, self.restarts, "crash with recovery"),
            (torn_writes, self.torn_writes, "torn write"),
            (losses, self.losses, "loss"),
            (duplications, self.duplications, "duplication"),
            (partitions, self.partitions, "partition"),
            (lies, self.lies, "lie"),
            (outputs, self.outputs, OUTPUT),
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
    pub(crate) faults: Faults,
}

impl Covered {
    /// What they did not come to.
    pub(crate) fn unreached<P: Process>(&self, environment: &Environment) -> Vec<Unreached> {
        let but = |seen: &Seen, kinds: &Seen| Seen(kinds.0.difference(&seen.0).cloned().collect());
        let mut all: Vec<Unreached> = self.requests.missing::<P::Request>().map(Unreached::Request).collect();
        all.extend(self.sent.missing::<P::Message>().map(Unreached::Sent));
        all.extend(but(&self.handled, &self.sent).0.into_iter().map(Unreached::Handled));
        all.extend(self.set.missing::<P::Timer>().map(Unreached::Set));
        all.extend(but(&self.fired, &self.set).0.into_iter().map(Unreached::Fired));
        all.extend(self.indicated.missing::<P::Indication>().map(Unreached::Indicated));
        if environment.failures.restarts.any() && !self.recovered {
            all.push(Unreached::Recovery);
        }
        all.extend(self.faults.missing(environment).map(Unreached::Fault));
        all
    }
}
