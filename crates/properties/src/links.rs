//! Point-to-point links (CGR11 Modules 2.1-2.4 and 2.11).
//!
//! Messages are told apart by sender, receiver and value. Equal ones sent twice are counted: a delivery more than there
//! were sends is a duplicate.

use crate::monitor::{Monitor, Obligation, Observation, Property, Violation};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use synod_model::interface::{LinkDeliver, LinkSend, LogDeliver};
use synod_model::{ProcessId, ProcessSet, Value};

/// FLL3: if q delivers m from p, then p sent m to q.
pub const FLL3: Property = Property::safety("FLL3", "no creation");
/// SL1: what a correct process sends once to a correct process is delivered infinitely often. Judged as: delivered
/// again after each start of the receiver.
pub const SL1: Property = Property::liveness("SL1", "stubborn delivery");
/// SL2: if q delivers m from p, then p sent m to q.
pub const SL2: Property = Property::safety("SL2", "no creation");
/// PL1: what a correct process sends to a correct process is delivered.
pub const PL1: Property = Property::liveness("PL1", "reliable delivery");
/// PL2: no message is delivered more than once.
pub const PL2: Property = Property::safety("PL2", "no duplication");
/// PL3: if q delivers m from p, then p sent m to q.
pub const PL3: Property = Property::safety("PL3", "no creation");
/// FPL4: what p sends to q is delivered in the order in which it was sent.
pub const FPL4: Property = Property::safety("FPL4", "FIFO delivery");
/// LPL1: what a process that never crashes sends to a correct process is log-delivered.
pub const LPL1: Property = Property::liveness("LPL1", "reliable delivery");
/// LPL2: no message is log-delivered more than once.
pub const LPL2: Property = Property::safety("LPL2", "no duplication");
/// LPL3: if q log-delivers m from p, then p sent m to q.
pub const LPL3: Property = Property::safety("LPL3", "no creation");
/// Goal: some message is delivered.
pub const DELIVERED: Property = Property::reachable("delivered", "some message is delivered");

/// A message by sender, receiver and value.
type Key<M> = (ProcessId, ProcessId, M);

/// Fair-loss links: FLL3. (FLL1 and FLL2 speak of infinitely many sends.)
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FairLossLinks<M> {
    sent: BTreeSet<Key<M>>,
    delivered: bool,
}

impl<M: Value> Default for FairLossLinks<M> {
    fn default() -> Self {
        Self { sent: BTreeSet::new(), delivered: false }
    }
}

impl<M: Value> Monitor<LinkSend<M>, LinkDeliver<M>> for FairLossLinks<M> {
    fn properties(&self) -> Vec<Property> {
        vec![FLL3, DELIVERED]
    }

    fn observe(
        &mut self,
        observation: &Observation<'_, LinkSend<M>, LinkDeliver<M>>,
    ) -> Result<(), Violation> {
        match observation {
            Observation::Request { at, request } => {
                self.sent.insert((*at, request.to, request.message.clone()));
            }
            Observation::Indication { at, indication } => {
                if !self.sent.contains(&key(*at, indication)) {
                    return Err(never_sent(&FLL3, *at, indication));
                }
                self.delivered = true;
            }
            Observation::Crash { .. } | Observation::Recover { .. } | Observation::Corrupt { .. } => {}
        }
        Ok(())
    }

    fn owed(&self, _: &mut impl FnMut(Obligation)) {}

    fn reached(&self, reach: &mut impl FnMut(&'static str)) {
        if self.delivered {
            reach(DELIVERED.id);
        }
    }
}

/// Stubborn links: SL1, SL2.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StubbornLinks<M> {
    sent: BTreeMap<Key<M>, Debt>,
    down: ProcessSet,
    delivered: bool,
}

/// What is owed for a message that was sent over stubborn links.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Debt {
    /// Nothing: its sender has crashed since, or was down when it was asked.
    Void,
    /// A delivery.
    Owed,
    /// Nothing until the receiver starts again.
    Paid,
}

impl<M: Value> Default for StubbornLinks<M> {
    fn default() -> Self {
        Self { sent: BTreeMap::new(), down: ProcessSet::new(), delivered: false }
    }
}

