//! Tabulation: a handler is a pure function of a seat and an event, and there are thousands of those where there are
//! millions of steps. Seats, messages, monitor states and the rest are interned; every run of a handler is kept in a
//! table; a state is a short vector of numbers, a step a few copies.

use crate::explore::{Scripted, Space, Target, judge, laws};
use crate::intern::{Interner, Slices};
use crate::reference::Concrete;
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
use synod_kernel::network::InFlight;
use synod_kernel::seat::cuts;
use synod_kernel::signature::Signature;
use synod_kernel::{
    Budget, Choice, Cut, Fairness, Ground, Move, Network, Observed, Released, Rep, Rest, Script, Seat,
    SeatId, Setting, Status, World, step,
};
use synod_model::{Event, Output, Process, ProcessId, When};
use synod_properties::{Monitor, Violation};

type Map<K, V> = HashMap<K, V, FxBuildHasher>;

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
    then: Effect,
    /// The places before which a crash matters; what such a crash leaves, for ever and not.
    cuts: Vec<(u32, [Effect; 2])>,
}

/// What a step at a seat does: the seat after it, and what leaves.
#[derive(Clone)]
struct Effect {
    seat: u32,
    released: Vec<Released<u32, u32, u32>>,
}

/// What is known of an interned seat.
struct SeatFacts {
    status: Status,
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
            let (after, said, ran, effects) = self.run(seat, state, asked, given, None);
            let draws = ran.drawn();
            script = ran.successor();
            let then = Effect { seat: after, released: said };
            let may_fail = self.setting.environment.failures.may_fail(self.setting.seating.identity(seat));
            let cuts = effects
                .into_iter()
                .filter(|_| may_fail)
                .map(|before| {
                    let crashed = [false, true].map(|forever| {
                        let cut = Some(Cut { before, forever });
                        let (seat, released, ..) =
                            self.run(seat, state, asked, Script::new(draws.clone()), cut);
                        Effect { seat, released }
                    });
                    (before, crashed)
                })
                .collect();
            list.push(Outcome { draws, then, cuts });
        }
        list
    }

    /// Runs a handler on plain values: the seat after it, what left, the draws it made, the places where a crash matters.
    fn run(
        &mut self,
        seat: SeatId,
        state: u32,
        asked: Asked,
        script: Script,
        cut: Option<Cut>,
    ) -> (u32, Vec<Released<u32, u32, u32>>, Script, Vec<u32>) {
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
        (self.seat(value), self.released(said), rep.draws, cuts(&effects).collect())
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
            None => &outcome.then,
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

/// Envelopes as numbers, by a dense table: there are few seats and few messages.
struct Envelopes {
    seats: usize,
    values: Vec<Envelope>,
    /// By message, receiver, sender: the number, or `NO_ENVELOPE`.
    numbers: Vec<u32>,
}

const NO_ENVELOPE: u32 = u32::MAX;

impl Envelopes {
    fn new(seats: usize) -> Self {
        Self { seats, values: Vec::new(), numbers: Vec::new() }
    }

    #[inline]
    fn number(&mut self, envelope: Envelope) -> u32 {
        let (to, from, message) = envelope;
        let place = (message as usize * self.seats + to.index()) * self.seats + from.index();
        if self.numbers.len() <= place {
            self.numbers.resize((message as usize + 1) * self.seats * self.seats, NO_ENVELOPE);
        }
        if self.numbers[place] == NO_ENVELOPE {
            self.numbers[place] = self.values.len() as u32;
            self.values.push(envelope);
        }
        self.numbers[place]
    }

    #[inline]
    fn get(&self, number: u32) -> Envelope {
        self.values[number as usize]
    }
}

/// What is in flight, as numbers of envelopes in ascending order.
struct Flying<'a> {
    numbers: &'a [u32],
    envelopes: &'a Envelopes,
}

