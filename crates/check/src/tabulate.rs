//! Tabulation: a handler is a pure function of a seat and an event, and there are thousands of those where there are
//! millions of steps. Seats, messages, monitor states and the rest are interned; what the kernel's `step` does at a seat is
//! kept in a table; a state is a short vector of numbers, a step a few copies, its fingerprint a few additions.
//!
//! What may happen at a seat, and what comes of it, depends on the seat's state, on the rest of the world (budgets, cuts,
//! requests made) and on the event alone; for the loss of a message also on whether its sender is down. So the table's
//! key is these, and its entries are made by the kernel's `enabled` and `step`, never otherwise.

mod change;
mod flight;
mod making;
mod tables;

use crate::fingerprint::{Print, print_of};
use crate::intern::{Interner, Tree};
use crate::reference::{Concrete, initial};
use crate::shape::Shape;
use crate::space::{BrokenStart, Edge, Exact, Missing, Space, Words};
use crate::table::Table;
use crate::worlds::{Worlds, goals};
use change::{Bits, Called, Change, Entry, NONE, Told};
use flight::{Envelope, Envelopes};
use synod_kernel::{
    Budget, Budgets, Choice, Durability, Keeping, Move, Network, Observed, Rest, Seat, SeatId, Setting, World,
};
use synod_model::Process;
use synod_properties::{Monitor, Property, Violation};
use tables::Tables;

/// A move of the table, on a message in flight or on none, and the monitor after it.
#[derive(Clone, Copy)]
pub(crate) struct Taken {
    change: u32,
    monitor: u32,
}

/// States as vectors of numbers: the fingerprint, the seats, the rest, the monitor, then what is in flight in ascending
/// order.
pub(crate) struct Tabulated<'a, P: Process, M> {
    tables: Tables<'a, P>,
    monitor: &'a M,
    properties: Vec<Property>,
    seats: usize,
    keeping: Keeping,
    /// Whether losing a message may depend on its sender's being down.
    may_crash: bool,
    /// By seat, where a reduction by partial order is possible: the other seats that may ever send to it.
    senders: Option<Vec<Vec<u16>>>,
    /// Whether moves that change nothing are kept, since they serve a class of fairness.
    idle_too: bool,
    rests: Interner<Rest>,
    rest_parts: Vec<Print>,
    monitors: Interner<M>,
    monitor_parts: Vec<Print>,
    goals: Vec<u64>,
    envelopes: Envelopes,
    told: Vec<Told>,
    changes: Vec<Change>,
    called: Vec<Called>,
    sent: Vec<u32>,
    observations: Interner<Vec<Observed<u32, u32>>>,
    failures: Vec<Violation>,
    classes: Interner<Choice<u32, u32>>,
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
}

/// From here on, what the table of judgements holds is a failure.
const BROKEN: u32 = 1 << 31;

/// How many words of a state its fingerprint takes.
const HEAD: usize = 4;

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

impl<'a, P: Process, M: Monitor<P::Request, P::Indication>> Tabulated<'a, P, M> {
    pub(crate) fn new(setting: &'a Setting<P>, monitor: &'a M, measure: fn(&P) -> u64) -> Self {
        let properties = monitor.properties();
        let live = properties.iter().any(|p| p.kind == synod_properties::Kind::Liveness);
        let mut observations = Interner::new();
        observations.intern(Vec::new());
        let failures = &setting.environment.failures;
        Self {
            tables: Tables::new(setting, measure),
            monitor,
            properties,
            seats: setting.seating.len(),
            keeping: Keeping::of(&setting.environment.links),
            may_crash: failures.stops.any() || failures.restarts.any(),
            senders: senders(setting),
            idle_too: live,
            rests: Interner::new(),
            rest_parts: Vec::new(),
            monitors: Interner::new(),
            monitor_parts: Vec::new(),
            goals: Vec::new(),
            envelopes: Envelopes::default(),
            told: Vec::new(),
            changes: Vec::new(),
            called: Vec::new(),
            sent: Vec::new(),
            observations,
            failures: Vec::new(),
            classes: Interner::new(),
            stances: Table::new(),
            first_stance: Vec::new(),
            own: Vec::new(),
            ignored: Bits::default(),
            heard: Table::new(),
            global: Vec::new(),
            judged: Table::new(),
        }
    }

