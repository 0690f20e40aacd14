//! Consensus (CGR11 Modules 5.1 and 5.2), for processes that may crash and recover.

use crate::monitor::{Monitor, Obligation, Observation, Property, Violation};
use std::collections::{BTreeMap, BTreeSet};
use synod_model::interface::{Decide, DecideAt, Propose, ProposeAt};
use synod_model::{Group, ProcessId, ProcessSet, State};

/// Once some process has proposed and stayed up, every correct process decides: in its current incarnation, since the
/// layer above forgets with the process. The crash of the proposer voids the debt until it proposes anew.
pub const TERMINATION: Property = Property::liveness("C1", "termination");
/// Who decides v: some process had proposed v, at whatever time. Nothing is said where some process lies: it may have.
pub const VALIDITY: Property = Property::safety("C2", "validity");
/// No process decides twice, between two restarts of it.
pub const INTEGRITY: Property = Property::safety("C3", "integrity");
/// No two processes decide differently, correct or not; nor one process before and after a restart.
pub const UNIFORM_AGREEMENT: Property = Property::safety("UC4", "uniform agreement");
/// Some process decides.
pub const DECIDED: Property = Property::reachable("decided", "a value is decided");

const PROPERTIES: [Property; 5] = [TERMINATION, VALIDITY, INTEGRITY, UNIFORM_AGREEMENT, DECIDED];

/// The monitor of one instance of uniform consensus.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Consensus<V> {
    /// Who decides in the end.
    group: Group,
    /// What was proposed.
    proposed: BTreeSet<V>,
    /// Who has proposed and not crashed since.
    proposers: ProcessSet,
    /// Who has decided and not crashed since.
    deciders: ProcessSet,
    /// Who is down.
    down: ProcessSet,
    /// Some process lies: it may have proposed anything.
    lies: bool,
    /// The first decision of all.
    first: Option<(ProcessId, V)>,
}

impl<V: State> Consensus<V> {
    /// Among the processes of `group`.
    pub fn new(group: Group) -> Self {
        Self {
            group,
            proposed: BTreeSet::new(),
            proposers: ProcessSet::new(),
            deciders: ProcessSet::new(),
            down: ProcessSet::new(),
            lies: false,
            first: None,
        }
    }

    /// What was decided.
    pub fn decided(&self) -> Option<&V> {
        self.first.as_ref().map(|(_, value)| value)
    }

    fn on_propose(&mut self, p: ProcessId, value: &V) {
        if !self.down.contains(p) {
            self.proposers.insert(p);
        }
        self.proposed.insert(value.clone());
    }

    fn on_decide(&mut self, p: ProcessId, value: &V) -> Result<(), Violation> {
        if !self.lies && !self.proposed.contains(value) {
            let what = format!("{p} decided {value:?}, which nobody had proposed");
            return Err(Violation::new(&VALIDITY, what));
        }
        if let Some((q, other)) = &self.first
            && other != value
        {
            let what = format!("{q} decided {other:?}, {p} decided {value:?}");
            return Err(Violation::new(&UNIFORM_AGREEMENT, what));
        }
        if !self.deciders.insert(p) {
            let what = format!("{p} decided {value:?} a second time without a restart");
            return Err(Violation::new(&INTEGRITY, what));
        }
        self.first.get_or_insert_with(|| (p, value.clone()));
        Ok(())
    }

    fn on_crash(&mut self, p: ProcessId) {
        self.down.insert(p);
        self.proposers.remove(p);
        self.deciders.remove(p);
    }

    /// Nothing is promised of one that lies, nor of what it decided before.
    fn on_corrupt(&mut self, p: ProcessId) {
        self.lies = true;
        self.proposers.remove(p);
        self.deciders.remove(p);
        if let Some((_, value)) = self.first.take_if(|(first, _)| *first == p) {
            // what others have decided is the same
            self.first = self.deciders.iter().next().map(|other| (other, value));
        }
    }

    fn on_recover(&mut self, p: ProcessId) {
        self.on_crash(p); // a restart is one, seen or not
        self.down.remove(p);
    }

