//! All that holds algorithm values: seats, messages and the rest as numbers, and what each handler does, run once.

use crate::coverage::{Branches, is_tossed};
use crate::intern::Interner;
use crate::report::{DETERMINISM, NO_PANIC};
use crate::worlds::{Scripted, panic_message};
use hashbrown::HashMap;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use synod_kernel::seat::cuts;
use synod_kernel::signature::Signature;
use synod_kernel::{Choice, Cut, Released, Rep, Script, Seat, SeatId, Setting, Status};
use synod_model::{Event, Output, Process, ProcessId, When};
use synod_properties::Violation;

pub(super) type Map<K, V> = HashMap<K, V, std::hash::BuildHasherDefault<crate::fingerprint::Printer>>;

/// What is asked of a seat, as a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Asked {
    Message(ProcessId, u32),
    Timer(u32),
    Request(u32),
    Recover,
}

/// One outcome of a handler: the draws that lead to it, and what it did.
pub(super) struct Outcome {
    pub(super) draws: Vec<u32>,
    /// What came of it; or how it failed: it panicked, or did not do the same when it was run again.
    pub(super) then: Result<Effect, Violation>,
    /// The places before which a crash matters; what such a crash leaves, for ever and not.
    pub(super) cuts: Vec<(u32, [Effect; 2])>,
}

/// What a step at a seat does: the seat after it, and what leaves.
#[derive(Clone, PartialEq)]
pub(super) struct Effect {
    pub(super) seat: u32,
    pub(super) released: Vec<Released<u32, u32, u32>>,
}

/// What is known of an interned seat.
pub(super) struct SeatFacts {
    pub(super) status: Status,
    /// Whether messages that it sent may be lost.
    pub(super) down: bool,
    pub(super) timers: Vec<(u32, When)>,
    pub(super) pending: u32,
    /// Where a crash inside the release of what waits for the oldest pending write matters.
    pub(super) release_cuts: Vec<u32>,
    pub(super) outputs: Vec<Output>,
    pub(super) measure: u64,
}

/// What handlers were asked and did, by number: each was run for a state that is reached. Of what they were asked:
/// whether anything ever came of it.
#[derive(Default)]
pub(super) struct Reached {
    pub(super) requests: BTreeMap<u32, bool>,
    pub(super) sent: BTreeSet<u32>,
    pub(super) handled: BTreeMap<u32, bool>,
    pub(super) fired: BTreeMap<u32, bool>,
    pub(super) recovered: bool,
    pub(super) coin: bool,
    pub(super) branches: Branches,
}

impl Reached {
    fn note(&mut self, asked: Asked, came: bool) {
        let (values, value) = match asked {
            Asked::Message(_, message) => (&mut self.handled, message),
            Asked::Timer(timer) => (&mut self.fired, timer),
            Asked::Request(request) => (&mut self.requests, request),
            Asked::Recover => return self.recovered = true,
        };
        *values.entry(value).or_default() |= came;
    }

    fn drew(&mut self, draws: &Script) {
        self.coin |= is_tossed(draws);
        self.branches.note(draws.marks());
    }
}

/// All tables that hold algorithm values.
pub(super) struct Tables<'a, P: Process> {
    pub(super) setting: &'a Setting<P>,
    pub(super) measure: fn(&P) -> u64,
    pub(super) seats: Interner<Seat<P>>,
    pub(super) facts: Vec<SeatFacts>,
    pub(super) messages: Interner<P::Message>,
    pub(super) timers: Interner<P::Timer>,
    pub(super) indications: Interner<P::Indication>,
    /// By seat and index: the number of the request.
    pub(super) requests: Vec<Vec<u32>>,
    pub(super) request_values: Interner<P::Request>,
    pub(super) outcomes: Map<(u32, u32, Asked), u32>,
    pub(super) outcome_lists: Vec<Vec<Outcome>>,
    pub(super) syncs: Map<(u32, Option<Cut>, bool), Effect>,
    pub(super) crashes: Map<(u32, u32, bool, bool), u32>,
    pub(super) heard: Map<(u32, Output), (u32, Option<u32>)>,
    /// What those who lie may say.
    pub(super) lies: Vec<u32>,
    pub(super) handler_calls: u64,
    /// The outcomes of the next handler, looked up already, and which of them it takes.
    pub(super) next: (u32, usize),
    pub(super) reached: Reached,
}

