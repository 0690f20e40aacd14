//! Tabulation: a handler is a pure function of a seat and an event, and there are thousands of those where there are
//! millions of steps. Seats, messages, monitor states and the rest are interned; what the kernel's `step` does at a seat is
//! kept in a table; a state is a short vector of numbers, a step a few copies, its fingerprint a few additions.
//!
//! What may happen at a seat, and what comes of it, depends on the seat's state, on the rest of the world (budgets, cuts,
//! requests made) and on the event alone; for the loss of a message also on whether its sender is down. So the table's
//! key is these, and its entries are made by the kernel's `enabled` and `step`, never otherwise.

mod ahead;
mod change;
mod flight;
mod folded;
mod folding;
mod forgetting;
mod images;
mod made;
mod making;
mod reading;
mod tables;

use crate::fingerprint::{Print, print_of};
use crate::intern::{Interner, Tree};
use crate::partial_order::queues_alone;
use crate::report::{Control, Options, Progress};
use crate::search::{Found, search};
use crate::space::{Edge, Exact, HEAD, Missing, Space, Start, Words};
use crate::table::Table;
use ahead::Ahead;
#[cfg(test)]
pub(crate) use ahead::{Part, WITHOUT};
use change::{Bits, Called, Change, NONE, Told};
use flight::Envelopes;
pub(crate) use folded::Folded;
pub(crate) use folding::Folding;
use forgetting::Forgotten;
pub(crate) use images::candidates;
pub(crate) use made::Unfolding;
pub(crate) use making::tables;
use synod_kernel::{Keeping, Rest, SeatId, Setting, World};
use synod_model::Process;
use synod_properties::{Property, Violation};

/// Explores tabulated states, those that a symmetry makes equal as one.
pub(crate) fn explore_folded(
    space: Folded,
    start: Start<Words>,
    fill: &mut dyn FnMut(&mut Folded, &[u32]),
    options: &Options,
    progress: &mut dyn FnMut(&Progress) -> Control,
) -> Found<Folded> {
    search(space, start, fill, options, progress)
}

/// Explores tabulated states. This is the one place where the search is made for them, whatever the algorithm.
pub(crate) fn explore(
    space: Tabulated,
    start: Start<Words>,
    fill: &mut dyn FnMut(&mut Tabulated, &[u32]),
    options: &Options,
    progress: &mut dyn FnMut(&Progress) -> Control,
) -> Found<Tabulated> {
    search(space, start, fill, options, progress)
}

/// A move of the table, on a message in flight or on none, and the monitor after it.
#[derive(Clone, Copy)]
pub(crate) struct Taken {
    change: u32,
    monitor: u32,
}

/// States as vectors of numbers: the fingerprint, the seats, the rest, the monitor, then what is in flight in ascending
/// order. It knows numbers alone, so that there is one search for all algorithms; what they stand for is [`Maker`]'s.
pub(crate) struct Tabulated {
    properties: Vec<Property>,
    seats: usize,
    keeping: Keeping,
    /// Whether losing a message may depend on its sender's being down.
    may_crash: bool,
    /// By seat, where what comes next is a matter of queues alone: the other seats that may ever send to it.
    senders: Option<Vec<Vec<u16>>>,
    /// By state of a seat: whether messages that it sent may be lost.
    down: Vec<bool>,
    rests: Interner<Rest>,
    rest_parts: Vec<Print>,
    /// By monitor: its part of a fingerprint, and the goals that it has reached.
    monitor_parts: Vec<Print>,
    goals: Vec<u64>,
    /// By monitor: how far it is from what is looked for.
    distances: Vec<u64>,
    envelopes: Envelopes,
    told: Vec<Told>,
    changes: Vec<Change>,
    called: Vec<Called>,
    sent: Vec<u32>,
    failures: Vec<Violation>,
    /// A seat in a rest: (rest, seat, state) to its number.
    stances: Table,
    /// By state of a seat: the first stance that was made of it, and its rest.
    first_stance: Vec<(u32, u32)>,
    /// By stance: the moves that take no message, as a range of `changes`.
    own: Vec<(u32, u32)>,
    /// By stance: which messages nothing comes of.
    ignored: Bits,
    /// By (stance, envelope, whether its sender is down): the moves, as a range of `changes`.
    heard: Table,
    /// By rest: the moves that are no seat's; a range that is not known yet begins at `NONE`.
    global: Vec<(u32, u32)>,
    /// By (monitor, observations): the monitor after them, or from `BROKEN` on a failure.
    judged: Table,
    /// Bytes in use for what the numbers stand for.
    values: u64,
    /// The messages that are dead, where such are forgotten.
    forgotten: Option<Forgotten>,
    /// What is known for a reduction by partial order, where one is asked for.
    ahead: Option<Ahead>,
}

