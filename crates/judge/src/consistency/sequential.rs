//! Sequential consistency of any object: a search for one order that keeps the order of each client.
//!
//! It is not local (Herlihy, Wing 1990, section 3.3): all keys are searched together. It is NP-complete even for registers (Gibbons, Korach 1997,
//! theorem 4.1). What the past leaves open is how far each client is, which operations of unknown outcome took effect, and the states: where that
//! was met before, nothing new follows. What only observes takes effect as soon as what it saw is so.

use super::Meter;
use crate::history::Outcome;
use crate::log::Log;
use crate::reading::{Conventions, Meaningless, Readable};
use crate::value::Value;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeMap;
use std::rc::Rc;

/// What the search finds; operations are those of the log.
pub(super) enum Found {
    Holds,
    /// So many of the operations that must be explained have an order at most; then each of these returned what it cannot, with what it would.
    None {
        most: usize,
        of: usize,
        stuck: Vec<(usize, String, String)>,
    },
    OutOfBudget {
        most: usize,
        of: usize,
        why: String,
    },
}

struct Operation<S: Readable> {
    log: usize,
    key: usize,
    asked: S::Operation,
    /// Nothing: unknown.
    returned: Option<S::Return>,
}

/// How far it is: of each client, then the bits of the unknown operations that took effect, then the number of the state of each key.
type Position = Rc<[u32]>;

struct Search<'a, S: Readable> {
    model: &'a S,
    clients: Vec<Vec<Operation<S>>>,
    /// Of each client, how many operations before each place must be explained.
    known: Vec<Vec<usize>>,
    /// The operations of unknown outcome, by client and place.
    unknown: Vec<(usize, usize)>,
    states: Vec<S::State>,
    numbers: FxHashMap<S::State, u32>,
}

/// Which operation takes effect next.
#[derive(Clone, Copy)]
enum Move {
    Next(usize),
    Unknown(usize),
}

/// Whether a log has one order of all.
pub(super) fn sequential<S: Readable>(
    model: &S,
    log: &Log,
    conventions: Conventions,
    meter: &mut Meter<'_>,
) -> Result<Found, Meaningless> {
    let mut keys: BTreeMap<Option<&Value>, usize> = BTreeMap::new();
    let mut clients: BTreeMap<_, Vec<Operation<S>>> = BTreeMap::new();
    for (log, operation) in log.operations().iter().enumerate() {
        let (asked, outcome) = model
            .read(operation, conventions)
            .map_err(|what| Meaningless { line: operation.end_line.unwrap_or(operation.line), what })?;
        let returned = match outcome {
            Outcome::Ok(returned) => Some(returned),
            Outcome::Unknown if model.observes(&asked, None) => continue,
            Outcome::Unknown => None,
            Outcome::Failed => continue,
        };
        let next = keys.len();
        let key = *keys.entry(operation.key.as_ref().filter(|_| S::KEYED)).or_insert(next);
        clients.entry(operation.client).or_default().push(Operation { log, key, asked, returned });
    }
    let clients: Vec<_> = clients.into_values().collect();
    let places = |(c, client): (usize, &Vec<Operation<S>>)| {
        let is_unknown = |&place: &usize| client[place].returned.is_none();
        (0..client.len()).filter(is_unknown).map(|place| (c, place)).collect::<Vec<_>>()
    };
    let unknown = clients.iter().enumerate().flat_map(places).collect();
    let known = clients.iter().map(|client| known(client)).collect();
    let states = vec![model.initial()];
    let numbers = FxHashMap::from_iter([(model.initial(), 0)]);
    Ok(Search { model, clients, known, unknown, states, numbers }.run(keys.len(), meter))
}

fn known<S: Readable>(client: &[Operation<S>]) -> Vec<usize> {
    let mut count = 0;
    let counted = client.iter().map(|operation| {
        count += usize::from(operation.returned.is_some());
        count
    });
    [0].into_iter().chain(counted).collect()
}

