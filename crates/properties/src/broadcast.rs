//! Broadcast (CGR11 Modules 3.1-3.3).
//!
//! Messages are told apart by origin and value; equal ones broadcast twice are counted. The three grades share one
//! monitor: they differ in what is owed, and agreement and uniform agreement differ in *among whom* alone.

use crate::monitor::{Monitor, Obligation, Observation, Property, Violation};
use std::collections::BTreeMap;
use synod_model::interface::{Broadcast, BroadcastDeliver};
use synod_model::{Group, ProcessId, ProcessSet, Value};

/// BEB1: what a correct process broadcasts, every correct process delivers.
pub const BEB1: Property = Property::liveness("BEB1", "validity");
/// BEB2: no message is delivered more than once.
pub const BEB2: Property = Property::safety("BEB2", "no duplication");
/// BEB3: what is delivered with sender s was broadcast by s.
pub const BEB3: Property = Property::safety("BEB3", "no creation");
/// RB1: what a correct process broadcasts, it delivers itself.
pub const RB1: Property = Property::liveness("RB1", "validity");
/// RB2: no message is delivered more than once.
pub const RB2: Property = Property::safety("RB2", "no duplication");
/// RB3: what is delivered with sender s was broadcast by s.
pub const RB3: Property = Property::safety("RB3", "no creation");
/// RB4: what some correct process delivers, every correct process delivers.
pub const RB4: Property = Property::liveness("RB4", "agreement");
/// URB1: what a correct process broadcasts, it delivers itself.
pub const URB1: Property = Property::liveness("URB1", "validity");
/// URB2: no message is delivered more than once.
pub const URB2: Property = Property::safety("URB2", "no duplication");
/// URB3: what is delivered with sender s was broadcast by s.
pub const URB3: Property = Property::safety("URB3", "no creation");
/// URB4: what some process delivers, correct or faulty, every correct process delivers.
pub const URB4: Property = Property::liveness("URB4", "uniform agreement");
/// Goal: some message is delivered.
pub const DELIVERED: Property = Property::reachable("delivered", "some message is delivered");

/// Which broadcast is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Grade {
    BestEffort,
    Reliable,
    Uniform,
}

/// What became of one message.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Fate {
    /// How often it was asked for.
    requested: u32,
    /// How often its origin was up then.
    broadcast: u32,
    /// How often each process delivered it.
    delivered: BTreeMap<ProcessId, u32>,
}

impl Fate {
    fn delivered_by(&self, p: ProcessId) -> u32 {
        self.delivered.get(&p).copied().unwrap_or(0)
    }
}

/// The properties of a broadcast among a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BroadcastMonitor<M> {
    grade: Grade,
    group: Group,
    /// By origin and value.
    fates: BTreeMap<(ProcessId, M), Fate>,
    down: ProcessSet,
    /// Who lies: what it broadcasts is anyone's guess.
    lying: ProcessSet,
}

impl<M: Value> BroadcastMonitor<M> {
    /// BEB1-3 among `n` processes.
    pub fn best_effort(n: u32) -> Self {
        Self::new(Grade::BestEffort, n)
    }

    /// RB1-4 among `n` processes.
    pub fn reliable(n: u32) -> Self {
        Self::new(Grade::Reliable, n)
    }

    /// URB1-4 among `n` processes.
    pub fn uniform(n: u32) -> Self {
        Self::new(Grade::Uniform, n)
    }

    fn new(grade: Grade, n: u32) -> Self {
        let (fates, nobody) = (BTreeMap::new(), ProcessSet::new());
        Self { grade, group: Group::first(n), fates, down: nobody.clone(), lying: nobody }
    }

    fn no_duplication(&self) -> Property {
        match self.grade {
            Grade::BestEffort => BEB2,
            Grade::Reliable => RB2,
            Grade::Uniform => URB2,
        }
    }

    fn no_creation(&self) -> Property {
        match self.grade {
            Grade::BestEffort => BEB3,
            Grade::Reliable => RB3,
            Grade::Uniform => URB3,
        }
    }

    fn on_broadcast(&mut self, at: ProcessId, message: &M) {
        let up = !self.down.contains(at);
        let fate = self.fates.entry((at, message.clone())).or_default();
        fate.requested += 1;
        fate.broadcast += u32::from(up);
    }