/// From here on, what the table of judgements holds is a failure.
const BROKEN: u32 = 1 << 31;

fn write_print(words: &mut [u32], print: Print) {
    for (at, word) in words[..HEAD].iter_mut().enumerate() {
        *word = (print >> (32 * at)) as u32;
    }
}

#[inline]
fn read_print(words: &[u32]) -> Print {
    let word = |at: usize| Print::from(words[at]) << (32 * at);
    word(0) | word(1) | word(2) | word(3)
}

impl Tabulated {
    fn new<P: Process>(setting: &Setting<P>, properties: Vec<Property>) -> Self {
        let failures = &setting.environment.failures;
        Self {
            properties,
            seats: setting.seating.len(),
            keeping: Keeping::of(&setting.environment.links),
            may_crash: failures.stops.any() || failures.restarts.any(),
            senders: senders(setting),
            down: Vec::new(),
            rests: Interner::new(),
            rest_parts: Vec::new(),
            monitor_parts: Vec::new(),
            goals: Vec::new(),
            distances: Vec::new(),
            envelopes: Envelopes::default(),
            told: Vec::new(),
            changes: Vec::new(),
            called: Vec::new(),
            sent: Vec::new(),
            failures: Vec::new(),
            stances: Table::new(),
            first_stance: Vec::new(),
            own: Vec::new(),
            ignored: Bits::default(),
            heard: Table::new(),
            global: Vec::new(),
            judged: Table::new(),
            values: 0,
            forgotten: None,
            ahead: None,
        }
    }

    fn rest(&mut self, rest: Rest) -> u32 {
        let (id, new) = self.rests.intern(rest);
        if new {
            self.rest_parts.push(print_of(&("rest", self.rests.print(id))));
            self.global.push((NONE, 0));
        }
        id
    }

    #[inline]
    fn stance_key(&self, rest: u32, seat: usize, state: u32) -> u64 {
        (u64::from(rest) * self.seats as u64 + seat as u64) << 32 | u64::from(state)
    }

    /// The number of a seat in this state, in this rest.
    #[inline]
    fn stance(&self, rest: u32, seat: usize, state: u32) -> Option<u32> {
        match self.first_stance.get(state as usize * self.seats + seat) {
            Some(&(stance, first)) if first == rest => Some(stance),
            _ => Some(self.stances.get(self.stance_key(rest, seat, state))?.0),
        }
    }

    /// Whether the sender of an envelope is down, and whether that may matter.
    #[inline]
    fn is_from_down(&self, from: u16, words: &[u32]) -> bool {
        self.may_crash && self.down[words[HEAD + from as usize] as usize]
    }

    #[inline]
    fn heard_key(stance: u32, envelope: u32, down: bool) -> u64 {
        u64::from(stance) << 32 | u64::from(envelope) << 1 | u64::from(down)
    }

    /// The moves on a message in flight, as a range of `changes`; none where it is ignored.
    #[inline]
    fn heard(&self, words: &[u32], rest: u32, envelope: u32) -> Result<(u32, u32), Missing> {
        let to = self.envelopes.ends[envelope as usize].0 as usize;
        let stance = self.stance(rest, to, words[HEAD + to]).ok_or(Missing)?;
        self.heard_at(words, stance, envelope)
    }

    /// The same, where the receiver's stance is known.
    #[inline]
    fn heard_at(&self, words: &[u32], stance: u32, envelope: u32) -> Result<(u32, u32), Missing> {
        let (_, from, place) = self.envelopes.ends[envelope as usize];
        let down = self.is_from_down(from, words);
        if self.ignored.has(stance, place << 1 | u32::from(down)) {
            return Ok((0, 0));
        }
        self.heard.get(Self::heard_key(stance, envelope, down)).ok_or(Missing)
    }