    fn exercised_in(&self, exercise: &mut impl FnMut(&'static str)) {
        let Some((first, _)) = &self.first else { return };
        exercise(INTEGRITY.id);
        if !self.lies {
            exercise(VALIDITY.id);
        }
        if self.deciders.iter().any(|p| p != *first) {
            exercise(UNIFORM_AGREEMENT.id);
        }
    }

    fn owed_in(&self, instance: &str, owe: &mut impl FnMut(Obligation)) {
        for p in self.proposers.iter() {
            for q in self.group.members().filter(|&q| !self.deciders.contains(q)) {
                let what = format!("{instance}{p} has proposed, {q} has not decided");
                owe(Obligation::new(&TERMINATION, [p, q], what));
            }
        }
    }
}

impl<V: State> Monitor<Propose<V>, Decide<V>> for Consensus<V> {
    fn properties(&self) -> Vec<Property> {
        PROPERTIES.to_vec()
    }

    fn observe(&mut self, observation: &Observation<'_, Propose<V>, Decide<V>>) -> Result<(), Violation> {
        match *observation {
            Observation::Request { at, request: Propose(value) } => self.on_propose(at, value),
            Observation::Indication { at, indication: Decide(value) } => self.on_decide(at, value)?,
            Observation::Crash { at } => self.on_crash(at),
            Observation::Recover { at } => self.on_recover(at),
            Observation::Corrupt { at } => self.on_corrupt(at),
        }
        Ok(())
    }

    fn owed(&self, owe: &mut impl FnMut(Obligation)) {
        self.owed_in("", owe);
    }

    fn reached(&self, reach: &mut impl FnMut(&'static str)) {
        if self.first.is_some() {
            reach(DECIDED.id);
        }
    }

    fn exercised(&self, exercise: &mut impl FnMut(&'static str)) {
        self.exercised_in(exercise);
    }
}

/// The monitor of a sequence of instances by number: each is uniform consensus.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConsensusSequence<V> {
    /// An instance in which nothing was proposed yet: it knows who is down.
    fresh: Consensus<V>,
    instances: BTreeMap<u64, Consensus<V>>,
}

impl<V: State> ConsensusSequence<V> {
    /// Among the processes of `group`.
    pub fn new(group: Group) -> Self {
        Self { fresh: Consensus::new(group), instances: BTreeMap::new() }
    }

    /// What was decided, by instance.
    pub fn decided(&self) -> impl Iterator<Item = (u64, &V)> {
        self.instances.iter().filter_map(|(&k, instance)| Some((k, instance.decided()?)))
    }

    fn instance(&mut self, k: u64) -> &mut Consensus<V> {
        self.instances.entry(k).or_insert_with(|| self.fresh.clone())
    }

    fn each(&mut self) -> impl Iterator<Item = &mut Consensus<V>> {
        std::iter::once(&mut self.fresh).chain(self.instances.values_mut())
    }
}

impl<V: State> Monitor<ProposeAt<V>, DecideAt<V>> for ConsensusSequence<V> {
    fn properties(&self) -> Vec<Property> {
        PROPERTIES.to_vec()
    }

    fn observe(&mut self, observation: &Observation<'_, ProposeAt<V>, DecideAt<V>>) -> Result<(), Violation> {
        match *observation {
            Observation::Request { at, request: ProposeAt { instance, value } } => {
                self.instance(*instance).on_propose(at, value);
            }
            Observation::Indication { at, indication: DecideAt { instance, value } } => {
                self.instance(*instance).on_decide(at, value).map_err(|violation| Violation {
                    what: format!("instance {instance}: {}", violation.what),
                    ..violation
                })?;
            }
            Observation::Crash { at } => self.each().for_each(|instance| instance.on_crash(at)),
            Observation::Recover { at } => self.each().for_each(|instance| instance.on_recover(at)),
            Observation::Corrupt { at } => self.each().for_each(|instance| instance.on_corrupt(at)),
        }
        Ok(())
    }

    fn owed(&self, owe: &mut impl FnMut(Obligation)) {
        for (k, instance) in &self.instances {
            instance.owed_in(&format!("instance {k}: "), owe);
        }
    }

