//! Sessions: what makes a command be executed once, however often it is asked (§8; Ong14 §6.3).

use std::collections::BTreeMap;
use synod_model::interface::{Outcome, Refusal, Session, Stamp};
use synod_model::prelude::*;

/// The answers that clients may ask for again: replicated, so that a new leader has them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Sessions<A>(BTreeMap<Session, Answers<A>>);

/// The answers of one session.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Answers<A> {
    /// The index of its last command: the session that was idle for longest makes way.
    used: u64,
    /// All numbers below were answered, and the client knows.
    below: u64,
    by_number: BTreeMap<u64, A>,
}

impl<A> Default for Sessions<A> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<A: Clone> Sessions<A> {
    /// Opens a session at `index`; of more than `max` the one that was idle for longest ends.
    pub(super) fn open(&mut self, index: u64, max: usize) -> Session {
        let session = Session(index);
        self.0.insert(session, Answers { used: index, below: 0, by_number: BTreeMap::new() });
        if self.0.len() > max {
            let idle = self.0.iter().min_by_key(|(_, answers)| answers.used).map(|(&session, _)| session);
            idle.map(|session| self.0.remove(&session));
        }
        session
    }

    /// The answer to a stamped command, executed at `index` unless it was before.
    pub(super) fn once(&mut self, stamp: Stamp, index: u64, execute: impl FnOnce() -> A) -> Outcome<A> {
        let Some(answers) = self.0.get_mut(&stamp.session) else {
            return Outcome::Refused(Refusal::NoSession);
        };
        answers.used = index;
        if stamp.answered_below > answers.below {
            answers.below = stamp.answered_below;
            answers.by_number = answers.by_number.split_off(&answers.below);
        }
        if stamp.number < answers.below {
            return Outcome::Refused(Refusal::AlreadyAnswered);
        }
        Outcome::Answer(answers.by_number.entry(stamp.number).or_insert_with(execute).clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(session: Session, number: u64, answered_below: u64) -> Stamp {
        Stamp { session, number, answered_below }
    }

    #[test]
    fn a_command_is_executed_once_and_answered_as_then() {
        let mut sessions = Sessions::default();
        let s = sessions.open(1, 2);
        assert_eq!(sessions.once(stamp(s, 0, 0), 2, || 'a'), Outcome::Answer('a'));
        assert_eq!(sessions.once(stamp(s, 0, 0), 3, || unreachable!()), Outcome::Answer('a'));
        assert_eq!(sessions.once(stamp(s, 2, 1), 4, || 'c'), Outcome::Answer('c'));
        assert_eq!(sessions.once(stamp(s, 1, 0), 5, || 'b'), Outcome::Answer('b'), "in any order");
        let again = sessions.once(stamp(s, 0, 0), 6, || unreachable!());
        assert_eq!(again, Outcome::Refused(Refusal::AlreadyAnswered));
    }

    #[test]
    fn the_session_idle_for_longest_makes_way() {
        let mut sessions = Sessions::default();
        let (first, second) = (sessions.open(1, 2), sessions.open(2, 2));
        _ = sessions.once(stamp(first, 0, 0), 3, || 'a');
        sessions.open(4, 2);
        assert_eq!(sessions.once(stamp(second, 0, 0), 5, || 'x'), Outcome::Refused(Refusal::NoSession));
        assert_eq!(sessions.once(stamp(first, 0, 0), 6, || 'x'), Outcome::Answer('a'));
    }
}
