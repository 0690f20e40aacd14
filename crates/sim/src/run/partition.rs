//! Cuts of the network, what they hold, and their healing.

use super::Run;
use crate::fault::FaultKind;
use crate::ground::Parked;
use synod_kernel::{Choice, Partition, SeatId};
use synod_model::Process;
use synod_model::link::Guarantee;
use synod_properties::Monitor;

/// A cut that has not healed.
pub(super) struct Severed {
    /// In ascending order.
    links: Vec<(SeatId, SeatId)>,
    kind: FaultKind,
    /// Whether it held or dropped a message.
    effective: bool,
}

impl<P: Process, M: Monitor<P::Request, P::Indication>> Run<'_, P, M> {
    pub(super) fn sever(&mut self, partition: &Partition) {
        let cuts = &self.setting.environment.cuts;
        let admitted = cuts.as_ref().is_none_or(|cuts| cuts.contains(partition));
        if !admitted || !self.world.rest.budgets.partitions.any() {
            return;
        }
        let links = self.links_of(partition);
        let kind = if partition.one_way { FaultKind::OneWayPartition } else { FaultKind::Partition };
        self.cut(links, kind);
    }

    /// Cuts links; over a topology those between whom there is no way any more.
    pub(super) fn cut(&mut self, links: Vec<(SeatId, SeatId)>, kind: FaultKind) {
        let (mut links, wires) = self
            .ground
            .machinery
            .as_mut()
            .and_then(|machinery| machinery.sever(&links))
            .unwrap_or((links, false));
        if links.iter().all(|&(from, to)| self.world.is_severed(from, to)) {
            if wires {
                self.severed.push(Severed { links: Vec::new(), kind, effective: false });
            }
            return;
        }
        links.sort_unstable();
        self.severed.push(Severed { links: links.clone(), kind, effective: false });
        self.take(Choice::Sever { links });
    }

    /// Cuts that were there before this run began.
    pub(super) fn adopt_cuts(&mut self) {
        let links = self.world.rest.severed.iter().copied().collect();
        self.severed.push(Severed { links, kind: FaultKind::Partition, effective: false });
    }

    pub(super) fn heal(&mut self) {
        if self.severed.is_empty() {
            return;
        }
        let healed = std::mem::take(&mut self.severed).iter().filter(|cut| cut.effective).count();
        self.count(FaultKind::Heal, healed as u64);
        if let Some(machinery) = &mut self.ground.machinery {
            machinery.heal();
        }
        if self.world.rest.severed.is_empty() {
            // wires were cut, and there was another way
            return;
        }
        self.take(Choice::Heal);
        for parked in std::mem::take(&mut self.held) {
            self.ground.send_parked(parked);
        }
    }

    /// A reliable link holds a message until the cut heals; another loses it.
    pub(super) fn meet_cut(&mut self, number: u64, from: SeatId, to: SeatId, message: P::Message) {
        let mut kinds = Vec::new();
        for cut in self.severed.iter_mut().filter(|cut| cut.links.binary_search(&(from, to)).is_ok()) {
            if !std::mem::replace(&mut cut.effective, true) {
                kinds.push(cut.kind);
            }
        }
        for kind in kinds {
            self.count(kind, 1);
        }
        if self.setting.environment.links.kind.guarantees().has(Guarantee::AtLeastOnce) {
            self.keep_measuring(number);
            let slot = self.ground.park(from, to, message);
            self.held.push(Parked { slot, number });
        } else {
            self.take(Choice::Lose { from, to, message });
        }
    }
}