    fn seat_part(&self, seat: usize, state: u32) -> Print {
        print_of(&("seat", seat as u32, self.tables.seats.print(state)))
    }

    fn rest(&mut self, rest: Rest) -> u32 {
        let (id, new) = self.rests.intern(rest);
        if new {
            self.rest_parts.push(print_of(&("rest", self.rests.print(id))));
            self.global.push((NONE, 0));
        }
        id
    }

    fn monitor(&mut self, monitor: M) -> u32 {
        let (id, new) = self.monitors.intern(monitor);
        if new {
            self.monitor_parts.push(print_of(&("monitor", self.monitors.print(id))));
            self.goals.push(goals(&self.properties, self.monitors.get(id)));
        }
        id
    }

    fn envelope(&mut self, envelope: Envelope) -> u32 {
        let print = self.tables.messages.print(envelope.2);
        self.envelopes.number(envelope, print)
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
        self.may_crash && self.tables.facts[words[HEAD + from as usize] as usize].down
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
        each(Edge::To { print, step: Taken { change, monitor } });
        Ok(())
    }

    /// What is added to a fingerprint for what a move does to the messages in flight, where that depends on them.
    fn delta_in_flight(&self, words: &[u32], c: &Change) -> Print {
        let before = self.in_flight(words);
        let mut after = before.to_vec();
        self.edit_in_flight(&mut after, 0, c);
        self.print_in_flight(&after).wrapping_sub(self.print_in_flight(before))
    }