    /// The envelopes in flight, in ascending order.
    #[inline]
    fn in_flight<'b>(&self, words: &'b [u32]) -> &'b [u32] {
        &words[HEAD + self.seats + 2..]
    }

    /// Tells a move out of a state.
    #[inline]
    fn tell(&self, words: &[u32], change: u32, each: &mut impl FnMut(Edge<Taken>)) -> Result<(), Missing> {
        let c = &self.told[change as usize];
        if c.failure != NONE {
            each(Edge::Broken(self.failures[c.failure as usize].clone()));
            return Ok(());
        }
        let mut monitor = words[HEAD + self.seats + 1];
        let mut print = read_print(words).wrapping_add(c.delta);
        if c.observed != 0 {
            let key = u64::from(monitor) << 32 | u64::from(c.observed);
            let (after, _) = self.judged.get(key).ok_or(Missing)?;
            if after >= BROKEN {
                each(Edge::Broken(self.failures[(after - BROKEN) as usize].clone()));
                return Ok(());
            }
            if after != monitor {
                let parts = &self.monitor_parts;
                print = print.wrapping_sub(parts[monitor as usize]).wrapping_add(parts[after as usize]);
                monitor = after;
            }
        }
        if c.beyond {
            each(Edge::Outside(self.changes[change as usize].class));
            return Ok(());
        }
        if c.depends {
            print = print.wrapping_add(self.delta_in_flight(words, &self.changes[change as usize]));
        }
        print = print.wrapping_sub(self.print_of_dead(words, &self.changes[change as usize])?);
        each(Edge::To { print, step: Taken { change, monitor } });
        Ok(())
    }

    /// What is added to a fingerprint for what a move does to the messages in flight, where that depends on them.
    #[inline]
    fn delta_in_flight(&self, words: &[u32], c: &Change) -> Print {
        let before = self.in_flight(words);
        if self.keeping == Keeping::Queues && c.discarded == NONE {
            return self.delta_of_places(before, c);
        }
        let mut after = before.to_vec();
        self.edit_in_flight(&mut after, 0, c);
        self.print_in_flight(&after).wrapping_sub(self.print_in_flight(before))
    }

    /// What is added to a fingerprint because not all messages that a move takes and sends are alone in their queues.
    #[inline]
    fn delta_of_places(&self, in_flight: &[u32], c: &Change) -> Print {
        let envelopes = &self.envelopes;
        let mut delta: Print = 0;
        let mut shortened = None;
        if c.taken != NONE {
            let link = envelopes.link(c.taken);
            shortened = Some(link);
            let oldest = in_flight.iter().position(|&e| e == c.taken).expect("what is taken is in flight");
            for (place, &next) in in_flight[oldest + 1..].iter().enumerate() {
                if envelopes.link(next) != link {
                    break;
                }
                let (old, new) = (envelopes.part(next, place + 1), envelopes.part(next, place));
                delta = delta.wrapping_add(new).wrapping_sub(old);
            }
        }
        let sent = &self.sent[c.sent.0 as usize..c.sent.1 as usize];
        for (at, &envelope) in sent.iter().enumerate() {
            let link = envelopes.link(envelope);
            let queued =
                |some: &[u32]| some.iter().map(|&e| usize::from(envelopes.link(e) == link)).sum::<usize>();
            let place = queued(in_flight) + queued(&sent[..at]) - usize::from(shortened == Some(link));
            if place > 0 {
                let (alone, behind) = (envelopes.part(envelope, 0), envelopes.part(envelope, place));
                delta = delta.wrapping_add(behind).wrapping_sub(alone);
            }
        }
        delta
    }

    /// The part of a fingerprint that is that of the messages in flight: in a queue, their places count.
    fn print_in_flight(&self, in_flight: &[u32]) -> Print {
        let envelopes = &self.envelopes;
        if self.keeping != Keeping::Queues {
            return in_flight.iter().fold(0, |sum: Print, &e| sum.wrapping_add(envelopes.part(e, 0)));
        }
        let queues = in_flight.chunk_by(|&a, &b| envelopes.link(a) == envelopes.link(b));
        let placed = queues.flat_map(|queue| queue.iter().enumerate());
        placed.fold(0, |sum: Print, (place, &e)| sum.wrapping_add(envelopes.part(e, place)))
    }

    /// Does to the messages in flight, which begin at `from`, what a move does to them.
    #[inline]
    fn edit_in_flight(&self, words: &mut Vec<u32>, from: usize, c: &Change) {
        if self.keeping == Keeping::Queues {
            return self.edit_queues(words, from, c);
        }
        if c.taken != NONE {
            let at = words[from..].binary_search(&c.taken).expect("what is taken is in flight");
            words.remove(from + at);
        }
        for &envelope in &self.sent[c.sent.0 as usize..c.sent.1 as usize] {
            match words[from..].binary_search(&envelope) {
                Ok(_) if self.keeping == Keeping::Set => {}
                Ok(at) | Err(at) => words.insert(from + at, envelope),
            }
        }
        self.discard(words, from, c.discarded);
    }

    /// The same where links are queues: in order of receiver and sender, the oldest first.
    fn edit_queues(&self, words: &mut Vec<u32>, from: usize, c: &Change) {
        if c.taken != NONE {
            let oldest = words[from..].iter().position(|&e| e == c.taken);
            words.remove(from + oldest.expect("what is taken is in flight"));
        }
        for &envelope in &self.sent[c.sent.0 as usize..c.sent.1 as usize] {
            let link = self.envelopes.link(envelope);
            let behind = words[from..].partition_point(|&e| self.envelopes.link(e) <= link);
            words.insert(from + behind, envelope);
        }
        self.discard(words, from, c.discarded);
    }

    fn discard(&self, words: &mut Vec<u32>, from: usize, seat: u32) {
        if seat != NONE {
            let mut at = 0;
            words.retain(|&envelope| {
                at += 1;
                at <= from || u32::from(self.envelopes.ends[envelope as usize].0) != seat
            });
        }
    }

    /// Whether two messages side by side in a state's words are one to a reader of what may arrive next: equal copies,
    /// or two of the same queue.
    #[inline]
    fn is_behind(&self, first: u32, second: u32) -> bool {
        match self.keeping {
            Keeping::Queues => first != NONE && self.envelopes.link(first) == self.envelopes.link(second),
            Keeping::Bag | Keeping::Set => first == second,
        }
    }

    /// The world of a state, without what is in flight.
    fn world(&self, words: &[u32]) -> World<u32> {
        let seats = words[HEAD..HEAD + self.seats].to_vec();
        World { seats, rest: self.rests.get(words[HEAD + self.seats]).clone() }
    }
}

