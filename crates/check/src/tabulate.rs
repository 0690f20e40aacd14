//! Tabulation: a handler is a pure function of a seat and an event, and there are thousands of those where there are
//! millions of steps. Seats, messages, monitor states and the rest are interned; what the kernel's `step` does at a seat is
//! kept in a table; a state is a short vector of numbers, a step a few copies, its fingerprint a few additions.
//!
//! What may happen at a seat, and what comes of it, depends on the seat's state, on the rest of the world (budgets, cuts,
//! requests made) and on the event alone; for the loss of a message also on whether its sender is down. So the table's
//! key is these, and its entries are made by the kernel's `enabled` and `step`, never otherwise.

use crate::fingerprint::{Print, print_of};
use crate::intern::{Interner, Tree};
use crate::reference::{Concrete, initial};
use crate::space::{BrokenStart, Edge, Exact, Missing, Space, Words};
use crate::table::Table;
use crate::worlds::{Owed, Scripted, Worlds, goals, judge, laws};
use hashbrown::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use synod_kernel::network::InFlight;
use synod_kernel::seat::cuts;
use synod_kernel::signature::Signature;
use synod_kernel::{
    Budget, Choice, Cut, Fairness, Ground, Move, Network, Observed, Released, Rep, Rest, Script, Seat,
    SeatId, Setting, Status, World, step,
};
use synod_model::{Event, Output, Process, ProcessId, When};
use synod_properties::{Monitor, Property, Violation};

type Map<K, V> = HashMap<K, V, std::hash::BuildHasherDefault<crate::fingerprint::Printer>>;

/// What is asked of a seat, as a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Asked {
    Message(ProcessId, u32),
    Timer(u32),
    Request(u32),
    Recover,
}

/// One outcome of a handler: the draws that lead to it, and what it did.
struct Outcome {
    draws: Vec<u32>,
    /// What came of it; or how it failed: it panicked, or did not do the same when it was run again.
    then: Result<Effect, Violation>,
    /// The places before which a crash matters; what such a crash leaves, for ever and not.
    cuts: Vec<(u32, [Effect; 2])>,
}

/// What a step at a seat does: the seat after it, and what leaves.
#[derive(Clone, PartialEq)]
struct Effect {
    seat: u32,
    released: Vec<Released<u32, u32, u32>>,
}

/// What is known of an interned seat.
struct SeatFacts {
    status: Status,
    /// Whether messages that it sent may be lost.
    down: bool,
    timers: Vec<(u32, When)>,
    pending: u32,
    outputs: Vec<Output>,
    measure: u64,
}

/// All tables that hold algorithm values.
struct Tables<'a, P: Process> {
    setting: &'a Setting<P>,
    measure: fn(&P) -> u64,
    seats: Interner<Seat<P>>,
    facts: Vec<SeatFacts>,
    messages: Interner<P::Message>,
    timers: Interner<P::Timer>,
    indications: Interner<P::Indication>,
    /// By seat and index: the number of the request.
    requests: Vec<Vec<u32>>,
    request_values: Interner<P::Request>,
    outcomes: Map<(u32, u32, Asked), u32>,
    outcome_lists: Vec<Vec<Outcome>>,
    syncs: Map<u32, Effect>,
    crashes: Map<(u32, u32, bool, bool), u32>,
    heard: Map<(u32, Output), (u32, Option<u32>)>,
    /// What those who lie may say.
    lies: Vec<u32>,
    handler_calls: u64,
    /// The outcomes of the next handler, looked up already, and which of them it takes.
    next: (u32, usize),
}

impl<'a, P: Process> Tables<'a, P> {
    fn new(setting: &'a Setting<P>, measure: fn(&P) -> u64) -> Self {
        let mut request_values = Interner::new();
        let requests = setting
            .requests
            .iter()
            .map(|all| all.iter().map(|r| request_values.intern(r.clone()).0).collect())
            .collect();
        let mut messages = Interner::new();
        let lies = setting.lies.iter().map(|lie| messages.intern(lie.clone()).0).collect();
        Self {
            setting,
            measure,
            seats: Interner::new(),
            facts: Vec::new(),
            messages,
            timers: Interner::new(),
            indications: Interner::new(),
            requests,
            request_values,
            outcomes: Map::default(),
            outcome_lists: Vec::new(),
            syncs: Map::default(),
            crashes: Map::default(),
            heard: Map::default(),
            lies,
            handler_calls: 0,
            next: (0, 0),
        }
    }

