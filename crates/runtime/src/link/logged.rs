//! Logged and durable links: what survives a restart, with the process's write-ahead log as inbox and outbox.
//!
//! They stand on links that may lose what is in flight when either end crashes. Each message to a peer has a number in
//! this process's outbox for it; the receiver takes them in their order, and logs up to where it has taken them *in the
//! same batch as what its handler stores*: so a message and its consequences become durable together or not at all. It
//! acknowledges a number once that is durable; the sender repeats what is not acknowledged.
//!
//! * Logged: the outbox is volatile. What a process that never crashes sends is delivered once, whatever the receiver's
//!   crashes. A sender's new incarnation begins a new outbox; the old one's rest is lost with it.
//! * Durable: the outbox is logged too, and a message leaves once it is durable there. What was stored to be sent is
//!   delivered once, whatever the crashes of either end.
//!
//! A [`Ledger`] is this state, without sockets or disks. Its [`Entry`]s are to be appended to the log in the order in which
//! they come; [`Ledger::restore`] takes them back. Nothing that a handler says may leave before the entry of the message
//! that it handled is durable.

use super::Rejected;
use crate::wire::decode;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use synod_model::ProcessId;

/// About how many bytes may be on their way to a peer: so much is repeated when it starts again, and no more waits in the
/// links below.
const WINDOW: usize = 1 << 20;

/// What survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Survives {
    /// The inbox: logged links.
    Inbox,
    /// The inbox and the outbox: durable links.
    Outbox,
}

/// What is appended to the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Entry {
    /// A message was taken, and all before it.
    Taken {
        /// From whom.
        from: ProcessId,
        /// Out of which of its outboxes.
        outbox: u64,
        /// Its number there.
        number: u64,
    },
    /// A message is to be sent.
    Sent {
        /// To whom.
        to: ProcessId,
        /// What.
        payload: Vec<u8>,
    },
    /// The peer has taken all up to this number. It need not be durable soon.
    Settled {
        /// Who.
        to: ProcessId,
        /// The number.
        number: u64,
    },
}

/// What travels on the links below.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Packet {
    /// A message.
    Message {
        /// Out of which of its sender's outboxes.
        outbox: u64,
        /// Its number there, from 1 on.
        number: u64,
        /// What is sent.
        payload: Vec<u8>,
    },
    /// All messages up to this one are taken, durably.
    Taken {
        /// Out of which of the receiver's outboxes.
        outbox: u64,
        /// The number of the last one.
        number: u64,
    },
}

impl Packet {
    /// Reads one. Bytes behind it are as wrong as bytes that are missing.
    pub fn parse(bytes: &[u8]) -> Result<Self, Rejected> {
        decode(bytes)
    }
}

/// Packets for the links below, with whom they go to.
pub type Packets = Vec<(ProcessId, Vec<u8>)>;

/// One process's inboxes and outboxes.
#[derive(Clone, Debug)]
pub struct Ledger {
    survives: Survives,
    /// The number of this process's outboxes: of an incarnation, or of all of them.
    outbox: u64,
    to: BTreeMap<ProcessId, Outbox>,
    from: BTreeMap<ProcessId, Inbox>,
}

/// What is to be sent to one peer.
#[derive(Clone, Debug, Default)]
struct Outbox {
    /// How many messages the peer has taken.
    settled: u64,
    /// Those after them.
    waiting: VecDeque<Vec<u8>>,
    /// How many of these are durable, where they have to be.
    durable: usize,
    /// How many of these have left in this incarnation, and how many bytes that is: no more than about [`WINDOW`].
    left: usize,
    left_bytes: usize,
    bytes: usize,
}

/// What was taken from one peer.
#[derive(Clone, Copy, Debug, Default)]
struct Inbox {
    outbox: u64,
    taken: u64,
    /// An acknowledgement is owed once all that was appended is durable.
    owes: bool,
}

