//! The reference: states as plain values, compared value by value.

use crate::erased::{Erased, Value};
use crate::fingerprint::{Print, print_of};
use crate::intern::{Interner, Kept};
use crate::liveness::Owed;
use crate::renumbered::Renumbered;
use crate::report::NO_PANIC;
use crate::space::{Edge, Exact, Missing, Space, Start};
use crate::tested::Tested;
use crate::worlds::{Reader, Scripted, goals, laws, owed, panic_message};
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use synod_kernel::seat::cuts;
use synod_kernel::{
    Budget, Choice, Cut, Fairness, Ground, Keeping, Move, Network, Observed, Rest, Script, Seat, SeatId,
    Setting, Status, World, step,
};
use synod_model::{EffectOf, Process};
use synod_properties::{Monitor, Obligation, Property, Violation};

/// A state, in full.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Concrete<P: Process, M> {
    pub(crate) world: World<Seat<P>>,
    pub(crate) network: Network<P::Message>,
    pub(crate) monitor: M,
}

/// Where the effects of one step go.
pub(crate) struct Landing<'a, P: Process> {
    network: &'a mut Network<P::Message>,
    pub(crate) observed: Vec<Observed<P::Request, P::Indication>>,
}

impl<'a, P: Process> Landing<'a, P> {
    /// Messages go to this network.
    pub(crate) fn on(network: &'a mut Network<P::Message>) -> Self {
        Self { network, observed: Vec::new() }
    }
}

impl<P: Process> Ground<Scripted<'_, P>> for Landing<'_, P> {
    fn send(&mut self, from: SeatId, to: SeatId, message: P::Message) {
        self.network.send(from, to, message);
    }

    fn take(&mut self, from: SeatId, to: SeatId, message: &P::Message) {
        self.network.take(from, to, message);
    }

    fn put_back(&mut self, from: SeatId, to: SeatId, message: P::Message) {
        self.network.put_back(from, to, message);
    }

    fn observe(&mut self, observed: Observed<P::Request, P::Indication>) {
        self.observed.push(observed);
    }

    fn discard_to(&mut self, seat: SeatId) {
        self.network.discard_to(seat);
    }
}

/// What one run of a handler was: the draws it made, the effects it had.
pub(crate) struct Ran<P: Process> {
    pub(crate) script: Script,
    pub(crate) effects: Vec<EffectOf<P>>,
}

impl<P: Process> Ran<P> {
    /// The places before which a crash inside the handler makes a difference.
    pub(crate) fn cuts(&self) -> Vec<u32> {
        cuts(&self.effects).collect()
    }
}

/// Takes a step in place.
pub(crate) fn take<'a, P: Process>(
    setting: &'a Setting<P>,
    world: &mut World<Seat<P>>,
    ground: &mut impl Ground<Scripted<'a, P>>,
    script: Script,
    chosen: Move<P::Message, P::Timer>,
) -> Ran<P> {
    let mut rep = Scripted::new(setting, script);
    rep.record = Some(Vec::new());
    step(world, laws(setting), &mut rep, ground, chosen);
    Ran { script: rep.draws, effects: rep.record.unwrap_or_default() }
}

/// Calls `visit` with every move of a choice: every outcome of its draws, every crash inside its handler that matters;
/// with what `run` says comes of it, and with how many handlers ran anew. Stops where `visit` says so.
pub(crate) fn every_move<P: Process, T>(
    setting: &Setting<P>,
    world: &World<Seat<P>>,
    choice: &Choice<P::Message, P::Timer>,
    mut run: impl FnMut(Script, Move<P::Message, P::Timer>) -> (T, Ran<P>),
    mut visit: impl FnMut(Move<P::Message, P::Timer>, T, u64) -> bool,
) -> bool {
    let mut script = Some(Script::default());
    while let Some(given) = script {
        let (came, ran) = run(given, Move::plain(choice.clone()));
        let positions = ran.cuts();
        let draws = ran.script.drawn();
        script = ran.script.successor();
        if !visit(Move { choice: choice.clone(), draws: draws.clone(), cut: None }, came, 1) {
            return false;
        }
        for cut in crashes_inside(setting, world, choice, &positions) {
            let chosen = Move { choice: choice.clone(), draws: draws.clone(), cut: Some(cut) };
            let (came, _) = run(Script::new(draws.clone()), chosen.clone());
            if !visit(chosen, came, 0) {
                return false;
            }
        }
    }
    true
}

