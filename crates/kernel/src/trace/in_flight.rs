//! What a recorder keeps of the messages in flight: each copy with the step that sent it.

use crate::network::{InFlight, Keeping};
use crate::seat::SeatId;
use crate::trace::Cause;
use std::collections::VecDeque;

/// The messages in flight, each copy with the step that sent it.
#[derive(Clone, Debug)]
pub(super) struct NamedNetwork<M> {
    keeping: Keeping,
    /// By receiver: the links that lead there, in the order of senders. One that carried something stays, to be filled again.
    links: Vec<Vec<Link<M>>>,
    /// On all links together: how many distinct messages may arrive next.
    arrivable: u64,
}

/// The messages in flight from one seat to another.
#[derive(Clone, Debug)]
struct Link<M> {
    from: SeatId,
    /// In ascending order, the same ones oldest first; of a queue, the oldest first.
    copies: VecDeque<(M, Cause)>,
    /// How many distinct messages may arrive next.
    arrivable: u64,
}

impl<M: Ord + Clone> Link<M> {
    /// Where the oldest copy of a message is, or would be; of a queue, its head.
    fn place(&self, keeping: Keeping, message: &M) -> (usize, bool) {
        let place = match keeping {
            Keeping::Queues => 0,
            Keeping::Bag | Keeping::Set => self.copies.partition_point(|(other, _)| other < message),
        };
        (place, self.copies.get(place).is_some_and(|(other, _)| other == message))
    }

    fn put(&mut self, keeping: Keeping, message: M, cause: Cause) {
        if keeping == Keeping::Queues {
            self.arrivable = 1;
            return self.copies.push_back((message, cause));
        }
        let behind = self.copies.partition_point(|(other, _)| *other <= message);
        let is_there = behind.checked_sub(1).is_some_and(|last| self.copies[last].0 == message);
        if is_there && keeping == Keeping::Set {
            return;
        }
        self.arrivable += u64::from(!is_there);
        self.copies.insert(behind, (message, cause));
    }

    /// The oldest copy leaves.
    fn take(&mut self, keeping: Keeping, message: &M) -> Option<Cause> {
        let (place, is_there) = self.place(keeping, message);
        if !is_there {
            return None;
        }
        let (_, cause) = self.copies.remove(place)?;
        if keeping == Keeping::Queues {
            self.arrivable = u64::from(!self.copies.is_empty());
        } else if self.copies.get(place).is_none_or(|(next, _)| next != message) {
            self.arrivable -= 1;
        }
        Some(cause)
    }

    /// What was taken last is where it was: the oldest copy.
    fn put_back(&mut self, keeping: Keeping, message: M, cause: Cause) {
        let (place, is_there) = self.place(keeping, &message);
        if keeping == Keeping::Queues {
            self.arrivable = 1;
        } else if !is_there {
            self.arrivable += 1;
        }
        self.copies.insert(place, (message, cause));
    }
}

impl<M: Ord + Clone> NamedNetwork<M> {
    pub(super) fn new(keeping: Keeping, seats: usize) -> Self {
        Self { keeping, links: vec![Vec::new(); seats], arrivable: 0 }
    }

    /// What a change makes of a link, which is there from then on.
    fn change<T>(&mut self, from: SeatId, to: SeatId, change: impl FnOnce(&mut Link<M>, Keeping) -> T) -> T {
        let links = &mut self.links[to.index()];
        let at = links.binary_search_by_key(&from, |link| link.from).unwrap_or_else(|at| {
            links.insert(at, Link { from, copies: VecDeque::new(), arrivable: 0 });
            at
        });
        let link = &mut links[at];
        self.arrivable -= link.arrivable;
        let made = change(link, self.keeping);
        self.arrivable += link.arrivable;
        made
    }

    pub(super) fn put(&mut self, from: SeatId, to: SeatId, message: M, cause: Cause) {
        self.change(from, to, |link, keeping| link.put(keeping, message, cause));
    }

    /// The oldest copy leaves.
    pub(super) fn take(&mut self, from: SeatId, to: SeatId, message: &M) -> Option<Cause> {
        self.change(from, to, |link, keeping| link.take(keeping, message))
    }

    /// What was taken last is where it was: the oldest copy.
    pub(super) fn put_back(&mut self, from: SeatId, to: SeatId, message: M, cause: Cause) {
        self.change(from, to, |link, keeping| link.put_back(keeping, message, cause));
    }

    pub(super) fn discard_to(&mut self, seat: SeatId) {
        let discarded = std::mem::take(&mut self.links[seat.index()]);
        self.arrivable -= discarded.iter().map(|link| link.arrivable).sum::<u64>();
    }

    /// All copies, in the order in which they were sent.
    pub(super) fn by_age(&self) -> Vec<(SeatId, SeatId, M)> {
        let mut all = Vec::new();
        for (to, links) in self.links.iter().enumerate() {
            for link in links {
                let copies = link.copies.iter();
                all.extend(copies.map(|(message, cause)| (*cause, link.from, SeatId(to as u32), message)));
            }
        }
        all.sort_by_key(|&(cause, from, to, _)| (cause, to, from));
        all.into_iter().map(|(_, from, to, message)| (from, to, message.clone())).collect()
    }

    /// How many distinct messages may arrive next.
    pub(super) fn arrivable(&self) -> u64 {
        self.arrivable
    }

    /// By link: how many distinct messages may arrive next.
    pub(super) fn links(&self) -> impl Iterator<Item = (SeatId, SeatId, u64)> {
        let to = |(to, links)| (SeatId(to as u32), links);
        let all = self.links.iter().enumerate().map(to);
        all.flat_map(|(to, links): (_, &Vec<Link<M>>)| {
            links.iter().filter(|link| link.arrivable > 0).map(move |link| (link.from, to, link.arrivable))
        })
    }

    /// What sent the oldest copy of a message, if it may arrive next.
    pub(super) fn next(&self, from: SeatId, to: SeatId, message: &M) -> Option<Cause> {
        let links = self.links.get(to.index())?;
        let link = &links[links.binary_search_by_key(&from, |link| link.from).ok()?];
        let (place, is_there) = link.place(self.keeping, message);
        is_there.then(|| link.copies[place].1)
    }
}

impl<M: Ord + Clone> InFlight<M> for NamedNetwork<M> {
    fn each(&self, mut each: impl FnMut(SeatId, SeatId, &M)) {
        for (to, links) in self.links.iter().enumerate() {
            for link in links {
                let mut last = None;
                for (message, _) in link.copies.iter().take(self.at_most()) {
                    if last != Some(message) {
                        each(link.from, SeatId(to as u32), message);
                    }
                    last = Some(message);
                }
            }
        }
    }
}

impl<M> NamedNetwork<M> {
    /// Of a queue the oldest alone may arrive.
    fn at_most(&self) -> usize {
        if self.keeping == Keeping::Queues { 1 } else { usize::MAX }
    }
}