impl Outbox {
    fn push(&mut self, payload: Vec<u8>) {
        self.bytes += payload.len();
        self.waiting.push_back(payload);
    }

    /// As the log has it: what a new log begins with, or what the peer has taken.
    fn restore(&mut self, number: u64) {
        self.settle(number);
        self.settled = self.settled.max(number);
    }

    /// The peer has taken all up to `number`. Whether that is news.
    fn settle(&mut self, number: u64) -> bool {
        let news = number.saturating_sub(self.settled).min(self.waiting.len() as u64) as usize;
        for (at, payload) in self.waiting.drain(..news).enumerate() {
            self.bytes -= payload.len();
            if at < self.left {
                self.left_bytes -= payload.len();
            }
        }
        self.settled += news as u64;
        self.durable = self.durable.saturating_sub(news);
        self.left = self.left.saturating_sub(news);
        news > 0
    }
}

impl Ledger {
    /// The state that these entries left, in the process's next incarnation.
    pub fn restore(survives: Survives, incarnation: u64, entries: impl IntoIterator<Item = Entry>) -> Self {
        let outbox = if survives == Survives::Outbox { 0 } else { incarnation };
        let mut ledger = Self { survives, outbox, to: BTreeMap::new(), from: BTreeMap::new() };
        for entry in entries {
            match entry {
                Entry::Taken { from, outbox, number } => {
                    ledger.from.insert(from, Inbox { outbox, taken: number, owes: true });
                }
                Entry::Sent { to, payload } => ledger.to.entry(to).or_default().push(payload),
                Entry::Settled { to, number } => ledger.to.entry(to).or_default().restore(number),
            }
        }
        for outbox in ledger.to.values_mut() {
            outbox.durable = outbox.waiting.len();
        }
        ledger
    }

    /// A message is sent. What is appended to the log, if anything; it leaves with [`Ledger::synced`].
    pub fn send(&mut self, to: ProcessId, payload: Vec<u8>) -> Option<Entry> {
        let entry = (self.survives == Survives::Outbox).then(|| Entry::Sent { to, payload: payload.clone() });
        self.to.entry(to).or_default().push(payload);
        entry
    }

    /// A message arrives. If it is new and next, what comes into the log before all that its handler stores.
    pub fn take(&mut self, from: ProcessId, outbox: u64, number: u64) -> Option<Entry> {
        let inbox = self.from.entry(from).or_default();
        if outbox > inbox.outbox {
            *inbox = Inbox { outbox, taken: 0, owes: false };
        }
        if outbox < inbox.outbox || number > inbox.taken + 1 {
            // Of an incarnation that is over; or one before it has been lost, and is repeated.
            return None;
        }
        inbox.owes = true;
        if number <= inbox.taken {
            return None;
        }
        inbox.taken = number;
        Some(Entry::Taken { from, outbox, number })
    }

    /// An acknowledgement arrives. What is appended to the log, if anything.
    pub fn settle(&mut self, from: ProcessId, outbox: u64, number: u64) -> Option<Entry> {
        if outbox != self.outbox {
            return None;
        }
        let outbox = self.to.get_mut(&from)?;
        let is_logged = outbox.settle(number) && self.survives == Survives::Outbox;
        // what it was sent, whatever number it says
        is_logged.then_some(Entry::Settled { to: from, number: outbox.settled })
    }

    /// All that was appended is durable: what may leave now.
    pub fn synced(&mut self) -> Packets {
        let mut packets = Packets::new();
        for (&from, inbox) in &mut self.from {
            if std::mem::take(&mut inbox.owes) {
                packets.push((from, encode(&Packet::Taken { outbox: inbox.outbox, number: inbox.taken })));
            }
        }
        for (&to, outbox) in &mut self.to {
            outbox.durable = outbox.waiting.len();
            while outbox.left < outbox.durable && outbox.left_bytes < WINDOW {
                let payload = outbox.waiting[outbox.left].clone();
                outbox.left += 1;
                outbox.left_bytes += payload.len();
                let number = outbox.settled + outbox.left as u64;
                packets.push((to, encode(&Packet::Message { outbox: self.outbox, number, payload })));
            }
        }
        packets
    }