impl<S: Readable> Search<'_, S> {
    fn run(mut self, keys: usize, meter: &mut Meter<'_>) -> Found {
        let of = self.known.iter().filter_map(|known| known.last()).sum();
        let length = self.clients.len() + self.unknown.len().div_ceil(32) + keys;
        let start = self.settled(vec![0; length]);
        let mut most = (self.explained(&start), Rc::clone(&start));
        let mut met = FxHashSet::default();
        let mut stack = vec![(Rc::clone(&start), self.moves(&start))];
        met.insert(start);
        while let Some((position, moves)) = stack.last_mut() {
            let Some(next) = moves.pop() else {
                stack.pop();
                continue;
            };
            let position = Rc::clone(position);
            let Some(after) = self.moved(&position, next) else { continue };
            if let Err(why) = meter.steps(1).and_then(|()| meter.bytes(met.len() * (length * 4 + 48))) {
                return Found::OutOfBudget { most: most.0, of, why };
            }
            if met.insert(Rc::clone(&after)) {
                let explained = self.explained(&after);
                if explained > most.0 {
                    most = (explained, Rc::clone(&after));
                }
                let moves = self.moves(&after);
                stack.push((after, moves));
            }
            if most.0 == of {
                return Found::Holds;
            }
        }
        if most.0 == of {
            return Found::Holds;
        }
        let stuck = self.stuck(&most.1);
        Found::None { most: most.0, of, stuck }
    }

    /// How many operations that must be explained are.
    fn explained(&self, position: &[u32]) -> usize {
        self.known.iter().zip(position).map(|(known, &place)| known[place as usize]).sum()
    }

    fn state_at(&self, key: usize, length: usize) -> usize {
        length - self.keys(length) + key
    }

    fn keys(&self, length: usize) -> usize {
        length - self.clients.len() - self.unknown.len().div_ceil(32)
    }

    fn number(&mut self, state: S::State) -> u32 {
        let next = self.states.len() as u32;
        let states = &mut self.states;
        *self.numbers.entry(state).or_insert_with_key(|state| {
            states.push(state.clone());
            next
        })
    }

    /// What can be tried next; the last first: what was invoked first, and what is unknown after all.
    fn moves(&self, position: &[u32]) -> Vec<Move> {
        let clients = self.clients.len();
        let mut next: Vec<usize> =
            (0..clients).filter(|&c| (position[c] as usize) < self.clients[c].len()).collect();
        next.sort_by_key(|&c| self.clients[c][position[c] as usize].log);
        let open = |&index: &usize| {
            let (client, place) = self.unknown[index];
            place < position[client] as usize && position[clients + index / 32] & (1 << (index % 32)) == 0
        };
        let unknown = (0..self.unknown.len()).filter(open).map(Move::Unknown).rev();
        unknown.chain(next.into_iter().rev().map(Move::Next)).collect()
    }

    fn moved(&mut self, position: &[u32], next: Move) -> Option<Position> {
        let (client, place) = match next {
            Move::Next(client) => (client, position[client] as usize),
            Move::Unknown(index) => self.unknown[index],
        };
        let operation = &self.clients[client][place];
        let at = self.state_at(operation.key, position.len());
        let (after, value) = self.model.apply(&self.states[position[at] as usize], &operation.asked);
        if operation.returned.as_ref().is_some_and(|returned| *returned != value) {
            return None;
        }
        let mut moved = position.to_vec();
        let state = self.number(after);
        match next {
            Move::Next(client) => moved[client] += 1,
            // without effect it may as well never have happened
            Move::Unknown(_) if state == moved[at] => return None,
            Move::Unknown(index) => moved[self.clients.len() + index / 32] |= 1 << (index % 32),
        }
        moved[at] = state;
        Some(self.settled(moved))
    }

    /// After all that can be done without a choice: what only observes and sees what it saw; what is unknown becomes open.
    fn settled(&self, mut position: Vec<u32>) -> Position {
        for (c, client) in self.clients.iter().enumerate() {
            while let Some(operation) = client.get(position[c] as usize) {
                let at = self.state_at(operation.key, position.len());
                let may = match &operation.returned {
                    None => true,
                    Some(returned) => {
                        self.model.observes(&operation.asked, Some(returned))
                            && self.model.apply(&self.states[position[at] as usize], &operation.asked).1
                                == *returned
                    }
                };
                if !may {
                    break;
                }
                position[c] += 1;
            }
        }
        position.into()
    }

    /// The next operation of each client, what it returned and what it would have.
    fn stuck(&self, position: &[u32]) -> Vec<(usize, String, String)> {
        let mut stuck = vec![];
        for (c, client) in self.clients.iter().enumerate() {
            let Some(operation) = client.get(position[c] as usize) else { continue };
            let at = self.state_at(operation.key, position.len());
            let (_, would) = self.model.apply(&self.states[position[at] as usize], &operation.asked);
            if let Some(returned) = operation.returned.as_ref().filter(|returned| **returned != would) {
                stuck.push((operation.log, format!("{returned:?}"), format!("{would:?}")));
            }
        }
        stuck
    }
}
