//! Faults: those that a script may ask for, and the kinds by which their effects are counted.

use crate::adversary::{Injection, Strategy};
use crate::trigger::{NAMED, OTHERS, THERE};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;
use synod_kernel::Partition;
use synod_kernel::environment::duration;
use synod_model::{Output, ProcessId};

/// A fault at an instant of a run. One that its environment's budgets do not admit when its time comes does not happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fault {
    /// A process crashes between two handlers, if it is up.
    Crash {
        /// Who.
        process: ProcessId,
        /// After how long it starts again; never, where absent.
        #[serde(default, with = "after")]
        recover_after: Option<Duration>,
        /// How many of the pending writes were durable all the same.
        #[serde(default)]
        kept: u32,
        /// Whether the write after those was torn.
        #[serde(default)]
        torn: bool,
    },
    /// A process crashes inside the next handler in which it makes a difference.
    CrashInHandler {
        /// Who.
        process: ProcessId,
        /// After how long it starts again; never, where absent.
        #[serde(default, with = "after")]
        recover_after: Option<Duration>,
        /// Before which effect, in the next handler that has as many; any that makes a difference, where absent.
        #[serde(default)]
        before: Option<u32>,
    },
    /// A process crashes between two handlers while a write that it makes next is not durable yet.
    CrashWhileStoring {
        /// Who.
        process: ProcessId,
        /// After how long it starts again; never, where absent.
        #[serde(default, with = "after")]
        recover_after: Option<Duration>,
        /// Whether the oldest pending write was torn.
        #[serde(default)]
        torn: bool,
    },
    /// From now on a process crashes and starts again for ever: it is one of the faulty, of which the budget of stops
    /// admits so many. It ends, and the process is correct after all, when the budget of restarts does.
    CrashLoop {
        /// Who.
        process: ProcessId,
        /// How long it is down each time.
        #[serde(with = "duration")]
        down: Duration,
        /// How long it is up each time.
        #[serde(with = "duration")]
        up: Duration,
    },
    /// The network is cut.
    Sever {
        /// How.
        partition: Partition,
    },
    /// All cuts heal.
    Heal {},
    /// The next message to arrive over a link is lost.
    Lose {
        /// From where.
        from: ProcessId,
        /// Where it would arrive.
        to: ProcessId,
    },
    /// The next message to arrive over a link arrives twice.
    Duplicate {
        /// From where.
        from: ProcessId,
        /// Where.
        to: ProcessId,
    },
    /// From now on a process is faulty by omission: some of the messages from it and to it are lost.
    Omit {
        /// Who.
        process: ProcessId,
    },
    /// From now on the adversary plays a process.
    TakeOver {
        /// Whom.
        process: ProcessId,
        /// What it makes of it; any, where absent.
        #[serde(default)]
        strategy: Option<Strategy>,
    },
    /// With the next message to arrive over a link the network injects another.
    Inject {
        /// From where that comes.
        from: ProcessId,
        /// Where.
        to: ProcessId,
        /// What is injected.
        how: Injection,
    },
    /// A bit of the next message to arrive over a link flips: it arrives changed beside what was sent, over links that allow
    /// it; over others a checksum notices, and it is lost.
    Corrupt {
        /// From where.
        from: ProcessId,
        /// Where.
        to: ProcessId,
    },
    /// A bit of what a process has on its disk flips while it is down next.
    Rot {
        /// Whose.
        process: ProcessId,
    },
    /// The next write of a process is acknowledged, and made elsewhere.
    MisdirectWrite {
        /// Whose.
        process: ProcessId,
    },
    /// The next write of a process fails: the disk is full, or broken for now. It crashes there.
    FailWrite {
        /// Whose.
        process: ProcessId,
        /// After how long there is room again, and it starts again.
        #[serde(with = "duration")]
        room_after: Duration,
    },
    /// An oracle gives an output, if it is consulted and news.
    Output {
        /// Where.
        process: ProcessId,
        /// What.
        output: Output,
    },
    /// A process stands still: messages and timers wait, then all of it is due. A long collection, a stopped machine.
    Pause {
        /// Who.
        process: ProcessId,
        /// For how long.
        #[serde(with = "duration")]
        lasts: Duration,
    },
    /// A process is slow: its steps take so many times as long as the platform says.
    Slow {
        /// Who.
        process: ProcessId,
        /// How many times as long.
        factor: u32,
        /// For how long.
        #[serde(with = "duration")]
        lasts: Duration,
    },
    /// A disk is slow: writes that are begun take so many times as long.
    SlowDisk {
        /// Whose.
        process: ProcessId,
        /// How many times as long.
        factor: u32,
        /// For how long.
        #[serde(with = "duration")]
        lasts: Duration,
    },
    /// A clock jumps: timers that are set are due so much earlier, or later.
    ClockJump {
        /// Whose.
        process: ProcessId,
        /// How far.
        #[serde(with = "duration")]
        by: Duration,
        /// Whether it goes back.
        #[serde(default)]
        back: bool,
    },
    /// Any links are cut, each in its direction: bridges, partial partitions.
    CutLinks {
        /// Which, from whom to whom.
        links: Vec<(ProcessId, ProcessId)>,
    },
    /// Messages between two groups take longer.
    DelaySpike {
        /// Between whom.
        between: Partition,
        /// By how much.
        #[serde(with = "duration")]
        by: Duration,
        /// For how long.
        #[serde(with = "duration")]
        lasts: Duration,
    },
    /// What a process sends takes so many times as long to get onto its wire.
    BandwidthDrop {
        /// Whose uplink.
        process: ProcessId,
        /// How many times as long.
        factor: u32,
        /// For how long.
        #[serde(with = "duration")]
        lasts: Duration,
    },
}

