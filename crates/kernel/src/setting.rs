//! What stays the same throughout a run.

use crate::environment::{Budget, Environment};
use crate::seat::{SeatId, View};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use synod_model::{Group, Process, ProcessId};

/// The largest world: beyond it a number in a file is a mistake.
pub const PROCESSES_MAX: u32 = 1_048_576;

/// What stays the same throughout a run: the environment, the parameters, and what is asked of whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Setting<P: Process> {
    /// What the world may do.
    pub environment: Environment,
    /// What all processes know.
    pub parameters: P::Parameters,
    /// By seat: the requests of the layer above, in order.
    pub requests: Vec<Vec<P::Request>>,
    /// Who sits where.
    pub seating: Seating,
    /// What a lying process may say: a finite domain, made of the protocol's own values.
    ///
    /// A lie arrives in the liar's own name, whoever it speaks of. What it carries of the signatures of correct
    /// processes must have been sent to a lying process before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lies: Vec<P::Message>,
}

impl<P: Process> Setting<P> {
    /// The usual: process i at seat i.
    pub fn new(
        environment: Environment,
        parameters: P::Parameters,
        mut requests: Vec<Vec<P::Request>>,
    ) -> Self {
        let seating = Seating::plain(environment.processes);
        requests.resize(seating.len(), Vec::new());
        Self { environment, parameters, requests, seating, lies: Vec::new() }
    }

    /// What a handler of the process at this seat can read besides its state and the event.
    pub fn view(&self, seat: SeatId) -> View<'_, P> {
        View {
            me: self.seating.identity(seat),
            group: self.group(),
            parameters: &self.parameters,
            bounds: self.environment.timing.bounds,
        }
    }

    /// The same, where those that lie may say this. In ascending order, each once.
    #[must_use]
    pub fn with_lies(mut self, mut lies: Vec<P::Message>) -> Self {
        lies.sort_unstable();
        lies.dedup();
        self.lies = lies;
        self
    }

    /// Whether its parts fit each other: what is read from a file may not.
    ///
    /// # Errors
    /// The first part that does not fit, and why.
    pub fn fits(&self) -> Result<(), String> {
        let n = self.environment.processes;
        if !(1..=PROCESSES_MAX).contains(&n) {
            return Err(format!("a world has 1 to {PROCESSES_MAX} processes, not {n}"));
        }
        self.seating.fits(n)?;
        if self.requests.len() != self.seating.len() {
            return Err(format!("requests for {} seats, of {}", self.requests.len(), self.seating.len()));
        }
        if self.environment.failures.lies.any() && self.seating.len() > n as usize {
            return Err("twins beside processes that lie: the adversary plays those itself".to_owned());
        }
        match self.environment.failures.among {
            Some(Group { first, count }) if u64::from(first.0) + u64::from(count) > u64::from(n) => {
                Err(format!("{count} processes from {first} on may fail, of {n} in all"))
            }
            _ => Ok(()),
        }
    }

    /// The processes of the world.
    pub fn group(&self) -> Group {
        Group::first(self.environment.processes)
    }
}

/// Who sits where: each seat has an identity and an audience, the seats that its messages reach.
///
/// Worlds are indexed by seat. Twins are two seats of one identity, two copies of a Byzantine process: nothing is observed
/// there, nothing is owed to it, and none of its steps is fair. The audience of each message to or from one of them may be
/// chosen anew, see [`Seating::withhold`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seating {
    /// Processes 0..n sit at the seats of the same numbers.
    processes: u32,
    /// The identities at the seats after those.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    twins: Vec<ProcessId>,
    /// Seats that do not reach everybody.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    audiences: BTreeMap<SeatId, Vec<SeatId>>,
    /// How many messages to and from twins may not reach their audience.
    #[serde(default, skip_serializing_if = "is_none")]
    withheld: Budget,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_none(budget: &Budget) -> bool {
    !budget.any()
}

