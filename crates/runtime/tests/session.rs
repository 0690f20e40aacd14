//! Sessions under every order of breaking, restarting, and late arrival that a random walk finds.

use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use synod_runtime::session::{Arrival, Incoming, Outgoing, SessionError};

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
    ]
}

/// What flies on one connection, from one incarnation to one incarnation.
struct Wire {
    sender: u64,
    receiver: u64,
    flying: VecDeque<(u64, u32)>,
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
}

impl World {
    fn new() -> Self {
        Self { sender: 1, receiver: 1, ..Self::default() }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Send => {
                self.outgoing.send(self.next.to_le_bytes().to_vec());
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
                (self.outgoing, self.connected) = (Outgoing::default(), false);
                self.sender += 1;
            }
            Action::RestartReceiver => {
                (self.incoming, self.connected) = (Incoming::default(), false);
                self.receiver += 1;
                // a connection is to an OS process: nothing on it reaches the next one
                self.wires.clear();
            }
            _ => {}
        }
    }

    fn connect(&mut self) {
        let received = self.incoming.hello(self.sender).unwrap();
        self.outgoing.welcome(self.receiver, received).unwrap();
        let wire = Wire { sender: self.sender, receiver: self.receiver, flying: VecDeque::new() };
        self.wires.push(wire);
        self.connected = true;
    }

    fn write(&mut self) {
        let Some((sequence, payload)) = self.outgoing.write() else { return };
        let payload = u32::from_le_bytes(payload.try_into().unwrap());
        self.sent.get_mut(&payload).unwrap().1.get_or_insert(self.receiver);
        self.wires.last_mut().unwrap().flying.push_back((sequence, payload));
    }

    fn arrive(&mut self, which: usize) {
        let wire = &mut self.wires[which];
        assert_eq!(wire.receiver, self.receiver);
        let Some((sequence, payload)) = wire.flying.pop_front() else { return };
        match self.incoming.arrive(wire.sender, sequence) {
            Ok(Arrival::Deliver) => self.delivered.push(payload),
            Ok(Arrival::Duplicate) => {}
            Err(SessionError::Fenced { incarnation, latest }) => assert!(incarnation < latest),
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
        assert_eq!(self.outgoing.unacknowledged(), 0);
    }
}

proptest! {
    #[test]
    fn nothing_is_lost_or_doubled_between_two_incarnations(actions in vec(action(), 0..200)) {
        let mut world = World::new();
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
            prop_assert!(in_flight_at_a_crash || once.contains(payload), "{payload} is lost between live ends");
        }
    }
}

#[test]
fn what_was_written_to_an_old_incarnation_is_lost_and_what_was_not_goes_to_the_new_one() {
    let mut outgoing = Outgoing::default();
    outgoing.welcome(4, 0).unwrap();
    for payload in [b"a", b"b", b"c"] {
        outgoing.send(payload.to_vec());
    }
    assert_eq!(outgoing.write(), Some((1, &b"a"[..])));
    assert_eq!(outgoing.write(), Some((2, &b"b"[..])));
    outgoing.acknowledge(1).unwrap();
    assert_eq!(outgoing.welcome(5, 0), Ok(1), "b is lost");
    assert_eq!(outgoing.write(), Some((1, &b"c"[..])));
}

#[test]
fn an_incarnation_that_is_over_is_fenced_at_both_ends() {
    let mut outgoing = Outgoing::default();
    outgoing.welcome(4, 0).unwrap();
    assert_eq!(outgoing.welcome(3, 0), Err(SessionError::Fenced { incarnation: 3, latest: 4 }));
    let mut incoming = Incoming::default();
    incoming.hello(7).unwrap();
    incoming.arrive(7, 1).unwrap();
    incoming.hello(8).unwrap();
    assert_eq!(incoming.arrive(7, 2), Err(SessionError::Fenced { incarnation: 7, latest: 8 }));
    assert_eq!(incoming.hello(7), Err(SessionError::Fenced { incarnation: 7, latest: 8 }));
}

#[test]
fn a_peer_that_breaks_the_rules_is_an_error() {
    let mut incoming = Incoming::default();
    incoming.hello(1).unwrap();
    assert_eq!(incoming.arrive(1, 2), Err(SessionError::Gap { sequence: 2, expected: 1 }));
    let mut outgoing = Outgoing::default();
    assert_eq!(outgoing.welcome(1, 3), Err(SessionError::Unwritten { sequence: 3, written: 0 }));
    assert!(outgoing.acknowledge(u64::MAX).is_err());
}