impl<M: Value> StubbornLinks<M> {
    fn on_send(&mut self, at: ProcessId, send: &LinkSend<M>) {
        let debt = self.sent.entry((at, send.to, send.message.clone())).or_insert(Debt::Void);
        if *debt == Debt::Void && !self.down.contains(at) {
            *debt = Debt::Owed;
        }
    }

    fn on_deliver(&mut self, at: ProcessId, deliver: &LinkDeliver<M>) -> Result<(), Violation> {
        let Some(debt) = self.sent.get_mut(&key(at, deliver)) else {
            return Err(never_sent(&SL2, at, deliver));
        };
        if *debt == Debt::Owed {
            *debt = Debt::Paid;
        }
        self.delivered = true;
        Ok(())
    }

    fn on_crash(&mut self, at: ProcessId) {
        self.down.insert(at);
        for ((from, to, _), debt) in &mut self.sent {
            if *from == at {
                *debt = Debt::Void;
            } else if *to == at && *debt == Debt::Paid {
                *debt = Debt::Owed; // infinitely often: so once more after this crash
            }
        }
    }
}

impl<M: Value> Monitor<LinkSend<M>, LinkDeliver<M>> for StubbornLinks<M> {
    fn properties(&self) -> Vec<Property> {
        vec![SL1, SL2, DELIVERED]
    }

    fn observe(
        &mut self,
        observation: &Observation<'_, LinkSend<M>, LinkDeliver<M>>,
    ) -> Result<(), Violation> {
        match observation {
            Observation::Request { at, request } => self.on_send(*at, request),
            Observation::Indication { at, indication } => self.on_deliver(*at, indication)?,
            Observation::Crash { at } | Observation::Corrupt { at } => self.on_crash(*at),
            Observation::Recover { at } => {
                self.down.remove(*at);
            }
        }
        Ok(())
    }

    fn owed(&self, owe: &mut impl FnMut(Obligation)) {
        for (key, _) in self.sent.iter().filter(|(_, debt)| **debt == Debt::Owed) {
            owe(not_delivered(&SL1, key));
        }
    }

    fn reached(&self, reach: &mut impl FnMut(&'static str)) {
        if self.delivered {
            reach(DELIVERED.id);
        }
    }
}

/// What became of one message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Fate {
    /// How often it was sent.
    sent: u32,
    /// How often it was delivered.
    delivered: u32,
    /// How many deliveries are owed.
    owed: u32,
}

/// What became of all messages, where each delivery counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Traffic<M>(BTreeMap<Key<M>, Fate>);

impl<M> Default for Traffic<M> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<M: Value> Traffic<M> {
    /// Counts a send. One that is asked of a process that is down counts as sent (it may have been handled just before
    /// the crash), but nothing is owed for it.
    fn send(&mut self, at: ProcessId, send: &LinkSend<M>, owed: bool) {
        let fate = self.0.entry((at, send.to, send.message.clone())).or_default();
        fate.sent += 1;
        fate.owed += u32::from(owed);
    }

    /// Takes it that `deliver` is delivered at `at` for the `count`-th time.
    fn deliver(
        &mut self,
        at: ProcessId,
        deliver: &LinkDeliver<M>,
        count: impl FnOnce(u32) -> u32,
        duplication: &Property,
        creation: &Property,
    ) -> Result<(), Violation> {
        let Some(fate) = self.0.get_mut(&key(at, deliver)) else {
            return Err(never_sent(creation, at, deliver));
        };
        let count = count(fate.delivered);
        if count > fate.sent {
            let LinkDeliver { from, message } = deliver;
            let times = format!("{count} times, sent {} times", fate.sent);
            return Err(Violation::new(
                duplication,
                format!("{at} delivered {message:?} from {from} {times}"),
            ));
        }
        fate.owed = fate.owed.saturating_sub(count - fate.delivered);
        fate.delivered = count;
        Ok(())
    }

    /// Forgives the debts of messages for which `void(sender, receiver)` holds.
    fn forgive(&mut self, void: impl Fn(ProcessId, ProcessId) -> bool) {
        for ((from, to, _), fate) in &mut self.0 {
            if void(*from, *to) {
                fate.owed = 0;
            }
        }
    }

