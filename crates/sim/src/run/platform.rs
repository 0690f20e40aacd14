//! What happens over a platform: processes that are busy or stand still, faults of its vocabulary, and those that wait for something.

use super::Run;
use crate::agenda::Due;
use crate::fault::{Fault, FaultKind};
use crate::ground::Entry;
use crate::plan::nanos;
use crate::platform::{Fate, Machinery};
use crate::trigger::Happening;
use std::collections::BTreeSet;
use std::time::Duration;
use synod_kernel::world::links;
use synod_kernel::{Choice, Partition, SeatId, Status};
use synod_model::{Process, ProcessId};
use synod_properties::Monitor;

impl<M, T> Entry<M, T> {
    /// Where it happens, if it is at a process.
    fn place(&self) -> Option<SeatId> {
        match *self {
            Self::Deliver { to: seat, .. }
            | Self::Fire { seat, .. }
            | Self::Sync { seat }
            | Self::Request { seat }
            | Self::Recover { seat }
            | Self::Oracle { seat } => Some(seat),
            Self::Lose { .. } | Self::Fault { .. } | Self::Plot { .. } | Self::Client { .. } => None,
        }
    }
}

impl<P: Process, M: Monitor<P::Request, P::Indication>> Run<'_, P, M> {
    /// Something is due, and happens unless its process is busy or stands still.
    pub(super) fn happen_on_platform(&mut self, due: Due<Entry<P::Message, P::Timer>>) {
        let (number, now) = (due.number, self.ground.now);
        self.ground.event = self.steps;
        if let Some(seat) = due.entry.place() {
            let Some(machinery) = &mut self.ground.machinery else { return };
            machinery.come_to(now, &mut self.ground.random);
            if let Some(until) = machinery.wait(seat, number, now, &mut self.ground.tally) {
                return self.ground.postpone(number, until, due.entry);
            }
            machinery.begin(seat, now, &mut self.ground.random);
            let event = self.steps;
            let ran = self.dispatch_noticed(seat, due);
            if let Some(machinery) = &mut self.ground.machinery {
                machinery.end(
                    (number, event, now),
                    ran,
                    (&mut self.ground.tally, &mut self.ground.assumptions),
                );
            }
        } else {
            self.dispatch(due);
        }
        self.strike_on_conditions();
    }

    /// Whether a handler ran.
    fn dispatch_noticed(&mut self, seat: SeatId, due: Due<Entry<P::Message, P::Timer>>) -> bool {
        let awaited = self.ground.machinery.as_ref().is_some_and(|m| m.triggers.awaits(Happening::Message));
        let (is_message, arriving) = match &due.entry {
            Entry::Deliver { from, to, message } => (true, awaited.then(|| (*from, *to, message.clone()))),
            _ => (false, None),
        };
        let runs = match &due.entry {
            Entry::Sync { .. } => false,
            Entry::Recover { .. } => true,
            _ => self.status(seat) == Status::Up,
        };
        let delivered = self.delivered;
        self.dispatch(due);
        let heard = self.delivered > delivered;
        if let Some((from, to, message)) = arriving.filter(|_| heard) {
            let [from, to] = [from, to].map(|seat| self.setting.seating.identity(seat));
            self.ground.happened(Happening::Message, to, &message, Some(from));
        }
        if is_message { heard } else { runs }
    }

    /// Plans the faults whose conditions were met.
    pub(super) fn strike_on_conditions(&mut self) {
        let Some(machinery) = &mut self.ground.machinery else { return };
        if machinery.triggers.fired.is_empty() {
            return;
        }
        for (at, fault) in std::mem::take(&mut machinery.triggers.fired) {
            self.ground.tally.add(FaultKind::Condition, 1);
            self.plan_fault(at, fault);
        }
    }

    /// What the platform makes of a message that arrives, if it has a say.
    pub(super) fn fate(&mut self, from: SeatId, to: SeatId) -> Option<Fate> {
        let machinery = self.ground.machinery.as_mut()?;
        machinery.fate(from, to, self.ground.now, &mut self.ground.random)
    }

    /// Whether the platform duplicates a message that arrives, if it has a say.
    pub(super) fn duplicates(&mut self) -> Option<bool> {
        let machinery = self.ground.machinery.as_mut()?;
        machinery.duplicates(self.ground.now, &mut self.ground.random)
    }

    /// Whether the platform corrupts a message that arrives.
    pub(super) fn corrupts(&mut self) -> bool {
        let Some(machinery) = &mut self.ground.machinery else { return false };
        machinery.corrupts(self.ground.now, &mut self.ground.random) && !self.chance_spared
    }

    /// A message that found no room is lost, as far as the budget goes.
    pub(super) fn overflow(&mut self, number: u64, from: SeatId, to: SeatId, message: P::Message) {
        if !self.world.rest.budgets.losses.any() {
            return self.arrive(number, from, to, message);
        }
        self.count(FaultKind::Overflow, 1);
        if let Some(machinery) = &mut self.ground.machinery {
            machinery.gone(number);
        }
        self.take(Choice::Lose { from, to, message });
    }

    /// A fault of the platform's vocabulary. By chance it strikes in the first half alone: the plan sees to that.
    pub(super) fn fault_of_platform(&mut self, fault: Fault) {
        let at = |run: &Self, lasts: Duration| run.ground.now.saturating_add(nanos(lasts));
        match fault {
            Fault::Pause { process, lasts } => {
                let until = at(self, lasts);
                self.strike(process, |machinery, seat| machinery.pause(seat, until));
            }
            Fault::Slow { process, factor, lasts } => {
                let until = at(self, lasts);
                self.strike(process, |machinery, seat| machinery.slow(seat, until, factor));
            }
            Fault::SlowDisk { process, factor, lasts } => {
                let until = at(self, lasts);
                self.strike(process, |machinery, seat| machinery.slow_disk(seat, until, factor));
            }
            Fault::BandwidthDrop { process, factor, lasts } => {
                let until = at(self, lasts);
                self.strike(process, |machinery, seat| machinery.narrow(seat, until, factor));
            }
            Fault::ClockJump { process, by, back } => self.clock_jumps(process, nanos(by), back),
            Fault::DelaySpike { between, by, lasts } => {
                let (links, until) = (self.links_of(&between), at(self, lasts));
                if let Some(machinery) = &mut self.ground.machinery {
                    machinery.spike(&links, nanos(by), until);
                }
            }
            _ => unreachable!("the other faults are not the platform's"),
        }
    }

    /// Does something to the machines of a process.
    fn strike(&mut self, process: ProcessId, strike: impl Fn(&mut Machinery, SeatId)) {
        let seating = &self.setting.seating;
        let Some(machinery) = &mut self.ground.machinery else { return };
        seating
            .seats()
            .filter(|&seat| seating.identity(seat) == process)
            .for_each(|seat| strike(machinery, seat));
    }

    fn clock_jumps(&mut self, process: ProcessId, by: u64, back: bool) {
        let seating = &self.setting.seating;
        let mut moved = 0;
        for seat in seating.seats().filter(|&seat| seating.identity(seat) == process) {
            moved += self.ground.jump(seat, by, back);
        }
        self.count(FaultKind::ClockJump, u64::from(moved > 0));
    }

    /// The directed links that a partition cuts.
    pub(super) fn links_of(&self, partition: &Partition) -> Vec<(SeatId, SeatId)> {
        let seating = &self.setting.seating;
        let side = |of: &[ProcessId]| -> Vec<SeatId> {
            let of: BTreeSet<_> = of.iter().copied().collect();
            seating.seats().filter(|&seat| of.contains(&seating.identity(seat))).collect()
        };
        links(&side(&partition.from), &side(&partition.to), partition.one_way)
    }

    /// Cuts any links: a partition that parts no two sides.
    pub(super) fn cut_links(&mut self, wanted: &[(ProcessId, ProcessId)]) {
        if self.setting.environment.cuts.is_some() || !self.world.rest.budgets.partitions.any() {
            return;
        }
        let seating = &self.setting.seating;
        let of = |p: ProcessId| seating.seats().filter(move |&seat| seating.identity(seat) == p);
        let links =
            wanted.iter().flat_map(|&(from, to)| of(from).flat_map(move |a| of(to).map(move |b| (a, b))));
        let mut links: Vec<_> = links.filter(|(a, b)| a != b).collect();
        links.sort_unstable();
        links.dedup();
        self.cut(links, FaultKind::PartialPartition);
    }
}
