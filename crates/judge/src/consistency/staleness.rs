//! Bounded staleness: linearizability of a register that remembers, and of reads that begin earlier.

use super::accesses::{Access, Held, Seen};
use crate::history::{Client, Event, History, Outcome};
use crate::linearizability::{Budget, Verdict, linearizable};
use crate::specification::SequentialSpecification;
use std::collections::BTreeMap;

/// A register of which one of the last so many writes may be read: what is asked is what was seen, and the answer whether it can be.
struct Versions(usize);

/// What was seen, and what was written thereupon.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Asked {
    /// What must have been held, or must not; nothing: either.
    seen: Option<(bool, Held)>,
    wrote: Option<Held>,
}

impl SequentialSpecification for Versions {
    /// The last versions, newest first.
    type State = Vec<Held>;
    type Operation = Asked;
    type Return = bool;

    fn initial(&self) -> Vec<Held> {
        vec![None]
    }

    fn apply(&self, versions: &Vec<Held>, asked: &Asked) -> (Vec<Held>, bool) {
        let can_be = match &asked.seen {
            None => true,
            Some((is, held)) => versions.iter().any(|version| (version == held) == *is),
        };
        let mut after = versions.clone();
        if let Some(wrote) = asked.wrote.as_ref().filter(|_| can_be) {
            after.insert(0, wrote.clone());
            after.truncate(self.0);
        }
        (after, can_be)
    }

    fn observes(&self, asked: &Asked, _: Option<&bool>) -> bool {
        asked.wrote.is_none()
    }
}

/// What was found of one key.
pub(super) enum Stale {
    Holds,
    /// The access whose return no order explains.
    Violated {
        access: usize,
    },
    /// How many events have an order.
    Unknown {
        prefix: usize,
    },
}

/// Whether each read returned one of the last `k` writes, for every key, if operations ran from and to these instants.
pub(super) fn versions(
    accesses: &[Access],
    k: u32,
    instants: impl Fn(usize) -> (Instant, Instant),
    budget: Budget<'_>,
) -> Stale {
    let mut keys: BTreeMap<usize, Vec<(Instant, usize, bool)>> = BTreeMap::new();
    for (index, access) in accesses.iter().enumerate() {
        let (from, to) = instants(index);
        let events = keys.entry(access.key).or_default();
        events.push((from, index, true));
        if access.is_known() {
            events.push((to, index, false));
        }
    }
    let mut unknown = None;
    for mut events in keys.into_values() {
        events.sort_unstable();
        // each operation has a client of its own: the order of clients is that of time
        let event = |&(_, index, is_invocation): &(Instant, usize, bool)| {
            let client = Client(index as u64);
            if is_invocation {
                Event::invoke(client, asked(&accesses[index]))
            } else {
                Event::end(client, Outcome::Ok(true))
            }
        };
        let history = History::new(events.iter().map(event)).expect("each is invoked before it returns");
        match linearizable(&Versions(k as usize), &history, budget) {
            Verdict::Linearizable { .. } => {}
            Verdict::Violation { prefix, .. } => return Stale::Violated { access: events[prefix].1 },
            Verdict::Unknown { prefix } => unknown = unknown.or(Some(prefix)),
        }
    }
    unknown.map_or(Stale::Holds, |prefix| Stale::Unknown { prefix })
}

/// A time and, among equal times, a place.
pub(super) type Instant = (u64, usize);

fn asked(access: &Access) -> Asked {
    let seen = match &access.seen {
        Seen::Nothing => None,
        Seen::This(held) => Some((true, held.clone())),
        Seen::Other(held) => Some((false, held.clone())),
    };
    Asked { seen, wrote: access.wrote.clone() }
}