    fn on_deliver(&mut self, at: ProcessId, deliver: &BroadcastDeliver<M>) -> Result<(), Violation> {
        let BroadcastDeliver { origin, message } = deliver;
        if self.lying.contains(*origin) {
            let fate = self.fates.entry((*origin, message.clone())).or_default();
            *fate.delivered.entry(at).or_default() += 1;
            return Ok(());
        }
        let (no_creation, no_duplication) = (self.no_creation(), self.no_duplication());
        let Some(fate) = self.fates.get_mut(&(*origin, message.clone())) else {
            let what = format!("{at} delivered {message:?} from {origin}, which never broadcast it");
            return Err(Violation::new(&no_creation, what));
        };
        let times = fate.delivered.entry(at).or_default();
        *times += 1;
        if *times > fate.requested {
            let asked = fate.requested;
            let what =
                format!("{at} delivered {message:?} from {origin} {times} times, broadcast {asked} times");
            return Err(Violation::new(&no_duplication, what));
        }
        Ok(())
    }

    /// Agreement, where `p` owes what others delivered.
    fn owe_agreement(
        &self,
        (origin, message): &(ProcessId, M),
        fate: &Fate,
        p: ProcessId,
        owe: &mut impl FnMut(Obligation),
    ) {
        let mine = fate.delivered_by(p);
        for (&q, _) in fate.delivered.iter().filter(|(_, times)| **times > mine) {
            let what = format!("{p} has not delivered {message:?} from {origin}, which {q} delivered");
            // The one difference: for RB4 the one that delivered must be correct too.
            owe(match self.grade {
                Grade::Uniform => Obligation::new(&URB4, [p], what),
                _ => Obligation::new(&RB4, [p, q], what),
            });
        }
    }
}

impl<M: Value> Monitor<Broadcast<M>, BroadcastDeliver<M>> for BroadcastMonitor<M> {
    fn properties(&self) -> Vec<Property> {
        match self.grade {
            Grade::BestEffort => vec![BEB1, BEB2, BEB3, DELIVERED],
            Grade::Reliable => vec![RB1, RB2, RB3, RB4, DELIVERED],
            Grade::Uniform => vec![URB1, URB2, URB3, URB4, DELIVERED],
        }
    }

    fn observe(
        &mut self,
        observation: &Observation<'_, Broadcast<M>, BroadcastDeliver<M>>,
    ) -> Result<(), Violation> {
        match observation {
            Observation::Request { at, request } => self.on_broadcast(*at, &request.0),
            Observation::Indication { at, indication } => self.on_deliver(*at, indication)?,
            Observation::Crash { at } => {
                self.down.insert(*at);
            }
            Observation::Recover { at } => {
                self.down.remove(*at);
            }
            Observation::Corrupt { at } => {
                self.lying.insert(*at);
            }
        }
        Ok(())
    }

    fn owed(&self, owe: &mut impl FnMut(Obligation)) {
        for (key, fate) in &self.fates {
            match self.grade {
                Grade::BestEffort => {
                    self.group.members().for_each(|p| owe_validity(&BEB1, key, fate, p, owe));
                }
                Grade::Reliable => owe_validity(&RB1, key, fate, key.0, owe),
                Grade::Uniform => owe_validity(&URB1, key, fate, key.0, owe),
            }
            if self.grade != Grade::BestEffort {
                self.group.members().for_each(|p| self.owe_agreement(key, fate, p, owe));
            }
        }
    }