/// By seat: the other seats that may ever send to it; none where what comes next is not a matter of queues alone.
fn senders<P: Process>(setting: &Setting<P>) -> Option<Vec<Vec<u16>>> {
    let possible = queues_alone(&setting.environment) && !setting.seating.withheld().any();
    let seating = &setting.seating;
    let sends = |from: SeatId, to: SeatId| {
        let mut reaches = false;
        seating.receivers(from, seating.identity(to), |seat| reaches |= seat == to);
        reaches && from != to
    };
    let of = |to: SeatId| seating.seats().filter(|&from| sends(from, to)).map(|from| from.0 as u16).collect();
    possible.then(|| seating.seats().map(of).collect())
}

/// States in full: their words without the fingerprint, collapsed.
#[derive(Default)]
pub(crate) struct Collapsed(Tree);

impl Exact<[u32]> for Collapsed {
    fn insert(&mut self, print: Print, words: &[u32]) -> (u32, bool) {
        self.0.insert(print, &words[HEAD..])
    }

    fn with<T>(&self, number: u32, see: impl FnOnce(&[u32]) -> T) -> T {
        self.0.with(number, |words| see(&[&[0; HEAD], words].concat()))
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn memory(&self) -> u64 {
        self.0.memory()
    }
}

impl Space for Tabulated {
    type Rows = Words;
    type Step = Taken;
    type Exact = Collapsed;

    fn properties(&self) -> Vec<Property> {
        self.properties.clone()
    }

    #[inline]
    fn print(&self, words: &[u32]) -> Print {
        read_print(words)
    }

    #[inline]
    fn expand(&self, words: &[u32], each: &mut impl FnMut(Edge<Taken>)) -> Result<(), Missing> {
        self.expand_but(words, None, each)
    }

    fn expand_reduced(
        &self,
        words: &[u32],
        is_closed: &dyn Fn(Print) -> bool,
        each: &mut impl FnMut(Edge<Taken>),
    ) -> Result<(), Missing> {
        if let Some(senders) = &self.senders
            && let Some(seat) = self.alone(words, senders, is_closed)?
        {
            return self.expand_but(words, Some(seat), each);
        }
        self.expand_sufficient(words, is_closed, each)
    }

    #[inline]
    fn build(&self, from: &[u32], (print, taken): (Print, Taken), rows: &mut Words) {
        rows.write(|words| self.write_after(from, taken, print, words));
    }

    #[inline]
    fn reached(&self, words: &[u32]) -> u64 {
        self.goals[words[HEAD + self.seats + 1] as usize]
    }

    #[inline]
    fn broken(&self, _: &[u32]) -> Option<Violation> {
        None
    }

