//! Causal consistency in its three forms, and PRAM, by what must not be found.
//!
//! Once it is known which write each read read, a history satisfies one of these exactly if none of its bad patterns is found (Bouajjani, Enea,
//! Guerraoui, Hamza 2017, section 5): a cycle of causes; a read of what was overwritten in its past; for convergence and memory a cycle when overwriting is
//! added. PRAM is causal memory without what others read.

use super::explained::Explained;
use super::graph::{Graph, Pasts, Reason};
use super::{Broken, Meter};

/// Which of them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Weak,
    Convergent,
    Memory,
    /// What one order of all asks for: necessary for sequential consistency.
    Total,
}

/// What comes of an attempt: nothing where all is well.
pub(super) type Found = Option<Broken>;

/// Checks one of the causal forms.
pub(super) fn causal(explained: &Explained<'_>, form: Form, meter: &mut Meter<'_>) -> Result<Found, String> {
    let mut graph = Graph::new(explained.accesses.len());
    for client in &explained.clients {
        explained.client_order(client, |_| true, |a, b| graph.add(a, b, Reason::Client));
        add_reads(explained, client, &mut graph);
    }
    let order = match graph.order() {
        Ok(order) => order,
        Err(cycle) => return Ok(Some(Broken::Cycle { client: None, cycle })),
    };
    let pasts = pasts(&graph, &order, meter)?;
    for client in &explained.clients {
        if let Some(broken) = overwritten(explained, client, &pasts, meter)? {
            return Ok(Some(broken));
        }
    }
    match form {
        Form::Weak => Ok(None),
        Form::Convergent => convergent(explained, graph, &pasts, meter),
        Form::Total => total(explained, graph, meter),
        Form::Memory => {
            for client in &explained.clients {
                for own in observers(explained, client) {
                    let found = saturate(explained, &own, graph.clone(), meter)?;
                    if found.is_some() {
                        return Ok(found);
                    }
                }
            }
            Ok(None)
        }
    }
}

