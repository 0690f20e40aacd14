//! Lock-step rounds with coins: in each round the adversary chooses the faults, the lies and the draws of kind choice, then
//! the coins fall, of all processes at once.
//!
//! Coins that fall before the first round, in a start, count as the adversary's: then least values may be too small and
//! greatest ones too large.

use super::{Distribution, Game};
use crate::rounds::{Between, InRound, LockStep, Outcome, Received};
use crate::system::System;
use synod_kernel::Script;
use synod_model::{DrawKind, ProcessId, RoundProcess};
use synod_properties::Monitor;

/// Outcomes of a process's step, one for each fall of its coins.
type Step<A> = Distribution<Outcome<A>>;

impl<A, M> Game for LockStep<A, M>
where
    A: RoundProcess,
    M: Monitor<A::Request, A::Indication>,
{
    type State = Between<A, M>;
    /// The draws are one list for each fall of a process's coins.
    type Action = InRound<A::Message>;

    fn initial(&self, each: &mut impl FnMut(Self::State)) {
        System::initial(self, each);
    }

    fn actions(&self, state: &Self::State, each: &mut impl FnMut(Self::Action, Distribution<Self::State>)) {
        self.rounds(state, &mut |action, received| {
            let mut runs = vec![(Vec::new(), Distribution::certain(received.state.clone()))];
            for (at, (p, _)) in received.inboxes.iter().enumerate() {
                let resolved = resolve(self, received, at, &[]);
                let with = |(draws, run): (Vec<_>, _)| {
                    let after = |step: &Step<A>| (said(&draws, *p, step), joined(&run, *p, step));
                    resolved.iter().map(after).collect::<Vec<_>>()
                };
                runs = runs.into_iter().flat_map(with).collect();
            }
            for (draws, distribution) in runs {
                each(InRound { draws, ..action.clone() }, distribution);
            }
        });
    }
}

/// Everything that the adversary may make of a process's step after these outcomes of its draws.
fn resolve<A, M>(world: &LockStep<A, M>, received: &Received<A, M>, at: usize, prefix: &[u32]) -> Vec<Step<A>>
where
    A: RoundProcess,
    M: Monitor<A::Request, A::Indication>,
{
    let stepped = world.step(received, at, Script::new(prefix.to_vec()));
    let Some(draw) = stepped.script.asked().get(prefix.len()) else {
        return vec![Distribution::certain(stepped.outcome)];
    };
    let after = |outcome: u32| resolve(world, received, at, &[prefix, &[outcome]].concat());
    let branches: Vec<Vec<Step<A>>> = (0..draw.bound()).map(after).collect();
    match draw.kind() {
        DrawKind::Choice => branches.into_iter().flatten().collect(),
        DrawKind::Coin => {
            let one_of_each =
                branches.into_iter().fold(vec![Vec::new()], |picked: Vec<Vec<Step<A>>>, branch| {
                    let with = |picked: Vec<Step<A>>| {
                        let longer =
                            |step: &Step<A>| [picked.as_slice(), std::slice::from_ref(step)].concat();
                        branch.iter().map(longer).collect::<Vec<_>>()
                    };
                    picked.into_iter().flat_map(with).collect()
                });
            one_of_each.into_iter().map(Distribution::mixed).collect()
        }
    }
}

/// The draws of a round so far, and those of one process more: one entry for each fall of its coins.
fn said<A: RoundProcess>(
    draws: &[(ProcessId, Vec<u32>)],
    p: ProcessId,
    step: &Step<A>,
) -> Vec<(ProcessId, Vec<u32>)> {
    let own = step.outcomes().map(|(_, outcome)| outcome.draws.clone()).filter(|draws| !draws.is_empty());
    draws.iter().cloned().chain(own.map(|draws| (p, draws))).collect()
}

/// A round so far, and one process's step more: their coins are independent.
fn joined<A, M>(
    run: &Distribution<Between<A, M>>,
    p: ProcessId,
    step: &Step<A>,
) -> Distribution<Between<A, M>>
where
    A: RoundProcess,
    M: Monitor<A::Request, A::Indication>,
{
    let both = run.outcomes().flat_map(|(weight, state)| {
        step.outcomes().map(move |(own, outcome)| (weight * own, state.with(p, outcome)))
    });
    Distribution::new(both.collect())
}
