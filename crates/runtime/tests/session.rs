//! Sessions under every order of breaking, restarting, and late arrival that a random walk finds.

use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use synod_runtime::frame::Batch;
use synod_runtime::session::{Epoch, Incoming, Instance, Lost, Outgoing, SessionError};

#[derive(Clone, Copy, Debug)]
enum Action {
    Send,
    Connect,
    Write,
    /// The oldest payload in flight on some connection, also on one that is broken for its sender, arrives.
    Arrive(prop::sample::Index),
    Acknowledge,
    Break,
    RestartSender,
    RestartReceiver,
    /// Too much waits.
    Close,
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        6 => Just(Action::Send),
        3 => Just(Action::Connect),
        8 => Just(Action::Write),
        8 => any::<prop::sample::Index>().prop_map(Action::Arrive),
        3 => Just(Action::Acknowledge),
        2 => Just(Action::Break),
        1 => Just(Action::RestartSender),
        1 => Just(Action::RestartReceiver),
        1 => Just(Action::Close),
    ]
}

/// What flies on one connection, from one incarnation to one incarnation.
struct Wire {
    sender: Epoch,
    receiver: u64,
    /// Batches: the first sequence number, and the payloads.
    flying: VecDeque<(u64, Vec<u32>)>,
}

#[derive(Default)]
struct World {
    outgoing: Outgoing,
    sender: u64,
    incoming: Incoming,
    receiver: u64,
    wires: Vec<Wire>,
    connected: bool,
    next: u32,
    /// By payload: the sender's incarnation, and the receiver's that it was first written to.
    sent: BTreeMap<u32, (u64, Option<u64>)>,
    delivered: Vec<u32>,
    forsaken: BTreeSet<u32>,
    /// The latest session that the receiver has heard of.
    heard: Epoch,
    batch_length: usize,
}

fn instance(incarnation: u64) -> Instance {
    Instance { incarnation, token: 100 + incarnation }
}

/// The sequence number of the first payload in a frame, and all payloads.
fn read(frame: &[u8]) -> (u64, Vec<u32>) {
    let batch = Batch::parse(&frame[8..]).unwrap();
    (
        batch.sequence,
        batch.payloads().map(|payload| u32::from_le_bytes(payload.try_into().unwrap())).collect(),
    )
}

impl World {
    fn new(batch_length: usize) -> Self {
        let outgoing = Outgoing::new(batch_length);
        Self { sender: 1, receiver: 1, outgoing, batch_length, ..Self::default() }
    }

    fn epoch(&self) -> Epoch {
        Epoch { incarnation: self.sender, session: self.outgoing.closed() }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Send => {
                self.outgoing.send(&self.next.to_le_bytes());
                self.sent.insert(self.next, (self.sender, None));
                self.next += 1;
            }
            Action::Connect if !self.connected => self.connect(),
            Action::Write if self.connected => self.write(),
            Action::Arrive(which) if !self.wires.is_empty() => self.arrive(which.index(self.wires.len())),
            Action::Acknowledge if self.connected => {
                self.outgoing.acknowledge(self.incoming.received()).unwrap();
            }
            Action::Break => self.connected = false,
            Action::RestartSender => {
                (self.outgoing, self.connected) = (Outgoing::new(self.batch_length), false);
                self.sender += 1;
            }
            Action::RestartReceiver => {
                (self.incoming, self.connected) = (Incoming::default(), false);
                self.receiver += 1;
                // a connection is to an OS process: nothing on it reaches the next one
                self.wires.clear();
            }
            Action::Close => {
                let delivered: BTreeSet<_> = self.delivered.iter().copied().collect();
                let mine = self.sent.iter().filter(|(_, (sender, _))| *sender == self.sender);
                self.forsaken.extend(mine.map(|(&payload, _)| payload).filter(|p| !delivered.contains(p)));
                self.outgoing.close();
                self.connected = false;
            }
            _ => {}
        }
    }

    fn connect(&mut self) {
        let received = self.incoming.hello(self.epoch(), instance(self.sender).token).unwrap();
        self.heard = self.epoch();
        self.outgoing.welcome(instance(self.receiver), received).unwrap();
        let wire = Wire { sender: self.epoch(), receiver: self.receiver, flying: VecDeque::new() };
        self.wires.push(wire);
        self.connected = true;
    }

    fn write(&mut self) {
        let Some((sequence, frame)) = self.outgoing.write() else { return };
        let (first, payloads) = read(frame);
        assert_eq!(first, sequence);
        for payload in &payloads {
            self.sent.get_mut(payload).unwrap().1.get_or_insert(self.receiver);
        }
        self.wires.last_mut().unwrap().flying.push_back((sequence, payloads));
    }

    fn arrive(&mut self, which: usize) {
        let wire = &mut self.wires[which];
        assert_eq!(wire.receiver, self.receiver);
        let Some((sequence, payloads)) = wire.flying.pop_front() else { return };
        match self.incoming.arrive(wire.sender, sequence, payloads.len() as u64) {
            Ok(known) => self.delivered.extend(&payloads[known as usize..]),
            Err(SessionError::Fenced { incarnation, latest }) => assert!(incarnation < latest),
            Err(SessionError::Closed { .. }) => assert!(wire.sender < self.heard, "closed by nobody"),
            Err(other) => panic!("{other}"),
        }
    }

    /// Both ends stay up from here on.
    fn settle(&mut self) {
        if !self.connected {
            self.connect();
        }
        while self.outgoing.has_unwritten() {
            self.write();
        }
        for which in 0..self.wires.len() {
            while !self.wires[which].flying.is_empty() {
                self.arrive(which);
            }
        }
        self.outgoing.acknowledge(self.incoming.received()).unwrap();
        assert_eq!((self.outgoing.unacknowledged(), self.outgoing.bytes()), (0, 0));
    }
}