    /// What has left for a peer and is not acknowledged, again: called now and then, and less often while nothing comes
    /// of it.
    pub fn repeat(&self, to: ProcessId) -> Packets {
        let Some(outbox) = self.to.get(&to) else { return Packets::new() };
        let left = (outbox.settled + 1..).zip(outbox.waiting.iter().take(outbox.left));
        let packet = |(number, payload): (u64, &Vec<u8>)| {
            (to, encode(&Packet::Message { outbox: self.outbox, number, payload: payload.clone() }))
        };
        left.map(packet).collect()
    }

    /// Who has not acknowledged all that has left, and how many messages each has taken.
    pub fn unsettled(&self) -> BTreeMap<ProcessId, u64> {
        let owing = self.to.iter().filter(|(_, outbox)| outbox.left > 0);
        owing.map(|(&to, outbox)| (to, outbox.settled)).collect()
    }

    /// How many messages wait for a peer: sent, and not taken by it.
    pub fn waiting(&self, to: ProcessId) -> usize {
        self.to.get(&to).map_or(0, |outbox| outbox.waiting.len())
    }

    /// How many bytes wait for the peer for whom the most do.
    pub fn waiting_bytes_most(&self) -> usize {
        self.to.values().map(|outbox| outbox.bytes).max().unwrap_or(0)
    }

    /// The entries that restore this state, for a log that begins anew. Everything is durable.
    pub fn snapshot(&self) -> Vec<Entry> {
        let taken = self.from.iter().map(|(&from, inbox)| Entry::Taken {
            from,
            outbox: inbox.outbox,
            number: inbox.taken,
        });
        let logged = self.to.iter().filter(|_| self.survives == Survives::Outbox);
        let sent = logged.flat_map(|(&to, outbox)| {
            let settled = std::iter::once(Entry::Settled { to, number: outbox.settled });
            settled
                .chain(outbox.waiting.iter().map(move |payload| Entry::Sent { to, payload: payload.clone() }))
        });
        taken.chain(sent).collect()
    }
}

