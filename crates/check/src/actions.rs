//! How often the actions of a system were enabled, and what came of them: a pass of its own, so that a search pays
//! nothing for it.

use crate::coverage::Unreached;
use crate::fingerprint::{Print, Printer, print_of};
use crate::system::System;
use hashbrown::HashSet;
use std::collections::{BTreeMap, VecDeque};
use std::fmt::{self, Write};
use std::hash::BuildHasherDefault;

/// What came of the actions of one kind: those whose `Debug` text begins with the same word, as the variants of an enum do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActionCount {
    /// The word; one that [`System::actions`] names is here even if no such action was ever enabled.
    pub kind: String,
    /// How many steps of this kind leave a state, over all states.
    pub enabled: u64,
    /// How many of these lead to another state.
    pub changing: u64,
    /// How many states were found by one first.
    pub found: u64,
}

type Set = HashSet<Print, BuildHasherDefault<Printer>>;

/// Counts the actions of a system in all of its states, by kind; nothing if there are more than `states_max` states. States are
/// known by 128 bits of their fingerprints.
pub fn count_actions<S: System>(system: &S, states_max: usize) -> Option<Vec<ActionCount>> {
    let mut kinds: BTreeMap<String, ActionCount> = BTreeMap::new();
    for &kind in system.actions() {
        kinds.insert(kind.to_owned(), ActionCount { kind: kind.to_owned(), ..ActionCount::default() });
    }
    let (mut seen, mut waiting) = (Set::default(), VecDeque::new());
    system.initial(&mut |state| {
        if system.within(&state) && seen.insert(print_of(&state)) {
            waiting.push_back(state);
        }
    });
    let mut word = String::new();
    while let Some(state) = waiting.pop_front() {
        if seen.len() > states_max {
            return None;
        }
        system.steps(&state, &mut |action, next| {
            first_word(&action, &mut word);
            if !kinds.contains_key(&word) {
                kinds.insert(word.clone(), ActionCount { kind: word.clone(), ..ActionCount::default() });
            }
            let count = kinds.get_mut(&word).expect("it was put there");
            count.enabled += 1;
            count.changing += u64::from(next != state);
            if system.within(&next) && seen.insert(print_of(&next)) {
                count.found += 1;
                waiting.push_back(next);
            }
        });
    }
    Some(kinds.into_values().collect())
}

impl ActionCount {
    /// What is amiss with actions of this kind, if anything is.
    pub fn unreached(&self) -> Option<Unreached> {
        match self {
            Self { enabled: 0, .. } => Some(Unreached::Action(self.kind.clone())),
            Self { changing: 0, .. } => Some(Unreached::Idle(self.kind.clone())),
            _ => None,
        }
    }
}

/// Writes the first word of a value's `Debug` text, and no more.
fn first_word(value: &impl fmt::Debug, word: &mut String) {
    struct FirstWord<'a>(&'a mut String);

    impl Write for FirstWord<'_> {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_'));
            self.0.push_str(&text[..end.unwrap_or(text.len())]);
            // an error is what keeps the rest from being written
            if end.is_some() { Err(fmt::Error) } else { Ok(()) }
        }
    }

    word.clear();
    let _ = write!(FirstWord(word), "{value:?}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::{Claim, System};

    /// Counts to nine; an action that stays where it is, one that comes to nothing new, and one that is never enabled.
    struct Counter;

    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    enum Act {
        Up {
            by: u8,
        },
        Back(u8),
        Stay,
        #[expect(dead_code, reason = "what is never enabled")]
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
        fn actions(&self) -> &'static [&'static str] {
            &["Up", "Back", "Stay", "Never"]
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

    #[test]
    fn a_kind_is_the_first_word_and_no_more_is_written() {
        let mut word = String::new();
        let mut of = |value: &dyn fmt::Debug| {
            first_word(&value, &mut word);
            word.clone()
        };
        assert_eq!(of(&Act::Back(3)), "Back");
        assert_eq!(of(&Act::Up { by: 3 }), "Up");
        assert_eq!(of(&17_u8), "17");
        assert_eq!(of(&(1, 2)), "");
        assert_eq!(of(&"two words"), "");
    }
}