    fn reached(&self, reach: &mut impl FnMut(&'static str)) {
        if self.decided().next().is_some() {
            reach(DECIDED.id);
        }
    }

    fn exercised(&self, exercise: &mut impl FnMut(&'static str)) {
        self.instances.values().for_each(|instance| instance.exercised_in(exercise));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const P: [ProcessId; 3] = [ProcessId(0), ProcessId(1), ProcessId(2)];

    fn monitor() -> Consensus<char> {
        Consensus::new(Group::first(3))
    }

    fn propose(monitor: &mut Consensus<char>, at: ProcessId, value: char) {
        monitor.observe(&Observation::Request { at, request: &Propose(value) }).unwrap();
    }

    fn decide(monitor: &mut Consensus<char>, at: ProcessId, value: char) -> Result<(), String> {
        let observation = Observation::Indication { at, indication: &Decide(value) };
        monitor.observe(&observation).map_err(|violation| violation.property)
    }

    fn restart(monitor: &mut Consensus<char>, at: ProcessId) {
        monitor.observe(&Observation::Crash { at }).unwrap();
        monitor.observe(&Observation::Recover { at }).unwrap();
    }

    fn owed(monitor: &impl Monitor<Propose<char>, Decide<char>>) -> Vec<Vec<ProcessId>> {
        let mut all = vec![];
        monitor.owed(&mut |obligation| all.push(obligation.among.iter().collect()));
        all
    }

    #[test]
    fn the_distance_is_how_much_was_not_put_to_the_test() {
        let mut monitor = monitor();
        let mut far = vec![monitor.distance()];
        propose(&mut monitor, P[1], 'a');
        for p in P {
            decide(&mut monitor, p, 'a').unwrap();
            far.push(monitor.distance());
        }
        assert!(far.is_sorted_by(|one, next| one >= next), "{far:?}");
        assert!(far[0] > far[1] && far[1] > far[2] && far[3] == 0, "{far:?}");
        assert_eq!((monitor.clone(), self::monitor()).distance(), far[0], "side by side they add up");
    }

    #[test]
    fn c1_all_owe_a_decision_once_somebody_has_proposed() {
        let mut monitor = monitor();
        assert!(owed(&monitor).is_empty());
        propose(&mut monitor, P[1], 'a');
        assert_eq!(owed(&monitor), [vec![P[0], P[1]], vec![P[1]], vec![P[1], P[2]]]);
        for p in P {
            decide(&mut monitor, p, 'a').unwrap();
        }
        assert!(owed(&monitor).is_empty());
    }

    #[test]
    fn c1_is_void_while_the_proposer_has_crashed() {
        let mut monitor = monitor();
        propose(&mut monitor, P[1], 'a');
        restart(&mut monitor, P[1]);
        assert!(owed(&monitor).is_empty());
        propose(&mut monitor, P[1], 'b');
        assert_eq!(owed(&monitor).len(), 3, "until it proposes anew");
        monitor.observe(&Observation::Crash { at: P[1] }).unwrap();
        propose(&mut monitor, P[1], 'c');
        assert!(owed(&monitor).is_empty(), "a request to a process that is down is lost");
    }

    #[test]
    fn c1_a_restarted_process_owes_its_decision_again() {
        let mut monitor = monitor();
        propose(&mut monitor, P[0], 'a');
        for p in P {
            decide(&mut monitor, p, 'a').unwrap();
        }
        restart(&mut monitor, P[2]);
        assert_eq!(owed(&monitor), [vec![P[0], P[2]]]);
        decide(&mut monitor, P[2], 'a').unwrap();
        assert!(owed(&monitor).is_empty());
    }

    #[test]
    fn c2_a_decision_was_proposed() {
        let mut monitor = monitor();
        propose(&mut monitor, P[0], 'a');
        assert_eq!(decide(&mut monitor, P[1], 'b').unwrap_err(), "C2");
        restart(&mut monitor, P[0]);
        decide(&mut monitor, P[1], 'a').unwrap();
    }

    #[test]
    fn c3_a_process_decides_once_between_restarts() {
        let mut monitor = monitor();
        propose(&mut monitor, P[0], 'a');
        decide(&mut monitor, P[0], 'a').unwrap();
        restart(&mut monitor, P[0]);
        decide(&mut monitor, P[0], 'a').unwrap();
        assert_eq!(decide(&mut monitor, P[0], 'a').unwrap_err(), "C3");
    }

    #[test]
    fn uc4_all_decisions_are_equal_across_processes_and_restarts() {
        let mut monitor = monitor();
        propose(&mut monitor, P[0], 'a');
        propose(&mut monitor, P[1], 'b');
        decide(&mut monitor, P[0], 'a').unwrap();
        assert_eq!(decide(&mut monitor.clone(), P[1], 'b').unwrap_err(), "UC4");
        restart(&mut monitor, P[0]);
        assert_eq!(decide(&mut monitor, P[0], 'b').unwrap_err(), "UC4", "also after the decider crashed");
    }

    #[test]
    fn a_goal_is_reached_by_the_first_decision() {
        let mut monitor = monitor();
        propose(&mut monitor, P[0], 'a');
        let reached = |monitor: &Consensus<char>| {
            let mut goals = vec![];
            monitor.reached(&mut |goal| goals.push(goal));
            goals
        };
        assert!(reached(&monitor).is_empty());
        decide(&mut monitor, P[1], 'a').unwrap();
        assert_eq!(reached(&monitor), ["decided"]);
    }

    #[test]
    fn agreement_is_tested_by_a_second_decider_and_validity_where_nobody_lies() {
        let mut monitor = monitor();
        let tested = |monitor: &Consensus<char>| {
            let mut ids = vec![];
            monitor.exercised(&mut |id| ids.push(id));
            ids
        };
        propose(&mut monitor, P[0], 'a');
        assert!(tested(&monitor).is_empty());
        decide(&mut monitor, P[1], 'a').unwrap();
        assert_eq!(tested(&monitor), ["C3", "C2"]);
        decide(&mut monitor, P[0], 'a').unwrap();
        assert_eq!(tested(&monitor), ["C3", "C2", "UC4"]);
        monitor.observe(&Observation::Corrupt { at: P[2] }).unwrap();
        assert_eq!(tested(&monitor), ["C3", "UC4"]);
    }

    #[test]
    fn what_a_process_decided_before_it_was_taken_over_counts_no_more() {
        let corrupt =
            |monitor: &mut Consensus<char>, p| monitor.observe(&Observation::Corrupt { at: P[p] }).unwrap();
        let mut alone = monitor();
        propose(&mut alone, P[0], 'a');
        decide(&mut alone, P[1], 'a').unwrap();
        corrupt(&mut alone, 1);
        decide(&mut alone, P[0], 'b').expect("nobody else has decided");
        let mut two = monitor();
        propose(&mut two, P[0], 'a');
        decide(&mut two, P[1], 'a').unwrap();
        decide(&mut two, P[0], 'a').unwrap();
        corrupt(&mut two, 1);
        assert_eq!(decide(&mut two, P[2], 'b'), Err("UC4".to_owned()));
    }

    #[test]
    fn instances_are_judged_apart() {
        let mut monitor = ConsensusSequence::new(Group::first(3));
        let request = |instance, value| ProposeAt { instance, value };
        monitor.observe(&Observation::Crash { at: P[2] }).unwrap();
        monitor.observe(&Observation::Request { at: P[2], request: &request(3, 'z') }).unwrap();
        let mut owed = 0;
        monitor.owed(&mut |_| owed += 1);
        assert_eq!(owed, 0, "a new instance knows who is down");
        monitor.observe(&Observation::Request { at: P[0], request: &request(3, 'a') }).unwrap();
        monitor.observe(&Observation::Request { at: P[0], request: &request(4, 'b') }).unwrap();
        let decide = |instance, value| DecideAt { instance, value };
        monitor.observe(&Observation::Indication { at: P[0], indication: &decide(3, 'a') }).unwrap();
        monitor.observe(&Observation::Indication { at: P[0], indication: &decide(4, 'b') }).unwrap();
        let violation =
            monitor.observe(&Observation::Indication { at: P[1], indication: &decide(3, 'z') }).unwrap_err();
        assert_eq!(violation.what, "instance 3: p0 decided 'a', p1 decided 'z'");
        assert_eq!(monitor.decided().collect::<Vec<_>>(), [(3, &'a'), (4, &'b')]);
    }
}
