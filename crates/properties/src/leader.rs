//! Eventual leader detection (CGR11 Module 2.9).
//!
//! Both properties say what holds from some time on. The monitor owes as long as it does not hold *now*: a debt that is
//! never paid refutes. Leaders that alternate for ever pay each debt now and then, and are not refuted by this.

use crate::monitor::{Monitor, Obligation, Observation, Property, Violation};
use synod_model::interface::Trust;
use synod_model::{Group, ProcessId, ProcessSet};

/// ELD1: from some time on every correct process trusts some correct process.
pub const ELD1: Property = Property::liveness("ELD1", "eventual accuracy");
/// ELD2: from some time on no two correct processes trust different correct processes.
pub const ELD2: Property = Property::liveness("ELD2", "eventual agreement");
/// Goal: all processes trust one that is up.
pub const TRUSTED: Property = Property::reachable("trusted", "all processes that are up trust the same one");

/// ELD1-2 among a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaderMonitor {
    group: Group,
    /// Whom each process trusts, since it started last.
    trusted: Vec<Option<ProcessId>>,
    down: ProcessSet,
}

impl LeaderMonitor {
    /// Among `n` processes that trust nobody yet.
    pub fn new(n: u32) -> Self {
        Self { group: Group::first(n), trusted: vec![None; n as usize], down: ProcessSet::new() }
    }

    fn set(&mut self, at: ProcessId, leader: Option<ProcessId>) {
        if let Some(trusted) = self.trusted.get_mut(at.index()) {
            *trusted = leader;
        }
    }

    fn owe_accuracy(&self, p: ProcessId, owe: &mut impl FnMut(Obligation)) {
        let what = match self.trusted[p.index()] {
            None => format!("{p} trusts nobody"),
            Some(leader) if self.down.contains(leader) => format!("{p} trusts {leader}, which is down"),
            Some(_) => return,
        };
        owe(Obligation::new(&ELD1, [p], what));
    }

    fn owe_agreement(&self, p: ProcessId, q: ProcessId, owe: &mut impl FnMut(Obligation)) {
        let (Some(a), Some(b)) = (self.trusted[p.index()], self.trusted[q.index()]) else { return };
        if a != b {
            let what = format!("{p} trusts {a}, {q} trusts {b}");
            owe(Obligation::new(&ELD2, [p, q, a, b], what));
        }
    }
}

impl<Q> Monitor<Q, Trust> for LeaderMonitor {
    fn properties(&self) -> Vec<Property> {
        vec![ELD1, ELD2, TRUSTED]
    }

    fn observe(&mut self, observation: &Observation<'_, Q, Trust>) -> Result<(), Violation> {
        match observation {
            Observation::Indication { at, indication: Trust(leader) } => self.set(*at, Some(*leader)),
            Observation::Crash { at } | Observation::Corrupt { at } => {
                self.down.insert(*at);
                self.set(*at, None); // it must be told anew
            }
            Observation::Recover { at } => {
                self.down.remove(*at);
            }
            Observation::Request { .. } => {}
        }
        Ok(())
    }

    fn owed(&self, owe: &mut impl FnMut(Obligation)) {
        for p in self.group.members() {
            self.owe_accuracy(p, owe);
            for q in self.group.members().filter(|&q| q > p) {
                self.owe_agreement(p, q, owe);
            }
        }
    }