/// What comes of a move, judged. A handler that panics is a violation; what it drew until then is not known.
fn after<P, M>(
    (setting, tested): (&Setting<P>, &Tested),
    from: &Concrete<P, M>,
    script: Script,
    chosen: Move<P::Message, P::Timer>,
) -> (Result<Concrete<P, M>, Violation>, Ran<P>)
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    let mut state = from.clone();
    let mut landing = Landing::on(&mut state.network);
    let (world, given) = (&mut state.world, script.clone());
    let taken = catch_unwind(AssertUnwindSafe(|| take(setting, world, &mut landing, script, chosen)));
    let ran = match taken {
        Ok(ran) => ran,
        Err(payload) => {
            let what = format!("the handler panics: {}", panic_message(payload.as_ref()));
            let ran = Ran { script: given, effects: Vec::new() };
            return (Err(Violation::new(&NO_PANIC, what)), ran);
        }
    };
    let observed = landing.observed;
    let judged = observed.iter().try_for_each(|o| tested.judge(&mut state.monitor, o));
    (judged.map(|()| state), ran)
}

fn moves<P, M>(
    (setting, tested): (&Setting<P>, &Tested),
    from: &Concrete<P, M>,
    choice: &Choice<P::Message, P::Timer>,
    visit: &mut dyn FnMut(Move<P::Message, P::Timer>, Result<Concrete<P, M>, Violation>, u64) -> bool,
) -> bool
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    let run = |script, chosen| after((setting, tested), from, script, chosen);
    every_move(setting, &from.world, choice, run, visit)
}

/// The crashes inside the handler of a choice that budgets allow, before effects at these places; or inside its release.
pub(crate) fn crashes_inside<P: Process>(
    setting: &Setting<P>,
    world: &World<Seat<P>>,
    choice: &Choice<P::Message, P::Timer>,
    positions: &[u32],
) -> Vec<Cut> {
    if let Choice::Sync { seat } = *choice {
        return world.release_cuts(laws(setting), &Scripted::new(setting, Script::default()), seat);
    }
    let Some(seat) = choice.handler_seat() else { return Vec::new() };
    if !setting.environment.failures.may_fail(setting.seating.identity(seat)) {
        return Vec::new();
    }
    let budgets = &world.rest.budgets;
    positions
        .iter()
        .flat_map(|&before| {
            [(false, budgets.restarts), (true, budgets.stops)]
                .into_iter()
                .filter(|(_, budget)| budget.any())
                .map(move |(forever, _)| Cut::before(before, forever))
        })
        .collect()
}

/// How runs begin, with the moves of each beginning.
pub(crate) type Starts<P, M> =
    (Start<Vec<Concrete<P, M>>>, Vec<Vec<Move<<P as Process>::Message, <P as Process>::Timer>>>);

/// How runs begin: every choice of who lies and every outcome of every other process's start, up to the first that breaks
/// a property.
pub(crate) fn starts<P, M>(setting: &Setting<P>, monitor: &M, tested: &Tested) -> Starts<P, M>
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    let (mut start, mut names) = (Start { rows: Vec::new(), broken: None }, Vec::new());
    for (state, moves) in initial(setting, monitor, tested) {
        names.push(moves);
        match state {
            Ok(state) => start.rows.push(state),
            Err(violation) => {
                start.broken = Some(violation);
                break;
            }
        }
    }
    (start, names)
}

/// The world before anybody has started.
fn blank<P: Process, M: Clone>(setting: &Setting<P>, monitor: &M) -> Concrete<P, M> {
    Concrete {
        world: World::new(laws(setting), Seat::default()),
        network: Network::new(Keeping::of(&setting.environment.links)),
        monitor: monitor.clone(),
    }
}

fn initial<P, M>(
    setting: &Setting<P>,
    monitor: &M,
    tested: &Tested,
) -> Vec<(Result<Concrete<P, M>, Violation>, Vec<Move<P::Message, P::Timer>>)>
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    tested.look(monitor);
    let (mut ready, mut starting) = (Vec::new(), vec![(Ok(blank(setting, monitor)), Vec::new())]);
    while let Some((state, so_far)) = starting.pop() {
        let (choices, state) = match state {
            Ok(state) => (beginnings(setting, &state), state),
            broken => {
                ready.push((broken, so_far));
                continue;
            }
        };
        let first = starting.len();
        for choice in &choices {
            moves((setting, tested), &state, choice, &mut |chosen, result, _| {
                let mut run = so_far.clone();
                run.push(chosen);
                starting.push((result, run));
                true
            });
        }
        starting[first..].reverse();
        if choices.is_empty() {
            ready.push((Ok(state), so_far));
        }
    }
    ready
}