    fn seat(&mut self, seat: Seat<P>) -> u32 {
        let (id, new) = self.seats.intern(seat);
        if new {
            let seat = self.seats.get(id);
            let mut outputs = Vec::new();
            seat.outputs(|o| outputs.push(o));
            let facts = SeatFacts {
                status: seat.status(),
                down: matches!(seat.status(), Status::Down | Status::Stopped),
                timers: seat
                    .timers()
                    .iter()
                    .map(|(t, when)| (self.timers.intern(t.clone()).0, *when))
                    .collect(),
                pending: seat.stores_pending() as u32,
                outputs,
                measure: seat.local().map_or(0, self.measure),
            };
            self.facts.push(facts);
        }
        id
    }

    fn released(
        &mut self,
        all: Vec<Released<P::Message, P::Indication, P::Timer>>,
    ) -> Vec<Released<u32, u32, u32>> {
        all.into_iter()
            .filter_map(|released| match released {
                Released::Send(to, message) => Some(Released::Send(to, self.messages.intern(message).0)),
                Released::Indicate(i) => Some(Released::Indicate(self.indications.intern(i).0)),
                // a checker has neither clock nor disk
                Released::Armed(..) | Released::Disarmed(_) | Released::Stored => None,
            })
            .collect()
    }

    /// The outcomes of a handler: run once per distinct input, looked up ever after.
    fn outcomes(&mut self, seat: SeatId, state: u32, asked: Asked) -> u32 {
        if let Some(&list) = self.outcomes.get(&(seat.0, state, asked)) {
            return list;
        }
        let list = self.tabulate(seat, state, asked);
        let id = self.outcome_lists.len() as u32;
        self.outcome_lists.push(list);
        self.outcomes.insert((seat.0, state, asked), id);
        id
    }

    fn tabulate(&mut self, seat: SeatId, state: u32, asked: Asked) -> Vec<Outcome> {
        let mut list = Vec::new();
        let mut script = Some(Script::default());
        while let Some(given) = script {
            self.handler_calls += 1;
            let (then, ran, effects) = match self.run_twice(seat, state, asked, &given) {
                Ok(ran) => ran,
                Err(violation) => {
                    let draws = given.given().to_vec();
                    list.push(Outcome { draws, then: Err(violation), cuts: Vec::new() });
                    break;
                }
            };
            let draws = ran.drawn();
            script = ran.successor();
            let may_fail = self.setting.environment.failures.may_fail(self.setting.seating.identity(seat));
            let cuts = effects
                .into_iter()
                .filter(|_| may_fail)
                .map(|before| {
                    let crashed = [false, true].map(|forever| {
                        let cut = Some(Cut { before, forever });
                        self.run(seat, state, asked, Script::new(draws.clone()), cut).0
                    });
                    (before, crashed)
                })
                .collect();
            list.push(Outcome { draws, then: Ok(then), cuts });
        }
        list
    }

    /// Runs a handler for the first time, and again: it must neither panic nor do anything else.
    fn run_twice(
        &mut self,
        seat: SeatId,
        state: u32,
        asked: Asked,
        script: &Script,
    ) -> Result<(Effect, Script, Vec<u32>), Violation> {
        let first = catch_unwind(AssertUnwindSafe(|| self.run(seat, state, asked, script.clone(), None)));
        let first = first.map_err(|payload| {
            Violation::new(&NO_PANIC, format!("the handler panics: {}", panic_message(payload.as_ref())))
        })?;
        let again = self.run(seat, state, asked, script.clone(), None);
        if first == again {
            return Ok(first);
        }
        let what = |effect: &Effect| {
            format!("{:?} and {}", self.seats.get(effect.seat).local(), self.describe(&effect.released))
        };
        let what =
            format!("the same handler on the same input gives {}, then {}", what(&first.0), what(&again.0));
        Err(Violation::new(&DETERMINISM, what))
    }

