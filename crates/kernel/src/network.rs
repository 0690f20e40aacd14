//! Messages in flight, as values: a bag, or a set.

use crate::seat::SeatId;

/// What is in flight, for the rules that say what may happen to it.
pub trait InFlight<M> {
    /// Calls `each` with every distinct message in flight, in ascending order.
    fn each(&self, each: impl FnMut(SeatId, SeatId, &M));
}

/// A message on its way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Envelope<M> {
    /// Where it goes.
    pub to: SeatId,
    /// Where it comes from.
    pub from: SeatId,
    /// What it says.
    pub message: M,
}

/// A bag of messages, or a set of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network<M> {
    as_set: bool,
    /// In ascending order.
    in_flight: Vec<Envelope<M>>,
}

impl<M: Ord> Network<M> {
    /// Nothing in flight. As a set, sending a message that is in flight changes nothing.
    pub fn new(as_set: bool) -> Self {
        Self { as_set, in_flight: Vec::new() }
    }

    /// Puts a message in flight.
    pub fn send(&mut self, from: SeatId, to: SeatId, message: M) {
        let envelope = Envelope { to, from, message };
        match self.in_flight.binary_search(&envelope) {
            Ok(_) if self.as_set => {}
            Ok(place) | Err(place) => self.in_flight.insert(place, envelope),
        }
    }

    /// Takes one copy of a message out of flight.
    ///
    /// # Panics
    /// If it is not in flight.
    pub fn take(&mut self, from: SeatId, to: SeatId, message: &M) {
        let place = self
            .in_flight
            .binary_search_by(|e| (e.to, e.from, &e.message).cmp(&(to, from, message)))
            .unwrap_or_else(|_| panic!("what is delivered or lost is in flight"));
        self.in_flight.remove(place);
    }

    /// Nothing arrives at `seat` any more.
    pub fn discard_to(&mut self, seat: SeatId) {
        self.in_flight.retain(|e| e.to != seat);
    }

    /// Every copy in flight, in ascending order.
    pub fn copies(&self) -> impl Iterator<Item = &Envelope<M>> {
        self.in_flight.iter()
    }

    /// How many messages are in flight.
    pub fn len(&self) -> usize {
        self.in_flight.len()
    }

    /// Whether none is in flight.
    pub fn is_empty(&self) -> bool {
        self.in_flight.is_empty()
    }
}

impl<M: Ord> InFlight<M> for Network<M> {
    fn each(&self, mut each: impl FnMut(SeatId, SeatId, &M)) {
        for same in self.in_flight.chunk_by(|a, b| a == b) {
            each(same[0].from, same[0].to, &same[0].message);
        }
    }
}