    /// The part of a fingerprint that is that of the messages in flight: in a queue, their places count.
    fn print_in_flight(&self, envelopes: &[u32]) -> Print {
        let parts = &self.envelopes.parts;
        if self.keeping != Keeping::Queues {
            return envelopes.iter().fold(0, |sum: Print, &e| sum.wrapping_add(parts[e as usize]));
        }
        let queues = envelopes.chunk_by(|&a, &b| self.envelopes.link(a) == self.envelopes.link(b));
        queues.fold(0, |sum: Print, queue| {
            let prints: Vec<Print> = queue.iter().map(|&e| parts[e as usize]).collect();
            sum.wrapping_add(print_of(&prints))
        })
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

    /// A state of plain values as words.
    fn words(&mut self, state: Concrete<P, M>) -> Vec<u32> {
        let Concrete { world, network, monitor } = state;
        let mut words = vec![0; HEAD];
        words.extend(world.seats.into_iter().map(|seat| self.tables.seat(seat)));
        words.push(self.rest(world.rest));
        words.push(self.monitor(monitor));
        words.extend(self.numbers(&network));
        let mut print = self.rest_parts[words[HEAD + self.seats] as usize];
        print = print.wrapping_add(self.monitor_parts[words[HEAD + self.seats + 1] as usize]);
        for seat in 0..self.seats {
            print = print.wrapping_add(self.seat_part(seat, words[HEAD + seat]));
        }
        print = print.wrapping_add(self.print_in_flight(self.in_flight(&words)));
        write_print(&mut words, print);
        words
    }

    /// What is in flight in a plain network, as numbers in the order in which a state has them.
    fn numbers(&mut self, network: &Network<P::Message>) -> Vec<u32> {
        let mut numbers = Vec::new();
        for envelope in network.copies() {
            let message = self.tables.messages.intern(envelope.message.clone()).0;
            numbers.push(self.envelope((envelope.to, envelope.from, message)));
        }
        if self.keeping != Keeping::Queues {
            numbers.sort_unstable();
        }
        numbers
    }
}

/// By seat: the other seats that may ever send to it; none where faults, oracles or disks may change what a process does
/// next, or where what arrives next is not what was sent first.
fn senders<P: Process>(setting: &Setting<P>) -> Option<Vec<Vec<u16>>> {
    let budgets = Budgets::of(&setting.environment);
    let Budgets { stops, lies, restarts, losses, duplications, partitions, torn_writes, outputs, .. } =
        budgets;
    let faults = [stops, lies, restarts, losses, duplications, partitions, torn_writes, outputs];
    let counted = [budgets.firings, budgets.pulses].iter().any(|budget| *budget != Budget::Unlimited);
    let quiet = faults.iter().all(|budget| !budget.any())
        && !counted
        && setting.environment.storage.durability == Durability::Immediate
        && Keeping::of(&setting.environment.links) == Keeping::Queues;
    let seating = &setting.seating;
    let sends = |from: SeatId, to: SeatId| {
        let mut reaches = false;
        seating.receivers(from, seating.identity(to), |seat| reaches |= seat == to);
        reaches && from != to
    };
    let of = |to: SeatId| seating.seats().filter(|&from| sends(from, to)).map(|from| from.0 as u16).collect();
    quiet.then(|| seating.seats().map(of).collect())
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

impl<P: Process, M: Monitor<P::Request, P::Indication>> Space for Tabulated<'_, P, M> {
    type Rows = Words;
    type Step = Taken;
    type Name = Move<P::Message, P::Timer>;
    type Exact = Collapsed;

    fn properties(&self) -> Vec<Property> {
        self.properties.clone()
    }

    fn initial(&mut self, rows: &mut Words) -> Result<Vec<Vec<Self::Name>>, BrokenStart<Self::Name>> {
        let mut names = Vec::new();
        for (state, moves) in initial(self.tables.setting, self.monitor) {
            match state {
                Ok(state) => {
                    let words = self.words(state);
                    rows.write(|all| all.extend(words));
                }
                Err(violation) => return Err((violation, moves)),
            }
            names.push(moves);
        }
        Ok(names)
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
        is_seen: &dyn Fn(Print) -> bool,
        each: &mut impl FnMut(Edge<Taken>),
    ) -> Result<(), Missing> {
        match &self.senders {
            None => self.expand_but(words, None, each),
            Some(senders) => self.expand_but(words, self.alone(words, senders, is_seen)?, each),
        }
    }

    fn fill(&mut self, words: &[u32]) {
        let (rest, monitor) = (words[HEAD + self.seats], words[HEAD + self.seats + 1]);
        let world = self.world(words);
        for seat in 0..self.seats {
            let state = words[HEAD + seat];
            let stance =
                self.stance(rest, seat, state).unwrap_or_else(|| self.make_stance(&world, rest, seat));
            self.judge_all(monitor, self.own[stance as usize]);
        }
        if self.global[rest as usize].0 == NONE {
            let range = self.entry(&world, Entry::Global);
            self.global[rest as usize] = range;
        }
        self.judge_all(monitor, self.global[rest as usize]);
        let mut last = NONE;
        for &envelope in self.in_flight(words) {
            if self.is_behind(std::mem::replace(&mut last, envelope), envelope) {
                continue;
            }
            let range = self.heard(words, rest, envelope);
            let range = range.unwrap_or_else(|_| self.make_heard(&world, rest, envelope, words));
            self.judge_all(monitor, range);
        }
    }

    #[inline]
    fn build(&self, from: &[u32], taken: Taken, rows: &mut Words) {
        let c = &self.changes[taken.change as usize];
        let mut print = read_print(from).wrapping_add(self.told[taken.change as usize].delta);
        let (before, after) = (from[HEAD + self.seats + 1] as usize, taken.monitor as usize);
        if before != after {
            print = print.wrapping_sub(self.monitor_parts[before]).wrapping_add(self.monitor_parts[after]);
        }
        if self.told[taken.change as usize].depends {
            print = print.wrapping_add(self.delta_in_flight(from, c));
        }
        rows.write(|words| {
            let start = words.len();
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
        });
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

    fn name(&mut self, from: &[u32], place: usize) -> Self::Name {
        let mut places = Vec::new();
        self.fill(from);
        self.each_change(from, &mut |change| places.push(change));
        let called = &self.called[places[place] as usize];
        let choice = called
            .choice
            .clone()
            .map(|m| self.tables.messages.get(m).clone(), |t| self.tables.timers.get(t).clone());
        Move { choice, draws: called.draws.clone(), cut: called.cut }
    }

    #[inline]
    fn class(&self, taken: &Taken) -> u64 {
        self.changes[taken.change as usize].class
    }

    fn memory(&self) -> u64 {
        let one = size_of::<Told>() + size_of::<Change>() + size_of::<Called>();
        let tables = self.stances.memory() + self.heard.memory() + self.judged.memory();
        let ignored = (self.ignored.words.capacity() + self.ignored.sets.capacity()) * 8;
        let stances = self.own.capacity() * 8 + self.first_stance.capacity() * 8 + ignored;
        (self.changes.capacity() * one + self.sent.capacity() * 4 + stances) as u64
            + tables
            + self.tables.seats.memory()
            + self.monitors.memory()
    }

    fn handler_calls(&self) -> u64 {
        self.tables.handler_calls
    }
}

impl<P: Process, M: Monitor<P::Request, P::Indication>> Tabulated<'_, P, M> {
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
    /// comes up before them; none of them is observed; and all lead to states that were not seen, so that no other step is
    /// put off for ever.
    fn alone(
        &self,
        words: &[u32],
        senders: &[Vec<u16>],
        is_seen: &dyn Fn(Print) -> bool,
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
                    fit &= matches!(edge, Edge::To { print, .. } if !is_seen(print));
                })?;
            }
            if fit && moves > 0 {
                return Ok(Some(seat as u32));
            }
        }
        Ok(None)
    }

    /// A seat in a state and a rest in which it was not seen yet.
    fn make_stance(&mut self, world: &World<u32>, rest: u32, seat: usize) -> u32 {
        let state = world.seats[seat];
        let stance = self.own.len() as u32;
        self.own.push((0, 0));
        self.own[stance as usize] = self.entry(world, Entry::Own(SeatId(seat as u32)));
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

    /// What comes of a message in flight that was not tried on this stance yet.
    fn make_heard(&mut self, world: &World<u32>, rest: u32, envelope: u32, words: &[u32]) -> (u32, u32) {
        let (to, from, place) = self.envelopes.ends[envelope as usize];
        let stance = self.stance(rest, to as usize, words[HEAD + to as usize]).expect("made before");
        let down = self.is_from_down(from, words);
        let range = self.entry(world, Entry::Heard(self.envelopes.values[envelope as usize]));
        if range.0 == range.1 {
            self.ignored.add(stance, place << 1 | u32::from(down));
            return (0, 0);
        }
        self.heard.insert(Self::heard_key(stance, envelope, down), range);
        range
    }

    /// The moves out of a state, in the order in which `expand` tells them.
    fn each_change(&self, words: &[u32], each: &mut impl FnMut(u32)) {
        let rest = words[HEAD + self.seats];
        let heard = self.in_flight(words).chunk_by(|&a, &b| self.is_behind(a, b));
        let heard = heard.map(|same| self.heard(words, rest, same[0]).expect("a state that was filled"));
        let own = (0..self.seats).map(|seat| {
            let stance = self.stance(rest, seat, words[HEAD + seat]);
            self.own[stance.expect("a state that was filled") as usize]
        });
        for (from, to) in heard.chain(own).chain([self.global[rest as usize]]) {
            (from..to).for_each(&mut *each);
        }
    }
}

