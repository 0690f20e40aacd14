//! What may happen next.

use crate::seat::SeatId;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::fmt;
use synod_model::Output;

/// One thing that may happen in a world: an event at a seat, or a fault. One enum for all grounds, generic over how
/// messages and timers are represented.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Choice<M, T> {
    /// A process starts for the first time.
    Init {
        /// Where.
        seat: SeatId,
    },
    /// A process is the adversary's from now on: it lies. A fault.
    Corrupt {
        /// Where.
        seat: SeatId,
    },
    /// A process is faulty by omission from now on: messages from it, or to it, may be lost. A fault.
    Omit {
        /// Where.
        seat: SeatId,
    },
    /// The adversary speaks for a process that lies: the message is sent and arrives at once. A fault.
    Lie {
        /// In whose name.
        from: SeatId,
        /// Where.
        to: SeatId,
        /// What.
        message: M,
    },
    /// The layer above makes its next request. Lost, but observed, where the process is down.
    Request {
        /// Where.
        seat: SeatId,
    },
    /// A message arrives. Lost where the process is down.
    Deliver {
        /// From where.
        from: SeatId,
        /// Where.
        to: SeatId,
        /// What.
        message: M,
    },
    /// A message arrives, and another copy of it stays in flight. A fault.
    Duplicate {
        /// From where.
        from: SeatId,
        /// Where.
        to: SeatId,
        /// What.
        message: M,
    },
    /// The network makes a message arrive that nobody sent there: an old one again, one that was changed, one that is made
    /// up. A fault.
    Inject {
        /// In whose name.
        from: SeatId,
        /// Where.
        to: SeatId,
        /// What.
        message: M,
    },
    /// A message in flight is lost: by the link, or since its sender crashed.
    Lose {
        /// From where.
        from: SeatId,
        /// Where it would have arrived.
        to: SeatId,
        /// What.
        message: M,
    },
    /// A timer or a pulse fires.
    Fire {
        /// Where.
        seat: SeatId,
        /// Which.
        timer: T,
    },
    /// An oracle gives an output.
    Output {
        /// Where.
        seat: SeatId,
        /// What.
        output: Output,
    },
    /// The oldest pending write becomes durable.
    Sync {
        /// Where.
        seat: SeatId,
    },
    /// A disk does what it must not. A fault.
    Disk {
        /// Whose.
        seat: SeatId,
        /// What it does.
        fault: DiskFault,
    },
    /// A process crashes between two handlers. A fault.
    Crash {
        /// Where.
        seat: SeatId,
        /// For ever: the process is faulty.
        forever: bool,
        /// How many of the pending writes were durable all the same.
        kept: u32,
        /// Whether the write after those was torn.
        torn: bool,
    },
    /// A process that crashed starts again from its disk.
    Recover {
        /// Where.
        seat: SeatId,
    },
    /// The network is cut. A fault.
    Sever {
        /// The directed links that no longer carry anything.
        links: Vec<(SeatId, SeatId)>,
    },
    /// All cuts heal.
    Heal,
}

/// What a disk may do beyond losing and tearing what is not durable in a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiskFault {
    /// While its process is down, a bit of what is durable flips: it is found when the process starts again.
    Rot {
        /// Which bit of what is written, in order.
        bit: u32,
    },
    /// The oldest pending write is acknowledged as durable and was made elsewhere: what waited for it leaves, and it is lost.
    Misdirect,
    /// The oldest pending write fails, since the disk is full or broken: the process stops there, as a sound one does that
    /// cannot know any more what its disk holds, and may start again.
    Refuse,
}

impl fmt::Display for DiskFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rot { bit } => write!(f, "disk: bit {bit} flips"),
            Self::Misdirect => f.write_str("disk: write acknowledged and lost"),
            Self::Refuse => f.write_str("disk: write refused, it crashes"),
        }
    }
}