    fn broken_end(&self, _: &[u32]) -> Option<Violation> {
        None
    }

    fn distance(&self, words: &[u32]) -> u64 {
        self.distances[words[HEAD + self.seats + 1] as usize]
    }

    fn parts(&self, words: &[u32], each: &mut dyn FnMut(u64)) {
        // a message is the same part wherever it stands
        let flying = self.seats + 2;
        for (at, &number) in words[HEAD..].iter().enumerate() {
            each((at.min(flying) as u64) << 32 | u64::from(number));
        }
    }

    #[inline]
    fn class(&self, taken: &Taken) -> u64 {
        self.changes[taken.change as usize].class
    }

    fn faults(&self, words: &[u32]) -> Vec<u32> {
        let mut faults = Vec::new();
        self.each_change(words, &mut |change| {
            let called = &self.called[change as usize];
            faults.push(u32::from(called.choice.is_fault()) + u32::from(called.cut.is_some()));
        });
        faults
    }

    fn faults_before(&self, words: &[u32]) -> u32 {
        let rest = self.rests.get(words[HEAD + self.seats]);
        (rest.lying.len() + rest.omitting.len()) as u32
    }

    fn memory(&self) -> u64 {
        let one = size_of::<Told>() + size_of::<Change>() + size_of::<Called>();
        let tables = self.stances.memory() + self.heard.memory() + self.judged.memory();
        let ignored = (self.ignored.words.capacity() + self.ignored.sets.capacity()) * 8;
        let stances = self.own.capacity() * 8 + self.first_stance.capacity() * 8 + ignored;
        (self.changes.capacity() * one + self.sent.capacity() * 4 + stances) as u64 + tables + self.values
    }
}

impl Tabulated {
    /// Appends the words of the state to which a move leads.
    #[inline]
    fn write_after(&self, from: &[u32], taken: Taken, print: Print, words: &mut Vec<u32>) {
        let (c, start) = (&self.changes[taken.change as usize], words.len());
        words.extend_from_slice(from);
        write_print(&mut words[start..], print);
        if c.seat != NONE {
            words[start + HEAD + c.seat as usize] = c.after;
        }
        if c.rest != NONE {
            words[start + HEAD + self.seats] = c.rest;
        }
        words[start + HEAD + self.seats + 1] = taken.monitor;
        self.edit_in_flight(words, start + HEAD + self.seats + 2, c);
        self.take_out_dead(words, start);
    }

    /// Tells every move out of a state; only those of one seat, if one is given.
    #[inline]
    fn expand_but(
        &self,
        words: &[u32],
        alone: Option<u32>,
        each: &mut impl FnMut(Edge<Taken>),
    ) -> Result<(), Missing> {
        let rest = words[HEAD + self.seats];
        let (mut few, mut many) = ([0; 16], Vec::new());
        let stances: &mut [u32] = if self.seats <= few.len() {
            &mut few[..self.seats]
        } else {
            many.resize(self.seats, 0);
            &mut many
        };
        for (seat, stance) in stances.iter_mut().enumerate() {
            *stance = self.stance(rest, seat, words[HEAD + seat]).ok_or(Missing)?;
        }
        let mut last = NONE;
        for &envelope in self.in_flight(words) {
            if self.is_behind(std::mem::replace(&mut last, envelope), envelope) {
                continue;
            }
            let to = self.envelopes.ends[envelope as usize].0;
            let left_out = alone.is_some_and(|seat| seat != u32::from(to));
            let range = self.heard_at(words, stances[to as usize], envelope)?;
            self.tell_range(words, range, left_out, each)?;
        }
        for (seat, &stance) in stances.iter().enumerate() {
            let left_out = alone.is_some_and(|alone| alone != seat as u32);
            self.tell_range(words, self.own[stance as usize], left_out, each)?;
        }
        let (from, to) = self.global[rest as usize];
        if from == NONE {
            return Err(Missing);
        }
        self.tell_range(words, (from, to), alone.is_some(), each)
    }

    #[inline]
    fn tell_range(
        &self,
        words: &[u32],
        (from, to): (u32, u32),
        left_out: bool,
        each: &mut impl FnMut(Edge<Taken>),
    ) -> Result<(), Missing> {
        for change in from..to {
            if left_out {
                each(Edge::LeftOut);
            } else {
                self.tell(words, change, each)?;
            }
        }
        Ok(())
    }