    /// What leaves, as text.
    fn describe(&self, released: &[Released<u32, u32, u32>]) -> String {
        let one = |released: &Released<u32, u32, u32>| match *released {
            Released::Send(to, m) => format!("sends {:?} to {to}", self.messages.get(m)),
            Released::Indicate(i) => format!("indicates {:?}", self.indications.get(i)),
            _ => String::new(),
        };
        let all: Vec<_> = released.iter().map(one).collect();
        if all.is_empty() { "says nothing".to_owned() } else { all.join(", ") }
    }

    /// Runs a handler on plain values: the seat after it, what left, the draws it made, the places where a crash matters.
    fn run(
        &mut self,
        seat: SeatId,
        state: u32,
        asked: Asked,
        script: Script,
        cut: Option<Cut>,
    ) -> (Effect, Script, Vec<u32>) {
        let event = match asked {
            Asked::Message(from, message) => Event::Message(from, self.messages.get(message).clone()),
            Asked::Timer(timer) => Event::Timer(self.timers.get(timer).clone()),
            Asked::Request(request) => Event::Request(self.request_values.get(request).clone()),
            Asked::Recover => Event::Recover,
        };
        let mut rep = Scripted::new(self.setting, script);
        rep.record = Some(Vec::new());
        let mut value = self.seats.get(state).clone();
        let mut said = Vec::new();
        rep.react(seat, &mut value, event, cut, &mut |released| said.push(released));
        let effects = rep.record.unwrap_or_default();
        let effect = Effect { seat: self.seat(value), released: self.released(said) };
        (effect, rep.draws, cuts(&effects).collect())
    }

    fn asked_by(&self, choice: &Choice<u32, u32>, asked: u32) -> Option<Asked> {
        Some(match *choice {
            Choice::Deliver { from, message, .. }
            | Choice::Duplicate { from, message, .. }
            | Choice::Lie { from, message, .. } => {
                Asked::Message(self.setting.seating.identity(from), message)
            }
            Choice::Fire { timer, .. } => Asked::Timer(timer),
            Choice::Request { seat } => Asked::Request(self.requests[seat.index()][asked as usize]),
            Choice::Recover { .. } => Asked::Recover,
            _ => return None,
        })
    }
}