/// A crash inside a handler, or while what waited for a write is released. A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cut {
    /// Before the effect of this index: of the handler's, or of those that would leave.
    pub before: u32,
    /// For ever: the process is faulty.
    pub forever: bool,
    /// In a release: how many of the writes that are still pending were durable all the same.
    #[serde(default, skip_serializing_if = "is_none")]
    pub kept: u32,
    /// In a release: whether the write after those was torn.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub torn: bool,
}

impl Cut {
    /// A crash before the effect of this index; the disk keeps nothing that is pending.
    pub const fn before(before: u32, forever: bool) -> Self {
        Self { before, forever, kept: 0, torn: false }
    }
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { before, forever, kept, torn } = *self;
        write!(f, "crashes{} in it, before effect {before}", if forever { " for ever" } else { "" })?;
        write_disk(f, kept, torn)
    }
}

/// What the disk did with pending writes in a crash.
fn write_disk(f: &mut fmt::Formatter<'_>, kept: u32, torn: bool) -> fmt::Result {
    if kept > 0 {
        write!(f, ", {kept} pending writes kept")?;
    }
    if torn { write!(f, ", the next one torn") } else { Ok(()) }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over references")]
fn is_none(kept: &u32) -> bool {
    *kept == 0
}

/// A choice with all that decides its outcome: what one step of a run is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Move<M, T> {
    /// What happens.
    #[serde(rename = "do")]
    pub choice: Choice<M, T>,
    /// The outcomes of the handler's draws.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub draws: Vec<u32>,
    /// Whether the process crashes in the handler, or in the release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<Cut>,
}

impl<M, T> Move<M, T> {
    /// `choice`, with every draw giving 0 and no crash in its handler.
    pub fn plain(choice: Choice<M, T>) -> Self {
        Self { choice, draws: Vec::new(), cut: None }
    }

    /// The seat whose process crashes in it: by choice, in a handler, or in a release.
    pub fn crashed(&self) -> Option<SeatId> {
        self.choice.crashes().or_else(|| self.cut.and_then(|_| self.choice.cut_seat()))
    }
}

/// Whether a run may pass a choice over for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fairness {
    /// No: delivery, pulses, durability, recovery, healing.
    Fair,
    /// Yes: requests, faults, lies, outputs of oracles.
    Unfair,
    /// It depends on time: a timer is due only when its duration has passed.
    Timed,
}

impl<M, T> Choice<M, T> {
    /// The seat whose process it crashes, whatever a [`Cut`] does.
    pub fn crashes(&self) -> Option<SeatId> {
        match *self {
            Self::Crash { seat, .. } | Self::Disk { seat, fault: DiskFault::Refuse } => Some(seat),
            _ => None,
        }
    }

    /// The seat at which a handler runs, or would if the process were up.
    pub fn handler_seat(&self) -> Option<SeatId> {
        match *self {
            Self::Init { seat }
            | Self::Request { seat }
            | Self::Fire { seat, .. }
            | Self::Output { seat, .. }
            | Self::Recover { seat } => Some(seat),
            Self::Deliver { to, .. }
            | Self::Duplicate { to, .. }
            | Self::Lie { to, .. }
            | Self::Inject { to, .. } => Some(to),
            Self::Corrupt { .. }
            | Self::Omit { .. }
            | Self::Disk { .. }
            | Self::Lose { .. }
            | Self::Sync { .. }
            | Self::Crash { .. }
            | Self::Sever { .. }
            | Self::Heal => None,
        }
    }

    /// The seat that a [`Cut`] of it crashes: where a handler runs, or what waited for a write is released.
    pub fn cut_seat(&self) -> Option<SeatId> {
        match *self {
            Self::Sync { seat } => Some(seat),
            _ => self.handler_seat(),
        }
    }

    /// Whether it is a fault.
    pub fn is_fault(&self) -> bool {
        matches!(
            self,
            Self::Corrupt { .. }
                | Self::Omit { .. }
                | Self::Lie { .. }
                | Self::Inject { .. }
                | Self::Disk { .. }
                | Self::Duplicate { .. }
                | Self::Lose { .. }
                | Self::Crash { .. }
                | Self::Sever { .. }
        )
    }

