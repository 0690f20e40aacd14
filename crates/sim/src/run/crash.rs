//! Crashes between two handlers, what they leave behind, and recoveries.

use super::Run;
use crate::fault::{Fault, FaultKind};
use crate::ground::Entry;
use crate::plan::nanos;
use std::time::Duration;
use synod_kernel::{Budget, Choice, SeatId, Status};
use synod_model::failure::FailureKind;
use synod_model::link::Guarantee;
use synod_model::{Process, ProcessId};
use synod_properties::Monitor;

impl<P: Process, M: Monitor<P::Request, P::Indication>> Run<'_, P, M> {
    /// Whether the environment admits a crash at `seat` now.
    pub(super) fn may_crash(&self, seat: SeatId, forever: bool) -> bool {
        let budgets = &self.world.rest.budgets;
        let admitted = if forever { self.may_be_faulty() } else { budgets.restarts.any() };
        admitted && self.setting.environment.failures.may_fail(self.setting.seating.identity(seat))
    }

    /// Whether one more may crash for ever, once or again and again.
    fn may_be_faulty(&self) -> bool {
        match self.world.rest.budgets.stops {
            Budget::AtMost(left) => left as usize > self.looping.len(),
            Budget::Unlimited => true,
        }
    }

    /// A process crashes and starts again for ever, as long as the budgets last.
    pub(super) fn crash_again(&mut self, process: ProcessId, down: Duration, up: Duration) {
        let Some(seat) = self.seat_of(process) else { return };
        let goes_on = self.looping.contains(process) || self.may_be_faulty();
        if !goes_on
            || !self.may_crash(seat, false)
            || matches!(self.status(seat), Status::Stopped | Status::Lying)
        {
            if self.looping.remove(process) {
                self.last_fault = self.ground.now; // correct after all, and just back
            }
            return;
        }
        self.looping.insert(process);
        self.crash(process, Some(down), 0, false);
        let again = self.ground.now.saturating_add(nanos(down)).saturating_add(nanos(up).max(1));
        self.plan_fault(again, Fault::CrashLoop { process, down, up });
    }

    pub(super) fn crash(
        &mut self,
        process: ProcessId,
        recover_after: Option<Duration>,
        kept: u32,
        torn: bool,
    ) {
        if self.random_faults && !self.in_faulty_half() {
            return;
        }
        let forever = recover_after.is_none();
        let Some(seat) = self.seat_of(process).filter(|&seat| self.may_crash(seat, forever)) else { return };
        match self.status(seat) {
            Status::Up => {}
            Status::Down if forever => {
                // it has to be up again before it can be seen to stop
                let later = self.ground.now.saturating_add(self.calendar.unit);
                return self.plan_fault(later, Fault::Crash { process, recover_after, kept, torn });
            }
            Status::New | Status::Down | Status::Stopped | Status::Lying => return,
        }
        let pending = self.ground.desks[seat.index()].syncs.len() as u32;
        let kept = if forever { 0 } else { kept.min(pending) };
        let torn = torn && !forever && kept < pending && self.world.rest.budgets.torn_writes.any();
        if torn && self.tears(seat, kept) {
            self.count_at(seat, FaultKind::TornWrite, 1);
        }
        self.count_at(seat, FaultKind::LostWrite, u64::from(pending - kept - u32::from(torn)));
        self.take(Choice::Crash { seat, forever, kept, torn });
        self.crashed(seat, recover_after);
    }

    /// Whether tearing the write after the first `kept` would show on the disk.
    fn tears(&self, seat: SeatId, kept: u32) -> bool {
        let [mut whole, mut torn] = [(); 2].map(|()| self.world.seats[seat.index()].clone());
        whole.crash(kept, false, true);
        torn.crash(kept, true, true);
        whole.stable() != torn.stable()
    }

    /// A process crashed: what becomes of what it left behind, and when it is back.
    pub(super) fn crashed(&mut self, seat: SeatId, recover_after: Option<Duration>) {
        self.count_at(seat, FaultKind::Crash, 1);
        self.ground.forget(seat);
        self.lose_in_flight_from(seat);
        if let Some(after) = recover_after {
            let at = self.ground.now.saturating_add(nanos(after));
            // by chance, nobody is down any more when the second half begins
            let latest = if self.random_faults { self.calendar.faults_end } else { u64::MAX };
            self.ground.agenda.push(at.min(latest), Entry::Recover { seat });
        } else {
            self.count(FaultKind::Stop, 1);
            self.count_the_faulty();
            if self.ground.consulted {
                self.setting.seating.seats().for_each(|seat| self.recall_oracle(seat));
            }
        }
    }

    /// How many are faulty is held against f.
    fn count_the_faulty(&mut self) {
        let faulty = self.world.rest.stopped.len() + self.looping.len();
        let f = self.setting.environment.faulty_max();
        let event = self.steps.saturating_sub(1);
        self.ground.assumptions().faulty(faulty as u64, f.into(), event);
    }

    /// Links promise only between correct processes: none, all or any half of what it had in flight is lost.
    fn lose_in_flight_from(&mut self, seat: SeatId) {
        let kind = self.setting.environment.links.kind;
        // of a queue the oldest alone may be lost: when it is due
        if kind.guarantees().has(Guarantee::DurableSending) || kind.fifo {
            return;
        }
        let share = [0, 500_000, 1_000_000][self.ground.random.below(3) as usize];
        if share == 0 {
            return;
        }
        for slot in self.ground.in_flight_from(seat) {
            let void = self.ground.agenda.get(slot).is_none_or(|entry| self.is_void(entry));
            if void || !self.ground.random.chance(share) {
                continue;
            }
            if let Some(Entry::Deliver { from, to, message }) = self.ground.agenda.cancel(slot) {
                self.count_at(seat, FaultKind::LossAtSender, 1);
                self.take(Choice::Lose { from, to, message });
            }
        }
    }

    /// Whether a message on a queue is lost, that one sent who has crashed.
    pub(super) fn is_lost_behind_a_crash(&mut self, from: SeatId) -> bool {
        matches!(self.status(from), Status::Down | Status::Stopped)
            && !self.setting.environment.links.kind.guarantees().has(Guarantee::DurableSending)
            && self.ground.random.below(2) == 0
    }

    pub(super) fn recover(&mut self, seat: SeatId) {
        if self.status(seat) != Status::Down {
            return; // it was taken over
        }
        self.rot(seat);
        if self.setting.environment.failures.kind == FailureKind::CrashStop {
            self.ground.assumptions().recovered(self.steps);
        }
        self.count_at(seat, FaultKind::Recovery, 1);
        if *self.world.seats[seat.index()].stable() == P::Stable::default() {
            self.count_at(seat, FaultKind::Amnesia, 1);
        }
        self.take(Choice::Recover { seat });
        for parked in std::mem::take(&mut self.ground.desks[seat.index()].waiting) {
            self.ground.send_parked(parked);
        }
    }
}