impl<P: Process, M: Monitor<P::Request, P::Indication>> Worlds<P, M> for Tabulated<'_, P, M> {
    fn view<T>(&self, words: &[u32], see: impl FnOnce(&[&Seat<P>], &M, &Rest) -> T) -> T {
        let seats: Vec<_> =
            words[HEAD..HEAD + self.seats].iter().map(|&s| self.tables.seats.get(s)).collect();
        let rest = self.rests.get(words[HEAD + self.seats]);
        see(&seats, self.monitors.get(words[HEAD + self.seats + 1]), rest)
    }

    fn shape(&self) -> Shape {
        /// How many values of a kind are looked at: the ranking needs no more.
        const MOST: usize = 20_000;
        let mut shape = Shape::default();
        let stances = self.first_stance.iter().enumerate().filter(|(_, stance)| stance.0 != NONE);
        for (place, _) in stances.take(MOST) {
            let (state, seat) = (place / self.seats, place % self.seats);
            let of = format!("{}'s", self.tables.setting.seating.identity(SeatId(seat as u32)));
            if let Some(local) = self.tables.seats.get(state as u32).local() {
                shape.add_fields(&of, local);
            }
        }
        for message in 0..self.tables.messages.len().min(MOST) as u32 {
            shape.add_kind("messages", self.tables.messages.get(message));
        }
        for rest in 0..self.rests.len().min(MOST) as u32 {
            shape.add_fields("the world's", self.rests.get(rest));
        }
        for monitor in 0..self.monitors.len().min(MOST) as u32 {
            shape.add_kind("what is judged by", self.monitors.get(monitor));
        }
        shape
    }

    fn monitor_number(&self, words: &[u32]) -> Option<u32> {
        Some(words[HEAD + self.seats + 1])
    }
}
