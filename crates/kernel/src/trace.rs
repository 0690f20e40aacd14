//! The trace: the one artefact that every ground writes and reads.
//!
//! JSON Lines: a header, one line per step, an end. A step records its choice, the outcomes of its draws, its cause,
//! how many choices were enabled, and what the handler did; replay takes the choices again and compares every line
//! byte for byte. The end line carries a digest of all before it, so that damage is told from an algorithm that changed.
//! A [`Writer`] keeps none of the lines that it wrote, and a [`Reader`] none but the one at hand: traces may be of any length.
//! What identifies a build stands beside a trace, not in it; its name is a digest of its content.

mod again;
mod in_flight;
mod reader;
mod recorder;
mod tried;
mod writer;

pub use self::again::{Recalled, recall};
pub use self::reader::{Asks, Reader, Replayed, Told, check, header, replay};
pub use self::recorder::Recorder;
pub use self::tried::{Tried, with_tried};
pub use self::writer::{Writer, Written};

use crate::choice::{Choice, Cut, Move};
use crate::difference::tell;
use crate::seat::SeatId;
use crate::setting::Setting;
use crate::world::Observed;
use serde::de::Error as _;
use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use synod_model::{EffectOf, Process};

/// The version of the format. Another one is refused.
pub const VERSION: u32 = 1;

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Always "trace".
    pub synod: String,
    /// [`VERSION`].
    pub version: u32,
    /// The algorithm, as `synod list` names it.
    pub algorithm: String,
    /// The ground that made the run: "check", "sim", "run".
    pub ground: String,
    /// The seed, where one drew the choices; in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<String>,
    /// Whether its lines are [`Chosen`]: what was chosen alone. What follows from that, a replay finds again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub terse: bool,
    /// What was tried of its steps, where it was made small.
    #[serde(default, skip_serializing_if = "Tried::is_empty")]
    pub tried: Tried,
    /// The [`Setting`] of the run.
    pub setting: serde_json::Value,
}

impl Header {
    /// The header of a run.
    pub fn new<P: Process>(algorithm: &str, ground: &str, seed: Option<u64>, setting: &Setting<P>) -> Self {
        Self {
            synod: "trace".to_owned(),
            version: VERSION,
            algorithm: algorithm.to_owned(),
            ground: ground.to_owned(),
            seed: seed.map(|s| format!("{s:#x}")),
            terse: false,
            tried: Tried::default(),
            setting: serde_json::to_value(setting).expect("a setting is plain data"),
        }
    }
}

/// The step that made this one possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cause {
    /// Its number.
    pub step: u64,
    /// For a message: which of the messages released in that step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send: Option<u32>,
}

/// One step, as a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound = "", deny_unknown_fields)]
pub struct Line<P: Process> {
    /// Its number, from 0 on.
    pub step: u64,
    /// Virtual time in nanoseconds, where the ground has a clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<u64>,
    /// What happens.
    #[serde(rename = "do")]
    pub choice: Choice<P::Message, P::Timer>,
    /// The outcomes of the handler's draws.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub draws: Vec<u32>,
    /// Whether the process crashes in the handler.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<Cut>,
    /// Why it could happen; faults, requests and oracles have no cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// How many choices were enabled.
    pub enabled: u64,
    /// What the handler did, all of it: also what a crash cut off, or a pending store holds back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<EffectOf<P>>,
    /// The messages that were released: (to, message).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sent: Vec<(SeatId, P::Message)>,
    /// What was observed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub observed: Vec<Observed<P::Request, P::Indication>>,
}

impl<P: Process> Line<P> {
    /// The move that the step takes.
    pub fn chosen(&self) -> Move<P::Message, P::Timer> {
        Move { choice: self.choice.clone(), draws: self.draws.clone(), cut: self.cut }
    }
}

/// One step, as a line of a terse trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen<M, T> {
    /// Virtual time in nanoseconds, where the ground has a clock.
    pub at: Option<u64>,
    /// What happens.
    pub choice: Choice<M, T>,
    /// The outcomes of the handler's draws.
    pub draws: Vec<u32>,
    /// Whether the process crashes in the handler.
    pub cut: Option<Cut>,
}

/// How it stands in a line: nearly all steps are deliveries, and have a short form.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Short<M, T> {
    #[serde(default)]
    at: Option<u64>,
    #[serde(default = "Option::default")]
    deliver: Option<(SeatId, SeatId, M)>,
    #[serde(default = "Option::default", rename = "do")]
    choice: Option<Choice<M, T>>,
    #[serde(default)]
    draws: Vec<u32>,
    #[serde(default)]
    cut: Option<Cut>,
}