proptest! {
    #[test]
    fn nothing_is_lost_or_doubled_between_two_incarnations(
        actions in vec(action(), 0..200),
        batch_length in prop_oneof![Just(0), 17usize..60],
    ) {
        let mut world = World::new(batch_length);
        for action in actions {
            world.act(action);
        }
        world.settle();
        let once: BTreeSet<_> = world.delivered.iter().collect();
        prop_assert_eq!(once.len(), world.delivered.len(), "delivered twice");
        prop_assert!(world.delivered.is_sorted(), "out of order within TCP sessions");
        for (payload, (sender, written_to)) in &world.sent {
            let in_flight_at_a_crash =
                *sender < world.sender || written_to.is_some_and(|receiver| receiver < world.receiver);
            if world.forsaken.contains(payload) {
                continue;
            }
            prop_assert!(in_flight_at_a_crash || once.contains(payload), "{payload} is lost between live ends");
        }
    }
}

fn payload_of(written: Option<(u64, &[u8])>) -> Option<(u64, Vec<u32>)> {
    written.map(|(_, frame)| read(frame))
}

#[test]
fn what_was_written_to_an_old_incarnation_is_lost_and_what_was_not_goes_to_the_new_one() {
    let mut outgoing = Outgoing::new(0);
    outgoing.welcome(instance(4), 0).unwrap();
    for payload in 1..=3_u32 {
        outgoing.send(&payload.to_le_bytes());
    }
    assert_eq!(payload_of(outgoing.write()), Some((1, vec![1])));
    assert_eq!(payload_of(outgoing.write()), Some((2, vec![2])));
    outgoing.acknowledge(1).unwrap();
    assert_eq!(outgoing.welcome(instance(5), 0), Ok(Lost { in_flight: 1, outside_model: 0 }));
    assert_eq!(payload_of(outgoing.write()), Some((1, vec![3])));
}

/// A batch that no frame carries would be refused by the receiver, for ever.
#[test]
fn a_batch_never_grows_beyond_a_frame() {
    let (longest, some) = (vec![7; synod_runtime::link::PAYLOAD_LENGTH_MAX], [1; 4096]);
    let mut outgoing = Outgoing::new(64 << 10);
    outgoing.welcome(instance(1), 0).unwrap();
    for payload in [some.as_slice(), &longest, &some] {
        outgoing.send(payload);
    }
    let mut written = vec![];
    while let Some((sequence, frame)) = outgoing.write() {
        assert!(frame.len() <= synod_runtime::frame::PAYLOAD_LENGTH_MAX + 64, "{}", frame.len());
        written.push(sequence);
    }
    assert_eq!(written, [1, 2, 3]);
}