impl<P: Process> Rep for Tables<'_, P> {
    type Seat = u32;
    type Message = u32;
    type Timer = u32;
    type Request = u32;
    type Indication = u32;

    fn react(
        &mut self,
        _: SeatId,
        state: &mut u32,
        _: Event<u32, u32, u32>,
        cut: Option<Cut>,
        release: &mut impl FnMut(Released<u32, u32, u32>),
    ) {
        let (list, pick) = self.next;
        let outcome = &self.outcome_lists[list as usize][pick];
        let effect = match cut {
            None => outcome.then.as_ref().expect("a handler that fails takes no step"),
            Some(cut) => {
                let (_, crashed) =
                    outcome.cuts.iter().find(|(b, _)| *b == cut.before).expect("a cut that matters");
                &crashed[usize::from(cut.forever)]
            }
        };
        *state = effect.seat;
        effect.released.iter().cloned().for_each(release);
    }

    fn sync(&mut self, state: &mut u32, release: &mut impl FnMut(Released<u32, u32, u32>)) {
        if !self.syncs.contains_key(state) {
            let mut seat = self.seats.get(*state).clone();
            let mut said = Vec::new();
            seat.sync(&mut |released| said.push(released));
            let effect = Effect { seat: self.seat(seat), released: self.released(said) };
            self.syncs.insert(*state, effect);
        }
        let effect = &self.syncs[state];
        *state = effect.seat;
        effect.released.iter().cloned().for_each(release);
    }

    fn crash(&mut self, state: &mut u32, kept: u32, torn: bool, restarts: bool) {
        let key = (*state, kept, torn, restarts);
        if !self.crashes.contains_key(&key) {
            let mut seat = self.seats.get(*state).clone();
            seat.crash(kept, torn, restarts);
            let after = self.seat(seat);
            self.crashes.insert(key, after);
        }
        *state = self.crashes[&key];
    }

    fn corrupt(&mut self, state: &mut u32) {
        let mut seat = self.seats.get(*state).clone();
        seat.corrupt();
        *state = self.seat(seat);
    }

    fn hear(&mut self, state: &mut u32, output: Output) -> Option<u32> {
        let key = (*state, output);
        if !self.heard.contains_key(&key) {
            let mut seat = self.seats.get(*state).clone();
            let timer = seat.hear(output).map(|t| self.timers.intern(t).0);
            let after = self.seat(seat);
            self.heard.insert(key, (after, timer));
        }
        let (after, timer) = self.heard[&key];
        *state = after;
        timer
    }

    fn request(&mut self, seat: SeatId, index: u32) -> Option<u32> {
        self.requests[seat.index()].get(index as usize).copied()
    }

    fn requests(&self, seat: SeatId) -> u32 {
        self.requests[seat.index()].len() as u32
    }

    #[inline]
    fn status(&self, state: &u32) -> Status {
        self.facts[*state as usize].status
    }

    #[inline]
    fn timers(&self, state: &u32, mut each: impl FnMut(&u32, When)) {
        for (timer, when) in &self.facts[*state as usize].timers {
            each(timer, *when);
        }
    }

    #[inline]
    fn stores_pending(&self, state: &u32) -> u32 {
        self.facts[*state as usize].pending
    }

    #[inline]
    fn outputs(&self, state: &u32, each: impl FnMut(Output)) {
        self.facts[*state as usize].outputs.iter().copied().for_each(each);
    }

    fn lies(&self, each: impl FnMut(&u32)) {
        self.lies.iter().for_each(each);
    }

    fn signatures(&self, message: &u32, each: impl FnMut(&Signature)) {
        Scripted::new(self.setting, Script::default()).signatures(self.messages.get(*message), each);
    }
}

/// A message on its way: (to, from, message).
type Envelope = (SeatId, SeatId, u32);

/// Envelopes as numbers, with what is looked up of each.
#[derive(Default)]
struct Envelopes {
    values: Vec<Envelope>,
    numbers: Map<Envelope, u32>,
    /// By number: the seats it goes to and comes from, and its place among those that go there.
    ends: Vec<(u16, u16, u32)>,
    /// By number: its part in a fingerprint.
    parts: Vec<Print>,
    /// By seat: how many go there.
    arriving: Vec<u32>,
}

impl Envelopes {
    /// The number of an envelope, whose message has this fingerprint.
    fn number(&mut self, envelope: Envelope, print: Print) -> u32 {
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
        self.parts.push(print_of(&("in flight", to.0, from.0, print)));
        self.numbers.insert(envelope, number);
        number
    }
}

/// One message in flight, or none: all that an entry of the table is made from.
struct Flying(Option<Envelope>);

impl InFlight<u32> for Flying {
    fn each(&self, mut each: impl FnMut(SeatId, SeatId, &u32)) {
        if let Some((to, from, message)) = &self.0 {
            each(*from, *to, message);
        }
    }
}

/// Where the effects of one step go.
#[derive(Default)]
struct Landing {
    sent: Vec<Envelope>,
    taken: Option<Envelope>,
    observed: Vec<Observed<u32, u32>>,
    discarded: Option<SeatId>,
}

impl<P: Process> Ground<Tables<'_, P>> for Landing {
    fn send(&mut self, from: SeatId, to: SeatId, message: u32) {
        self.sent.push((to, from, message));
    }

    fn take(&mut self, from: SeatId, to: SeatId, message: &u32) {
        self.taken = Some((to, from, *message));
    }

    fn observe(&mut self, observed: Observed<u32, u32>) {
        self.observed.push(observed);
    }

    fn discard_to(&mut self, seat: SeatId) {
        self.discarded = Some(seat);
    }
}

