//! The session guarantees, for each client by itself.
//!
//! Each read of a client sees some writes, and some order of all writes says which of those seen counts. The guarantees ask that some be seen and some come in order;
//! what is not asked for is best not seen, so that the writes asked for and the sources of the reads are all that must be ordered: a guarantee is broken
//! exactly if that is a cycle, or if nothing was read where something must have been seen.
//!
//! Monotonic writes and writes follow reads speak of which other writes come with a write. That shows only to a client whose reads go forward (a read of a
//! register shows one write): they are broken by a client whose reads can have gone forward, but not with them.

use super::Broken;
use super::causal::Found;
use super::explained::{Explained, Source};
use super::graph::{Graph, Reason};

/// Checks that clients see what they wrote.
pub(super) fn read_your_writes(explained: &Explained<'_>) -> Found {
    explained.clients.iter().find_map(|client| {
        let mut graph = writes_in_order(explained);
        let mut own: Vec<usize> = vec![];
        for &index in client {
            let access = &explained.accesses[index];
            if let Some(source) = explained.sources[index].filter(|_| access.is_known()) {
                for &by in
                    own.iter().filter(|&&by| explained.accesses[by].key == access.key && Some(by) != source)
                {
                    let Some(source) = source else {
                        return Some(Broken::Overwritten {
                            client: Some(access.client),
                            read: index,
                            source,
                            by,
                        });
                    };
                    graph.add(by, source, Reason::Overwritten { by: index });
                }
            }
            if access.writes() && access.is_known() {
                // those of its own before are ordered before it
                own.retain(|&before| explained.accesses[before].key != access.key);
                own.push(index);
            }
        }
        cycle(explained, client, &graph)
    })
}

/// Checks that clients go on seeing what they saw.
pub(super) fn monotonic_reads(explained: &Explained<'_>) -> Found {
    let in_order = writes_in_order(explained);
    let nothing = Graph::new(explained.accesses.len());
    explained
        .clients
        .iter()
        .find_map(|client| forward(explained, client, &nothing, in_order.clone(), identity))
}

/// Checks that writes come with those that their clients made before.
pub(super) fn monotonic_writes(explained: &Explained<'_>) -> Found {
    let in_order = writes_in_order(explained);
    observed(explained, &in_order, identity)
}

/// Checks that writes come with those that their clients had read before.
pub(super) fn writes_follow_reads(explained: &Explained<'_>) -> Found {
    let shift = explained.accesses.len();
    // what an operation reads is apart from what it writes, by `shift`: writes do not follow writes here
    let mut follow = Graph::new(2 * shift);
    for client in &explained.clients {
        let reads = |index: usize| explained.sources[index].is_some();
        explained.client_order(client, reads, |a, b| follow.add(shift + a, shift + b, Reason::Client));
        let mut last_read = None;
        for &index in client {
            let access = &explained.accesses[index];
            if let Some(source) = explained.sources[index] {
                if let Some(write) = source {
                    follow.add(write, shift + index, Reason::Read);
                }
                if access.writes() {
                    follow.add(shift + index, index, Reason::Client);
                }
            }
            if access.writes()
                && let Some(last_read) = last_read
            {
                follow.add(shift + last_read, index, Reason::Client);
            }
            if reads(index) && access.is_known() {
                last_read = Some(index);
            }
        }
    }
    observed(explained, &follow, move |node| if node < shift { node } else { node - shift })
}

fn identity(node: usize) -> usize {
    node
}

/// Each client's writes in its order.
fn writes_in_order(explained: &Explained<'_>) -> Graph {
    let mut graph = Graph::new(explained.accesses.len());
    for client in &explained.clients {
        let writes = |index: usize| explained.accesses[index].writes();
        explained.client_order(client, writes, |a, b| graph.add(a, b, Reason::Client));
    }
    graph
}

/// Checks that clients whose reads can have gone forward can have seen, with each write, what comes `with` it, in that order.
fn observed(explained: &Explained<'_>, with: &Graph, operation: impl Fn(usize) -> usize + Copy) -> Found {
    let nothing = Graph::new(explained.accesses.len());
    if let Err(cycle) = with.order() {
        let cycle = cycle.into_iter().map(|(node, reason)| (operation(node), reason)).collect();
        return Some(Broken::Cycle { client: None, cycle });
    }
    explained.clients.iter().find_map(|client| {
        let found = forward(explained, client, with, with.clone(), operation)?;
        forward(explained, client, &nothing, nothing.clone(), identity).is_none().then_some(found)
    })
}

/// Checks that a client's reads can have gone forward: each sees what those before saw, its source, and what comes `with` all that, while `order` is kept.
fn forward(
    explained: &Explained<'_>,
    client: &[usize],
    with: &Graph,
    mut order: Graph,
    operation: impl Fn(usize) -> usize,
) -> Found {
    let accesses = explained.accesses;
    let nodes = accesses.len();
    let mut seen = vec![false; with.len()];
    // of each key, those seen since it was last read, and what was read then
    let mut fresh: Vec<Vec<usize>> = vec![vec![]; explained.writes.len()];
    let mut is_any_seen = vec![None; explained.writes.len()];
    let returned = |&(read, _): &(usize, Source)| accesses[read].is_known();
    for (read, source) in explained.reads(client).filter(returned) {
        let access = &accesses[read];
        let mut pending: Vec<usize> = source.into_iter().collect();
        while let Some(node) = pending.pop() {
            if std::mem::replace(&mut seen[node], true) {
                continue;
            }
            if node < nodes && accesses[node].writes() {
                fresh[accesses[node].key].push(node);
                is_any_seen[accesses[node].key].get_or_insert(node);
            }
            pending.extend(with.before(node));
        }
        match (source, is_any_seen[access.key]) {
            (None, Some(by)) => {
                return Some(Broken::Overwritten { client: Some(access.client), read, source, by });
            }
            (Some(source), _) => {
                for write in std::mem::take(&mut fresh[access.key]) {
                    if write != source {
                        order.add(write, source, Reason::Overwritten { by: read });
                    }
                }
                // what was seen before comes before it
                fresh[access.key].push(source);
            }
            (None, None) => {}
        }
    }
    let cycle = order.order().err()?;
    let cycle = cycle.into_iter().map(|(node, reason)| (operation(node), reason)).collect();
    Some(Broken::Cycle { client: whose(explained, client), cycle })
}

fn whose(explained: &Explained<'_>, client: &[usize]) -> Option<crate::history::Client> {
    client.first().map(|&index| explained.accesses[index].client)
}

fn cycle(explained: &Explained<'_>, client: &[usize], graph: &Graph) -> Found {
    graph.order().err().map(|cycle| Broken::Cycle { client: whose(explained, client), cycle })
}