impl<M: Serialize, T: Serialize> Serialize for Chosen<M, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let optional = [self.at.is_some(), !self.draws.is_empty(), self.cut.is_some()];
        let fields = 1 + optional.into_iter().filter(|&there| there).count();
        let mut line = serializer.serialize_struct("Chosen", fields)?;
        if let Some(at) = &self.at {
            line.serialize_field("at", at)?;
        }
        match &self.choice {
            Choice::Deliver { from, to, message } => line.serialize_field("deliver", &(from, to, message))?,
            choice => line.serialize_field("do", choice)?,
        }
        if !self.draws.is_empty() {
            line.serialize_field("draws", &self.draws)?;
        }
        if let Some(cut) = &self.cut {
            line.serialize_field("cut", cut)?;
        }
        line.end()
    }
}

impl<'de, M: Deserialize<'de>, T: Deserialize<'de>> Deserialize<'de> for Chosen<M, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Short { at, deliver, choice, draws, cut } = Short::deserialize(deserializer)?;
        let choice = match (deliver, choice) {
            (Some((from, to, message)), None) => Choice::Deliver { from, to, message },
            (None, Some(choice)) => choice,
            _ => return Err(D::Error::custom("one of `deliver` and `do` is what happens")),
        };
        Ok(Self { at, choice, draws, cut })
    }
}

impl<M, T> Chosen<M, T> {
    /// This move at this instant.
    pub fn new(at: Option<u64>, chosen: Move<M, T>) -> Self {
        Self { at, choice: chosen.choice, draws: chosen.draws, cut: chosen.cut }
    }
}

/// The last line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// How many steps there are.
    pub steps: u64,
    /// The property that the run breaks, and how.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub violation: Option<Broken>,
}

/// A broken property.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Broken {
    /// The property's identifier.
    pub property: String,
    /// How it is broken.
    pub what: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EndLine {
    end: End,
    /// The [`name`] of all lines before this one, and of `end`.
    digest: String,
}

impl EndLine {
    /// The end after lines whose digest is `before`, so far.
    fn new(mut before: Sha256, end: End) -> Self {
        before.update(serde_json::to_string(&end).expect("a trace is plain data"));
        Self { end, digest: shown(&before.finalize()) }
    }
}

/// Why a trace cannot be read or replayed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TraceError {
    /// Not a trace at all.
    #[error("not a trace: {0}")]
    NotATrace(String),
    /// Written in another version of the format.
    #[error("the trace is of version {found}, this build reads version {VERSION}")]
    Version {
        /// Its version.
        found: u64,
    },
    /// It cannot be read any further.
    #[error("the trace cannot be read after line {line}: {what}")]
    Unreadable {
        /// The last whole line.
        line: usize,
        /// Why not.
        what: String,
    },
    /// It ends before its end line.
    #[error("the trace is truncated after line {line}: its end line is missing")]
    Truncated {
        /// The last whole line.
        line: usize,
    },
    /// A line is not what it should be.
    #[error("line {line} is damaged: {what}")]
    Damaged {
        /// Which, from 1 on.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// A step takes a choice that is not enabled.
    #[error("line {line}: step {step} cannot happen here: {choice}")]
    NotEnabled {
        /// Which line, from 1 on.
        line: usize,
        /// Which step.
        step: u64,
        /// What it wanted to do.
        choice: String,
    },
    /// The same choice has other consequences than recorded.
    #[error("line {line}: step {step} differs\n{}", tell([recorded, replayed], ["recorded", "replayed"]))]
    Differs {
        /// Which line, from 1 on.
        line: usize,
        /// Which step.
        step: u64,
        /// The line in the trace.
        recorded: String,
        /// The line that this build makes of the same choice.
        replayed: String,
    },
}

impl TraceError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NotATrace(_) => "give a .jsonl file that synod wrote",
            Self::Version { .. } => "replay it with the build that wrote it",
            Self::Unreadable { .. } => "the file was damaged or cut off: run its seed again",
            Self::Truncated { .. } => "the run that wrote it was interrupted: run its seed again",
            Self::Damaged { .. } => "the file was changed after it was written: run its seed again",
            Self::NotEnabled { .. } | Self::Differs { .. } => {
                "the algorithm or its semantics changed since the trace was written: run its seed again"
            }
        }
    }
}

/// The name of a trace: a digest of its content.
pub fn name(content: &str) -> String {
    digest(content.as_bytes())
}

/// The first 64 bits of the SHA-256 of some bytes, in hexadecimal.
pub fn digest(bytes: &[u8]) -> String {
    shown(&Sha256::digest(bytes))
}

fn shown(digest: &[u8]) -> String {
    digest[..8].iter().fold(String::new(), |mut name, byte| {
        let _ = write!(name, "{byte:02x}");
        name
    })
}