    fn owed(&self, property: &Property, owe: &mut impl FnMut(Obligation)) {
        for (key, _) in self.0.iter().filter(|(_, fate)| fate.owed > 0) {
            owe(not_delivered(property, key));
        }
    }

    fn reached(&self, reach: &mut impl FnMut(&'static str)) {
        if self.0.values().any(|fate| fate.delivered > 0) {
            reach(DELIVERED.id);
        }
    }
}

/// Perfect links: PL1-3. Duplicates are counted across restarts: a filter lost in a crash is no excuse.
///
/// Under crash-recovery nothing is owed for a message during whose flight an end crashed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PerfectLinks<M> {
    traffic: Traffic<M>,
    down: ProcessSet,
}

impl<M: Value> Default for PerfectLinks<M> {
    fn default() -> Self {
        Self { traffic: Traffic::default(), down: ProcessSet::new() }
    }
}

impl<M: Value> Monitor<LinkSend<M>, LinkDeliver<M>> for PerfectLinks<M> {
    fn properties(&self) -> Vec<Property> {
        vec![PL1, PL2, PL3, DELIVERED]
    }

    fn observe(
        &mut self,
        observation: &Observation<'_, LinkSend<M>, LinkDeliver<M>>,
    ) -> Result<(), Violation> {
        match observation {
            Observation::Request { at, request } => {
                let both_up = !self.down.contains(*at) && !self.down.contains(request.to);
                self.traffic.send(*at, request, both_up);
            }
            Observation::Indication { at, indication } => {
                self.traffic.deliver(*at, indication, |count| count + 1, &PL2, &PL3)?;
            }
            Observation::Crash { at } | Observation::Corrupt { at } => {
                self.down.insert(*at);
                self.traffic.forgive(|from, to| from == *at || to == *at);
            }
            Observation::Recover { at } => {
                self.down.remove(*at);
            }
        }
        Ok(())
    }

    fn owed(&self, owe: &mut impl FnMut(Obligation)) {
        self.traffic.owed(&PL1, owe);
    }

    fn reached(&self, reach: &mut impl FnMut(&'static str)) {
        self.traffic.reached(reach);
    }
}

/// Logged links: LPL1-3. A message is log-delivered when the log that the receiver tells of holds it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LoggedLinks<M> {
    traffic: Traffic<M>,
    /// Who has crashed at least once: nothing is owed for what it sent.
    crashed: ProcessSet,
}

impl<M: Value> Default for LoggedLinks<M> {
    fn default() -> Self {
        Self { traffic: Traffic::default(), crashed: ProcessSet::new() }
    }
}

impl<M: Value> LoggedLinks<M> {
    fn on_log(&mut self, at: ProcessId, told: &LogDeliver<M>) -> Result<(), Violation> {
        match told {
            LogDeliver::Deliver(deliver) => {
                self.traffic.deliver(at, deliver, |count| count + 1, &LPL2, &LPL3)
            }
            LogDeliver::Recovered(log) => log.iter().enumerate().try_for_each(|(i, entry)| {
                // What was told before the crash is told again; its message counts as often as the log holds it.
                let times = log[..=i].iter().filter(|e| *e == entry).count() as u32;
                self.traffic.deliver(at, entry, |count| count.max(times), &LPL2, &LPL3)
            }),
        }
    }
}

impl<M: Value> Monitor<LinkSend<M>, LogDeliver<M>> for LoggedLinks<M> {
    fn properties(&self) -> Vec<Property> {
        vec![LPL1, LPL2, LPL3, DELIVERED]
    }

    fn observe(
        &mut self,
        observation: &Observation<'_, LinkSend<M>, LogDeliver<M>>,
    ) -> Result<(), Violation> {
        match observation {
            Observation::Request { at, request } => {
                self.traffic.send(*at, request, !self.crashed.contains(*at));
            }
            Observation::Indication { at, indication } => self.on_log(*at, indication)?,
            Observation::Crash { at } | Observation::Corrupt { at } => {
                self.crashed.insert(*at);
                self.traffic.forgive(|from, _| from == *at);
            }
            Observation::Recover { .. } => {}
        }
        Ok(())
    }