#[test]
fn what_is_forsaken_is_outside_of_the_model_unless_the_receiver_had_crashed() {
    for (returns_as, lost) in
        [(4, Lost { in_flight: 0, outside_model: 2 }), (5, Lost { in_flight: 2, outside_model: 0 })]
    {
        let mut outgoing = Outgoing::default();
        outgoing.welcome(instance(4), 0).unwrap();
        outgoing.send(b"abcd");
        outgoing.send(b"efgh");
        assert_eq!((outgoing.close(), outgoing.forsaken()), (2, 2));
        assert_eq!((outgoing.bytes(), outgoing.unacknowledged(), outgoing.closed()), (0, 0, 1));
        assert_eq!(outgoing.welcome(instance(returns_as), 0), Ok(lost));
        assert_eq!(outgoing.forsaken(), 0);
    }
}

#[test]
fn a_batch_is_written_again_as_it_was_and_its_known_part_is_skipped() {
    let mut outgoing = Outgoing::default();
    outgoing.welcome(instance(1), 0).unwrap();
    for payload in 1..=3_u32 {
        outgoing.send(&payload.to_le_bytes());
    }
    assert_eq!(payload_of(outgoing.write()), Some((1, vec![1, 2, 3])));
    outgoing.send(&4_u32.to_le_bytes());
    outgoing.welcome(instance(1), 2).unwrap();
    assert_eq!(payload_of(outgoing.write()), Some((1, vec![1, 2, 3])));
    assert_eq!(payload_of(outgoing.write()), Some((4, vec![4])));
    let mut incoming = Incoming::default();
    let epoch = Epoch { incarnation: 1, session: 0 };
    incoming.hello(epoch, 7).unwrap();
    assert_eq!(incoming.arrive(epoch, 1, 2), Ok(0));
    assert_eq!(incoming.arrive(epoch, 1, 3), Ok(2));
    assert_eq!(incoming.received(), 3);
}

#[test]
fn an_incarnation_that_is_over_is_fenced_at_both_ends() {
    let mut outgoing = Outgoing::default();
    outgoing.welcome(instance(4), 0).unwrap();
    let fenced = SessionError::Fenced { incarnation: 3, latest: 4 };
    assert_eq!(outgoing.welcome(instance(3), 0), Err(fenced));
    let mut incoming = Incoming::default();
    let epoch = |incarnation| Epoch { incarnation, session: 0 };
    incoming.hello(epoch(7), 1).unwrap();
    incoming.arrive(epoch(7), 1, 1).unwrap();
    incoming.hello(epoch(8), 2).unwrap();
    let fenced = SessionError::Fenced { incarnation: 7, latest: 8 };
    assert_eq!(incoming.arrive(epoch(7), 2, 1), Err(fenced));
    assert_eq!(incoming.hello(epoch(7), 1), Err(fenced));
}

#[test]
fn two_nodes_with_one_identity_are_told_apart_at_both_ends() {
    let mut incoming = Incoming::default();
    let epoch = Epoch { incarnation: 2, session: 0 };
    incoming.hello(epoch, 1).unwrap();
    assert_eq!(incoming.hello(epoch, 9), Err(SessionError::Twice { incarnation: 2 }));
    assert_eq!(incoming.hello(epoch, 1), Ok(0), "the first one goes on");
    let mut outgoing = Outgoing::default();
    outgoing.welcome(Instance { incarnation: 2, token: 1 }, 0).unwrap();
    let twice = outgoing.welcome(Instance { incarnation: 2, token: 9 }, 0);
    assert_eq!(twice, Err(SessionError::Twice { incarnation: 2 }));
}

#[test]
fn a_peer_that_breaks_the_rules_is_an_error() {
    let mut incoming = Incoming::default();
    let epoch = |session| Epoch { incarnation: 1, session };
    incoming.hello(epoch(1), 1).unwrap();
    assert_eq!(incoming.arrive(epoch(1), 2, 1), Err(SessionError::Gap { sequence: 2, expected: 1 }));
    let closed = SessionError::Closed { incarnation: 1, session: 0 };
    assert_eq!(incoming.arrive(epoch(0), 1, 1), Err(closed));
    assert!(incoming.arrive(epoch(2), 1, 1).is_err(), "no hello began that session");
    let mut outgoing = Outgoing::default();
    assert_eq!(outgoing.welcome(instance(1), 3), Err(SessionError::Unwritten { sequence: 3, written: 0 }));
    assert!(outgoing.acknowledge(u64::MAX).is_err());
}
