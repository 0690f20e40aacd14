//! Cycles by their kinds.

use super::graph::{Edge, Follow, Graph};
use super::transaction::{NIL, Status, Transactions};
use super::{Anomaly, Outer, Phenomenon};
use std::collections::BTreeMap;

/// From so many nodes of a component a shortest cycle is looked for.
const STARTS_MAX: usize = 64;

/// One cycle of each kind; with outer orders only where it takes them.
pub(super) fn all(transactions: &Transactions, mut graph: Graph) -> Vec<Anomaly> {
    sessions(transactions, &mut graph);
    real_time(transactions, &mut graph);
    let mut anomalies = vec![];
    // mostly there is no cycle whatever
    if graph.components(&|_, _| Some(false)).is_empty() {
        return anomalies;
    }
    let plain: [(Phenomenon, Follow<'_>); 4] = [
        (Phenomenon::G0, &|_, edge| matches!(edge, Edge::Ww(..)).then_some(false)),
        (Phenomenon::G1c, &|_, edge| (!edge.is_rw()).then_some(false)),
        (Phenomenon::GSingle, &nonadjacent),
        (Phenomenon::G2Item, &|_, _| Some(false)),
    ];
    for (phenomenon, follow) in plain {
        look(transactions, &graph, phenomenon, Outer::None, follow, &mut anomalies);
    }
    for outer in [Outer::Session, Outer::RealTime] {
        with_outer(transactions, &graph, outer, &mut anomalies);
    }
    anomalies
}

/// Whether an edge counts where there is this outer order.
fn counts(outer: Outer, edge: Edge) -> bool {
    match edge {
        Edge::Ww(..) | Edge::Wr(..) | Edge::Rw(..) => true,
        Edge::Session => outer >= Outer::Session,
        Edge::RealTime => outer == Outer::RealTime,
    }
}

/// No `rw` follows a `rw`.
fn nonadjacent(after_rw: bool, edge: Edge) -> Option<bool> {
    if edge.is_rw() { (!after_rw).then_some(true) } else { Some(false) }
}

fn with_outer(transactions: &Transactions, graph: &Graph, outer: Outer, anomalies: &mut Vec<Anomaly>) {
    let has = |anomalies: &[Anomaly], phenomena: &[Phenomenon]| {
        anomalies.iter().any(|anomaly| phenomena.contains(&anomaly.phenomenon))
    };
    let information = [Phenomenon::G0, Phenomenon::G1c];
    if !has(anomalies, &information) {
        look(transactions, graph, Phenomenon::G1c, outer, &|_, e| (!e.is_rw()).then_some(false), anomalies);
    }
    let single = [Phenomenon::GSingle, Phenomenon::GNonadjacent];
    if !has(anomalies, &information) && !has(anomalies, &single) {
        look(transactions, graph, Phenomenon::GSingle, outer, &nonadjacent, anomalies);
    }
    if !has(anomalies, &information) && !has(anomalies, &single) && !has(anomalies, &[Phenomenon::G2Item]) {
        look(transactions, graph, Phenomenon::G2Item, outer, &|_, _| Some(false), anomalies);
    }
}

/// The smallest cycle of these edges that is found, under the name that it deserves.
fn look(
    transactions: &Transactions,
    graph: &Graph,
    phenomenon: Phenomenon,
    outer: Outer,
    follow: Follow<'_>,
    anomalies: &mut Vec<Anomaly>,
) {
    let kind = follow;
    let follow: Follow<'_> = &|after_rw, edge| if counts(outer, edge) { kind(after_rw, edge) } else { None };
    let mut best: Option<Vec<(usize, Edge)>> = None;
    let mut members = vec![false; 2 * graph.edges.len()];
    let length = |cycle: &[(usize, Edge)]| {
        let rws = cycle.iter().filter(|(_, edge)| edge.is_rw()).count();
        (rws, cycle.iter().filter(|&&(node, _)| node < transactions.list.len()).count())
    };
    let mut components = graph.components(follow);
    // in small ones the cycles are small
    components.sort_by_key(Vec::len);
    for component in components.into_iter().take(STARTS_MAX) {
        for &node in &component {
            members[node] = true;
        }
        let mut starts: Vec<usize> =
            component.iter().copied().filter(|node| node / 2 < transactions.list.len()).collect();
        starts.sort_unstable();
        for start in starts.into_iter().take(STARTS_MAX) {
            if let Some(cycle) = graph.cycle(start, &members, follow)
                && best.as_ref().is_none_or(|best| length(&cycle) < length(best))
            {
                best = Some(cycle);
            }
        }
        for &node in &component {
            members[node] = false;
        }
    }
    let Some(cycle) = best else { return };
    let deserved = deserved(&cycle);
    // a cycle of fewer kinds of edges is found among more kinds too
    if anomalies.iter().any(|anomaly| anomaly.phenomenon == deserved && anomaly.outer <= outer)
        || deserved < phenomenon
    {
        return;
    }
    anomalies.push(Anomaly {
        phenomenon: deserved,
        outer,
        operations: operations(transactions, &cycle),
        why: why(transactions, &cycle),
    });
}

fn deserved(cycle: &[(usize, Edge)]) -> Phenomenon {
    let rws = cycle.iter().filter(|(_, edge)| edge.is_rw()).count();
    let is_adjacent = |at: usize| cycle[at].1.is_rw() && cycle[(at + 1) % cycle.len()].1.is_rw();
    match rws {
        0 if cycle.iter().all(|(_, edge)| matches!(edge, Edge::Ww(..))) => Phenomenon::G0,
        0 => Phenomenon::G1c,
        1 => Phenomenon::GSingle,
        _ if (0..cycle.len()).any(is_adjacent) => Phenomenon::G2Item,
        _ => Phenomenon::GNonadjacent,
    }
}

fn operations(transactions: &Transactions, cycle: &[(usize, Edge)]) -> Vec<usize> {
    let is_one = |&(node, _): &(usize, Edge)| transactions.list.get(node).map(|t| t.operation);
    cycle.iter().filter_map(is_one).collect()
}

/// Each edge in words.
fn why(transactions: &Transactions, cycle: &[(usize, Edge)]) -> Vec<String> {
    let is_transaction = |node: usize| node < transactions.list.len();
    let mut lines = vec![];
    for (at, &(from, edge)) in cycle.iter().enumerate().filter(|(_, (from, _))| is_transaction(*from)) {
        // instants between are no transactions
        let to = (1..=cycle.len())
            .map(|step| cycle[(at + step) % cycle.len()].0)
            .find(|&node| is_transaction(node));
        let (from, to) = (transactions.name(from), transactions.name(to.unwrap_or(from)));
        let key = |key: u32| transactions.keys.name(key);
        let value = |value: u32| transactions.values.name(value);
        lines.push(match edge {
            Edge::Ww(k, v, w) => {
                format!("{from} wrote {} to {}, and {to} wrote {} after it", value(v), key(k), value(w))
            }
            Edge::Wr(k, v) => format!("{from} wrote {} to {}, which {to} read", value(v), key(k)),
            Edge::Rw(k, v, w) if v == NIL => {
                format!(
                    "{from} read {} before anything was written to it, and {to} wrote {}",
                    key(k),
                    value(w)
                )
            }
            Edge::Rw(k, v, w) => format!(
                "{from} read {} as {} left it, and {to} wrote {} after that",
                key(k),
                value(v),
                value(w)
            ),
            Edge::Session => format!("{from} was run before {to}, by the same client"),
            Edge::RealTime => format!("{from} was over before {to} began"),
        });
    }
    lines
}

fn sessions(transactions: &Transactions, graph: &mut Graph) {
    let mut last = BTreeMap::new();
    for (place, transaction) in transactions.list.iter().enumerate() {
        // what was not seen may never have been
        if transaction.status != Status::Committed {
            continue;
        }
        if let Some(before) = last.insert(transaction.client, place) {
            graph.add(before, place, Edge::Session);
        }
    }
}

/// Instants at which transactions are over make a line of nodes: so there are as many edges as events, not as pairs of transactions.
fn real_time(transactions: &Transactions, graph: &mut Graph) {
    let mut events: Vec<(usize, usize, bool)> = vec![];
    for (place, transaction) in transactions.list.iter().enumerate() {
        if transaction.status != Status::Aborted {
            events.push((transaction.invoked, place, false));
            events.extend(transaction.returned.map(|at| (at, place, true)));
        }
    }
    events.sort_unstable();
    let mut instant: Option<usize> = None;
    for (_, place, is_over) in events {
        if is_over {
            let next = graph.node();
            graph.add(place, next, Edge::RealTime);
            if let Some(before) = instant.replace(next) {
                graph.add(before, next, Edge::RealTime);
            }
        } else if let Some(instant) = instant {
            graph.add(instant, place, Edge::RealTime);
        }
    }
}