    fn reached(&self, reach: &mut impl FnMut(&'static str)) {
        if self.fates.values().any(|fate| !fate.delivered.is_empty()) {
            reach(DELIVERED.id);
        }
    }

    fn exercised(&self, exercise: &mut impl FnMut(&'static str)) {
        let honest = |(origin, _): &(ProcessId, M)| !self.lying.contains(*origin);
        if self.fates.iter().any(|(key, fate)| honest(key) && !fate.delivered.is_empty()) {
            exercise(self.no_duplication().id);
            exercise(self.no_creation().id);
        }
    }
}

/// Validity, where the origin owes its broadcast to `p`.
fn owe_validity<M: Value>(
    property: &Property,
    (origin, message): &(ProcessId, M),
    fate: &Fate,
    p: ProcessId,
    owe: &mut impl FnMut(Obligation),
) {
    if fate.delivered_by(p) < fate.broadcast {
        let what = format!("{p} has not delivered {message:?}, which {origin} broadcast");
        owe(Obligation::new(property, [*origin, p], what));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{corrupt, crash, indicate, owed, recover, request, verdict};

    const P: [ProcessId; 3] = [ProcessId(0), ProcessId(1), ProcessId(2)];
    const GRADES: [fn(u32) -> BroadcastMonitor<char>; 3] =
        [BroadcastMonitor::best_effort, BroadcastMonitor::reliable, BroadcastMonitor::uniform];

    fn delivery(message: char) -> BroadcastDeliver<char> {
        BroadcastDeliver { origin: P[0], message }
    }

    fn debts(monitor: &BroadcastMonitor<char>) -> Vec<(String, Vec<u32>)> {
        owed(monitor).into_iter().map(|o| (o.property, o.among.iter().map(|p| p.0).collect())).collect()
    }

    #[test]
    fn beb3_rb3_urb3_refute_a_message_that_was_never_broadcast() {
        let (a, b) = (Broadcast('a'), delivery('b'));
        for (grade, id) in GRADES.into_iter().zip(["BEB3", "RB3", "URB3"]) {
            let seen = [request(P[0], &a), indicate(P[1], &b)];
            assert_eq!(verdict(grade(3), &seen), Err(id.into()));
            let other = BroadcastDeliver { origin: P[2], message: 'a' };
            let misattributed = [request(P[0], &a), indicate(P[1], &other)];
            assert_eq!(verdict(grade(3), &misattributed), Err(id.into()));
        }
    }

    #[test]
    fn beb2_rb2_urb2_count_deliveries_by_process() {
        let (a, d) = (Broadcast('a'), delivery('a'));
        for (grade, id) in GRADES.into_iter().zip(["BEB2", "RB2", "URB2"]) {
            let each = [request(P[0], &a), indicate(P[0], &d), indicate(P[1], &d), indicate(P[2], &d)];
            assert!(verdict(grade(3), &each).is_ok());
            let again = [each.as_slice(), &[indicate(P[1], &d)]].concat();
            assert_eq!(verdict(grade(3), &again), Err(id.into()));
            let asked_twice = [&[request(P[0], &a)], again.as_slice()].concat();
            assert!(verdict(grade(3), &asked_twice).is_ok());
        }
    }

    #[test]
    fn beb1_owes_to_all_and_rb1_to_the_origin() {
        let a = Broadcast('a');
        let [beb, rb, urb] = GRADES.map(|grade| debts(&verdict(grade(2), &[request(P[0], &a)]).unwrap()));
        assert_eq!(beb, [("BEB1".into(), vec![0]), ("BEB1".into(), vec![0, 1])]);
        assert_eq!(rb, [("RB1".into(), vec![0])]);
        assert_eq!(urb, [("URB1".into(), vec![0])]);
    }

    #[test]
    fn rb4_and_urb4_differ_in_who_must_be_correct() {
        let (a, d) = (Broadcast('a'), delivery('a'));
        // the origin crashes; p1 alone delivers
        let seen = [request(P[0], &a), crash(P[0]), indicate(P[1], &d)];
        let agreement = |grade: fn(u32) -> BroadcastMonitor<char>, id| {
            let mut all = debts(&verdict(grade(3), &seen).unwrap());
            all.retain(|(property, _)| property == id);
            all
        };
        assert_eq!(agreement(GRADES[1], "RB4"), [("RB4".into(), vec![0, 1]), ("RB4".into(), vec![1, 2])]);
        assert_eq!(agreement(GRADES[2], "URB4"), [("URB4".into(), vec![0]), ("URB4".into(), vec![2])]);
    }

    #[test]
    fn nothing_is_owed_when_all_have_delivered() {
        let (a, d) = (Broadcast('a'), delivery('a'));
        let seen = [request(P[0], &a), indicate(P[0], &d), indicate(P[1], &d), indicate(P[2], &d)];
        for grade in GRADES {
            let monitor = verdict(grade(3), &seen).unwrap();
            assert!(debts(&monitor).is_empty());
            let mut goals = vec![];
            monitor.reached(&mut |id| goals.push(id));
            assert_eq!(goals, ["delivered"]);
        }
    }

    #[test]
    fn a_request_to_a_process_that_is_down_obliges_nobody() {
        let (a, d) = (Broadcast('a'), delivery('a'));
        for grade in GRADES {
            let monitor = verdict(grade(3), &[crash(P[0]), request(P[0], &a), recover(P[0])]).unwrap();
            assert!(debts(&monitor).is_empty());
            assert!(
                verdict(monitor, &[indicate(P[1], &d)]).is_ok(),
                "it may have been handled before the crash"
            );
        }
    }

    #[test]
    fn what_a_process_that_lies_broadcast_nobody_knows() {
        let d = delivery('a');
        for grade in GRADES {
            let twice = [corrupt(P[0]), indicate(P[1], &d), indicate(P[1], &d)];
            let monitor = verdict(grade(3), &twice).expect("it may have broadcast it twice");
            assert!(debts(&monitor).iter().all(|(id, _)| id.ends_with('4')), "agreement alone is owed");
            let of_another = [corrupt(P[2]), indicate(P[1], &d)];
            assert!(verdict(grade(3), &of_another).is_err());
        }
    }
}