fn encode(packet: &Packet) -> Vec<u8> {
    postcard::to_stdvec(packet).expect("numbers and bytes have an encoding")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    const ENDS: [ProcessId; 2] = [ProcessId(0), ProcessId(1)];

    #[derive(Clone, Copy, Debug)]
    enum Action {
        /// A handler sends the next message to the other end.
        Send(usize),
        /// The log is synced, and what may leave leaves.
        Sync(usize),
        /// What is in flight to this end arrives, or the first of it.
        Arrive(usize),
        /// The first of it is lost.
        Lose(usize),
        Repeat(usize),
        /// The end crashes, and comes back from its log.
        Crash(usize),
        /// Its log begins anew.
        Snapshot(usize),
    }

    fn action() -> impl Strategy<Value = Action> {
        let end = 0..2_usize;
        prop_oneof![
            5 => end.clone().prop_map(Action::Send),
            5 => end.clone().prop_map(Action::Sync),
            8 => end.clone().prop_map(Action::Arrive),
            2 => end.clone().prop_map(Action::Lose),
            2 => end.clone().prop_map(Action::Repeat),
            1 => end.clone().prop_map(Action::Crash),
            1 => end.prop_map(Action::Snapshot),
        ]
    }

    /// A process with a log: what it has taken, it stores.
    struct End {
        ledger: Ledger,
        incarnation: u64,
        log: Vec<Entry>,
        durable: usize,
        /// What was taken, and how much of it is durable: it shares the entries' batches.
        taken: Vec<u64>,
        taken_durable: usize,
        sent: Vec<u64>,
        sent_durable: usize,
        flying: VecDeque<Vec<u8>>,
    }

    struct World {
        survives: Survives,
        /// A twin whose inbox is not durable.
        forgets: bool,
        ends: [End; 2],
        next: u64,
    }

    impl World {
        fn new(survives: Survives) -> Self {
            let end = || End {
                ledger: Ledger::restore(survives, 1, []),
                incarnation: 1,
                log: vec![],
                durable: 0,
                taken: vec![],
                taken_durable: 0,
                sent: vec![],
                sent_durable: 0,
                flying: VecDeque::new(),
            };
            Self { survives, forgets: false, ends: [end(), end()], next: 0 }
        }

        fn act(&mut self, action: Action) {
            match action {
                Action::Send(at) => {
                    let end = &mut self.ends[at];
                    end.log.extend(end.ledger.send(ENDS[1 - at], self.next.to_le_bytes().to_vec()));
                    end.sent.push(self.next);
                    self.next += 1;
                }
                Action::Sync(at) => {
                    let end = &mut self.ends[at];
                    (end.durable, end.taken_durable) = (end.log.len(), end.taken.len());
                    end.sent_durable = end.sent.len();
                    let packets = end.ledger.synced();
                    self.transmit(at, packets);
                }
                Action::Arrive(at) => self.arrive(at),
                Action::Lose(at) => _ = self.ends[at].flying.pop_front(),
                Action::Repeat(at) => {
                    let packets = self.ends[at].ledger.repeat(ENDS[1 - at]);
                    self.transmit(at, packets);
                }
                Action::Crash(at) => self.crash(at),
                Action::Snapshot(at) => {
                    self.act(Action::Sync(at));
                    let end = &mut self.ends[at];
                    end.log = end.ledger.snapshot();
                    end.durable = end.log.len();
                }
            }
        }

        fn transmit(&mut self, from: usize, packets: Packets) {
            for (to, packet) in packets {
                assert_eq!(to, ENDS[1 - from]);
                self.ends[1 - from].flying.push_back(packet);
            }
        }

        fn arrive(&mut self, at: usize) {
            let end = &mut self.ends[at];
            let Some(packet) = end.flying.pop_front() else { return };
            match Packet::parse(&packet).unwrap() {
                Packet::Taken { outbox, number } => {
                    let entry = end.ledger.settle(ENDS[1 - at], outbox, number);
                    end.log.extend(entry);
                }
                Packet::Message { outbox, number, payload } => {
                    let Some(entry) = end.ledger.take(ENDS[1 - at], outbox, number) else { return };
                    // the twin writes down nothing of what it takes
                    end.log.extend(Some(entry).filter(|_| !self.forgets));
                    end.taken.push(u64::from_le_bytes(payload.try_into().unwrap()));
                }
            }
        }

        fn crash(&mut self, at: usize) {
            let end = &mut self.ends[at];
            end.log.truncate(end.durable);
            end.taken.truncate(end.taken_durable);
            end.incarnation += 1;
            end.ledger = Ledger::restore(self.survives, end.incarnation, end.log.iter().cloned());
            if self.survives == Survives::Outbox {
                end.sent.truncate(end.sent_durable);
            } else {
                // What it has sent may be lost with it: nothing is promised any more.
                end.sent.clear();
            }
            end.sent_durable = end.sent.len();
        }

        /// Nobody crashes any more, and nothing is lost.
        fn settle(&mut self) {
            for at in [0, 1, 0, 1] {
                self.act(Action::Sync(at));
                self.act(Action::Repeat(at));
                for to in [0, 1] {
                    while !self.ends[to].flying.is_empty() {
                        self.arrive(to);
                    }
                }
            }
        }
    }

    proptest! {
        #[test]
        fn what_must_arrive_arrives_once_whatever_crashes(
            actions in vec(action(), 0..150),
            survives in prop_oneof![Just(Survives::Inbox), Just(Survives::Outbox)],
        ) {
            prop_assert_eq!(judged(World::new(survives), actions), Ok(()));
        }
    }

    /// What is wrong after these actions, once nobody crashes any more.
    fn judged(mut world: World, actions: Vec<Action>) -> Result<(), String> {
        for action in actions {
            world.act(action);
        }
        world.settle();
        for at in [0, 1] {
            let taken = &world.ends[at].taken;
            if !taken.is_sorted_by(|a, b| a < b) {
                return Err(format!("twice, or out of order: {taken:?}"));
            }
            if let Some(lost) = world.ends[1 - at].sent.iter().find(|sent| !taken.contains(sent)) {
                return Err(format!("{lost} is lost"));
            }
            if world.ends[at].ledger.waiting_bytes_most() > 0 {
                return Err("something waits for ever".to_owned());
            }
        }
        Ok(())
    }

    #[test]
    fn a_twin_whose_inbox_is_not_durable_is_caught() {
        // taken and durable on both sides, acknowledged, but the acknowledgement is lost
        let actions = || {
            use Action::{Arrive, Crash, Lose, Repeat, Send, Sync};
            vec![Send(0), Sync(0), Arrive(1), Sync(1), Lose(0), Crash(1), Repeat(0), Arrive(1)]
        };
        for survives in [Survives::Inbox, Survives::Outbox] {
            assert_eq!(judged(World::new(survives), actions()), Ok(()));
            let twin = World { forgets: true, ..World::new(survives) };
            assert_eq!(judged(twin, actions()), Err("twice, or out of order: [0, 0]".to_owned()));
        }
    }

    #[test]
    fn no_more_is_on_its_way_than_a_window() {
        let (mut p, mut q) =
            (Ledger::restore(Survives::Inbox, 1, []), Ledger::restore(Survives::Inbox, 1, []));
        for number in 0..10_u8 {
            p.send(ENDS[1], vec![number; WINDOW / 2]);
        }
        let mut taken = 0;
        while p.waiting(ENDS[1]) > 0 {
            let packets = p.synced();
            assert_eq!((packets.len(), p.repeat(ENDS[1]).len()), (2, 2));
            for (_, packet) in packets {
                let Packet::Message { outbox, number, .. } = Packet::parse(&packet).unwrap() else {
                    panic!()
                };
                taken += u8::from(q.take(ENDS[0], outbox, number).is_some());
            }
            for (_, packet) in q.synced() {
                let Packet::Taken { outbox, number } = Packet::parse(&packet).unwrap() else { panic!() };
                p.settle(ENDS[1], outbox, number);
            }
        }
        assert_eq!((taken, p.unsettled().len(), p.waiting_bytes_most()), (10, 0, 0));
    }

    #[test]
    fn what_is_no_packet_is_rejected_and_a_number_beyond_the_sent_changes_nothing() {
        assert!(Packet::parse(&[9, 9]).is_err());
        let packet = encode(&Packet::Taken { outbox: 1, number: 1 });
        assert!(Packet::parse(&packet).is_ok());
        assert!(matches!(Packet::parse(&[&packet[..], &[0]].concat()), Err(Rejected::Malformed(_))));
        let mut ledger = Ledger::restore(Survives::Inbox, 1, []);
        ledger.send(ENDS[1], vec![1]);
        ledger.synced();
        ledger.settle(ENDS[1], 1, u64::MAX);
        assert_eq!((ledger.waiting_bytes_most(), ledger.to[&ENDS[1]].settled), (0, 1));
        // nor is it written down
        let mut ledger = Ledger::restore(Survives::Outbox, 1, []);
        ledger.send(ENDS[1], vec![1]);
        ledger.synced();
        let entry = ledger.settle(ENDS[1], 0, u64::MAX);
        assert!(matches!(entry, Some(Entry::Settled { number: 1, .. })), "{entry:?}");
    }
}