impl<'a, P: Process> Tables<'a, P> {
    pub(super) fn new(setting: &'a Setting<P>, measure: fn(&P) -> u64) -> Self {
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
            reached: Reached::default(),
        }
    }

    pub(super) fn seat(&mut self, seat: Seat<P>) -> u32 {
        let (id, new) = self.seats.intern(seat);
        if new {
            let seat = self.seats.get(id);
            let mut outputs = Vec::new();
            seat.outputs(|o| outputs.push(o));
            let facts = SeatFacts {
                status: seat.status(),
                down: matches!(seat.status(), Status::Down | Status::Stopped | Status::Lying),
                timers: seat
                    .timers()
                    .iter()
                    .map(|(t, when)| (self.timers.intern(t.clone()).0, *when))
                    .collect(),
                pending: seat.stores_pending() as u32,
                release_cuts: seat.release_cuts().collect(),
                outputs,
                measure: seat.local().map_or(0, self.measure),
            };
            self.facts.push(facts);
        }
        id
    }

    pub(super) fn released(
        &mut self,
        all: Vec<Released<P::Message, P::Indication, P::Timer>>,
    ) -> Vec<Released<u32, u32, u32>> {
        all.into_iter()
            .filter_map(|released| match released {
                Released::Send(to, message) => {
                    let number = self.messages.intern(message).0;
                    self.reached.sent.insert(number);
                    Some(Released::Send(to, number))
                }
                Released::Indicate(i) => Some(Released::Indicate(self.indications.intern(i).0)),
                // a checker has neither clock nor disk
                Released::Armed(..) | Released::Disarmed(_) | Released::Stored => None,
            })
            .collect()
    }

    /// What a process says when it starts with these draws, in a start that goes through.
    pub(super) fn init(&mut self, seat: SeatId, draws: &[u32]) {
        let mut rep = Scripted::new(self.setting, Script::new(draws.to_vec()));
        let (mut value, mut said) = (Seat::default(), Vec::new());
        rep.react(seat, &mut value, Event::Init, None, &mut |released| said.push(released));
        self.reached.drew(&rep.draws);
        self.seat(value);
        self.released(said);
    }

    /// The outcomes of a handler: run once per distinct input, looked up ever after.
    pub(super) fn outcomes(&mut self, seat: SeatId, state: u32, asked: Asked) -> u32 {
        if let Some(&list) = self.outcomes.get(&(seat.0, state, asked)) {
            return list;
        }
        self.reached.note(asked, false);
        let list = self.tabulate(seat, state, asked);
        let id = self.outcome_lists.len() as u32;
        self.outcome_lists.push(list);
        self.outcomes.insert((seat.0, state, asked), id);
        id
    }

    pub(super) fn tabulate(&mut self, seat: SeatId, state: u32, asked: Asked) -> Vec<Outcome> {
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
                        let cut = Some(Cut::before(before, forever));
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
    pub(super) fn run_twice(
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
        let again = catch_unwind(AssertUnwindSafe(|| self.run(seat, state, asked, script.clone(), None)));
        let Ok(again) = again else {
            let what = "the same handler on the same input first goes through, then panics";
            return Err(Violation::new(&DETERMINISM, what));
        };
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
    pub(super) fn describe(&self, released: &[Released<u32, u32, u32>]) -> String {
        let one = |released: &Released<u32, u32, u32>| match *released {
            Released::Send(to, m) => format!("sends {:?} to {to}", self.messages.get(m)),
            Released::Indicate(i) => format!("indicates {:?}", self.indications.get(i)),
            _ => String::new(),
        };
        let all: Vec<_> = released.iter().map(one).collect();
        if all.is_empty() { "says nothing".to_owned() } else { all.join(", ") }
    }

    /// Runs a handler on plain values: the seat after it, what left, the draws it made, the places where a crash matters.
    pub(super) fn run(
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
        self.reached.note(asked, !effects.is_empty() || value.local() != self.seats.get(state).local());
        self.reached.drew(&rep.draws);
        let effect = Effect { seat: self.seat(value), released: self.released(said) };
        (effect, rep.draws, cuts(&effects).collect())
    }

    pub(super) fn asked_by(&self, choice: &Choice<u32, u32>, asked: u32) -> Option<Asked> {
        Some(match *choice {
            Choice::Deliver { from, message, .. }
            | Choice::Duplicate { from, message, .. }
            | Choice::Lie { from, message, .. }
            | Choice::Inject { from, message, .. } => {
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

    fn sync(
        &mut self,
        state: &mut u32,
        cut: Option<Cut>,
        lost: bool,
        release: &mut impl FnMut(Released<u32, u32, u32>),
    ) {
        let key = (*state, cut, lost);
        if !self.syncs.contains_key(&key) {
            let (mut seat, mut said) = (self.seats.get(*state).clone(), Vec::new());
            let mut rep = Scripted::new(self.setting, Script::default());
            rep.sync(&mut seat, cut, lost, &mut |released| said.push(released));
            let effect = Effect { seat: self.seat(seat), released: self.released(said) };
            self.syncs.insert(key, effect);
        }
        let effect = &self.syncs[&key];
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

    fn rot(&mut self, state: &mut u32, bit: u32) {
        let mut seat = self.seats.get(*state).clone();
        seat.rot(bit);
        *state = self.seat(seat);
    }

    fn rots(&self, state: &u32, each: impl FnMut(u32)) {
        self.seats.get(*state).rots().for_each(each);
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

    fn release_cuts(&self, state: &u32, each: impl FnMut(u32)) {
        self.facts[*state as usize].release_cuts.iter().copied().for_each(each);
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