impl InFlight<u32> for Flying<'_> {
    fn each(&self, mut each: impl FnMut(SeatId, SeatId, &u32)) {
        let mut last = None;
        for &number in self.numbers {
            if last != Some(number) {
                let (to, from, message) = self.envelopes.get(number);
                each(from, to, &message);
            }
            last = Some(number);
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
    #[inline]
    fn send(&mut self, from: SeatId, to: SeatId, message: u32) {
        self.sent.push((to, from, message));
    }

    #[inline]
    fn take(&mut self, from: SeatId, to: SeatId, message: &u32) {
        self.taken = Some((to, from, *message));
    }

    #[inline]
    fn observe(&mut self, observed: Observed<u32, u32>) {
        self.observed.push(observed);
    }

    fn discard_to(&mut self, seat: SeatId) {
        self.discarded = Some(seat);
    }
}

/// States as vectors of numbers: the seats, the rest, the monitor, then what is in flight in ascending order.
pub(crate) struct Tabulated<'a, P: Process, M> {
    tables: Tables<'a, P>,
    rests: Interner<Rest>,
    monitors: Interner<M>,
    judged: Map<(u32, Observed<u32, u32>), Result<u32, Violation>>,
    envelopes: Envelopes,
    states: Slices,
    /// Working space: the loaded state, its choices, the world of the step being taken.
    current: u32,
    choices: Vec<Choice<u32, u32>>,
    parent: Vec<u32>,
    world: World<u32>,
    landing: Landing,
    child: Vec<u32>,
}

impl<'a, P: Process, M: Monitor<P::Request, P::Indication>> Tabulated<'a, P, M> {
    pub(crate) fn new(setting: &'a Setting<P>, measure: fn(&P) -> u64) -> Self {
        Self {
            tables: Tables::new(setting, measure),
            rests: Interner::new(),
            monitors: Interner::new(),
            judged: Map::default(),
            envelopes: Envelopes::new(setting.seating.len()),
            states: Slices::new(),
            current: 0,
            choices: Vec::new(),
            parent: Vec::new(),
            world: World::new(laws(setting), 0),
            landing: Landing::default(),
            child: Vec::new(),
        }
    }

    fn seats(&self) -> usize {
        self.tables.setting.seating.len()
    }

    /// Puts a state into the working space, with its enabled choices.
    fn load(&mut self, from: u32) {
        let seats = self.seats();
        self.current = from;
        self.parent.clear();
        self.parent.extend_from_slice(self.states.get(from));
        self.world.seats.clear();
        self.world.seats.extend_from_slice(&self.parent[..seats]);
        let rest = self.rests.get(self.parent[seats]);
        if self.world.rest != *rest {
            self.world.rest.clone_from(rest);
        }
        let flying = Flying { numbers: &self.parent[seats + 2..], envelopes: &self.envelopes };
        let choices = &mut self.choices;
        choices.clear();
        self.world.enabled(laws(self.tables.setting), &self.tables, &flying, |choice| choices.push(choice));
    }

    /// The outcomes of a choice's handler, if one runs: how many, and the cuts of each.
    fn ways(&mut self, choice: &Choice<u32, u32>) -> Option<u32> {
        let seat = choice.handler_seat()?;
        if let Choice::Output { output, .. } = choice {
            let mut state = self.world.seats[seat.index()];
            let timer = self.tables.hear(&mut state, *output).expect("an enabled output is consulted");
            return Some(self.tables.outcomes(seat, state, Asked::Timer(timer)));
        }
        let state = self.world.seats[seat.index()];
        let recovers = matches!(choice, Choice::Recover { .. });
        if self.tables.status(&state) != Status::Up && !recovers {
            return None;
        }
        let asked = self.tables.asked_by(choice, self.world.rest.asked[seat.index()])?;
        Some(self.tables.outcomes(seat, state, asked))
    }

    /// Calls `visit` with every move out of the loaded state: the place of its choice, its handler's outcome, its cut.
    fn moves(&mut self, visit: &mut dyn FnMut(&mut Self, usize, (u32, usize), Option<Cut>) -> bool) {
        let budgets = &self.world.rest.budgets;
        let crashes = [(false, budgets.restarts.any()), (true, budgets.stops.any())];
        for place in 0..self.choices.len() {
            let choice = self.choices[place].clone();
            let Some(list) = self.ways(&choice) else {
                if !visit(self, place, (0, 0), None) {
                    return;
                }
                continue;
            };
            for pick in 0..self.tables.outcome_lists[list as usize].len() {
                if !visit(self, place, (list, pick), None) {
                    return;
                }
                for at in 0..self.tables.outcome_lists[list as usize][pick].cuts.len() {
                    let before = self.tables.outcome_lists[list as usize][pick].cuts[at].0;
                    for (forever, _) in crashes.into_iter().filter(|(_, any)| *any) {
                        if !visit(self, place, (list, pick), Some(Cut { before, forever })) {
                            return;
                        }
                    }
                }
            }
        }
    }

