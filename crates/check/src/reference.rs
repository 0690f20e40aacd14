//! The reference: states as plain values, compared value by value.

use crate::explore::{Scripted, Space, Target, judge, laws};
use crate::intern::Interner;
use synod_kernel::seat::cuts;
use synod_kernel::{
    Choice, Cut, Fairness, Ground, Move, Network, Observed, Script, Seat, SeatId, Setting, Status, World,
    step,
};
use synod_model::{EffectOf, Process};
use synod_properties::{Monitor, Violation};

/// A state, in full.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Concrete<P: Process, M> {
    pub(crate) world: World<Seat<P>>,
    pub(crate) network: Network<P::Message>,
    pub(crate) monitor: M,
}

/// Where the effects of one step go.
struct Landing<'a, P: Process> {
    network: &'a mut Network<P::Message>,
    observed: Vec<Observed<P::Request, P::Indication>>,
}

impl<P: Process> Ground<Scripted<'_, P>> for Landing<'_, P> {
    fn send(&mut self, from: SeatId, to: SeatId, message: P::Message) {
        self.network.send(from, to, message);
    }

    fn take(&mut self, from: SeatId, to: SeatId, message: &P::Message) {
        self.network.take(from, to, message);
    }

    fn observe(&mut self, observed: Observed<P::Request, P::Indication>) {
        self.observed.push(observed);
    }

    fn discard_to(&mut self, seat: SeatId) {
        self.network.discard_to(seat);
    }
}

/// What one run of a handler was: what came of it, the draws it made, the effects it had.
struct Ran<P: Process, M> {
    state: Result<Concrete<P, M>, Violation>,
    script: Script,
    effects: Vec<EffectOf<P>>,
}

fn run<P, M>(
    setting: &Setting<P>,
    from: &Concrete<P, M>,
    script: Script,
    chosen: Move<P::Message, P::Timer>,
) -> Ran<P, M>
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    let mut state = from.clone();
    let mut rep = Scripted::new(setting, script);
    rep.record = Some(Vec::new());
    let mut landing = Landing { network: &mut state.network, observed: Vec::new() };
    step(&mut state.world, laws(setting), &mut rep, &mut landing, chosen);
    let observed = landing.observed;
    let judged = observed.iter().try_for_each(|o| judge(&mut state.monitor, o));
    Ran { state: judged.map(|()| state), script: rep.draws, effects: rep.record.unwrap_or_default() }
}

/// Calls `visit` with every move of a choice: every outcome of its draws, every crash inside its handler that matters.
fn moves<P, M>(
    setting: &Setting<P>,
    from: &Concrete<P, M>,
    choice: &Choice<P::Message, P::Timer>,
    visit: &mut dyn FnMut(Move<P::Message, P::Timer>, Result<Concrete<P, M>, Violation>, u64) -> bool,
) -> bool
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    let mut script = Some(Script::default());
    while let Some(given) = script {
        let ran = run(setting, from, given, Move::plain(choice.clone()));
        let draws = ran.script.drawn();
        script = ran.script.successor();
        let positions: Vec<u32> = cuts(&ran.effects).collect();
        if !visit(Move { choice: choice.clone(), draws: draws.clone(), cut: None }, ran.state, 1) {
            return false;
        }
        for cut in crashes_inside(setting, &from.world, choice, &positions) {
            let chosen = Move { choice: choice.clone(), draws: draws.clone(), cut: Some(cut) };
            let ran = run(setting, from, Script::new(draws.clone()), chosen.clone());
            if !visit(chosen, ran.state, 0) {
                return false;
            }
        }
    }
    true
}

/// The crashes inside the handler of a choice that budgets allow, before effects at these places.
fn crashes_inside<P: Process>(
    setting: &Setting<P>,
    world: &World<Seat<P>>,
    choice: &Choice<P::Message, P::Timer>,
    positions: &[u32],
) -> Vec<Cut> {
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
                .map(move |(forever, _)| Cut { before, forever })
        })
        .collect()
}

