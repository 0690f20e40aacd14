//! What is between the nodes of a cluster, and can be cut: a proxy on every link, or network namespaces.

use super::fault::Change;
use super::spaces::Spaces;
use super::{ClusterError, ClusterOptions, Fault, ports};
use crate::proxy::{Passed, Proxy, Rule, Way};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::process::Command;
use synod_model::ProcessId;

/// What is between the nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkKind {
    /// A proxy on every link, on loopback: needs no root, and has every fault.
    #[default]
    Proxy,
    /// A network namespace for each node, and one between them that forwards: needs root, and has cuts.
    Namespaces,
}

impl NetworkKind {
    /// Why such a network does not have a fault, where it does not.
    pub fn lacks(self, fault: &Fault) -> Option<String> {
        let is_lacking = matches!(fault, Fault::Delay(..) | Fault::Loss(..) | Fault::Duplicate(..));
        (self == Self::Namespaces && is_lacking)
            .then(|| "between network namespaces nothing is late, lost or doubled".to_owned())
    }
}

/// Where everybody is found.
pub(super) struct Addresses {
    /// Where each node listens.
    pub(super) nodes: BTreeMap<ProcessId, SocketAddr>,
    /// Where it tells operators how it is.
    pub(super) operators: BTreeMap<ProcessId, SocketAddr>,
    /// What one takes for the address of another.
    pub(super) peers: BTreeMap<ProcessId, BTreeMap<ProcessId, SocketAddr>>,
}

/// What is between the nodes. Dropping it takes it down.
pub(super) enum Network {
    Proxy(Proxy),
    Namespaces(Spaces),
}

impl Network {
    /// What the options ask for.
    pub(super) fn start(options: &ClusterOptions) -> Result<(Self, Addresses), ClusterError> {
        match options.network {
            NetworkKind::Proxy => proxied(options),
            NetworkKind::Namespaces => {
                let spaces = Spaces::start(options.processes)?;
                let addresses = spaces.addresses(options.first_port);
                Ok((Self::Namespaces(spaces), addresses))
            }
        }
    }

    fn kind(&self) -> NetworkKind {
        match self {
            Self::Proxy(_) => NetworkKind::Proxy,
            Self::Namespaces(_) => NetworkKind::Namespaces,
        }
    }

    /// Why it does not have a fault, as an error.
    pub(super) fn takes(&self, fault: &Fault) -> Result<(), ClusterError> {
        let lacks = self.kind().lacks(fault);
        lacks.map_or(Ok(()), |why| Err(ClusterError::Lacking { fault: fault.to_string(), why }))
    }

    /// Changes what is done to each of these ways.
    pub(super) fn change(&mut self, ways: &BTreeSet<Way>, change: Change) -> Result<(), ClusterError> {
        match self {
            Self::Proxy(proxy) => proxy.change(ways, |rule| change.apply(rule)),
            Self::Namespaces(spaces) => spaces.change(ways, change)?,
        }
        Ok(())
    }

    /// What is done to ways now.
    pub(super) fn rules(&self) -> BTreeMap<Way, Rule> {
        match self {
            Self::Proxy(proxy) => proxy.rules(),
            Self::Namespaces(spaces) => spaces.rules(),
        }
    }

    /// What passed, and what did not; `None` where nobody counts.
    pub(super) fn passed(&self) -> Option<BTreeMap<Way, Passed>> {
        match self {
            Self::Proxy(proxy) => Some(proxy.passed()),
            Self::Namespaces(_) => None,
        }
    }

    /// A process starts elsewhere, where there is an elsewhere: its new address. A namespace keeps the one it has.
    pub(super) fn relocate(&self, p: ProcessId, from: SocketAddr) -> Result<SocketAddr, ClusterError> {
        match self {
            Self::Proxy(proxy) => {
                let address = ports::one()?;
                proxy.retarget(p, address);
                Ok(address)
            }
            Self::Namespaces(_) => Ok(from),
        }
    }

    /// The program of a node, where it belongs.
    pub(super) fn place(&self, p: ProcessId, command: Command) -> Command {
        match self {
            Self::Proxy(_) => command,
            Self::Namespaces(spaces) => spaces.place(p, &command),
        }
    }
}

fn proxied(options: &ClusterOptions) -> Result<(Network, Addresses), ClusterError> {
    let places = ports::places(options.processes, options.first_port)?;
    let mut peers = BTreeMap::<_, BTreeMap<_, _>>::new();
    for (&(p, q), port) in &places.pairs {
        peers.entry(p).or_default().insert(q, port.address().map_err(ClusterError::Proxy)?);
    }
    let addresses = Addresses { nodes: places.nodes.clone(), operators: places.operators, peers };
    let proxy = Proxy::start(places.pairs, places.nodes, options.seed).map_err(ClusterError::Proxy)?;
    Ok((Network::Proxy(proxy), addresses))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_namespaces_lack_the_proxy_has() {
        for (fault, is_lacking) in [
            ("delay 5ms", true),
            ("loss 5% 0 -> 1", true),
            ("duplicate 5%", true),
            ("partition 0 | 1,2", false),
            ("partition 0 -> 1", false),
            ("heal", false),
            ("kill 1", false),
        ] {
            let fault: Fault = fault.parse().unwrap();
            assert_eq!(NetworkKind::Namespaces.lacks(&fault).is_some(), is_lacking, "{fault}");
            assert_eq!(NetworkKind::Proxy.lacks(&fault), None);
        }
    }
}
