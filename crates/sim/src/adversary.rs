//! The adversary's strategies: what a process does that it has taken over, whatever its algorithm is.

use crate::fault::Fault;
use crate::plan::{FaultPlan, Options};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;
use synod_kernel::{Random, SeatId};

/// What the adversary makes of a process that lies. All but silence follow the code, more or less: what they say is what
/// the protocol's messages look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// It says nothing.
    Silence,
    /// It follows the code, and some never hear of it.
    Selective,
    /// It follows the code, and holds each message back for a time.
    Delay,
    /// It follows the code, and says again what it said, and what it heard others say.
    Replay,
    /// Two copies of it follow the code, each asked for something else, each heard by some.
    Twins,
    /// It follows the code, and says other things than it should: messages made of parts of those that were seen, and of
    /// the algorithm's own domain of lies.
    Forge,
}

impl Strategy {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Silence, Self::Selective, Self::Delay, Self::Replay, Self::Twins, Self::Forge];

    /// As files write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Silence => "silence",
            Self::Selective => "selective",
            Self::Delay => "delay",
            Self::Replay => "replay",
            Self::Twins => "twins",
            Self::Forge => "forge",
        }
    }

    /// How many copies of the process follow its code.
    pub(crate) const fn copies(self) -> usize {
        match self {
            Self::Silence => 0,
            Self::Twins => 2,
            _ => 1,
        }
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What the network injects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Injection {
    /// A message that was sent before, again, perhaps to another.
    Replay,
    /// A message as it was sent but for one of its parts.
    Change,
    /// A message in the name of a process that said no such thing.
    Invent,
}

impl Injection {
    pub(crate) const ALL: [Self; 3] = [Self::Replay, Self::Change, Self::Invent];
}

/// Whether a script, or a platform, asks for what the adversary does in worlds that leave it nothing else: to corrupt what is lost
/// then.
pub(crate) fn corrupts(options: &Options) -> bool {
    let is_of = |(_, fault): &(Duration, Fault)| matches!(fault, Fault::Corrupt { .. });
    options.platform.as_ref().is_some_and(|platform| platform.corruption.is_some())
        || matches!(&options.faults, FaultPlan::Script(script) if script.iter().any(is_of))
}

/// One of `all`.
pub(crate) fn pick<T: Copy>(all: &[T], random: &mut Random) -> Option<T> {
    (!all.is_empty()).then(|| all[random.below(all.len() as u64) as usize])
}

/// Which of `seats` are of a group drawn by chance: any, but neither none nor all where there are two.
fn group(seats: usize, random: &mut Random) -> Vec<bool> {
    let mut of: Vec<_> = (0..seats).map(|_| random.below(2) == 0).collect();
    let one = random.below(seats as u64) as usize;
    if seats > 1 && of.iter().all(|is| *is == of[0]) {
        of[one] = !of[one];
    }
    of
}

/// A strategy at work: what was drawn for one process.
#[derive(Debug)]
pub(crate) struct Scheme {
    pub(crate) strategy: Strategy,
    /// By seat: whether it hears of this process; of two copies, of the first.
    audience: Vec<bool>,
    /// Twins: whether the audience of each message is drawn anew.
    anew: bool,
}

impl Scheme {
    pub(crate) fn new(strategy: Strategy, seats: usize, random: &mut Random) -> Self {
        Self { strategy, audience: group(seats, random), anew: random.below(2) == 0 }
    }

    /// Whether what a copy says reaches this seat.
    pub(crate) fn reaches(&self, copy: usize, to: SeatId, random: &mut Random) -> bool {
        match self.strategy {
            Strategy::Selective => self.audience[to.index()],
            Strategy::Twins if self.anew => random.below(2) == 0,
            Strategy::Twins => self.audience[to.index()] == (copy == 0),
            _ => true,
        }
    }

    /// Whether a copy hears a message.
    pub(crate) fn hears(&self, random: &mut Random) -> bool {
        self.strategy != Strategy::Twins || random.below(3) > 0
    }

    /// How much longer than others' a message takes, where the longest delay is `unit`.
    pub(crate) fn patience(&self, unit: u64, random: &mut Random) -> u64 {
        if self.strategy == Strategy::Delay {
            let scale = unit.saturating_mul(1 << random.below(6)).max(1);
            return random.below(scale);
        }
        0
    }

    /// Whether a message is to be exchanged for another; whether it is said all the same.
    pub(crate) fn forges(&self, random: &mut Random) -> (bool, bool) {
        if self.strategy != Strategy::Forge {
            return (false, true);
        }
        let what = random.below(4);
        (what > 1, what < 3)
    }

    /// How often it speaks out of turn.
    pub(crate) fn inventions(&self, random: &mut Random) -> u64 {
        match self.strategy {
            Strategy::Replay | Strategy::Forge => random.below(24),
            _ => 0,
        }
    }
}

/// How a process omits: which messages to and from whom.
#[derive(Debug)]
pub(crate) struct Omitting {
    peers: Vec<bool>,
    per_million: u32,
}

impl Omitting {
    pub(crate) fn new(seats: usize, random: &mut Random) -> Self {
        let everyone = random.below(2) == 0;
        let peers = if everyone { vec![true; seats] } else { group(seats, random) };
        Self { peers, per_million: [1_000_000, 500_000, 200_000][random.below(3) as usize] }
    }

    /// Whether it omits a message to or from `peer`.
    pub(crate) fn omits(&self, peer: SeatId, random: &mut Random) -> bool {
        self.peers[peer.index()] && random.chance(self.per_million)
    }
}