/// How the next process may start, while some have yet to.
fn beginnings<P: Process, M>(
    setting: &Setting<P>,
    state: &Concrete<P, M>,
) -> Vec<Choice<P::Message, P::Timer>> {
    let rep = Scripted::new(setting, Script::default());
    let mut choices = Vec::new();
    if state.world.seats.iter().any(|seat| seat.status() == Status::New) {
        state.world.enabled(laws(setting), &rep, &state.network, |choice| choices.push(choice));
    }
    choices
}

/// States as plain values.
pub(crate) struct Reference<'a, P: Process, M> {
    setting: &'a Setting<P>,
    /// How states are renumbered, where they are.
    modulo: Option<&'a Renumbered<P>>,
    monitor: &'a M,
    measure: fn(&P) -> u64,
    properties: Vec<Property>,
    tested: Tested,
    handler_calls: AtomicU64,
}

impl<'a, P: Process, M: Monitor<P::Request, P::Indication>> Reference<'a, P, M> {
    pub(crate) fn new(setting: &'a Setting<P>, monitor: &'a M, measure: fn(&P) -> u64) -> Self {
        let properties = monitor.properties();
        let tested = Tested::new(properties.clone());
        Self { setting, modulo: None, monitor, measure, properties, tested, handler_calls: AtomicU64::new(0) }
    }

    /// The same, where states are one that a renumbering makes equal.
    pub(crate) fn modulo(self, renumbered: &'a Renumbered<P>) -> Self {
        Self { modulo: Some(renumbered), ..self }
    }

    pub(crate) fn setting(&self) -> &'a Setting<P> {
        self.setting
    }

    /// The world before anybody has started.
    pub(crate) fn blank(&self) -> Concrete<P, M> {
        blank(self.setting, self.monitor)
    }

    /// How runs begin, and what reads their states.
    pub(crate) fn start(&self) -> (Start<Vec<Concrete<P, M>>>, AsIs<'_, P, M>) {
        let (mut start, starts) = starts(self.setting, self.monitor, &self.tested);
        if let Some(by) = self.modulo {
            start.rows = start.rows.into_iter().map(|state| by.canonical(state).0).collect();
        }
        (start, AsIs { space: self, starts, monitors: RefCell::default() })
    }

    pub(crate) fn all_moves(
        &self,
        from: &Concrete<P, M>,
        visit: &mut dyn FnMut(
            Move<P::Message, P::Timer>,
            Result<Concrete<P, M>, Violation>,
            Fairness,
            u64,
        ) -> bool,
    ) {
        let rep = Scripted::new(self.setting, Script::default());
        let mut choices = Vec::new();
        from.world.enabled(laws(self.setting), &rep, &from.network, |choice| choices.push(choice));
        for choice in choices {
            let fairness = from.world.fairness(laws(self.setting), &rep, &choice);
            let going = moves((self.setting, &self.tested), from, &choice, &mut |chosen, result, calls| {
                // a crash is never fair, not even inside the handler of a fair choice
                let fairness = if chosen.cut.is_some() { Fairness::Unfair } else { fairness };
                visit(chosen, result, fairness, calls)
            });
            if !going {
                return;
            }
        }
    }

    pub(crate) fn is_beyond(&self, state: &Concrete<P, M>) -> bool {
        is_beyond(self.setting, &state.world, self.measure)
    }
}

/// Whether a process is beyond the environment's bound on the algorithm's measure.
pub(crate) fn is_beyond<P: Process>(
    setting: &Setting<P>,
    world: &World<Seat<P>>,
    measure: fn(&P) -> u64,
) -> bool {
    let measure = |seat: &Seat<P>| seat.local().map_or(0, measure);
    match setting.environment.measure {
        Budget::AtMost(max) => world.seats.iter().any(|seat| measure(seat) > u64::from(max)),
        Budget::Unlimited => false,
    }
}