impl Fault {
    /// Calls `each` with every process that it speaks of on its own, and with every group.
    fn visit(&mut self, each: &mut impl FnMut(&mut ProcessId), groups: &mut impl FnMut(&mut Partition)) {
        match self {
            Self::Crash { process, .. }
            | Self::CrashInHandler { process, .. }
            | Self::CrashWhileStoring { process, .. }
            | Self::CrashLoop { process, .. }
            | Self::Pause { process, .. }
            | Self::Slow { process, .. }
            | Self::SlowDisk { process, .. }
            | Self::ClockJump { process, .. }
            | Self::BandwidthDrop { process, .. }
            | Self::Omit { process }
            | Self::TakeOver { process, .. }
            | Self::Rot { process }
            | Self::MisdirectWrite { process }
            | Self::FailWrite { process, .. } => each(process),
            Self::Output { process, output } => {
                each(process);
                let (Output::Trust(p) | Output::Suspect(p) | Output::Restore(p)) = output;
                each(p);
            }
            Self::Lose { from, to }
            | Self::Duplicate { from, to }
            | Self::Inject { from, to, .. }
            | Self::Corrupt { from, to } => {
                each(from);
                each(to);
            }
            Self::CutLinks { links } => {
                for (from, to) in links {
                    each(from);
                    each(to);
                }
            }
            Self::Sever { partition } | Self::DelaySpike { between: partition, .. } => groups(partition),
            Self::Heal {} => {}
        }
    }

    /// All processes that it names, with those of groups.
    pub fn processes(&self) -> Vec<ProcessId> {
        let all = RefCell::new(Vec::new());
        self.clone().visit(&mut |p| all.borrow_mut().push(*p), &mut |groups| {
            all.borrow_mut().extend(groups.from.iter().chain(&groups.to));
        });
        all.into_inner()
    }

    /// The same fault, with the processes in place of [`THERE`], [`NAMED`] and [`OTHERS`]; nothing where nobody is named.
    pub(crate) fn resolved(&self, there: ProcessId, named: Option<ProcessId>, n: u32) -> Option<Self> {
        let mut fault = self.clone();
        if named.is_none() && fault.processes().contains(&NAMED) {
            return None;
        }
        let resolve = |p: &mut ProcessId| match *p {
            THERE => *p = there,
            NAMED => *p = named.unwrap_or(there),
            _ => {}
        };
        fault.visit(&mut |p| resolve(p), &mut |Partition { from, to, .. }| {
            from.iter_mut().chain(to.iter_mut()).for_each(resolve);
            fill(from, to, n);
            fill(to, from, n);
        });
        Some(fault)
    }

    /// Whether it is the platform's to make happen.
    pub(crate) fn is_of_platform(&self) -> bool {
        matches!(
            self,
            Self::Pause { .. }
                | Self::Slow { .. }
                | Self::SlowDisk { .. }
                | Self::ClockJump { .. }
                | Self::DelaySpike { .. }
                | Self::BandwidthDrop { .. }
        )
    }
}

/// [`OTHERS`] in a group: all that the other group does not have.
fn fill(group: &mut Vec<ProcessId>, other: &[ProcessId], n: u32) {
    if group.contains(&OTHERS) {
        *group = (0..n).map(ProcessId).filter(|p| !other.contains(p)).collect();
    }
}

/// An optional duration in files.
mod after {
    use super::duration;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::time::Duration;

