//! What is in flight, as numbers, and where the effects of a step land.

use super::tables::{Map, Tables};
use crate::fingerprint::{Print, placed, print_of};
use synod_kernel::network::InFlight;
use synod_kernel::{Ground, Observed, SeatId};
use synod_model::Process;

/// A message on its way: (to, from, message).
pub(super) type Envelope = (SeatId, SeatId, u32);

/// How many places of queues are known beforehand: most queues are short.
const PLACES: usize = 4;

/// Envelopes as numbers, with what is looked up of each.
#[derive(Default)]
pub(super) struct Envelopes {
    pub(super) values: Vec<Envelope>,
    pub(super) numbers: Map<Envelope, u32>,
    /// By number: the seats it goes to and comes from, and its place among those that go there.
    pub(super) ends: Vec<(u16, u16, u32)>,
    /// By number: its part in a fingerprint at each of the first places of its queue; the first if there are no queues.
    parts: Vec<[Print; PLACES]>,
    /// By seat: how many go there.
    pub(super) arriving: Vec<u32>,
}

impl Envelopes {
    /// The link that an envelope is on: where it goes, then where it comes from.
    #[inline]
    pub(super) fn link(&self, number: u32) -> (u16, u16) {
        let (to, from, _) = self.ends[number as usize];
        (to, from)
    }

    /// Its part in a fingerprint, at this place of its queue.
    #[inline]
    pub(super) fn part(&self, number: u32, place: usize) -> Print {
        let parts = &self.parts[number as usize];
        parts.get(place).copied().unwrap_or_else(|| placed(parts[0], place))
    }

    /// The number of an envelope, whose message has this fingerprint.
    pub(super) fn number(&mut self, envelope: Envelope, print: Print) -> u32 {
        if let Some(&number) = self.numbers.get(&envelope) {
            return number;
        }
        let number = self.values.len() as u32;
        let (to, from, _) = envelope;
        self.values.push(envelope);
        if self.arriving.len() <= to.index() {
            self.arriving.resize(to.index() + 1, 0);
        }
        let short = |seat: SeatId| u16::try_from(seat.0).expect("a world to explore has few seats");
        self.ends.push((short(to), short(from), self.arriving[to.index()]));
        self.arriving[to.index()] += 1;
        let first = print_of(&("in flight", to.0, from.0, print));
        self.parts.push(std::array::from_fn(|place| placed(first, place)));
        self.numbers.insert(envelope, number);
        number
    }
}

/// One message in flight, or none: all that an entry of the table is made from.
pub(super) struct Flying(pub(super) Option<Envelope>);

impl InFlight<u32> for Flying {
    fn each(&self, mut each: impl FnMut(SeatId, SeatId, &u32)) {
        if let Some((to, from, message)) = &self.0 {
            each(*from, *to, message);
        }
    }
}

/// Where the effects of one step go.
#[derive(Default)]
pub(super) struct Landing {
    pub(super) sent: Vec<Envelope>,
    pub(super) taken: Option<Envelope>,
    pub(super) observed: Vec<Observed<u32, u32>>,
    pub(super) discarded: Option<SeatId>,
}

impl<P: Process> Ground<Tables<'_, P>> for Landing {
    fn send(&mut self, from: SeatId, to: SeatId, message: u32) {
        self.sent.push((to, from, message));
    }

    fn take(&mut self, from: SeatId, to: SeatId, message: &u32) {
        self.taken = Some((to, from, *message));
    }

    fn put_back(&mut self, _: SeatId, _: SeatId, _: u32) {
        self.taken = None;
    }

    fn observe(&mut self, observed: Observed<u32, u32>) {
        self.observed.push(observed);
    }

    fn discard_to(&mut self, seat: SeatId) {
        self.discarded = Some(seat);
    }
}
