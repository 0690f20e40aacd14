//! The orders that clients and clocks give.

use super::collect::{Status, Transactions};
use super::dependencies::Dependencies;
use super::graph::{Dependency, NONE};
use rustc_hash::FxHashMap;

/// Each client's transactions in its order. What a client does after one of unknown outcome may come before that.
pub(super) fn session(transactions: &Transactions, found: &mut Dependencies) {
    let mut last: FxHashMap<u64, u32> = FxHashMap::default();
    for (one, transaction) in transactions.all.iter().enumerate() {
        if !found.present[one] {
            continue;
        }
        if let Some(&before) = last.get(&transaction.client) {
            found.edge(before, one as u32, Dependency::Session);
        }
        if transaction.status == Status::Committed {
            last.insert(transaction.client, one as u32);
        }
    }
}

/// What returned before what was invoked: one line of gates through time, into which transactions return and out of which they are invoked.
/// Three edges a transaction at most, however many go on at once.
pub(super) fn real_time(transactions: &Transactions, found: &mut Dependencies) {
    let mut events: Vec<(u32, u32, bool)> = vec![];
    for (one, transaction) in transactions.all.iter().enumerate() {
        if !found.present[one] {
            continue;
        }
        events.push((transaction.invoked, one as u32, false));
        if transaction.returned != NONE {
            events.push((transaction.returned, one as u32, true));
        }
    }
    events.sort_unstable();
    let mut gate = None;
    let mut left_by_any = false;
    for (_, one, returns) in events {
        if returns {
            let now = match gate {
                Some(now) if !left_by_any => now,
                before => {
                    let now = found.gate();
                    if let Some(before) = before {
                        found.edge(before, now, Dependency::Through);
                    }
                    now
                }
            };
            (gate, left_by_any) = (Some(now), false);
            found.edge(one, now, Dependency::RealTime);
        } else if let Some(gate) = gate {
            found.edge(gate, one, Dependency::Through);
            left_by_any = true;
        }
    }
}