/// Checks PRAM.
pub(super) fn pram(explained: &Explained<'_>, meter: &mut Meter<'_>) -> Result<Found, String> {
    for client in &explained.clients {
        let mut graph = Graph::new(explained.accesses.len());
        for other in &explained.clients {
            let is_own = std::ptr::eq(client, other);
            let matters = |index: usize| is_own || explained.accesses[index].writes();
            explained.client_order(other, matters, |a, b| graph.add(a, b, Reason::Client));
        }
        let own: Vec<usize> =
            client.iter().copied().filter(|&index| explained.accesses[index].is_known()).collect();
        add_reads(explained, &own, &mut graph);
        let found = saturate(explained, &own, graph, meter)?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// A client's operations whose returns one order must explain: all that returned; and apart, since nothing comes after it, each of unknown outcome that
/// took effect upon what it read, with those before it.
fn observers(explained: &Explained<'_>, client: &[usize]) -> Vec<Vec<usize>> {
    let is_known = |index: &usize| explained.accesses[*index].is_known();
    let known = |ops: &[usize]| ops.iter().copied().filter(is_known).collect::<Vec<_>>();
    let reads_unknown = client
        .iter()
        .enumerate()
        .filter(|&(_, index)| !is_known(index) && explained.sources[*index].is_some());
    let apart =
        reads_unknown.map(|(place, &index)| known(&client[..place]).into_iter().chain([index]).collect());
    [known(client)].into_iter().chain(apart).collect()
}

fn add_reads(explained: &Explained<'_>, client: &[usize], graph: &mut Graph) {
    for (read, source) in explained.reads(client) {
        if let Some(write) = source {
            graph.add(write, read, Reason::Read);
        }
    }
}

fn pasts(graph: &Graph, order: &[usize], meter: &mut Meter<'_>) -> Result<Pasts, String> {
    meter.bytes(Pasts::bytes(order.len()))?;
    meter.steps(Pasts::bytes(order.len()) as u64 / 64)?;
    Ok(Pasts::new(graph, order))
}

/// A read of what its past overwrites: the patterns WriteCORead and WriteCOInitRead.
fn overwritten(
    explained: &Explained<'_>,
    client: &[usize],
    pasts: &Pasts,
    meter: &mut Meter<'_>,
) -> Result<Found, String> {
    for (read, source) in explained.reads(client) {
        let writes = &explained.writes[explained.accesses[read].key];
        meter.steps(writes.len() as u64)?;
        let over = |&&write: &&usize| {
            Some(write) != source
                && pasts.precedes(write, read)
                && source.is_none_or(|source| pasts.precedes(source, write))
        };
        if let Some(&by) = writes.iter().find(over) {
            return Ok(Some(Broken::Overwritten { client: None, read, source, by }));
        }
    }
    Ok(None)
}

/// A cycle of causes and of what one arbitration must order: the pattern CyclicCF.
fn convergent(
    explained: &Explained<'_>,
    mut graph: Graph,
    pasts: &Pasts,
    meter: &mut Meter<'_>,
) -> Result<Found, String> {
    for client in &explained.clients {
        for (read, source) in explained.reads(client) {
            let Some(source) = source else { continue };
            let writes = &explained.writes[explained.accesses[read].key];
            meter.steps(writes.len() as u64)?;
            for &write in writes {
                if write != source && pasts.precedes(write, read) && !pasts.precedes(write, source) {
                    graph.add(write, source, Reason::Overwritten { by: read });
                }
            }
        }
    }
    Ok(graph.order().err().map(|cycle| Broken::Cycle { client: None, cycle }))
}

/// Orders, for one client, what its reads ask for, until nothing new follows: the patterns CyclicHB and WriteHBInitRead.
fn saturate(
    explained: &Explained<'_>,
    client: &[usize],
    mut graph: Graph,
    meter: &mut Meter<'_>,
) -> Result<Found, String> {
    let whose = client.first().map(|&index| explained.accesses[index].client);
    loop {
        let order = match graph.order() {
            Ok(order) => order,
            Err(cycle) => return Ok(Some(Broken::Cycle { client: whose, cycle })),
        };
        let pasts = pasts(&graph, &order, meter)?;
        let mut is_new = false;
        for (read, source) in explained.reads(client) {
            let writes = &explained.writes[explained.accesses[read].key];
            meter.steps(writes.len() as u64)?;
            for &write in writes {
                if Some(write) == source || !pasts.precedes(write, read) {
                    continue;
                }
                let Some(source) = source else {
                    return Ok(Some(Broken::Overwritten { client: whose, read, source, by: write }));
                };
                if !pasts.precedes(write, source) {
                    graph.add(write, source, Reason::Overwritten { by: read });
                    is_new = true;
                }
            }
        }
        if !is_new {
            return Ok(None);
        }
    }
}

/// Orders what one order of all asks for, until nothing new follows: what a read has seen comes before what it read, and what overwrites that comes
/// after the read (the rules of Gibbons, Korach 1997, section 4.3, for known sources).
fn total(explained: &Explained<'_>, mut graph: Graph, meter: &mut Meter<'_>) -> Result<Found, String> {
    loop {
        let order = match graph.order() {
            Ok(order) => order,
            Err(cycle) => return Ok(Some(Broken::Cycle { client: None, cycle })),
        };
        let pasts = pasts(&graph, &order, meter)?;
        let mut is_new = false;
        for (read, source) in explained.clients.iter().flat_map(|client| explained.reads(client)) {
            let writes = &explained.writes[explained.accesses[read].key];
            meter.steps(writes.len() as u64)?;
            for &write in writes.iter().filter(|&&write| Some(write) != source && write != read) {
                if pasts.precedes(write, read) {
                    let Some(source) = source else {
                        return Ok(Some(Broken::Overwritten { client: None, read, source, by: write }));
                    };
                    if !pasts.precedes(write, source) {
                        graph.add(write, source, Reason::Overwritten { by: read });
                        is_new = true;
                    }
                } else if source.is_none_or(|source| pasts.precedes(source, write))
                    && !pasts.precedes(read, write)
                {
                    graph.add(read, write, Reason::Overwrites);
                    is_new = true;
                }
            }
        }
        if !is_new {
            return Ok(None);
        }
    }
}
