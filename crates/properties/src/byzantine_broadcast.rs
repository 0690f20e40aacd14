//! Byzantine broadcast (CGR11 Modules 3.11 and 3.12): one message, of a sender that all know, any of whom may lie.
//!
//! All that is promised is promised to correct processes: at one that lies nothing is observed.

use crate::monitor::{Monitor, Obligation, Observation, Property, Violation};
use std::collections::{BTreeMap, BTreeSet};
use synod_model::interface::{Broadcast, BroadcastDeliver};
use synod_model::{Group, ProcessId, ProcessSet, Value};

/// BCB1: what a correct process broadcasts, every correct process delivers.
pub const BCB1: Property = Property::liveness("BCB1", "validity");
/// BCB2: every correct process delivers at most one message.
pub const BCB2: Property = Property::safety("BCB2", "no duplication");
/// BCB3: what is delivered with a correct sender was broadcast by it.
pub const BCB3: Property = Property::safety("BCB3", "integrity");
/// BCB4: no two correct processes deliver different messages.
pub const BCB4: Property = Property::safety("BCB4", "consistency");
/// BRB1: what a correct process broadcasts, every correct process delivers.
pub const BRB1: Property = Property::liveness("BRB1", "validity");
/// BRB2: every correct process delivers at most one message.
pub const BRB2: Property = Property::safety("BRB2", "no duplication");
/// BRB3: what is delivered with a correct sender was broadcast by it.
pub const BRB3: Property = Property::safety("BRB3", "integrity");
/// BRB4: no two correct processes deliver different messages.
pub const BRB4: Property = Property::safety("BRB4", "consistency");
/// BRB5: if some correct process delivers a message, every correct process delivers one.
pub const BRB5: Property = Property::liveness("BRB5", "totality");
/// Goal: some message is delivered.
pub const DELIVERED: Property = Property::reachable("delivered", "some message is delivered");

/// The properties of one instance of a Byzantine broadcast.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByzantineBroadcast<M> {
    /// Reliable, and not consistent alone: BRB5 is owed.
    total: bool,
    group: Group,
    sender: ProcessId,
    broadcast: BTreeSet<M>,
    /// What each delivered.
    delivered: BTreeMap<ProcessId, M>,
    /// Who is down, or lies.
    down: ProcessSet,
    /// The sender lies.
    sender_lies: bool,
}

impl<M: Value> ByzantineBroadcast<M> {
    /// BCB1-4 among `n` processes.
    pub fn consistent(n: u32, sender: ProcessId) -> Self {
        Self::new(n, sender, false)
    }

    /// BRB1-5 among `n` processes.
    pub fn reliable(n: u32, sender: ProcessId) -> Self {
        Self::new(n, sender, true)
    }

    fn new(n: u32, sender: ProcessId, total: bool) -> Self {
        Self {
            total,
            group: Group::first(n),
            sender,
            broadcast: BTreeSet::new(),
            delivered: BTreeMap::new(),
            down: ProcessSet::new(),
            sender_lies: false,
        }
    }

    fn safety(&self) -> [Property; 3] {
        if self.total { [BRB2, BRB3, BRB4] } else { [BCB2, BCB3, BCB4] }
    }

    fn on_deliver(&mut self, p: ProcessId, deliver: &BroadcastDeliver<M>) -> Result<(), Violation> {
        let [no_duplication, integrity, consistency] = self.safety();
        let BroadcastDeliver { origin, message: m } = deliver;
        if *origin != self.sender || !(self.sender_lies || self.broadcast.contains(m)) {
            let what = format!("{p} delivered {m:?} from {origin}, which never broadcast it");
            return Err(Violation::new(&integrity, what));
        }
        if let Some((q, other)) = self.delivered.iter().find(|(q, other)| **q != p && *other != m) {
            let what = format!("{q} delivered {other:?}, {p} delivered {m:?}");
            return Err(Violation::new(&consistency, what));
        }
        match self.delivered.insert(p, m.clone()) {
            None => Ok(()),
            Some(before) => {
                let what = format!("{p} delivered {before:?}, and then {m:?}");
                Err(Violation::new(&no_duplication, what))
            }
        }
    }

