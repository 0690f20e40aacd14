//! Faults of the platform's vocabulary by chance, within its budgets.

use super::{Planner, gst};
use crate::fault::Fault;
use crate::platform::Platform;
use std::time::Duration;
use synod_kernel::Partition;
use synod_model::ProcessId;

impl Planner<'_> {
    /// Any number of each kind, up to its budget.
    pub(super) fn strikes(&mut self, platform: &Platform) {
        let budgets = platform.budgets;
        self.each(budgets.pauses, |this, at, process, lasts| {
            (at, Fault::Pause { process, lasts: this.within(at, lasts) })
        });
        self.each(budgets.slow, |this, at, process, lasts| {
            (at, Fault::Slow { process, factor: this.factor(), lasts: this.within(at, lasts) })
        });
        self.each(budgets.slow_disks, |this, at, process, lasts| {
            (at, Fault::SlowDisk { process, factor: this.factor(), lasts: this.within(at, lasts) })
        });
        self.each(budgets.clock_jumps, |this, at, process, by| {
            let back = this.random.below(2) == 0;
            (at, Fault::ClockJump { process, by: Duration::from_nanos(by), back })
        });
        self.each(budgets.delay_spikes, |this, at, process, lasts| {
            let (between, by) = (this.some_links(process), Duration::from_nanos(this.while_it_lasts(at)));
            (at, Fault::DelaySpike { between, by, lasts: this.within(at, lasts) })
        });
        self.each(budgets.bandwidth_drops, |this, at, process, lasts| {
            (at, Fault::BandwidthDrop { process, factor: this.factor(), lasts: this.within(at, lasts) })
        });
        for _ in 0..self.up_to(budgets.partial_partitions) {
            let at = self.random.below(self.before_gst(self.window));
            let links = self.any_links();
            let heals = at.saturating_add(self.while_it_lasts(at));
            self.faults.push((at, Fault::CutLinks { links }));
            self.faults.push((heals, Fault::Heal {}));
        }
    }

    fn up_to(&mut self, budget: u32) -> u32 {
        self.random.below(u64::from(budget) + 1) as u32
    }

    /// From GST on bounds hold, if they ever do: what breaks them strikes before.
    fn before_gst(&self, end: u64) -> u64 {
        match gst(&self.environment.timing) {
            0 => end,
            gst => end.min(gst),
        }
    }

    fn each(&mut self, budget: u32, fault: impl Fn(&mut Self, u64, ProcessId, u64) -> (u64, Fault)) {
        for _ in 0..self.up_to(budget) {
            let at = self.random.below(self.before_gst(self.window));
            let process = ProcessId(self.random.below(self.environment.processes.into()) as u32);
            let lasts = self.while_it_lasts(at);
            let planned = fault(self, at, process, lasts);
            self.faults.push(planned);
        }
    }

    fn within(&self, at: u64, lasts: u64) -> Duration {
        Duration::from_nanos(lasts.min(self.before_gst(self.faults_end).saturating_sub(at)))
    }

    /// Two times slower, or up to sixty-four.
    fn factor(&mut self) -> u32 {
        2 << self.random.below(6)
    }

    /// The links of a process, or one of them.
    fn some_links(&mut self, process: ProcessId) -> Partition {
        let others: Vec<_> =
            (0..self.environment.processes).map(ProcessId).filter(|&p| p != process).collect();
        let one = !others.is_empty() && self.random.below(2) == 0;
        let to = if one { vec![self.pick(&others)] } else { others };
        Partition { from: vec![process], to, one_way: self.random.below(2) == 0 }
    }

    /// A bridge between two groups, or any links.
    fn any_links(&mut self) -> Vec<(ProcessId, ProcessId)> {
        let n = self.environment.processes;
        let pairs = || (0..n).flat_map(|a| (0..n).map(move |b| (a, b))).filter(|(a, b)| a != b);
        let cut: Vec<_> = if n > 2 && self.random.below(2) == 0 {
            let bridge = self.random.below(n.into()) as u32;
            let side: Vec<_> = (0..n).map(|_| self.random.below(2) == 0).collect();
            pairs()
                .filter(|&(a, b)| a != bridge && b != bridge && side[a as usize] != side[b as usize])
                .collect()
        } else {
            let share = [100_000, 300_000, 500_000][self.random.below(3) as usize];
            let both = self.random.below(2) == 0;
            let mut cut = Vec::new();
            for (a, b) in pairs().filter(|(a, b)| !both || a < b) {
                if self.random.chance(share) {
                    cut.push((a, b));
                    cut.extend(both.then_some((b, a)));
                }
            }
            cut
        };
        cut.into_iter().map(|(a, b)| (ProcessId(a), ProcessId(b))).collect()
    }
}
