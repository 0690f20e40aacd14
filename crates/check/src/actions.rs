//! How often the actions of a system were enabled, and what came of them.

use crate::coverage::Unreached;
use crate::pass::every_state;
use crate::system::System;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use synod_kernel::kinds::{kind, kinds};

/// What came of the actions of one kind: of one variant (`synod_kernel::kinds`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActionCount {
    /// Its name; every kind that the type has is here, even if no such action was ever enabled.
    pub kind: String,
    /// How many steps of this kind leave a state, over all states.
    pub enabled: u64,
    /// How many of these lead to another state.
    pub changing: u64,
    /// How many states were found by one first.
    pub found: u64,
}

/// The kinds of actions of a type, with what came of each.
pub(crate) struct Kinds(BTreeMap<String, ActionCount>);

impl Kinds {
    /// Those of a type, none enabled yet.
    pub(crate) fn of<A: Serialize + DeserializeOwned>() -> Self {
        Self(kinds::<A>().into_iter().map(|kind| (kind.clone(), ActionCount::of(&kind))).collect())
    }

    /// Takes note of an action that is enabled.
    pub(crate) fn note(&mut self, action: &impl Serialize, changes: bool) -> &mut ActionCount {
        // what cannot be written has no kind: all of that is taken as one
        let kind = kind(action).unwrap_or_default();
        let count = self.0.entry(kind).or_insert_with_key(|kind| ActionCount::of(kind));
        count.enabled += 1;
        count.changing += u64::from(changes);
        count
    }

    /// What is amiss with them.
    pub(crate) fn unreached(&self) -> Vec<Unreached> {
        self.0.values().filter_map(ActionCount::unreached).collect()
    }
}

/// Counts the actions of a system in all of its states, by kind; nothing if there are more than `states_max` states. A pass
/// of its own.
pub fn count_actions<S>(system: &S, states_max: usize) -> Option<Vec<ActionCount>>
where
    S: System<Action: Serialize + DeserializeOwned>,
{
    let mut kinds = Kinds::of::<S::Action>();
    let mut initial = Vec::new();
    system.initial(&mut |state| initial.push(state));
    initial.retain(|state| system.within(state));
    every_state(initial, states_max, |state, reach| {
        system.steps(state, &mut |action, next| {
            let count = kinds.note(&action, next != *state);
            count.found += u64::from(system.within(&next) && reach(next));
        });
    })?;
    Some(kinds.0.into_values().collect())
}

impl ActionCount {
    fn of(kind: &str) -> Self {
        Self { kind: kind.to_owned(), ..Self::default() }
    }

    /// What is amiss with actions of this kind, if anything is.
    pub fn unreached(&self) -> Option<Unreached> {
        match self {
            Self { enabled: 0, .. } => Some(Unreached::Action(self.kind.clone())),
            Self { changing: 0, .. } => Some(Unreached::Idle(self.kind.clone())),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::Claim;
    use serde::Deserialize;

    /// Counts to nine; an action that stays where it is, one that comes to nothing new, and one that is never enabled.
    struct Counter;

    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    enum Act {
        Up { by: u8 },
        Back(u8),
        Stay,
        Never,
    }

    impl System for Counter {
        type State = u8;
        type Action = Act;
        fn initial(&self, each: &mut impl FnMut(u8)) {
            each(0);
        }
        fn steps(&self, &state: &u8, each: &mut impl FnMut(Act, u8)) {
            each(Act::Up { by: 1 }, state + 1);
            if state == 5 {
                each(Act::Back(5), 0);
            }
            each(Act::Stay, state);
        }
        fn claims(&self) -> Vec<Claim<Self>> {
            Vec::new()
        }
        fn within(&self, state: &u8) -> bool {
            *state < 10
        }
    }

    #[test]
    fn actions_are_counted_by_kind_with_what_came_of_them() {
        let count = |kind: &str, enabled, changing, found| ActionCount {
            kind: kind.to_owned(),
            enabled,
            changing,
            found,
        };
        let counted = count_actions(&Counter, 10).expect("ten states");
        let expected = [
            count("Back", 1, 1, 0),
            count("Never", 0, 0, 0),
            count("Stay", 10, 0, 0),
            count("Up", 10, 10, 9),
        ];
        assert_eq!(counted, expected);
        let told: Vec<_> = counted.iter().filter_map(ActionCount::unreached).map(|u| u.to_string()).collect();
        assert_eq!(told, ["action `Never` never enabled", "action `Stay` enabled, changes nothing"]);
        assert_eq!(count_actions(&Counter, 9), None, "there are more states");
    }
}
