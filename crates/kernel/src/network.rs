//! Messages in flight, as values: a bag, a set, or a queue on each link.

use crate::environment::Links;
use crate::seat::SeatId;

/// What is in flight, for the rules that say what may happen to it.
pub trait InFlight<M> {
    /// Calls `each` with every distinct message in flight that may arrive next, in ascending order.
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

/// How messages in flight are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Keeping {
    /// Every copy, in no order.
    Bag,
    /// One of each: sending one that is in flight changes nothing.
    Set,
    /// A queue on each link: only the oldest may arrive, or be lost (FIFO links).
    Queues,
}

impl Keeping {
    /// How links of an environment keep what is in flight.
    pub fn of(links: &Links) -> Self {
        match (links.kind.fifo, links.as_set) {
            (true, _) => Self::Queues,
            (false, true) => Self::Set,
            (false, false) => Self::Bag,
        }
    }
}

/// The messages in flight.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network<M> {
    keeping: Keeping,
    /// By receiver and sender; then in ascending order, or the oldest first.
    in_flight: Vec<Envelope<M>>,
}

impl<M: Ord> Network<M> {
    /// Nothing in flight.
    pub fn new(keeping: Keeping) -> Self {
        Self { keeping, in_flight: Vec::new() }
    }

    /// Puts a message in flight.
    pub fn send(&mut self, from: SeatId, to: SeatId, message: M) {
        let envelope = Envelope { to, from, message };
        if self.keeping == Keeping::Queues {
            let behind = self.in_flight.partition_point(|e| (e.to, e.from) <= (to, from));
            return self.in_flight.insert(behind, envelope);
        }
        match self.in_flight.binary_search(&envelope) {
            Ok(_) if self.keeping == Keeping::Set => {}
            Ok(place) | Err(place) => self.in_flight.insert(place, envelope),
        }
    }

    /// Takes one copy of a message out of flight; of a queue the oldest message.
    ///
    /// # Panics
    /// If it is not in flight, or not the oldest of its queue.
    pub fn take(&mut self, from: SeatId, to: SeatId, message: &M) {
        let place = if self.keeping == Keeping::Queues {
            let oldest = self.in_flight.partition_point(|e| (e.to, e.from) < (to, from));
            let is_it = |e: &Envelope<M>| (e.to, e.from, &e.message) == (to, from, message);
            self.in_flight.get(oldest).is_some_and(is_it).then_some(oldest)
        } else {
            let find = |e: &Envelope<M>| (e.to, e.from, &e.message).cmp(&(to, from, message));
            self.in_flight.binary_search_by(find).ok()
        };
        self.in_flight.remove(place.expect("what is delivered or lost is in flight"));
    }

    /// Puts what was taken last back where it was: of a queue it is the oldest again.
    pub fn put_back(&mut self, from: SeatId, to: SeatId, message: M) {
        if self.keeping != Keeping::Queues {
            return self.send(from, to, message);
        }
        let oldest = self.in_flight.partition_point(|e| (e.to, e.from) < (to, from));
        self.in_flight.insert(oldest, Envelope { to, from, message });
    }

    /// Nothing arrives at `seat` any more.
    pub fn discard_to(&mut self, seat: SeatId) {
        self.in_flight.retain(|e| e.to != seat);
    }

    /// Changes every message in flight; afterwards they are in order again.
    pub fn rewrite(&mut self, mut each: impl FnMut(&mut M)) {
        self.in_flight.iter_mut().for_each(|envelope| each(&mut envelope.message));
        if self.keeping != Keeping::Queues {
            self.in_flight.sort_unstable();
        }
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
        let queues = self.keeping == Keeping::Queues;
        let same =
            |a: &Envelope<M>, b: &Envelope<M>| if queues { (a.to, a.from) == (b.to, b.from) } else { a == b };
        for same in self.in_flight.chunk_by(same) {
            each(same[0].from, same[0].to, &same[0].message);
        }
    }
}