/// No number.
const NONE: u32 = u32::MAX;

/// What is read of a move whenever it is enabled: what the search needs before it knows whether the state is new.
#[derive(Clone, Copy)]
struct Told {
    /// What is added to the fingerprint, but for the monitor and for what depends on the messages in flight.
    delta: Print,
    /// What is observed, in `Tabulated::observations`; 0 for nothing.
    observed: u32,
    /// What breaks a property whatever the monitor's state, in `Tabulated::failures`.
    failure: u32,
    /// Whether it leads beyond the bound on the algorithm's measure.
    beyond: bool,
    /// Whether what it does to the messages in flight depends on them.
    depends: bool,
}

/// What a move does to a state, as numbers.
#[derive(Clone, Copy)]
struct Change {
    /// The seat that changes, and its state after it; `NONE` where none does.
    seat: u32,
    after: u32,
    /// The rest after it; `NONE` where it stays.
    rest: u32,
    /// The envelope that leaves the network.
    taken: u32,
    /// Which envelopes enter it, in `Tabulated::sent`.
    sent: (u32, u32),
    /// To which seat nothing arrives any more.
    discarded: u32,
    /// The class of fairness, 0 for none.
    class: u64,
}

/// What names a move.
struct Called {
    choice: Choice<u32, u32>,
    draws: Vec<u32>,
    cut: Option<Cut>,
}

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
    as_set: bool,
    /// Whether losing a message may depend on its sender's being down.
    may_crash: bool,
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

/// Sets of small numbers, in one array.
#[derive(Default)]
struct Bits {
    words: Vec<u64>,
    /// By set: where its words begin, and how many bits they have.
    sets: Vec<(u32, u32)>,
}

impl Bits {
    #[inline]
    fn has(&self, set: u32, number: u32) -> bool {
        let (from, bits) = self.sets[set as usize];
        number < bits && self.words[(from + number / 64) as usize] >> (number % 64) & 1 == 1
    }

    fn add_set(&mut self) {
        self.sets.push((0, 0));
    }

    /// Adds a number to a set, which moves to the end where it must grow.
    fn add(&mut self, set: u32, number: u32) {
        let (mut from, bits) = self.sets[set as usize];
        if number >= bits {
            let words = (number / 64 + 1).next_power_of_two();
            let moved = from as usize..(from + bits / 64) as usize;
            from = u32::try_from(self.words.len()).expect("fewer than 2^32 words of ignored messages");
            self.words.extend_from_within(moved);
            self.words.resize((from + words) as usize, 0);
            self.sets[set as usize] = (from, words * 64);
        }
        self.words[(from + number / 64) as usize] |= 1 << (number % 64);
    }
}

/// From here on, what the table of judgements holds is a failure.
const BROKEN: u32 = 1 << 31;

/// A handler must not panic.
const NO_PANIC: Property = Property::safety("no panic", "no handler panics");
/// A handler must do the same on the same input.
const DETERMINISM: Property = Property::safety("determinism", "a handler is a function of its input");

fn panic_message(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a message".to_owned())
}

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

/// Whose a choice is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    Seat(SeatId),
    Nobodys,
}

fn whose(choice: &Choice<u32, u32>) -> Whose {
    match *choice {
        Choice::Init { seat }
        | Choice::Request { seat }
        | Choice::Fire { seat, .. }
        | Choice::Output { seat, .. }
        | Choice::Sync { seat }
        | Choice::Crash { seat, .. }
        | Choice::Corrupt { seat }
        | Choice::Recover { seat } => Whose::Seat(seat),
        Choice::Deliver { to, .. }
        | Choice::Duplicate { to, .. }
        | Choice::Lose { to, .. }
        | Choice::Lie { to, .. } => Whose::Seat(to),
        Choice::Sever { .. } | Choice::Heal => Whose::Nobodys,
    }
}