    /// The same choice over other representations.
    pub fn map<M2, T2>(self, message: impl FnOnce(M) -> M2, timer: impl FnOnce(T) -> T2) -> Choice<M2, T2> {
        let Ok(mapped) = self.try_map(|m| Ok::<_, Infallible>(message(m)), |t| Ok(timer(t)));
        mapped
    }

    /// The same choice over other representations, if there is one.
    pub fn try_map<M2, T2, E>(
        self,
        message: impl FnOnce(M) -> Result<M2, E>,
        timer: impl FnOnce(T) -> Result<T2, E>,
    ) -> Result<Choice<M2, T2>, E> {
        Ok(match self {
            Self::Init { seat } => Choice::Init { seat },
            Self::Corrupt { seat } => Choice::Corrupt { seat },
            Self::Omit { seat } => Choice::Omit { seat },
            Self::Lie { from, to, message: m } => Choice::Lie { from, to, message: message(m)? },
            Self::Inject { from, to, message: m } => Choice::Inject { from, to, message: message(m)? },
            Self::Disk { seat, fault } => Choice::Disk { seat, fault },
            Self::Request { seat } => Choice::Request { seat },
            Self::Deliver { from, to, message: m } => Choice::Deliver { from, to, message: message(m)? },
            Self::Duplicate { from, to, message: m } => Choice::Duplicate { from, to, message: message(m)? },
            Self::Lose { from, to, message: m } => Choice::Lose { from, to, message: message(m)? },
            Self::Fire { seat, timer: t } => Choice::Fire { seat, timer: timer(t)? },
            Self::Output { seat, output } => Choice::Output { seat, output },
            Self::Sync { seat } => Choice::Sync { seat },
            Self::Crash { seat, forever, kept, torn } => Choice::Crash { seat, forever, kept, torn },
            Self::Recover { seat } => Choice::Recover { seat },
            Self::Sever { links } => Choice::Sever { links },
            Self::Heal => Choice::Heal,
        })
    }
}

impl<M: fmt::Debug, T: fmt::Debug> fmt::Display for Choice<M, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Init { seat } => write!(f, "p{} starts", seat.0),
            Self::Corrupt { seat } => write!(f, "p{} lies from now on", seat.0),
            Self::Lie { from, to, message } => write!(f, "p{} -> p{}  {message:?} (a lie)", from.0, to.0),
            Self::Omit { seat } => write!(f, "p{} omits from now on", seat.0),
            Self::Inject { from, to, message } => {
                write!(f, "p{} -> p{}  {message:?} (injected)", from.0, to.0)
            }
            Self::Disk { seat, fault } => write!(f, "p{} {fault}", seat.0),
            Self::Request { seat } => write!(f, "p{} is asked", seat.0),
            Self::Deliver { from, to, message } => write!(f, "p{} -> p{}  {message:?}", from.0, to.0),
            Self::Duplicate { from, to, message } => {
                write!(f, "p{} -> p{}  {message:?} (duplicated)", from.0, to.0)
            }
            Self::Lose { from, to, message } => write!(f, "p{} -x p{}  {message:?} lost", from.0, to.0),
            Self::Fire { seat, timer } => write!(f, "p{} timer {timer:?}", seat.0),
            Self::Output { seat, output } => write!(f, "p{} oracle: {output}", seat.0),
            Self::Sync { seat } => write!(f, "p{} write durable", seat.0),
            Self::Crash { seat, forever, kept, torn } => {
                write!(f, "p{} crashes{}", seat.0, if *forever { " for ever" } else { "" })?;
                write_disk(f, *kept, *torn)
            }
            Self::Recover { seat } => write!(f, "p{} recovers", seat.0),
            Self::Sever { links } => {
                write!(f, "cut")?;
                links.iter().try_for_each(|(a, b)| write!(f, " p{}-/->p{}", a.0, b.0))
            }
            Self::Heal => write!(f, "heal"),
        }
    }
}