    fn owed(&self, owe: &mut impl FnMut(Obligation)) {
        self.traffic.owed(&LPL1, owe);
    }

    fn reached(&self, reach: &mut impl FnMut(&'static str)) {
        self.traffic.reached(reach);
    }

    fn exercised(&self, exercise: &mut impl FnMut(&'static str)) {
        // an empty log tells nothing
        self.traffic.reached(&mut |_| [LPL2, LPL3].iter().for_each(|property| exercise(property.id)));
    }
}

/// FIFO links: those of perfect links, and FPL4.
pub type FifoLinks<M> = (PerfectLinks<M>, FifoOrder<M>);

/// FPL4: each receiver delivers what each sender sent to it in the order of sending.
///
/// What was never sent, and what is delivered again, is not a matter of order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FifoOrder<M> {
    /// By sender and receiver: what was sent and is not delivered, in the order of sending.
    undelivered: BTreeMap<(ProcessId, ProcessId), VecDeque<M>>,
}

impl<M: Value> Default for FifoOrder<M> {
    fn default() -> Self {
        Self { undelivered: BTreeMap::new() }
    }
}

impl<M: Value> FifoOrder<M> {
    fn on_deliver(&mut self, at: ProcessId, deliver: &LinkDeliver<M>) -> Result<(), Violation> {
        let LinkDeliver { from, message } = deliver;
        let Some(queue) = self.undelivered.get_mut(&(*from, at)) else { return Ok(()) };
        if queue.contains(message) && queue.front() != Some(message) {
            let first = &queue[0];
            let what = format!("{at} delivered {message:?} from {from}, which sent {first:?} before it");
            return Err(Violation::new(&FPL4, what));
        }
        if queue.front() == Some(message) {
            queue.pop_front();
        }
        Ok(())
    }
}

impl<M: Value> Monitor<LinkSend<M>, LinkDeliver<M>> for FifoOrder<M> {
    fn properties(&self) -> Vec<Property> {
        vec![FPL4]
    }

    fn observe(
        &mut self,
        observation: &Observation<'_, LinkSend<M>, LinkDeliver<M>>,
    ) -> Result<(), Violation> {
        match observation {
            Observation::Request { at, request } => {
                let queue = self.undelivered.entry((*at, request.to)).or_default();
                queue.push_back(request.message.clone());
            }
            Observation::Indication { at, indication } => self.on_deliver(*at, indication)?,
            Observation::Crash { .. } | Observation::Recover { .. } | Observation::Corrupt { .. } => {}
        }
        Ok(())
    }

    fn owed(&self, _: &mut impl FnMut(Obligation)) {}