/// Every choice of who lies and every outcome of every other process's start, with the moves that lead there.
pub(crate) fn initial<P, M>(
    setting: &Setting<P>,
    monitor: &M,
) -> Vec<(Result<Concrete<P, M>, Violation>, Vec<Move<P::Message, P::Timer>>)>
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    let blank = Concrete {
        world: World::new(laws(setting), Seat::default()),
        network: Network::new(setting.environment.links.as_set),
        monitor: monitor.clone(),
    };
    let (mut ready, mut starting) = (Vec::new(), vec![(Ok(blank), Vec::new())]);
    while let Some((state, so_far)) = starting.pop() {
        let (choices, state) = match state {
            Ok(state) => (starts(setting, &state), state),
            broken => {
                ready.push((broken, so_far));
                continue;
            }
        };
        let first = starting.len();
        for choice in &choices {
            moves(setting, &state, choice, &mut |chosen, result, _| {
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
fn starts<P: Process, M>(setting: &Setting<P>, state: &Concrete<P, M>) -> Vec<Choice<P::Message, P::Timer>> {
    let rep = Scripted::new(setting, Script::default());
    let mut choices = Vec::new();
    if state.world.seats.iter().any(|seat| seat.status() == Status::New) {
        state.world.enabled(laws(setting), &rep, &state.network, |choice| choices.push(choice));
    }
    choices
}

/// States as plain values.
pub(crate) struct Plain<'a, P: Process, M> {
    setting: &'a Setting<P>,
    measure: fn(&P) -> u64,
    states: Interner<Concrete<P, M>>,
    handler_calls: u64,
}

impl<'a, P: Process, M: Monitor<P::Request, P::Indication>> Plain<'a, P, M> {
    pub(crate) fn new(setting: &'a Setting<P>, measure: fn(&P) -> u64) -> Self {
        Self { setting, measure, states: Interner::new(), handler_calls: 0 }
    }

    /// The state without its budgets, as text.
    #[cfg(test)]
    pub(crate) fn describe(&self, state: u32) -> String {
        let Concrete { world, network, .. } = self.states.get(state);
        format!("{:?} {:?} {:?} {network:?}", world.seats, world.rest.asked, world.rest.budgets.restarts)
    }

    fn all_moves(
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
            let fairness = from.world.fairness(&rep, &choice);
            let going = moves(self.setting, from, &choice, &mut |chosen, result, calls| {
                // a crash is never fair, not even inside the handler of a fair choice
                let fairness = if chosen.cut.is_some() { Fairness::Unfair } else { fairness };
                visit(chosen, result, fairness, calls)
            });
            if !going {
                return;
            }
        }
    }

    fn is_beyond(&self, state: &Concrete<P, M>) -> bool {
        let measure = |seat: &Seat<P>| seat.local().map_or(0, self.measure);
        match self.setting.environment.measure {
            synod_kernel::Budget::AtMost(max) => {
                state.world.seats.iter().any(|s| measure(s) > u64::from(max))
            }
            synod_kernel::Budget::Unlimited => false,
        }
    }
}

impl<P: Process, M: Monitor<P::Request, P::Indication>> Space<P, M> for Plain<'_, P, M> {
    fn insert(&mut self, state: Concrete<P, M>) -> (u32, bool) {
        self.states.intern(state)
    }

    fn successors(&mut self, from: u32, visit: &mut dyn FnMut(Target, Fairness) -> bool) {
        let from = self.states.get(from).clone();
        let mut found = Vec::new();
        self.all_moves(&from, &mut |_, result, fairness, calls| {
            found.push((result, fairness, calls));
            true
        });
        for (result, fairness, calls) in found {
            self.handler_calls += calls;
            let target = match result {
                Err(violation) => Target::Broken(violation),
                Ok(state) if self.is_beyond(&state) => Target::Beyond,
                Ok(state) => {
                    let (id, new) = self.states.intern(state);
                    Target::State(id, new)
                }
            };
            if !visit(target, fairness) {
                return;
            }
        }
    }

    fn nth_move(&mut self, from: u32, place: usize) -> Move<P::Message, P::Timer> {
        let mut moves = Vec::new();
        self.all_moves(self.states.get(from), &mut |chosen, _, _, _| {
            moves.push(chosen);
            moves.len() <= place
        });
        moves.swap_remove(place)
    }

    fn inspect<T>(&self, state: u32, see: impl FnOnce(&[&Seat<P>], &M, u32) -> T) -> T {
        let Concrete { world, monitor, .. } = self.states.get(state);
        let seats: Vec<_> = world.seats.iter().collect();
        see(&seats, monitor, u32::from(world.rest.budgets.pulses.any()))
    }

    fn len(&self) -> usize {
        self.states.len()
    }

    fn memory(&self) -> u64 {
        (self.states.len() * size_of::<Concrete<P, M>>()) as u64
    }

    fn handler_calls(&self) -> u64 {
        self.handler_calls
    }
}
