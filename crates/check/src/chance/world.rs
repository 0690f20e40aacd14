//! Worlds of processes with coins: what a handler flips is chance, all else is the adversary's - the schedule, the faults,
//! the draws of kind choice, and whether a process crashes in a handler once its coins have fallen.

use super::{Distribution, Game};
use crate::coverage::Unreached;
use crate::fingerprint::print_of;
use crate::pass::every_state;
use crate::reference::{self, Landing, crashes_inside, every_move, is_beyond, take};
use crate::system::Justice;
use crate::witness::Witness;
use crate::worlds::{Scripted, judge, laws};
use std::hash::Hash;
use synod_kernel::{Choice, Cut, Keeping, Move, Network, Script, Seat, Setting, Status, World};
use synod_model::{DrawKind, Process};
use synod_properties::{Monitor, Violation};

/// The runs of a setting under every adversary, as a game.
pub struct Worlds<'a, P: Process, M> {
    setting: &'a Setting<P>,
    monitor: M,
    measure: fn(&P) -> u64,
}

/// A state of such a run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorldState<P: Process, M> {
    /// The processes and the budgets.
    pub world: World<Seat<P>>,
    /// What is in flight.
    pub network: Network<P::Message>,
    /// What judges the run.
    pub monitor: M,
    /// The run ends here for another reason than that nothing is left to happen.
    pub cut_off: Option<CutOff>,
}

/// Why a run is followed no further.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CutOff {
    /// It breaks a property.
    Broken(Violation),
    /// A process is beyond the environment's bound on the algorithm's measure: a least probability is too small by at
    /// most what leads here, a greatest one too.
    Beyond,
}

/// What the adversary does: a choice, and what it picks after each fall of the coins.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Taken<M, T> {
    /// What happens.
    pub choice: Choice<M, T>,
    /// The ways in which the handler may go on, one for each fall of its coins: the outcomes of all its draws, and where
    /// it crashes.
    pub ways: Vec<(Vec<u32>, Option<Cut>)>,
}

/// What an adversary may make of a handler: ways with the distribution of what they lead to.
type Resolved<S> = (Vec<(Vec<u32>, Option<Cut>)>, Distribution<S>);

impl<'a, P, M> Worlds<'a, P, M>
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    /// The runs of `setting`, observed by `monitor`. `measure` is the algorithm's own measure of its growth.
    pub fn new(setting: &'a Setting<P>, monitor: M, measure: fn(&P) -> u64) -> Self {
        Self { setting, monitor, measure }
    }

    /// Everything that the adversary may make of a choice after these outcomes of draws.
    fn resolve(
        &self,
        from: &WorldState<P, M>,
        choice: &Choice<P::Message, P::Timer>,
        prefix: Vec<u32>,
    ) -> Vec<Resolved<WorldState<P, M>>> {
        let ran = self.run(from, choice, &prefix, None);
        let Some(draw) = ran.asked.get(prefix.len()) else {
            return self.leaves(from, choice, prefix, ran);
        };
        let after = |outcome| self.resolve(from, choice, [prefix.as_slice(), &[outcome]].concat());
        match draw.kind() {
            DrawKind::Choice => (0..draw.bound()).flat_map(after).collect(),
            DrawKind::Coin => combinations((0..draw.bound()).map(after).collect()),
        }
    }

    /// The end of a handler: it ran to its end, or the process crashed in it.
    fn leaves(
        &self,
        from: &WorldState<P, M>,
        choice: &Choice<P::Message, P::Timer>,
        draws: Vec<u32>,
        ran: Ran<P, M>,
    ) -> Vec<Resolved<WorldState<P, M>>> {
        let leaf = |cut, state| (vec![(draws.clone(), cut)], Distribution::certain(state));
        let crashes = crashes_inside(self.setting, &from.world, choice, &ran.cuts);
        let whole = leaf(None, ran.state);
        let cut = |cut| leaf(Some(cut), self.run(from, choice, &draws, Some(cut)).state);
        std::iter::once(whole).chain(crashes.into_iter().map(cut)).collect()
    }

    fn run(
        &self,
        from: &WorldState<P, M>,
        choice: &Choice<P::Message, P::Timer>,
        draws: &[u32],
        cut: Option<Cut>,
    ) -> Ran<P, M> {
        let chosen = Move { choice: choice.clone(), draws: draws.to_vec(), cut };
        let (state, ran) = self.after(from, Script::new(draws.to_vec()), chosen);
        Ran { state, asked: ran.script.asked().to_vec(), cuts: ran.cuts() }
    }

    /// What comes of a move.
    fn after(
        &self,
        from: &WorldState<P, M>,
        script: Script,
        chosen: Move<P::Message, P::Timer>,
    ) -> (WorldState<P, M>, reference::Ran<P>) {
        let mut state = from.clone();
        let mut landing = Landing::on(&mut state.network);
        let ran = take(self.setting, &mut state.world, &mut landing, script, chosen);
        let observed = landing.observed;
        let judged = observed.iter().try_for_each(|o| judge(&mut state.monitor, o));
        state.cut_off = match judged {
            Err(violation) => Some(CutOff::Broken(violation)),
            Ok(()) => is_beyond(self.setting, &state.world, self.measure).then_some(CutOff::Beyond),
        };
        (state, ran)
    }

    /// What no run comes to; nothing if there are more than `states_max` states. A pass of its own.
    pub fn unreached(&self, states_max: usize) -> Option<Vec<Unreached>> {
        let mut witness = Witness::new();
        every_state([self.blank()], states_max, |state, reach| {
            for choice in self.choices(state) {
                let run = |script, chosen: Move<_, _>| {
                    let (next, ran) = self.after(state, script, chosen.clone());
                    witness.note(self.setting, [&state.world, &next.world], &chosen, &ran);
                    (next, ran)
                };
                every_move(self.setting, &state.world, &choice, run, |_, next, _| {
                    reach(next);
                    true
                });
            }
        })?;
        Some(witness.unreached(self.setting))
    }

    /// The world before anybody has started.
    fn blank(&self) -> WorldState<P, M> {
        WorldState {
            world: World::new(laws(self.setting), Seat::default()),
            network: Network::new(Keeping::of(&self.setting.environment.links)),
            monitor: self.monitor.clone(),
            cut_off: None,
        }
    }

    /// What may happen in a state.
    fn choices(&self, state: &WorldState<P, M>) -> Vec<Choice<P::Message, P::Timer>> {
        let mut choices = Vec::new();
        if state.cut_off.is_none() {
            let rep = Scripted::new(self.setting, Script::default());
            state.world.enabled(laws(self.setting), &rep, &state.network, |choice| choices.push(choice));
        }
        choices
    }
}

