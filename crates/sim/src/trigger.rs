//! Faults that wait for something to happen: "when a leader is elected, cut it off".

use crate::fault::Fault;
use crate::plan::nanos;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use synod_kernel::environment::duration;
use synod_model::ProcessId;

/// In the fault of a [`Conditional`]: the process where it happened.
pub const THERE: ProcessId = ProcessId(u32::MAX);
/// In the fault of a [`Conditional`]: the process that what happened names; of several the first.
pub const NAMED: ProcessId = ProcessId(u32::MAX - 1);
/// In the groups of a fault of a [`Conditional`]: all processes that the other group does not have.
pub const OTHERS: ProcessId = ProcessId(u32::MAX - 2);

/// What can be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Happening {
    /// The layer above asks a process.
    Request,
    /// A process tells the layer above.
    Indication,
    /// A message is delivered.
    Message,
    /// A process crashes.
    Crash,
    /// A process starts again.
    Recovery,
}

/// What is waited for, and how often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// What happens.
    pub what: Happening,
    /// Its kind, as `synod_kernel::kinds` names them: "Trust", "Link(Ack)", or one of the names in it; any, where nothing is said.
    #[serde(default)]
    pub kind: Option<String>,
    /// Where; anywhere, where nothing is said.
    #[serde(default)]
    pub process: Option<ProcessId>,
    /// The how manieth it is, from 1 on.
    #[serde(default = "one")]
    pub number: u32,
    /// How many in a row, from that one on.
    #[serde(default = "one")]
    pub times: u32,
}

fn one() -> u32 {
    1
}

impl Condition {
    /// The first time that this happens.
    pub fn first(what: Happening, kind: impl Into<String>) -> Self {
        Self { what, kind: Some(kind.into()), process: None, number: 1, times: 1 }
    }

    fn is_of(&self, kind: &str) -> bool {
        self.kind.as_ref().is_none_or(|wanted| names(kind, wanted))
    }
}

/// Whether a kind is `wanted`, or has it as one of its names.
pub fn names(kind: &str, wanted: &str) -> bool {
    kind == wanted || kind.split(['(', ')']).any(|name| name == wanted)
}

/// A fault that strikes when something happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conditional {
    /// What.
    pub when: Condition,
    /// How long after it.
    #[serde(with = "duration")]
    pub after: Duration,
    /// What strikes. [`THERE`], [`NAMED`] and [`OTHERS`] are processes that are known by then.
    pub fault: Fault,
}

/// The conditions of a run, and how often each was met.
#[derive(Clone, Debug, Default)]
pub(crate) struct Triggers {
    waiting: Vec<(Conditional, u32)>,
    /// What strikes next, and when.
    pub(crate) fired: Vec<(u64, Fault)>,
}

impl Triggers {
    pub(crate) fn new(conditions: &[Conditional]) -> Self {
        Self { waiting: conditions.iter().map(|c| (c.clone(), 0)).collect(), fired: Vec::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether anybody waits for this.
    pub(crate) fn awaits(&self, what: Happening) -> bool {
        self.waiting.iter().any(|(c, _)| c.when.what == what)
    }

    /// Something happened at a process: of which kind, and which processes it names.
    pub(crate) fn happened(
        &mut self,
        what: Happening,
        at: ProcessId,
        kind: &str,
        named: &[ProcessId],
        now: u64,
        n: u32,
    ) {
        for (conditional, met) in &mut self.waiting {
            let Conditional { when, after, fault } = conditional;
            if when.what != what || !when.is_of(kind) || when.process.is_some_and(|p| p != at) {
                continue;
            }
            *met += 1;
            if (when.number..when.number.saturating_add(when.times)).contains(met)
                && let Some(fault) = fault.resolved(at, named.first().copied(), n)
            {
                self.fired.push((now.saturating_add(nanos(*after)), fault));
            }
        }
    }
}
