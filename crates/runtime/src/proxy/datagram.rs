//! Datagrams under way.

use super::engine::Chance;
use super::{State, Way};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::UdpSocket;
use std::time::Instant;

/// The longest datagram there is.
const LENGTH_MAX: usize = 65_535;
/// How many are late at once at most; those beyond are lost, as in a network whose queues are full.
const WAITING_MAX: usize = 65_536;
/// How many are taken from one socket before the others have their turn.
const TURN: usize = 64;

/// One that is late.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    due: Instant,
    /// In the order of arrival, where two are due at once.
    number: u64,
    way: Way,
    bytes: Vec<u8>,
}

/// The sockets of all pairs.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) sockets: BTreeMap<Way, UdpSocket>,
    waiting: BinaryHeap<Reverse<Waiting>>,
    arrived: u64,
    buffer: Vec<u8>,
}

impl Wire {
    pub(super) fn new(sockets: BTreeMap<Way, UdpSocket>) -> Self {
        Self { sockets, waiting: BinaryHeap::new(), arrived: 0, buffer: vec![0; LENGTH_MAX] }
    }

    /// When the next one is due.
    pub(super) fn due(&self) -> Option<Instant> {
        self.waiting.peek().map(|Reverse(waiting)| waiting.due)
    }

    /// Takes what has come to a socket.
    pub(super) fn receive(&mut self, way: Way, now: Instant, state: &mut State, chance: &mut Chance) {
        for _ in 0..TURN {
            let received = match self.sockets[&way].recv_from(&mut self.buffer) {
                Ok((length, _)) => length,
                // that nobody listened where one went is told to the next call
                Err(e) if e.kind() == std::io::ErrorKind::ConnectionRefused => continue,
                Err(_) => return,
            };
            let bytes = self.buffer[..received].to_vec();
            self.take(way, bytes, now, state, chance);
        }
    }

    fn take(&mut self, way: Way, bytes: Vec<u8>, now: Instant, state: &mut State, chance: &mut Chance) {
        let rule = state.rule(way);
        let passed = state.passed(way);
        if rule.held {
            passed.met_cut += 1;
        }
        if rule.held || chance.strikes(rule.loss) {
            passed.lost += 1;
            return;
        }
        if chance.strikes(rule.duplication) {
            passed.duplicated += 1;
            self.send_at(now + chance.late(&rule), way, bytes.clone(), now, state);
        }
        self.send_at(now + chance.late(&rule), way, bytes, now, state);
    }

    fn send_at(&mut self, due: Instant, way: Way, bytes: Vec<u8>, now: Instant, state: &mut State) {
        if due <= now {
            return self.send(way, &bytes, state);
        }
        if self.waiting.len() >= WAITING_MAX {
            state.passed(way).lost += 1;
            return;
        }
        self.arrived += 1;
        self.waiting.push(Reverse(Waiting { due, number: self.arrived, way, bytes }));
    }

    /// Lets those go that are due.
    pub(super) fn advance(&mut self, now: Instant, state: &mut State) {
        while self.due().is_some_and(|due| due <= now)
            && let Some(Reverse(Waiting { way, bytes, .. })) = self.waiting.pop()
        {
            // cut while it was under way
            if state.rule(way).held {
                let passed = state.passed(way);
                (passed.met_cut, passed.lost) = (passed.met_cut + 1, passed.lost + 1);
            } else {
                self.send(way, &bytes, state);
            }
        }
    }

    /// To where the receiver listens, from the port that it believes to be the sender.
    fn send(&self, way @ (from, to): Way, bytes: &[u8], state: &mut State) {
        let sent = match (self.sockets.get(&(to, from)), state.targets.get(&to)) {
            (Some(socket), Some(target)) => socket.send_to(bytes, target).is_ok(),
            _ => false,
        };
        let passed = state.passed(way);
        if sent {
            passed.datagrams += 1;
        } else {
            passed.lost += 1;
        }
    }
}