    fn reached(&self, _: &mut impl FnMut(&'static str)) {}

    fn exercised(&self, exercise: &mut impl FnMut(&'static str)) {
        // where one is delivered while another waits, it may be the wrong one
        if self.undelivered.values().any(|waiting| !waiting.is_empty()) {
            exercise(FPL4.id);
        }
    }
}

fn key<M: Value>(at: ProcessId, deliver: &LinkDeliver<M>) -> Key<M> {
    (deliver.from, at, deliver.message.clone())
}

fn never_sent<M: Value>(property: &Property, at: ProcessId, deliver: &LinkDeliver<M>) -> Violation {
    let LinkDeliver { from, message } = deliver;
    Violation::new(property, format!("{at} delivered {message:?} from {from}, which never sent it"))
}

fn not_delivered<M: Value>(property: &Property, (from, to, message): &Key<M>) -> Obligation {
    let what = format!("{to} has not delivered {message:?} from {from}");
    Obligation::new(property, [*from, *to], what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{crash, indicate, owed, recover, request, verdict};

    const P: ProcessId = ProcessId(0);
    const Q: ProcessId = ProcessId(1);

    fn send(message: char) -> LinkSend<char> {
        LinkSend { to: Q, message }
    }

    fn deliver(message: char) -> LinkDeliver<char> {
        LinkDeliver { from: P, message }
    }

    fn logged(message: char) -> LogDeliver<char> {
        LogDeliver::Deliver(deliver(message))
    }

    #[test]
    fn fll3_sl2_pl3_refute_a_message_that_was_never_sent() {
        let (a, b) = (send('a'), deliver('b'));
        let seen = [request(P, &a), indicate(Q, &b)];
        assert_eq!(verdict(FairLossLinks::default(), &seen), Err("FLL3".into()));
        assert_eq!(verdict(StubbornLinks::default(), &seen), Err("SL2".into()));
        assert_eq!(verdict(PerfectLinks::default(), &seen), Err("PL3".into()));
        let d = deliver('a');
        assert!(verdict(FairLossLinks::default(), &[request(P, &a), indicate(Q, &d)]).is_ok());
        let misdirected = [request(P, &a), indicate(P, &d)];
        assert_eq!(verdict(FairLossLinks::default(), &misdirected), Err("FLL3".into()));
    }

    #[test]
    fn pl2_counts_equal_messages() {
        let (a, d) = (send('a'), deliver('a'));
        let twice = [request(P, &a), request(P, &a), indicate(Q, &d), indicate(Q, &d)];
        assert!(verdict(PerfectLinks::default(), &twice).is_ok());
        let thrice = [twice.as_slice(), &[indicate(Q, &d)]].concat();
        assert_eq!(verdict(PerfectLinks::default(), &thrice), Err("PL2".into()));
    }

    #[test]
    fn pl2_counts_across_a_restart_of_the_receiver() {
        let (a, d) = (send('a'), deliver('a'));
        let seen = [request(P, &a), indicate(Q, &d), crash(Q), recover(Q), indicate(Q, &d)];
        assert_eq!(verdict(PerfectLinks::default(), &seen), Err("PL2".into()));
    }

    #[test]
    fn pl1_owes_each_send_among_its_two_ends() {
        let (a, d) = (send('a'), deliver('a'));
        let m = verdict(PerfectLinks::default(), &[request(P, &a), request(P, &a), indicate(Q, &d)]).unwrap();
        let debts = owed(&m);
        assert_eq!(debts.len(), 1);
        assert_eq!(debts[0].among, [P, Q].into_iter().collect());
        assert_eq!(debts[0].property, "PL1");
        let paid = verdict(PerfectLinks::default(), &[request(P, &a), indicate(Q, &d)]).unwrap();
        assert!(owed(&paid).is_empty());
    }

    #[test]
    fn pl1_forgives_what_was_in_flight_when_an_end_crashed() {
        let a = send('a');
        for end in [P, Q] {
            let m = verdict(PerfectLinks::default(), &[request(P, &a), crash(end), recover(end)]).unwrap();
            assert!(owed(&m).is_empty());
            let down = verdict(PerfectLinks::default(), &[crash(end), request(P, &a)]).unwrap();
            assert!(owed(&down).is_empty());
        }
    }

    #[test]
    fn sl1_owes_again_after_the_receiver_restarts_and_nothing_after_the_sender_does() {
        let (a, d) = (send('a'), deliver('a'));
        let delivered = [request(P, &a), indicate(Q, &d), indicate(Q, &d)];
        let m = verdict(StubbornLinks::default(), &delivered).unwrap();
        assert!(owed(&m).is_empty(), "any number of deliveries will do");
        let m = verdict(m, &[crash(Q), recover(Q)]).unwrap();
        assert_eq!(owed(&m).len(), 1);
        let m = verdict(m, &[crash(P)]).unwrap();
        assert!(owed(&m).is_empty());
        let m = verdict(m, &[request(P, &a)]).unwrap();
        assert!(owed(&m).is_empty(), "it is down: the request is lost");
        let m = verdict(m, &[recover(P), request(P, &a)]).unwrap();
        assert_eq!(owed(&m).len(), 1);
    }

    #[test]
    fn fpl4_refutes_overtaking_and_leaves_the_rest_to_others() {
        let (a, b, da, db) = (send('a'), send('b'), deliver('a'), deliver('b'));
        let sent = [request(P, &a), request(P, &b)];
        let in_order = verdict(FifoOrder::default(), &[indicate(Q, &da), indicate(Q, &db)]);
        assert!(in_order.is_ok(), "nothing was sent: not a matter of order");
        let overtaken = [sent.as_slice(), &[indicate(Q, &db)]].concat();
        assert_eq!(verdict(FifoOrder::default(), &overtaken), Err("FPL4".into()));
        let good = [sent.as_slice(), &[indicate(Q, &da), indicate(Q, &db), indicate(Q, &db)]].concat();
        assert!(verdict(FifoOrder::default(), &good).is_ok());
    }

    #[test]
    fn lpl_takes_the_log_of_a_recovered_receiver_for_delivered() {
        let (a, empty) = (send('a'), LogDeliver::Recovered(vec![]));
        let (told, log) = (logged('a'), LogDeliver::Recovered(vec![deliver('a')]));
        let cut = [request(P, &a), crash(Q), recover(Q)];
        let m = verdict(LoggedLinks::default(), &cut).unwrap();
        assert_eq!(owed(&m)[0].property, "LPL1", "a crash of the receiver forgives nothing");
        let m = verdict(m, &[indicate(Q, &log)]).unwrap();
        assert!(owed(&m).is_empty(), "logged, and its indication cut off by the crash");
        let again = [request(P, &a), indicate(Q, &told), crash(Q), recover(Q), indicate(Q, &log)];
        assert!(
            verdict(LoggedLinks::default(), &again).is_ok(),
            "the log is told again, not delivered again"
        );
        let forgot = [request(P, &a), indicate(Q, &told), crash(Q), recover(Q), indicate(Q, &empty)];
        let forgot = [forgot.as_slice(), &[indicate(Q, &told)]].concat();
        assert_eq!(verdict(LoggedLinks::default(), &forgot), Err("LPL2".into()));
    }

    #[test]
    fn lpl_refutes_a_log_with_a_duplicate_or_a_message_never_sent() {
        let a = send('a');
        let double = LogDeliver::Recovered(vec![deliver('a'), deliver('a')]);
        let invented = LogDeliver::Recovered(vec![deliver('b')]);
        let verdict_of = |log| verdict(LoggedLinks::default(), &[request(P, &a), indicate(Q, log)]);
        assert_eq!(verdict_of(&double), Err("LPL2".into()));
        assert_eq!(verdict_of(&invented), Err("LPL3".into()));
    }

    #[test]
    fn lpl1_owes_nothing_for_a_sender_that_has_crashed() {
        let a = send('a');
        for seen in [[request(P, &a), crash(P), recover(P)], [crash(P), recover(P), request(P, &a)]] {
            assert!(owed(&verdict(LoggedLinks::default(), &seen).unwrap()).is_empty());
        }
    }

    #[test]
    fn order_is_tested_where_another_message_waits_and_a_log_where_it_holds_something() {
        let (a, b, da, empty) = (send('a'), send('b'), deliver('a'), LogDeliver::Recovered(vec![]));
        let fifo = |observations: &[_]| {
            let mut ids = vec![];
            verdict(FifoOrder::default(), observations).unwrap().exercised(&mut |id| ids.push(id));
            ids == ["FPL4"]
        };
        assert!(!fifo(&[request(P, &a), indicate(Q, &da)]));
        assert!(fifo(&[request(P, &a), request(P, &b), indicate(Q, &da)]));
        let logged_links = |told: &LogDeliver<char>| {
            let mut ids = vec![];
            let seen = [request(P, &a), indicate(Q, told)];
            verdict(LoggedLinks::default(), &seen).unwrap().exercised(&mut |id| ids.push(id));
            ids
        };
        assert!(logged_links(&empty).is_empty());
        assert_eq!(logged_links(&logged('a')), ["LPL2", "LPL3"]);
    }

    #[test]
    fn the_goal_is_reached_by_a_delivery() {
        let (a, d) = (send('a'), deliver('a'));
        let seen = [request(P, &a), indicate(Q, &d)];
        for (observations, expected) in [(&seen[..1], false), (&seen[..], true)] {
            let mut reached = vec![];
            verdict(FairLossLinks::default(), observations).unwrap().reached(&mut |id| reached.push(id));
            verdict(StubbornLinks::default(), observations).unwrap().reached(&mut |id| reached.push(id));
            verdict(PerfectLinks::default(), observations).unwrap().reached(&mut |id| reached.push(id));
            assert_eq!(reached == ["delivered"; 3], expected);
        }
    }
}