/// What an entry of the table is about.
#[derive(Clone, Copy)]
enum Entry {
    Own(SeatId),
    Heard(Envelope),
    Global,
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
            as_set: setting.environment.links.as_set,
            may_crash: failures.stops.any() || failures.restarts.any(),
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
        let mut after = Vec::new();
        let before = self.in_flight(words);
        after.extend_from_slice(before);
        self.edit_in_flight(&mut after, 0, c);
        let sum =
            |all: &[u32]| all.iter().fold(0, |s: Print, &e| s.wrapping_add(self.envelopes.parts[e as usize]));
        sum(&after).wrapping_sub(sum(before))
    }

    /// Does to the messages in flight, which begin at `from`, what a move does to them.
    #[inline]
    fn edit_in_flight(&self, words: &mut Vec<u32>, from: usize, c: &Change) {
        if c.taken != NONE {
            let at = words[from..].binary_search(&c.taken).expect("what is taken is in flight");
            words.remove(from + at);
        }
        for &envelope in &self.sent[c.sent.0 as usize..c.sent.1 as usize] {
            match words[from..].binary_search(&envelope) {
                Ok(_) if self.as_set => {}
                Ok(at) | Err(at) => words.insert(from + at, envelope),
            }
        }
        if c.discarded != NONE {
            let mut at = 0;
            words.retain(|&envelope| {
                at += 1;
                at <= from || u32::from(self.envelopes.ends[envelope as usize].0) != c.discarded
            });
        }
    }

    /// The world of a state, without what is in flight.
    fn world(&self, words: &[u32]) -> World<u32> {
        let seats = words[HEAD..HEAD + self.seats].to_vec();
        World { seats, rest: self.rests.get(words[HEAD + self.seats]).clone() }
    }

    /// Makes an entry of the table: all moves of one kind out of a world, by the kernel's `enabled` and `step`.
    fn entry(&mut self, world: &World<u32>, entry: Entry) -> (u32, u32) {
        let laws = laws(self.tables.setting);
        let flying = match entry {
            Entry::Heard(envelope) => Flying(Some(envelope)),
            Entry::Own(_) | Entry::Global => Flying(None),
        };
        let mut choices = Vec::new();
        world.enabled(laws, &self.tables, &flying, |choice| {
            let wanted = match entry {
                Entry::Own(seat) => whose(&choice) == Whose::Seat(seat),
                Entry::Global => whose(&choice) == Whose::Nobodys,
                Entry::Heard(_) => {
                    matches!(choice, Choice::Deliver { .. } | Choice::Duplicate { .. } | Choice::Lose { .. })
                }
            };
            if wanted {
                choices.push(choice);
            }
        });
        let first = self.changes.len() as u32;
        for choice in choices {
            self.moves(world, &choice);
        }
        (first, self.changes.len() as u32)
    }

    /// Adds every move of a choice: every outcome of its handler's draws, every crash inside it that matters.
    fn moves(&mut self, world: &World<u32>, choice: &Choice<u32, u32>) {
        let Some(list) = self.ways(world, choice) else {
            return self.take(world, choice, (0, 0), None);
        };
        let budgets = &world.rest.budgets;
        let crashes = [(false, budgets.restarts.any()), (true, budgets.stops.any())];
        for pick in 0..self.tables.outcome_lists[list as usize].len() {
            let outcome = &self.tables.outcome_lists[list as usize][pick];
            if let Err(violation) = &outcome.then {
                let violation = violation.clone();
                self.fail(choice, (list, pick), violation);
                continue;
            }
            let places: Vec<u32> = outcome.cuts.iter().map(|(before, _)| *before).collect();
            self.take(world, choice, (list, pick), None);
            for before in places {
                for (forever, _) in crashes.into_iter().filter(|(_, any)| *any) {
                    self.take(world, choice, (list, pick), Some(Cut { before, forever }));
                }
            }
        }
    }

    /// The outcomes of a choice's handler, if one runs.
    fn ways(&mut self, world: &World<u32>, choice: &Choice<u32, u32>) -> Option<u32> {
        let seat = choice.handler_seat()?;
        let mut state = world.seats[seat.index()];
        if let Choice::Output { output, .. } = choice {
            let timer = self.tables.hear(&mut state, *output).expect("an enabled output is consulted");
            return Some(self.tables.outcomes(seat, state, Asked::Timer(timer)));
        }
        let recovers = matches!(choice, Choice::Recover { .. });
        if self.tables.status(&state) != Status::Up && !recovers {
            return None;
        }
        let asked = self.tables.asked_by(choice, world.rest.asked[seat.index()])?;
        Some(self.tables.outcomes(seat, state, asked))
    }

    /// Adds one move, which the kernel takes here, once for all states in which it is the same.
    fn take(&mut self, world: &World<u32>, choice: &Choice<u32, u32>, next: (u32, usize), cut: Option<Cut>) {
        self.tables.next = next;
        let (mut after, mut landing) = (world.clone(), Landing::default());
        let laws = laws(self.tables.setting);
        let chosen = Move { choice: choice.clone(), draws: Vec::new(), cut };
        step(&mut after, laws, &mut self.tables, &mut landing, chosen);
        let fairness = match cut {
            // a crash is never fair, not even inside the handler of a fair choice
            Some(_) => Fairness::Unfair,
            None => world.fairness(&self.tables, choice),
        };
        let number = self.classes.intern(choice.clone()).0;
        let called = Move { choice: choice.clone(), draws: Vec::new(), cut };
        let class = Owed::of(&called, fairness).class(u64::from(number));
        let (told, change) = self.change(world, after, landing, class);
        let idle = change.seat == NONE
            && change.rest == NONE
            && told.observed == 0
            && change.discarded == NONE
            && change.taken == NONE
            && change.sent.0 == change.sent.1;
        if idle && !(self.idle_too && class != 0) {
            return;
        }
        self.told.push(told);
        self.changes.push(change);
        let draws = match choice.handler_seat() {
            Some(_) if next != (0, 0) || self.ways(world, choice).is_some() => {
                self.tables.outcome_lists[next.0 as usize][next.1].draws.clone()
            }
            _ => Vec::new(),
        };
        self.called.push(Called { choice: choice.clone(), draws, cut });
    }

    /// Adds a move whose handler fails.
    fn fail(&mut self, choice: &Choice<u32, u32>, next: (u32, usize), violation: Violation) {
        let failure = self.failures.len() as u32;
        self.failures.push(violation);
        self.told.push(Told { failure, ..Told::NOTHING });
        self.changes.push(Change::NOTHING);
        let draws = self.tables.outcome_lists[next.0 as usize][next.1].draws.clone();
        self.called.push(Called { choice: choice.clone(), draws, cut: None });
    }

    fn change(
        &mut self,
        before: &World<u32>,
        after: World<u32>,
        landing: Landing,
        class: u64,
    ) -> (Told, Change) {
        let (mut told, mut change) = (Told::NOTHING, Change { class, ..Change::NOTHING });
        let mut changed = (0..self.seats).filter(|&s| before.seats[s] != after.seats[s]);
        if let Some(seat) = changed.next() {
            assert!(changed.next().is_none(), "a step changes one seat");
            (change.seat, change.after) = (seat as u32, after.seats[seat]);
            let (new, old) = (self.seat_part(seat, change.after), self.seat_part(seat, before.seats[seat]));
            told.delta = told.delta.wrapping_add(new).wrapping_sub(old);
            if let Budget::AtMost(max) = self.tables.setting.environment.measure {
                told.beyond = self.tables.facts[change.after as usize].measure > u64::from(max);
            }
        }
        if before.rest != after.rest {
            let (old, new) = (self.rest(before.rest.clone()), self.rest(after.rest));
            change.rest = new;
            let parts = (self.rest_parts[new as usize], self.rest_parts[old as usize]);
            told.delta = told.delta.wrapping_add(parts.0).wrapping_sub(parts.1);
        }
        let (mut taken, mut sent) = (landing.taken, landing.sent);
        if let Some(envelope) = taken
            && let Some(at) = sent.iter().position(|s| *s == envelope)
        {
            // taken and put back
            sent.remove(at);
            taken = None;
        }
        let first = self.sent.len() as u32;
        for envelope in sent {
            let number = self.envelope(envelope);
            self.sent.push(number);
        }
        change.sent = (first, self.sent.len() as u32);
        change.taken = taken.map_or(NONE, |envelope| self.envelope(envelope));
        change.discarded = landing.discarded.map_or(NONE, |seat| seat.0);
        told.observed = self.observations.intern(landing.observed).0;
        told.depends = self.as_set || change.discarded != NONE;
        if !told.depends {
            let parts = &self.envelopes.parts;
            let sent = &self.sent[first as usize..];
            let sum = sent.iter().fold(told.delta, |sum, &e| sum.wrapping_add(parts[e as usize]));
            let taken = if change.taken == NONE { 0 } else { parts[change.taken as usize] };
            told.delta = sum.wrapping_sub(taken);
        }
        (told, change)
    }

    /// Makes what the moves of a range need to be judged by a monitor.
    fn judge_all(&mut self, monitor: u32, (from, to): (u32, u32)) {
        for change in from..to {
            let observed = self.told[change as usize].observed;
            let key = u64::from(monitor) << 32 | u64::from(observed);
            if observed == 0 || self.judged.get(key).is_some() {
                continue;
            }
            let after = match self.judge(monitor, observed) {
                Ok(after) => after,
                Err(violation) => {
                    self.failures.push(violation);
                    BROKEN + self.failures.len() as u32 - 1
                }
            };
            self.judged.insert(key, (after, 0));
        }
    }

    fn judge(&mut self, monitor: u32, observed: u32) -> Result<u32, Violation> {
        let mut after = self.monitors.get(monitor).clone();
        let tables = &self.tables;
        for observed in self.observations.get(observed) {
            let observed = match *observed {
                Observed::Request(at, q) => Observed::Request(at, tables.request_values.get(q).clone()),
                Observed::Indication(at, i) => Observed::Indication(at, tables.indications.get(i).clone()),
                Observed::Crash(at) => Observed::Crash(at),
                Observed::Recover(at) => Observed::Recover(at),
                Observed::Corrupt(at) => Observed::Corrupt(at),
            };
            judge(&mut after, &observed)?;
        }
        Ok(self.monitor(after))
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
        for &envelope in self.in_flight(&words) {
            print = print.wrapping_add(self.envelopes.parts[envelope as usize]);
        }
        write_print(&mut words, print);
        words
    }

    /// What is in flight in a plain network, as numbers in ascending order.
    fn numbers(&mut self, network: &Network<P::Message>) -> Vec<u32> {
        let mut numbers = Vec::new();
        for envelope in network.copies() {
            let message = self.tables.messages.intern(envelope.message.clone()).0;
            numbers.push(self.envelope((envelope.to, envelope.from, message)));
        }
        numbers.sort_unstable();
        numbers
    }
}

impl Change {
    const NOTHING: Self =
        Self { seat: NONE, after: NONE, rest: NONE, taken: NONE, sent: (0, 0), discarded: NONE, class: 0 };
}

impl Told {
    const NOTHING: Self = Self { delta: 0, observed: 0, failure: NONE, beyond: false, depends: false };
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
            if envelope == std::mem::replace(&mut last, envelope) {
                continue;
            }
            let to = self.envelopes.ends[envelope as usize].0;
            let (from, to) = self.heard_at(words, stances[to as usize], envelope)?;
            for change in from..to {
                self.tell(words, change, each)?;
            }
        }
        for &stance in stances.iter() {
            let (from, to) = self.own[stance as usize];
            for change in from..to {
                self.tell(words, change, each)?;
            }
        }
        let (from, to) = self.global[rest as usize];
        if from == NONE {
            return Err(Missing);
        }
        for change in from..to {
            self.tell(words, change, each)?;
        }
        Ok(())
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
        for &envelope in self.in_flight(words) {
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
        let heard = self.in_flight(words).chunk_by(|a, b| a == b);
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

    fn monitor_number(&self, words: &[u32]) -> Option<u32> {
        Some(words[HEAD + self.seats + 1])
    }
}
