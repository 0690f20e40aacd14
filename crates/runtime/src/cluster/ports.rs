//! Where the nodes of a cluster and the proxy between them listen: at ports that are free now.

use super::ClusterError;
use crate::link;
use crate::proxy::{Port, Way};
use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use synod_model::{Group, ProcessId};

/// Ports are looked for in here: below the range from which systems give ports to those who dial.
pub(crate) const RANGE: std::ops::Range<u16> = 18_000..31_000;

/// Addresses by process, and the proxy's port by pair.
pub(super) struct Places {
    pub(super) nodes: BTreeMap<ProcessId, SocketAddr>,
    /// Where they tell operators how they are.
    pub(super) operators: BTreeMap<ProcessId, SocketAddr>,
    pub(super) pairs: BTreeMap<Way, Port>,
}

/// Ports for so many processes; the nodes' from `first` on, if that is given.
pub(super) fn places(processes: u32, first: Option<u16>) -> Result<Places, ClusterError> {
    let mut free = free();
    let members = || Group::first(processes).members();
    let pairs = members().flat_map(|p| members().filter(move |&q| q != p).map(move |q| (p, q)));
    let nodes = match first {
        Some(first) => named(members(), first)?,
        None => held(members(), &mut free)?,
    };
    let operators = held(members(), &mut free)?;
    let mut ports = BTreeMap::new();
    for way in pairs {
        let port = free.by_ref().find_map(|address| Port::bind(address).ok());
        ports.insert(way, port.ok_or(ClusterError::NoPorts(processes as usize * processes as usize))?);
    }
    let addresses = |held: &Held| held.iter().map(|(&p, (address, _))| (p, *address)).collect();
    Ok(Places { nodes: addresses(&nodes), operators: addresses(&operators), pairs: ports })
}

/// A port for one node more.
pub(super) fn one() -> Result<SocketAddr, ClusterError> {
    free().find(|&address| TcpListener::bind(address).is_ok()).ok_or(ClusterError::NoPorts(1))
}

/// What is held until all are found: so that no two nodes have one port.
type Held = BTreeMap<ProcessId, (SocketAddr, TcpListener)>;

fn named(processes: impl Iterator<Item = ProcessId>, first: u16) -> Result<Held, ClusterError> {
    let mut held = Held::new();
    for p in processes {
        let address = at(first.saturating_add(p.0 as u16));
        held.insert(p, (address, link::listen(address)?));
    }
    Ok(held)
}

fn held(
    processes: impl Iterator<Item = ProcessId>,
    free: &mut impl Iterator<Item = SocketAddr>,
) -> Result<Held, ClusterError> {
    let mut held = Held::new();
    for p in processes {
        let found = free.find_map(|address| Some((address, link::listen(address).ok()?)));
        held.insert(p, found.ok_or(ClusterError::NoPorts(p.index() + 1))?);
    }
    Ok(held)
}

fn at(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// All ports, from some place in the range on: clusters that start together should not look at the same ones.
fn free() -> impl Iterator<Item = SocketAddr> {
    let begin = RandomState::new().hash_one(std::process::id()) % RANGE.len() as u64;
    RANGE.cycle().skip(begin as usize).take(RANGE.len()).map(at)
}