    /// Two who trust somebody may agree at once: then nothing was ever owed, and yet they were asked.
    fn exercised(&self, exercise: &mut impl FnMut(&'static str)) {
        let trusting = self.trusted.iter().flatten().count();
        if trusting > 0 {
            exercise(ELD1.id);
        }
        if trusting > 1 {
            exercise(ELD2.id);
        }
    }

    fn reached(&self, reach: &mut impl FnMut(&'static str)) {
        let mut leaders =
            self.group.members().filter(|&p| !self.down.contains(p)).map(|p| self.trusted[p.index()]);
        let Some(Some(first)) = leaders.next() else { return };
        if !self.down.contains(first) && leaders.all(|leader| leader == Some(first)) {
            reach(TRUSTED.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{crash, indicate, recover};
    use synod_model::Never;

    const P: [ProcessId; 3] = [ProcessId(0), ProcessId(1), ProcessId(2)];

    fn after(observations: &[Observation<'_, Never, Trust>]) -> LeaderMonitor {
        crate::testing::verdict(LeaderMonitor::new(3), observations).unwrap()
    }

    fn debts(monitor: &LeaderMonitor) -> Vec<(String, Vec<u32>)> {
        let all = crate::testing::owed::<Never, Trust, _>(monitor);
        all.into_iter().map(|o| (o.property, o.among.iter().map(|p| p.0).collect())).collect()
    }

    #[test]
    fn eld1_owes_for_whoever_was_never_told_to_trust_anyone() {
        let trust = Trust(P[1]);
        let monitor = after(&[indicate(P[0], &trust), indicate(P[1], &trust)]);
        assert_eq!(debts(&monitor), [("ELD1".into(), vec![2])]);
    }

    #[test]
    fn agreement_is_put_to_the_test_by_two_who_trust() {
        let trust = Trust(P[1]);
        let tested = |monitor: &LeaderMonitor| {
            let mut ids = Vec::new();
            Monitor::<Never, Trust>::exercised(monitor, &mut |id| ids.push(id));
            ids
        };
        assert!(tested(&after(&[])).is_empty());
        assert_eq!(tested(&after(&[indicate(P[0], &trust)])), ["ELD1"]);
        assert_eq!(tested(&after(&[indicate(P[0], &trust), indicate(P[2], &trust)])), ["ELD1", "ELD2"]);
    }

    #[test]
    fn eld1_owes_while_the_leader_is_down() {
        let (old, new) = (Trust(P[0]), Trust(P[1]));
        let all = [indicate(P[0], &old), indicate(P[1], &old), indicate(P[2], &old)];
        let monitor = after(&all);
        assert!(debts(&monitor).is_empty());
        let monitor = after(&[all.as_slice(), &[crash(P[0])]].concat());
        // p0 owes too, in vain: it is among the faulty unless it comes back
        assert_eq!(debts(&monitor), [0, 1, 2].map(|p| ("ELD1".into(), vec![p])));
        let changed = [all.as_slice(), &[crash(P[0]), indicate(P[1], &new), indicate(P[2], &new)]].concat();
        assert_eq!(debts(&after(&changed)), [("ELD1".into(), vec![0])]);
        let back = [changed.as_slice(), &[recover(P[0]), indicate(P[0], &new)]].concat();
        assert!(debts(&after(&back)).is_empty());
    }

    #[test]
    fn eld2_owes_while_two_correct_processes_trust_different_correct_ones() {
        let (zero, one) = (Trust(P[0]), Trust(P[1]));
        let monitor = after(&[indicate(P[0], &zero), indicate(P[1], &one), indicate(P[2], &one)]);
        assert_eq!(debts(&monitor), [("ELD2".into(), vec![0, 1]), ("ELD2".into(), vec![0, 1, 2])]);
    }

    #[test]
    fn the_goal_is_one_leader_for_all_that_are_up() {
        let goal = |observations: &[Observation<'_, Never, Trust>]| {
            let mut reached = vec![];
            Monitor::<Never, Trust>::reached(&after(observations), &mut |id| reached.push(id));
            reached == ["trusted"]
        };
        let (zero, one) = (Trust(P[0]), Trust(P[1]));
        assert!(!goal(&[indicate(P[0], &zero), indicate(P[1], &zero)]));
        assert!(goal(&[indicate(P[0], &zero), indicate(P[1], &zero), crash(P[2])]));
        assert!(
            !goal(&[indicate(P[0], &one), indicate(P[2], &one), crash(P[1])]),
            "it trusts one that is down"
        );
    }
}