    /// A seat that may move alone, if there is one (a persistent set; Godefroid 1996): each other seat that may ever send
    /// to it has a message in its queue there, so whatever the others do, these moves stay what they are and no further one
    /// comes up before them; none of them is observed; and all lead to states that were not expanded, so that no other step
    /// is put off for ever.
    fn alone(
        &self,
        words: &[u32],
        senders: &[Vec<u16>],
        is_closed: &dyn Fn(Print) -> bool,
    ) -> Result<Option<u32>, Missing> {
        let rest = words[HEAD + self.seats];
        for (seat, senders) in senders.iter().enumerate() {
            let arriving = |from: u16| {
                let link = (seat as u16, from);
                self.in_flight(words).iter().any(|&envelope| self.envelopes.link(envelope) == link)
            };
            if !senders.iter().all(|&from| arriving(from)) {
                continue;
            }
            let stance = self.stance(rest, seat, words[HEAD + seat]).ok_or(Missing)?;
            let mut ranges = vec![self.own[stance as usize]];
            let mut last = NONE;
            for &envelope in self.in_flight(words) {
                let behind = self.is_behind(std::mem::replace(&mut last, envelope), envelope);
                if !behind && usize::from(self.envelopes.ends[envelope as usize].0) == seat {
                    ranges.push(self.heard_at(words, stance, envelope)?);
                }
            }
            let (mut moves, mut fit) = (0, true);
            for change in ranges.into_iter().flat_map(|(from, to)| from..to) {
                moves += 1;
                let told = &self.told[change as usize];
                fit &= told.observed == 0 && self.changes[change as usize].rest == NONE;
                self.tell(words, change, &mut |edge| {
                    fit &= matches!(edge, Edge::To { print, .. } if !is_closed(print));
                })?;
            }
            if fit && moves > 0 {
                return Ok(Some(seat as u32));
            }
        }
        Ok(None)
    }

    /// Adds a seat in a state and a rest, and the moves there that take no message: its number.
    fn add_stance(&mut self, (rest, seat, state): (u32, usize, u32), own: (u32, u32)) -> u32 {
        let stance = self.own.len() as u32;
        self.own.push(own);
        self.ignored.add_set();
        self.stances.insert(self.stance_key(rest, seat, state), (stance, 0));
        let place = state as usize * self.seats + seat;
        if self.first_stance.len() <= place {
            self.first_stance.resize(place + self.seats, (NONE, NONE));
        }
        if self.first_stance[place].0 == NONE {
            self.first_stance[place] = (stance, rest);
        }
        stance
    }

    /// Adds the moves on a message in flight.
    fn add_heard(&mut self, (rest, envelope): (u32, u32), words: &[u32], range: (u32, u32)) {
        let (to, from, place) = self.envelopes.ends[envelope as usize];
        let stance = self.stance(rest, to as usize, words[HEAD + to as usize]).expect("made before");
        let down = self.is_from_down(from, words);
        if range.0 == range.1 {
            self.ignored.add(stance, place << 1 | u32::from(down));
        } else {
            self.heard.insert(Self::heard_key(stance, envelope, down), range);
        }
    }

    /// The move of this place out of a state that was expanded.
    fn called(&self, from: &[u32], place: u32) -> &Called {
        let mut places = Vec::new();
        self.each_change(from, &mut |change| places.push(change));
        &self.called[places[place as usize] as usize]
    }

    /// The moves out of a state that was filled, in the order in which `expand` tells them.
    fn each_change(&self, words: &[u32], each: &mut impl FnMut(u32)) {
        let made = self.each_made(words, &mut |change| {
            each(change);
            Ok(())
        });
        made.expect("a state that was filled");
    }

    /// Calls `each` with the moves out of a state, in the order in which `expand` tells them.
    fn each_made(
        &self,
        words: &[u32],
        each: &mut impl FnMut(u32) -> Result<(), Missing>,
    ) -> Result<(), Missing> {
        let rest = words[HEAD + self.seats];
        for same in self.in_flight(words).chunk_by(|&a, &b| self.is_behind(a, b)) {
            let (from, to) = self.heard(words, rest, same[0])?;
            (from..to).try_for_each(&mut *each)?;
        }
        for seat in 0..self.seats {
            let stance = self.stance(rest, seat, words[HEAD + seat]).ok_or(Missing)?;
            let (from, to) = self.own[stance as usize];
            (from..to).try_for_each(&mut *each)?;
        }
        let (from, to) = self.global[rest as usize];
        if from == NONE {
            return Err(Missing);
        }
        (from..to).try_for_each(each)
    }
}