    /// Takes a move from the loaded state, which is loaded again afterwards.
    fn take(&mut self, place: usize, next: (u32, usize), cut: Option<Cut>) -> Target {
        let seats = self.seats();
        self.tables.next = next;
        let mut landing = std::mem::take(&mut self.landing);
        let choice = self.choices[place].clone();
        // what is sent to one who lies may carry signatures that are news to the adversary
        let same_rest = cut.is_none()
            && match choice {
                Choice::Deliver { .. } => self.tables.lies.is_empty(),
                _ => false,
            };
        let laws = laws(self.tables.setting);
        step(&mut self.world, laws, &mut self.tables, &mut landing, Move { choice, draws: Vec::new(), cut });
        let target = self.land(seats, &landing, same_rest);
        landing.sent.clear();
        landing.observed.clear();
        (landing.taken, landing.discarded) = (None, None);
        self.landing = landing;
        self.world.seats.copy_from_slice(&self.parent[..seats]);
        if !same_rest {
            self.world.rest.clone_from(self.rests.get(self.parent[seats]));
        }
        target
    }

    /// Whether a step left everything as it was: a message came and was put back, or nothing happened at all.
    fn is_idle(&self, seats: usize, landing: &Landing, same_rest: bool) -> bool {
        let put_back = match (landing.taken, &landing.sent[..]) {
            (None, []) => true,
            (Some(taken), [sent]) => taken == *sent,
            _ => false,
        };
        put_back && same_rest && landing.observed.is_empty() && self.world.seats[..] == self.parent[..seats]
    }

    fn land(&mut self, seats: usize, landing: &Landing, same_rest: bool) -> Target {
        if self.is_idle(seats, landing, same_rest) {
            return Target::State(self.current, false);
        }
        let monitor = match self.judge(self.parent[seats + 1], landing) {
            Ok(monitor) => monitor,
            Err(violation) => return Target::Broken(violation),
        };
        if let Budget::AtMost(max) = self.tables.setting.environment.measure {
            let beyond = |s: &u32| self.tables.facts[*s as usize].measure > u64::from(max);
            if self.world.seats.iter().any(beyond) {
                return Target::Beyond;
            }
        }
        let rest = if same_rest || self.world.rest == *self.rests.get(self.parent[seats]) {
            self.parent[seats]
        } else {
            self.rests.intern(self.world.rest.clone()).0
        };
        let child = &mut self.child;
        child.clear();
        child.extend_from_slice(&self.world.seats);
        child.extend([rest, monitor]);
        child.extend_from_slice(&self.parent[seats + 2..]);
        let as_set = self.tables.setting.environment.links.as_set;
        if let Some(taken) = landing.taken {
            let number = self.envelopes.number(taken);
            let at = child[seats + 2..].binary_search(&number).expect("what is taken is in flight");
            child.remove(seats + 2 + at);
        }
        for &envelope in &landing.sent {
            let number = self.envelopes.number(envelope);
            match child[seats + 2..].binary_search(&number) {
                Ok(_) if as_set => {}
                Ok(at) | Err(at) => child.insert(seats + 2 + at, number),
            }
        }
        if let Some(seat) = landing.discarded {
            let envelopes = &self.envelopes;
            let mut at = 0;
            child.retain(|&number| {
                at += 1;
                at <= seats + 2 || envelopes.get(number).0 != seat
            });
        }
        let (id, new) = self.states.intern(child);
        Target::State(id, new)
    }