    #[derive(Serialize, Deserialize)]
    #[serde(transparent)]
    struct Written(#[serde(with = "duration")] Duration);

    #[expect(clippy::ref_option, reason = "serde's signature")]
    pub(super) fn serialize<S: Serializer>(after: &Option<Duration>, s: S) -> Result<S::Ok, S::Error> {
        after.map(Written).serialize(s)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<Written>::deserialize(d)?.map(|Written(after)| after))
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident $text:literal,)*) => {
        /// A kind of fault, as its effects are counted. What had no effect is not counted: the crash of a process that
        /// is down, a cut that met no message.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum FaultKind { $($(#[$doc])* $name,)* }

        impl FaultKind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// In words.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}
kinds! {
    /// A process that was up crashed, in any way.
    Crash "crash",
    /// Of these: inside a handler.
    CrashInHandler "crash inside a handler",
    /// Of these: for ever.
    Stop "crash for ever",
    /// A process that had crashed started again.
    Recovery "recovery",
    /// Of these: with nothing on its disk.
    Amnesia "amnesia",
    /// A write that was not durable was lost in a crash.
    LostWrite "lost write",
    /// A write was torn in a crash, and it showed on the disk.
    TornWrite "torn write",
    /// A message in flight from a process that crashed was lost.
    LossAtSender "loss at a crashed sender",
    /// A message arrived at a process that was down.
    LossAtReceiver "loss at a crashed receiver",
    /// A message was lost by the link.
    Loss "loss",
    /// A message arrived once more than it was sent.
    Duplication "duplication",
    /// A message arrived after one that was sent later over the same link.
    Reordering "reordering",
    /// A message took longer than it may after GST, or in a good period.
    Delay "delay",
    /// A cut in both directions held or dropped a message.
    Partition "partition",
    /// A cut in one direction held or dropped a message.
    OneWayPartition "one-way partition",
    /// A cut that had held or dropped a message healed.
    Heal "heal",
    /// A message was omitted by its sender or its receiver.
    Omission "omission",
    /// The adversary took a process over.
    TakeOver "takeover",
    /// The adversary said something in the name of a process that it plays.
    Lie "lie",
    /// A message was injected that was sent before, perhaps to another.
    Replay "replay",
    /// A message was changed under way: it arrived so, or was lost since links notice.
    Corruption "corruption",
    /// A message was injected that nobody sent.
    Injection "injection",
    /// A bit flipped on a disk.
    BitRot "bit rot",
    /// A write was acknowledged and lost.
    MisdirectedWrite "misdirected write",
    /// A write failed, and its process crashed.
    FailedWrite "failed write",
    /// Omega said whom to trust.
    Trust "trust",
    /// Eventually-P suspected a process.
    Suspect "suspect",
    /// Eventually-P no longer suspected a process.
    Restore "restore",
    /// A process stood still while something was due there.
    Pause "pause",
    /// A process took longer for its steps for a while.
    Slow "slow process",
    /// A disk took longer for its writes for a while.
    SlowDisk "slow disk",
    /// A clock jumped, and a timer with it.
    ClockJump "clock jump",
    /// A cut of some links held or dropped a message.
    PartialPartition "partial partition",
    /// Messages took longer over some links for a while.
    DelaySpike "delay spike",
    /// What a process sent took longer to leave for a while.
    BandwidthDrop "bandwidth drop",
    /// A message was lost while its link was bad.
    BurstLoss "loss in a burst",
    /// A message found no room in its queue, and was lost.
    Overflow "queue overflow",
    /// A message found no room in its queue, and was held back.
    HeldBack "held back by a full queue",
    /// A message took a longer way, since a wire was cut.
    Reroute "detour",
    /// What a fault waited for happened.
    Condition "condition met",
}

impl FaultKind {
    /// Whether a platform makes it happen: nothing of the kind is counted where there is none.
    pub const fn is_of_platform(self) -> bool {
        matches!(
            self,
            Self::Pause
                | Self::Slow
                | Self::SlowDisk
                | Self::ClockJump
                | Self::PartialPartition
                | Self::DelaySpike
                | Self::BandwidthDrop
                | Self::BurstLoss
                | Self::Overflow
                | Self::HeldBack
                | Self::Reroute
                | Self::Condition
        )
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How many faults of each kind took effect.
#[derive(Clone, Debug)]
pub(crate) struct Tally([u64; FaultKind::ALL.len()]);

impl Tally {
    pub(crate) fn new() -> Self {
        Self([0; FaultKind::ALL.len()])
    }

    #[inline]
    pub(crate) fn add(&mut self, kind: FaultKind, times: u64) {
        self.0[kind as usize] += times;
    }

    pub(crate) fn counts(&self) -> BTreeMap<FaultKind, u64> {
        FaultKind::ALL.iter().map(|&kind| (kind, self.0[kind as usize])).filter(|&(_, k)| k > 0).collect()
    }
}