impl Seating {
    /// Process i at seat i, everybody reaching everybody.
    pub fn plain(n: u32) -> Self {
        Self { processes: n, twins: Vec::new(), audiences: BTreeMap::new(), withheld: Budget::NONE }
    }

    /// A further seat under `identity`: a twin of the process.
    pub fn add(&mut self, identity: ProcessId) -> SeatId {
        self.twins.push(identity);
        SeatId(self.len() as u32 - 1)
    }

    /// Makes the messages from `seat` reach only `audience`.
    pub fn reach(&mut self, seat: SeatId, audience: Vec<SeatId>) {
        self.audiences.insert(seat, audience);
    }

    /// Lets the adversary choose the audience of each message to or from a twin anew: so many of them are withheld, each
    /// from one seat. Every subset of an audience can be chosen so, message by message. Where links do not order
    /// messages, to deliver one later is as good; over FIFO links what follows could not arrive.
    pub fn withhold(&mut self, messages: Budget) {
        self.withheld = messages;
    }

    /// How many messages to and from twins may be withheld.
    pub fn withheld(&self) -> Budget {
        self.withheld
    }

    /// The processes that twins play: they are faulty.
    pub fn twinned(&self) -> impl Iterator<Item = ProcessId> + '_ {
        self.twins.iter().copied()
    }

    /// Whether the process at `seat` sits at another, too.
    #[inline]
    pub fn has_twin(&self, seat: SeatId) -> bool {
        !self.twins.is_empty() && self.twins.contains(&self.identity(seat))
    }

    fn fits(&self, n: u32) -> Result<(), String> {
        if self.processes != n {
            return Err(format!("seats for {} processes, of {n}", self.processes));
        }
        if let Some(twin) = self.twins.iter().find(|twin| twin.0 >= n) {
            return Err(format!("a twin of {twin}, who does not exist among {n} processes"));
        }
        let named = self.audiences.iter().flat_map(|(seat, audience)| audience.iter().chain([seat]));
        match named.copied().find(|seat| seat.index() >= self.len()) {
            Some(seat) => Err(format!("an audience with {seat}, of {} seats", self.len())),
            None => Ok(()),
        }
    }

    /// How many seats there are.
    pub fn len(&self) -> usize {
        self.processes as usize + self.twins.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All seats.
    pub fn seats(&self) -> impl DoubleEndedIterator<Item = SeatId> + ExactSizeIterator + 'static {
        (0..self.len() as u32).map(SeatId)
    }

    /// Who sits at `seat`.
    #[inline]
    pub fn identity(&self, seat: SeatId) -> ProcessId {
        match seat.0.checked_sub(self.processes) {
            None => ProcessId(seat.0),
            Some(twin) => self.twins[twin as usize],
        }
    }

    /// The one seat that a message from `from` to the process `to` reaches, where everybody sits once and reaches
    /// everybody.
    ///
    /// # Panics
    /// If there is no such process: only a bug of an algorithm sends to nobody.
    #[inline]
    pub fn only_receiver(&self, from: SeatId, to: ProcessId) -> Option<SeatId> {
        assert!(
            to.0 < self.processes,
            "{from} sends to {to}, who does not exist among {} processes",
            self.processes
        );
        (self.twins.is_empty() && self.audiences.is_empty()).then_some(SeatId(to.0))
    }

    /// The seats that a message from `from` to the process `to` reaches.
    ///
    /// # Panics
    /// If there is no such process.
    #[inline]
    pub fn receivers(&self, from: SeatId, to: ProcessId, mut each: impl FnMut(SeatId)) {
        if let Some(seat) = self.only_receiver(from, to) {
            return each(seat);
        }
        let audience = self.audiences.get(&from);
        for seat in self.seats() {
            if self.identity(seat) == to && audience.is_none_or(|a| a.contains(&seat)) {
                each(seat);
            }
        }
    }
}
