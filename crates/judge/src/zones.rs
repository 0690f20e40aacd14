//! Registers to which nothing is written twice: near linear time.
//!
//! The write of a value and its reads make up a zone, from the first of their returns to the last of their invocations: if it is that way
//! round, the register has that value all the time between (a forward zone); else any instant between will do for all of them (a backward
//! one). The history is linearizable if and only if no two forward zones overlap and no backward one lies within a forward
//! one (Gibbons, Korach 1997, theorem 3.1 and §3).

use crate::history::{History, Operation, Outcome};
use crate::model::{RegisterOperation, RegisterReturn};
use rustc_hash::FxHashMap;
use std::hash::Hash;

/// A value's operations.
struct Zone {
    first_return: usize,
    last_invocation: usize,
    /// The write first.
    operations: Vec<usize>,
    is_read: bool,
}

/// What zones say.
pub(crate) enum Zones {
    /// An order that explains the history.
    Order(Vec<usize>),
    /// There is none.
    None,
    /// Something is written twice: they say nothing.
    Ambiguous,
}

/// An order that explains the history, if there is one.
pub(crate) fn order<V: Clone + Eq + Hash>(
    history: &History<RegisterOperation<V>, RegisterReturn<V>>,
) -> Zones {
    let mut zones: Vec<Zone> = vec![];
    let mut numbers: FxHashMap<&V, usize> = FxHashMap::default();
    let operations = history.operations();
    let is_answer = |o: &Operation<_, _>| match (&o.operation, &o.outcome) {
        (RegisterOperation::Read, Outcome::Ok(returned)) => *returned != RegisterReturn::Written,
        (RegisterOperation::Write(_), Outcome::Ok(returned)) => *returned == RegisterReturn::Written,
        _ => true,
    };
    let all_are_answers = operations.iter().all(is_answer);
    for (index, o) in operations.iter().enumerate() {
        if let (RegisterOperation::Write(value), Outcome::Ok(_) | Outcome::Unknown) =
            (&o.operation, &o.outcome)
        {
            if numbers.insert(value, zones.len()).is_some() {
                return Zones::Ambiguous;
            }
            let is_over = matches!(o.outcome, Outcome::Ok(_));
            zones.push(Zone {
                first_return: o.returned.filter(|_| is_over).unwrap_or(usize::MAX),
                last_invocation: o.invoked,
                operations: vec![index],
                is_read: is_over, // else it need never have been
            });
        }
    }
    if !all_are_answers {
        return Zones::None;
    }
    // the empty register was written before all
    let mut empty = (0, vec![]);
    for (index, o) in operations.iter().enumerate() {
        let (Outcome::Ok(RegisterReturn::Value(value)), Some(returned)) = (&o.outcome, o.returned) else {
            continue;
        };
        let Some(value) = value else {
            empty.0 = o.invoked + 1;
            empty.1.push(index);
            continue;
        };
        let Some(zone) = numbers.get(value).map(|&number| &mut zones[number]) else { return Zones::None };
        if returned < operations[zone.operations[0]].invoked {
            return Zones::None; // it was read before it was written
        }
        zone.first_return = zone.first_return.min(returned);
        zone.last_invocation = zone.last_invocation.max(o.invoked);
        zone.operations.push(index);
        zone.is_read = true;
    }
    zones.retain(|zone| zone.is_read);
    arrange(&zones, &empty).map_or(Zones::None, Zones::Order)
}

/// The zones one after the other.
fn arrange(zones: &[Zone], (empty_until, empty): &(usize, Vec<usize>)) -> Option<Vec<usize>> {
    let is_forward = |zone: &&Zone| zone.first_return < zone.last_invocation;
    let mut forward: Vec<&Zone> = zones.iter().filter(is_forward).collect();
    forward.sort_by_key(|zone| zone.first_return);
    if forward.windows(2).any(|pair| pair[1].first_return < pair[0].last_invocation)
        || forward.first().is_some_and(|zone| zone.first_return < *empty_until)
    {
        return None;
    }
    // the forward zone that an instant lies in: its end
    let within = |instant: usize| {
        if instant < *empty_until {
            return Some(*empty_until);
        }
        let begun = forward.partition_point(|zone| zone.first_return < instant);
        forward[..begun].last().map(|zone| zone.last_invocation).filter(|&end| instant < end)
    };
    // each stands at an instant: a forward one at its begin, a backward one in a gap
    let mut placed: Vec<(usize, usize, &Zone)> = vec![];
    for zone in zones {
        let at = if is_forward(&zone) {
            zone.first_return
        } else {
            match within(zone.last_invocation) {
                None => zone.last_invocation,
                Some(end) if end <= zone.first_return => end,
                Some(_) => return None,
            }
        };
        placed.push((at, zone.last_invocation, zone));
    }
    placed.sort_by_key(|&(at, last, _)| (at, last));
    Some(
        empty
            .iter()
            .copied()
            .chain(placed.iter().flat_map(|(_, _, zone)| zone.operations.iter().copied()))
            .collect(),
    )
}