    fn without_delivery(&self) -> impl Iterator<Item = ProcessId> {
        self.group.members().filter(|p| !self.delivered.contains_key(p))
    }
}

impl<M: Value> Monitor<Broadcast<M>, BroadcastDeliver<M>> for ByzantineBroadcast<M> {
    fn properties(&self) -> Vec<Property> {
        if self.total {
            vec![BRB1, BRB2, BRB3, BRB4, BRB5, DELIVERED]
        } else {
            vec![BCB1, BCB2, BCB3, BCB4, DELIVERED]
        }
    }

    fn observe(
        &mut self,
        observation: &Observation<'_, Broadcast<M>, BroadcastDeliver<M>>,
    ) -> Result<(), Violation> {
        match observation {
            Observation::Request { at, request: Broadcast(m) } => {
                if *at == self.sender && !self.down.contains(*at) {
                    self.broadcast.insert(m.clone());
                }
            }
            Observation::Indication { at, indication } => self.on_deliver(*at, indication)?,
            Observation::Crash { at } => {
                self.down.insert(*at);
            }
            Observation::Recover { at } => {
                self.down.remove(*at);
            }
            Observation::Corrupt { at } => {
                self.down.insert(*at);
                // taken over later, it may have delivered: nothing is promised of that
                self.delivered.remove(at);
                self.sender_lies |= *at == self.sender;
            }
        }
        Ok(())
    }

    fn owed(&self, owe: &mut impl FnMut(Obligation)) {
        let s = self.sender;
        for p in self.without_delivery() {
            for m in &self.broadcast {
                let what = format!("{p} has not delivered {m:?}, which {s} broadcast");
                owe(Obligation::new(if self.total { &BRB1 } else { &BCB1 }, [s, p], what));
            }
            for q in self.delivered.keys().filter(|_| self.total) {
                let what = format!("{p} has delivered nothing, {q} has delivered");
                owe(Obligation::new(&BRB5, [p, *q], what));
            }
        }
    }

