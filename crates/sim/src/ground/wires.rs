//! The ground over a platform: how its machines and wires change when things happen.

use super::{Entry, Simulated};
use crate::platform::Assumptions;
use crate::trigger::Happening;
use serde::Serialize;
use synod_kernel::SeatId;
use synod_kernel::kinds::kind;
use synod_kernel::renaming::processes_in;
use synod_model::{Process, ProcessId};
use synod_properties::{Monitor, Observation};

impl<P: Process, Mon: Monitor<P::Request, P::Indication>> Simulated<P, Mon> {
    /// Puts a message on its wire, and on its way.
    pub(super) fn send_by_platform(&mut self, from: SeatId, to: SeatId, message: P::Message) {
        let Some(machinery) = &mut self.machinery else { return };
        let bytes = machinery.weighs().then(|| encoded_length(&message));
        let (leaves, is_lost) = machinery.depart(from, to, self.now, bytes, &mut self.tally);
        let arrival = self.arrival_from(from, to, leaves);
        let Some(machinery) = &mut self.machinery else { return };
        machinery.sent(self.agenda.upcoming(), self.now, &self.assumptions);
        self.measure_send(from, to, &message);
        let entry =
            if is_lost { Entry::Lose { from, to, message } } else { Entry::Deliver { from, to, message } };
        let slot = self.agenda.push(arrival, entry);
        self.note_sent(from, slot);
    }

    /// When a message arrives that leaves at `leaves`.
    pub(super) fn arrival_by_platform(&mut self, from: SeatId, to: SeatId, leaves: u64) -> u64 {
        let Self { machinery, delays, random, tally, .. } = self;
        let usual =
            |from: SeatId, to: SeatId, at: u64, random: &mut _| delays.arrival(at, from, to, random) - at;
        match machinery {
            Some(machinery) => machinery.arrival((from, to), leaves, &usual, (random, tally)),
            None => leaves,
        }
    }

    /// Sets a timer by the clock of its process.
    pub(super) fn armed_by_platform(&mut self, seat: SeatId, timer: P::Timer, after: u64) {
        let Self { machinery, random, assumptions, now, event, .. } = self;
        let Some(machinery) = machinery else { return };
        let due = machinery.due(seat, *now, after, (random, assumptions, *event));
        let slot = self.set(seat, timer, due);
        if let Some(machinery) = &mut self.machinery {
            machinery.set(slot, due);
        }
    }

    /// How long a write takes that would usually take `usual`.
    pub(super) fn sync_by_platform(&mut self, seat: SeatId, usual: u64) -> u64 {
        let Self { machinery, random, tally, now, .. } = self;
        machinery.as_mut().map_or(usual, |machinery| machinery.sync(seat, *now, usual, (random, tally)))
    }

    /// A clock jumps: how many timers move with it.
    pub(crate) fn jump(&mut self, seat: SeatId, by: u64, back: bool) -> usize {
        let Some(machinery) = &mut self.machinery else { return 0 };
        let by = machinery.jump(seat, by);
        let mut moved = 0;
        for (_, slot) in &mut self.desks[seat.index()].timers {
            let Some(due) = machinery.due_at(*slot) else { continue };
            let Some(entry) = self.agenda.cancel(*slot) else { continue };
            machinery.unset(*slot);
            let due = if back { due.saturating_add(by) } else { due.saturating_sub(by).max(self.now) };
            *slot = self.agenda.push(due, entry);
            machinery.set(*slot, due);
            moved += 1;
        }
        if moved > 0 {
            self.assumptions.jumped(by, self.event);
        }
        moved
    }

    /// What was due cannot happen yet: it keeps its place among what is due at `until`.
    pub(crate) fn postpone(&mut self, number: u64, until: u64, entry: Entry<P::Message, P::Timer>) {
        let timer = match &entry {
            Entry::Fire { seat, timer } => Some((*seat, timer.clone())),
            _ => None,
        };
        let synced = match &entry {
            Entry::Sync { seat } => Some(*seat),
            _ => None,
        };
        let sender = match entry {
            Entry::Deliver { from, .. } | Entry::Lose { from, .. } => Some(from),
            _ => None,
        };
        let slot = self.agenda.park(entry);
        self.agenda.enqueue_as(until, number, slot);
        if let Some(from) = sender {
            self.note_sent(from, slot);
        }
        if let Some((seat, timer)) = timer {
            let timers = &mut self.desks[seat.index()].timers;
            if let Ok(place) = timers.binary_search_by(|(t, _)| t.cmp(&timer)) {
                timers[place].1 = slot;
            }
        }
        if let Some(seat) = synced
            && let Some(oldest) = self.desks[seat.index()].syncs.front_mut()
        {
            *oldest = slot;
        }
    }

    /// Tells those who wait for it what is observed.
    pub(super) fn notice(&mut self, observation: &Observation<'_, P::Request, P::Indication>) {
        match *observation {
            Observation::Request { at, request } => self.happened(Happening::Request, at, request, None),
            Observation::Indication { at, indication } => {
                self.happened(Happening::Indication, at, indication, None);
            }
            Observation::Crash { at } => self.happened(Happening::Crash, at, &(), None),
            Observation::Recover { at } => self.happened(Happening::Recovery, at, &(), None),
            Observation::Corrupt { .. } => {}
        }
    }

    /// Tells those who wait for it that something happened: of what kind it is, and whom it names, `from` last.
    pub(crate) fn happened(
        &mut self,
        what: Happening,
        at: ProcessId,
        value: &impl Serialize,
        from: Option<ProcessId>,
    ) {
        let Some(machinery) = self.machinery.as_mut().filter(|machinery| machinery.triggers.awaits(what))
        else {
            return;
        };
        let named: Vec<_> = processes_in(value).unwrap_or_default().into_iter().chain(from).collect();
        let kind = kind(value).unwrap_or_default();
        machinery.triggers.happened(what, at, &kind, &named, self.now, self.desks.len() as u32);
    }

    /// What is held against the bounds of the environment.
    pub(crate) fn assumptions(&mut self) -> &mut Assumptions {
        &mut self.assumptions
    }
}

/// How many bytes a message has on a wire, as the real ground writes it.
pub fn encoded_length(message: &impl Serialize) -> u64 {
    postcard::experimental::serialized_size(message).unwrap_or(0) as u64
}
