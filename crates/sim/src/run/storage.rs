//! Disks that do what they must not: flipped bits, writes that go elsewhere, writes that fail.

use super::Run;
use crate::fault::{Fault, FaultKind};
use crate::plan::nanos;
use std::time::Duration;
use synod_kernel::{Choice, DiskFault, SeatId};
use synod_model::{Process, ProcessId};
use synod_properties::Monitor;

impl<P: Process, M: Monitor<P::Request, P::Indication>> Run<'_, P, M> {
    fn mark_disk(
        &mut self,
        process: ProcessId,
        mark: impl FnOnce(&mut super::adversary::Adversary<P>, SeatId),
    ) {
        let Some(seat) = self.seat_of(process) else { return };
        if let Some(adversary) = &mut self.adversary {
            mark(adversary, seat);
        }
    }

    fn disks_may_fail(&self, seat: SeatId) -> bool {
        (self.in_faulty_half() || !self.random_faults)
            && self.setting.environment.failures.may_fail(self.setting.seating.identity(seat))
    }

    /// The process is about to start again: what its disk holds may have changed.
    pub(super) fn rot(&mut self, seat: SeatId) {
        while let Some(adversary) = &mut self.adversary
            && adversary.rotting[seat.index()] > 0
        {
            adversary.rotting[seat.index()] -= 1;
            if !self.world.rest.budgets.bit_rot.any() || !self.disks_may_fail(seat) {
                continue;
            }
            let bits: Vec<_> = self.world.seats[seat.index()].rots().collect();
            if let Some(bit) = crate::adversary::pick(&bits, &mut self.ground.random) {
                self.count(FaultKind::BitRot, 1);
                self.take(Choice::Disk { seat, fault: DiskFault::Rot { bit } });
            }
        }
    }

    /// The oldest pending write becomes durable, or so it seems; or it fails.
    pub(super) fn sync(&mut self, seat: SeatId) {
        self.ground.desks[seat.index()].syncs.pop_front();
        let may_fail = self.adversary.is_some() && self.disks_may_fail(seat);
        let Some(adversary) = self.adversary.as_mut().filter(|_| may_fail) else {
            return self.take(Choice::Sync { seat });
        };
        let budgets = &self.world.rest.budgets;
        if budgets.failed_writes.any()
            && let Some(after) = adversary.refusing[seat.index()].take()
        {
            let pending = 1 + self.ground.desks[seat.index()].syncs.len() as u64;
            self.count(FaultKind::FailedWrite, 1);
            self.count(FaultKind::LostWrite, pending);
            self.take(Choice::Disk { seat, fault: DiskFault::Refuse });
            return self.crashed(seat, Some(Duration::from_nanos(after)));
        }
        let misdirects = adversary.misdirecting[seat.index()] > 0 && budgets.misdirected_writes.any();
        if misdirects {
            adversary.misdirecting[seat.index()] -= 1;
            self.count(FaultKind::MisdirectedWrite, 1);
            return self.take(Choice::Disk { seat, fault: DiskFault::Misdirect });
        }
        self.take(Choice::Sync { seat });
    }

    /// A fault of a disk, as a script or the plan has it.
    pub(super) fn disk_fault(&mut self, fault: &Fault) {
        match *fault {
            // when it is down next, before it starts again
            Fault::Rot { process } => self.mark_disk(process, |of, seat| of.rotting[seat.index()] += 1),
            Fault::MisdirectWrite { process } => {
                self.mark_disk(process, |of, seat| of.misdirecting[seat.index()] += 1);
            }
            Fault::FailWrite { process, room_after } => {
                let after = nanos(room_after);
                self.mark_disk(process, |of, seat| of.refusing[seat.index()] = Some(after));
            }
            _ => {}
        }
    }
}