    fn reached(&self, reach: &mut impl FnMut(&'static str)) {
        if !self.delivered.is_empty() {
            reach(DELIVERED.id);
        }
    }

    fn exercised(&self, exercise: &mut impl FnMut(&'static str)) {
        let [no_duplication, integrity, consistency] = self.safety();
        let tested = [
            (no_duplication, !self.delivered.is_empty()),
            (integrity, !self.delivered.is_empty() && !self.sender_lies),
            (consistency, self.delivered.len() > 1),
        ];
        tested.iter().filter(|(_, tested)| *tested).for_each(|(property, _)| exercise(property.id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{corrupt, crash, indicate, owed, request, verdict};

    const P: [ProcessId; 3] = [ProcessId(0), ProcessId(1), ProcessId(2)];
    const GRADES: [(fn(u32, ProcessId) -> ByzantineBroadcast<char>, &str); 2] =
        [(ByzantineBroadcast::consistent, "BCB"), (ByzantineBroadcast::reliable, "BRB")];

    fn delivery(message: char) -> BroadcastDeliver<char> {
        BroadcastDeliver { origin: P[0], message }
    }

    fn debts(monitor: &ByzantineBroadcast<char>) -> Vec<(String, Vec<u32>)> {
        owed(monitor).into_iter().map(|o| (o.property, o.among.iter().map(|p| p.0).collect())).collect()
    }

    #[test]
    fn bcb2_brb2_refute_a_second_delivery_even_of_the_same() {
        let (a, d) = (Broadcast('a'), delivery('a'));
        for (grade, id) in GRADES {
            let once = [request(P[0], &a), indicate(P[1], &d), indicate(P[2], &d)];
            assert!(verdict(grade(3, P[0]), &once).is_ok());
            let twice = [once.as_slice(), &[indicate(P[1], &d)]].concat();
            assert_eq!(verdict(grade(3, P[0]), &twice), Err(format!("{id}2")));
        }
    }

    #[test]
    fn bcb3_brb3_speak_of_correct_senders_alone() {
        let (a, b) = (Broadcast('a'), delivery('b'));
        for (grade, id) in GRADES {
            let invented = [request(P[0], &a), indicate(P[1], &b)];
            assert_eq!(verdict(grade(3, P[0]), &invented), Err(format!("{id}3")));
            let lied = [corrupt(P[0]), indicate(P[1], &b)];
            assert!(verdict(grade(3, P[0]), &lied).is_ok());
            let another_lies = [corrupt(P[2]), indicate(P[1], &b)];
            assert_eq!(verdict(grade(3, P[0]), &another_lies), Err(format!("{id}3")));
            let other = BroadcastDeliver { origin: P[2], message: 'a' };
            assert_eq!(verdict(grade(3, P[0]), &[indicate(P[1], &other)]), Err(format!("{id}3")));
        }
    }

    #[test]
    fn bcb4_brb4_refute_two_stories() {
        let (a, b) = (delivery('a'), delivery('b'));
        for (grade, id) in GRADES {
            let split = [corrupt(P[0]), indicate(P[1], &a), indicate(P[2], &b)];
            assert_eq!(verdict(grade(3, P[0]), &split), Err(format!("{id}4")));
        }
    }

    #[test]
    fn what_a_process_delivered_before_it_was_taken_over_counts_no_more() {
        let (a, b) = (delivery('a'), delivery('b'));
        for (grade, id) in GRADES {
            let told = [corrupt(P[0]), indicate(P[1], &a), corrupt(P[1]), indicate(P[2], &b)];
            assert!(verdict(grade(3, P[0]), &told).is_ok(), "{id}");
            let sent = [request(P[0], &Broadcast('a')), corrupt(P[0]), indicate(P[1], &b)];
            assert!(verdict(grade(3, P[0]), &sent).is_ok(), "{id}");
        }
    }

    #[test]
    fn consistency_is_tested_by_two_deliveries_and_integrity_by_a_correct_sender() {
        let (a, d) = (Broadcast('a'), delivery('a'));
        let tested = |observations: &[_]| {
            let mut ids = vec![];
            verdict(ByzantineBroadcast::reliable(3, P[0]), observations)
                .unwrap()
                .exercised(&mut |id| ids.push(id));
            ids
        };
        let seen = [request(P[0], &a), indicate(P[1], &d), indicate(P[2], &d)];
        assert!(tested(&seen[..1]).is_empty());
        assert_eq!(tested(&seen[..2]), ["BRB2", "BRB3"]);
        assert_eq!(tested(&seen), ["BRB2", "BRB3", "BRB4"]);
        assert_eq!(tested(&[corrupt(P[0]), indicate(P[1], &d), indicate(P[2], &d)]), ["BRB2", "BRB4"]);
    }

    #[test]
    fn bcb1_brb1_owe_the_senders_broadcast_to_each() {
        let (a, d) = (Broadcast('a'), delivery('a'));
        for (grade, id) in GRADES {
            let owed = debts(&verdict(grade(2, P[0]), &[request(P[0], &a)]).unwrap());
            assert_eq!(owed, [(format!("{id}1"), vec![0]), (format!("{id}1"), vec![0, 1])]);
            let down = [crash(P[0]), request(P[0], &a)];
            assert!(debts(&verdict(grade(2, P[0]), &down).unwrap()).is_empty(), "it was lost");
            let not_its_own = [request(P[1], &a)];
            assert!(debts(&verdict(grade(2, P[0]), &not_its_own).unwrap()).is_empty());
            let all = [request(P[0], &a), indicate(P[0], &d), indicate(P[1], &d)];
            assert!(debts(&verdict(grade(2, P[0]), &all).unwrap()).is_empty());
        }
    }

    #[test]
    fn brb5_is_owed_where_one_delivered_and_bcb_has_no_such_debt() {
        let d = delivery('a');
        let [consistent, reliable] = GRADES
            .map(|(grade, _)| debts(&verdict(grade(3, P[0]), &[corrupt(P[0]), indicate(P[1], &d)]).unwrap()));
        assert!(consistent.is_empty());
        assert_eq!(reliable, [("BRB5".into(), vec![0, 1]), ("BRB5".into(), vec![1, 2])]);
    }
}