impl<P: Process, M: Monitor<P::Request, P::Indication>> Space for Reference<'_, P, M> {
    type Rows = Vec<Concrete<P, M>>;
    type Step = (Concrete<P, M>, u64);
    type Exact = Kept<Concrete<P, M>>;

    fn properties(&self) -> Vec<Property> {
        self.properties.clone()
    }

    fn print(&self, state: &Concrete<P, M>) -> Print {
        print_of(state)
    }

    fn expand(&self, from: &Concrete<P, M>, each: &mut impl FnMut(Edge<Self::Step>)) -> Result<(), Missing> {
        if let Some(by) = self.modulo {
            let calls = self.expand_quotient(by, from, each);
            self.handler_calls.fetch_add(calls, Ordering::Relaxed);
            return Ok(());
        }
        let mut all_calls = 0;
        self.all_moves(from, &mut |chosen, result, fairness, calls| {
            all_calls += calls;
            let class = Owed::of(&chosen, fairness).class(print_of(&chosen.choice) as u64);
            each(match result {
                Err(violation) => Edge::Broken(violation),
                Ok(state) if self.is_beyond(&state) => Edge::Outside(class),
                Ok(state) => Edge::To { print: print_of(&state), step: (state, class) },
            });
            true
        });
        self.handler_calls.fetch_add(all_calls, Ordering::Relaxed);
        Ok(())
    }

    fn build(&self, _: &Concrete<P, M>, (_, (state, _)): (Print, Self::Step), rows: &mut Self::Rows) {
        rows.push(state);
    }

    fn keep(
        &self,
        exact: &mut Self::Exact,
        _: &Concrete<P, M>,
        (print, (state, _)): (Print, &Self::Step),
        _: &mut Self::Rows,
    ) -> (u32, bool) {
        exact.insert(print, state)
    }

    fn reached(&self, state: &Concrete<P, M>) -> u64 {
        goals(&self.properties, &state.monitor)
    }

    fn broken(&self, _: &Concrete<P, M>) -> Option<Violation> {
        None
    }

    fn broken_end(&self, _: &Concrete<P, M>) -> Option<Violation> {
        None
    }

    fn distance(&self, state: &Concrete<P, M>) -> u64 {
        state.monitor.distance()
    }

    fn parts(&self, state: &Concrete<P, M>, each: &mut dyn FnMut(u64)) {
        for seat in state.world.seats.iter().enumerate() {
            each(print_of(&seat) as u64);
        }
        for envelope in state.network.copies() {
            each(print_of(&("in flight", envelope.to, envelope.from, &envelope.message)) as u64);
        }
        each(print_of(&state.world.rest) as u64);
        each(print_of(&state.monitor) as u64);
    }

    fn class(&self, step: &Self::Step) -> u64 {
        step.1
    }

    fn memory(&self) -> u64 {
        0
    }
}

/// States that are read as they are.
pub(crate) struct AsIs<'a, P: Process, M> {
    space: &'a Reference<'a, P, M>,
    starts: Vec<Vec<Move<P::Message, P::Timer>>>,
    /// Those that were asked for, with their numbers.
    monitors: RefCell<Interner<M>>,
}

impl<P: Process, M: Monitor<P::Request, P::Indication>> Reader<P, Erased<'_>> for AsIs<'_, P, M> {
    fn view<T>(&self, _: &Erased<'_>, state: &Value, see: impl FnOnce(&[&Seat<P>], &Rest) -> T) -> T {
        let state: &Concrete<P, M> = state.get();
        let seats: Vec<_> = state.world.seats.iter().collect();
        see(&seats, &state.world.rest)
    }

    fn monitor_number(&self, _: &Erased<'_>, state: &Value) -> u32 {
        self.monitors.borrow_mut().intern(state.get::<Concrete<P, M>>().monitor.clone()).0
    }

    fn owed(&self, monitor: u32) -> Vec<Obligation> {
        owed(self.monitors.borrow().get(monitor))
    }

    fn start(&self, place: usize) -> Vec<Move<P::Message, P::Timer>> {
        self.starts[place].clone()
    }

    fn step(&self, _: &Erased<'_>, from: &Value, place: u32) -> Move<P::Message, P::Timer> {
        if let Some(by) = self.space.modulo {
            return self.space.quotient_move(by, from.get(), place);
        }
        let (mut at, mut found) = (0, None);
        self.space.all_moves(from.get(), &mut |chosen, _, _, _| {
            if at == place {
                found = Some(chosen);
            }
            at += 1;
            found.is_none()
        });
        found.expect("a state has this many steps")
    }

    fn handler_calls(&self) -> u64 {
        self.space.handler_calls.load(Ordering::Relaxed)
    }

    fn tested(&self) -> &Tested {
        &self.space.tested
    }
}
