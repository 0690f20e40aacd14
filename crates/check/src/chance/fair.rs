//! End components in which a fair adversary can stay.
//!
//! An adversary that stays in an end component can take each of its actions again and again, almost surely. It is unfair
//! if a class of weak fairness is enabled in every state there and never taken; no smaller component helps then. It is
//! unfair if a class of strong fairness is enabled in some state there and never taken; then what is left without those
//! states may hold a smaller component that is fair.

use super::Game;
use super::components::{EndComponents, end_components};
use super::model::Explored;
use crate::system::Justice;
use std::collections::{BTreeMap, BTreeSet};

/// The classes of each choice, where an adversary owes them anything.
pub(super) struct Owed(BTreeMap<u32, Justice>);

impl Owed {
    /// Of all choices of a game.
    pub(super) fn of<G: Game>(explored: &Explored<'_, G>) -> Self {
        let mut owed = BTreeMap::new();
        for (id, state) in explored.states().enumerate() {
            let mut choice = explored.matrix.choices(id as u32);
            explored.game.actions(state, &mut |action, _| {
                let choice = choice.next().expect("a state has the same actions as before");
                match explored.game.fairness(&action) {
                    Justice::None => {}
                    justice => _ = owed.insert(choice, justice),
                }
            });
        }
        Self(owed)
    }
}

/// Disjoint end components in which a fair adversary can stay, among the states that are open; none only if there is none.
pub(super) fn fair_components<G: Game>(explored: &Explored<'_, G>, open: &[bool]) -> EndComponents {
    let owed = Owed::of(explored);
    let mut found = end_components(&explored.matrix, open, |_| true);
    if owed.0.is_empty() {
        return found;
    }
    let mut fair = EndComponents {
        of: vec![None; open.len()],
        members: Vec::new(),
        stays: vec![false; explored.matrix.choice_count() as usize],
    };
    let mut left = open.to_vec();
    while !found.members.is_empty() {
        for component in &found.members {
            match without_the_unfair(explored, &owed, component, &found.stays) {
                Ok(()) => add(explored, &mut fair, component, &found.stays),
                Err(leave) => {
                    for &state in component {
                        left[state as usize] &= !leave.contains(&state);
                    }
                    continue;
                }
            }
            for &state in component {
                left[state as usize] = false;
            }
        }
        found = end_components(&explored.matrix, &left, |_| true);
    }
    fair
}

/// Whether a fair adversary can stay in a component; else the states that it cannot stay among.
fn without_the_unfair<G: Game>(
    explored: &Explored<'_, G>,
    owed: &Owed,
    component: &[u32],
    stays: &[bool],
) -> Result<(), BTreeSet<u32>> {
    // by class: where it is enabled, and whether it is taken
    let mut enabled: BTreeMap<Justice, (BTreeSet<u32>, bool)> = BTreeMap::new();
    for &state in component {
        for choice in explored.matrix.choices(state) {
            if let Some(&class) = owed.0.get(&choice) {
                let (states, taken) = enabled.entry(class).or_default();
                states.insert(state);
                *taken |= stays[choice as usize];
            }
        }
    }
    let broken = enabled.into_iter().find_map(|(class, (states, taken))| match class {
        _ if taken => None,
        Justice::Weak(_) => (states.len() == component.len()).then_some(states),
        Justice::Strong(_) => Some(states),
        Justice::None => None,
    });
    broken.map_or(Ok(()), Err)
}

fn add<G: Game>(explored: &Explored<'_, G>, fair: &mut EndComponents, component: &[u32], stays: &[bool]) {
    for &state in component {
        fair.of[state as usize] = Some(fair.members.len() as u32);
        for choice in explored.matrix.choices(state) {
            fair.stays[choice as usize] = stays[choice as usize];
        }
    }
    fair.members.push(component.to_vec());
}