/// One run of a handler.
struct Ran<P: Process, M> {
    state: WorldState<P, M>,
    asked: Vec<synod_model::Draw>,
    cuts: Vec<u32>,
}

/// Chance picks one of `branches`; the adversary has picked one resolution in each.
fn combinations<S: Clone>(branches: Vec<Vec<Resolved<S>>>) -> Vec<Resolved<S>> {
    let mut all: Vec<(Vec<(Vec<u32>, Option<Cut>)>, Vec<Distribution<S>>)> = vec![Default::default()];
    for branch in branches {
        let with = |(ways, parts): &(Vec<_>, Vec<Distribution<S>>)| {
            let longer = |(more, part): &Resolved<S>| {
                let ways: Vec<_> = ways.iter().chain(more).cloned().collect();
                let parts: Vec<_> = parts.iter().chain([part]).cloned().collect();
                (ways, parts)
            };
            branch.iter().map(longer).collect::<Vec<_>>()
        };
        all = all.iter().flat_map(with).collect();
    }
    all.into_iter().map(|(ways, parts)| (ways, Distribution::mixed(parts))).collect()
}

/// A class of fairness for each choice: a number of it.
fn class<C: Hash>(choice: &C) -> u64 {
    print_of(choice) as u64
}

impl<P, M> Game for Worlds<'_, P, M>
where
    P: Process,
    M: Monitor<P::Request, P::Indication> + Send + Sync,
{
    type State = WorldState<P, M>;
    type Action = Taken<P::Message, P::Timer>;

    /// The world in which all have started; where coins fall in a start, the starts are steps.
    fn initial(&self, each: &mut impl FnMut(Self::State)) {
        let mut states = vec![self.blank()];
        while let Some(state) = states.pop() {
            let new = state.world.seats.iter().any(|seat| seat.status() == Status::New);
            let mut started = Vec::new();
            if new && state.cut_off.is_none() {
                self.actions(&state, &mut |_, distribution| started.push(distribution));
            }
            if started.is_empty() || started.iter().any(|distribution| distribution.parts.len() > 1) {
                each(state);
            } else {
                states.extend(started.into_iter().rev().flat_map(|d| d.parts).map(|(_, state)| state));
            }
        }
    }

    fn actions(&self, state: &Self::State, each: &mut impl FnMut(Self::Action, Distribution<Self::State>)) {
        for choice in self.choices(state) {
            for (ways, distribution) in self.resolve(state, &choice, Vec::new()) {
                // what changes nothing is no step: else the adversary could take it for ever
                if distribution.outcomes().any(|(_, next)| next != state) {
                    each(Taken { choice: choice.clone(), ways }, distribution);
                }
            }
        }
    }

    /// What links and pulses owe, at each process and message; a crash is never owed, nor is a request.
    fn fairness(&self, taken: &Self::Action) -> Justice {
        let crashes = taken.ways.iter().any(|(_, cut)| cut.is_some());
        match &taken.choice {
            _ if crashes => Justice::None,
            Choice::Init { .. }
            | Choice::Deliver { .. }
            | Choice::Sync { .. }
            | Choice::Recover { .. }
            | Choice::Fire { .. }
            | Choice::Heal => Justice::Weak(class(&taken.choice)),
            _ => Justice::None,
        }
    }
}