    fn judge(&mut self, mut monitor: u32, landing: &Landing) -> Result<u32, Violation> {
        for observed in &landing.observed {
            let key = (monitor, observed.clone());
            if !self.judged.contains_key(&key) {
                let result = self.judge_values(monitor, observed);
                self.judged.insert(key.clone(), result);
            }
            monitor = self.judged[&key].clone()?;
        }
        Ok(monitor)
    }

    fn judge_values(&mut self, monitor: u32, observed: &Observed<u32, u32>) -> Result<u32, Violation> {
        let tables = &self.tables;
        let observed = match *observed {
            Observed::Request(at, q) => Observed::Request(at, tables.request_values.get(q).clone()),
            Observed::Indication(at, i) => Observed::Indication(at, tables.indications.get(i).clone()),
            Observed::Crash(at) => Observed::Crash(at),
            Observed::Recover(at) => Observed::Recover(at),
            Observed::Corrupt(at) => Observed::Corrupt(at),
        };
        let mut after = self.monitors.get(monitor).clone();
        judge(&mut after, &observed)?;
        Ok(self.monitors.intern(after).0)
    }
}

impl<P: Process, M: Monitor<P::Request, P::Indication>> Space<P, M> for Tabulated<'_, P, M> {
    fn insert(&mut self, state: Concrete<P, M>) -> (u32, bool) {
        let Concrete { world, network, monitor } = state;
        let mut words: Vec<u32> = world.seats.into_iter().map(|seat| self.tables.seat(seat)).collect();
        words.push(self.rests.intern(world.rest).0);
        words.push(self.monitors.intern(monitor).0);
        words.extend(self.numbers(&network));
        self.states.intern(&words)
    }

    fn successors(&mut self, from: u32, visit: &mut dyn FnMut(Target, Fairness) -> bool) {
        self.load(from);
        let mut fairness: Vec<Fairness> = Vec::with_capacity(self.choices.len());
        for choice in &self.choices {
            fairness.push(self.world.fairness(&self.tables, choice));
        }
        self.moves(&mut |this, place, next, cut| {
            let target = this.take(place, next, cut);
            visit(target, if cut.is_some() { Fairness::Unfair } else { fairness[place] })
        });
    }

    fn nth_move(&mut self, from: u32, nth: usize) -> Move<P::Message, P::Timer> {
        self.load(from);
        let mut found = None;
        let mut seen = 0;
        self.moves(&mut |_, place, next, cut| {
            if seen == nth {
                found = Some((place, next, cut));
            }
            seen += 1;
            found.is_none()
        });
        let (place, (list, pick), cut) = found.expect("a state has this many moves");
        let choice = self.choices[place].clone();
        let draws = match self.ways(&choice) {
            Some(_) => self.tables.outcome_lists[list as usize][pick].draws.clone(),
            None => Vec::new(),
        };
        let choice =
            choice.map(|m| self.tables.messages.get(m).clone(), |t| self.tables.timers.get(t).clone());
        Move { choice, draws, cut }
    }

    fn inspect<T>(&self, state: u32, see: impl FnOnce(&[&Seat<P>], &M, u32) -> T) -> T {
        let (words, count) = (self.states.get(state), self.seats());
        let seats: Vec<_> = words[..count].iter().map(|&s| self.tables.seats.get(s)).collect();
        let rest = self.rests.get(words[count]);
        see(&seats, self.monitors.get(words[count + 1]), u32::from(rest.budgets.pulses.any()))
    }

    fn len(&self) -> usize {
        self.states.len()
    }

    fn memory(&self) -> u64 {
        self.states.memory()
    }

    fn handler_calls(&self) -> u64 {
        self.tables.handler_calls
    }
}

impl<P: Process, M> Tabulated<'_, P, M> {
    /// What is in flight in a plain network, as numbers in ascending order.
    fn numbers(&mut self, network: &Network<P::Message>) -> Vec<u32> {
        let mut numbers: Vec<u32> = network
            .copies()
            .map(|e| (e.to, e.from, e.message.clone()))
            .map(|(to, from, message)| (to, from, self.tables.messages.intern(message).0))
            .map(|envelope| self.envelopes.number(envelope))
            .collect();
        numbers.sort_unstable();
        numbers
    }
}
