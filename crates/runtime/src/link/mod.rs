//! Links: how a node's messages travel.
//!
//! A node sends through [`Links`] and is delivered to through an [`Inbox`]; both carry bytes and know no process. Which
//! links they are is the node's [`LinkSettings`]: [`tcp`] gives perfect links, [`udp`]
//! fair-loss ones or, with a link of the library above, perfect ones.

mod accept;
mod complaints;
pub mod logged;
pub mod memory;
mod place;
pub mod settings;
mod sockets;
mod stream;
pub mod tcp;
mod tls;
pub mod udp;

pub use place::{NoPlace, Place};
pub use settings::{LinkSettings, Security, Transport};
pub use sockets::Sockets;
pub(crate) use sockets::{LOOKS, Next, Source};
pub(crate) use stream::{receive_now, send_now};

use crate::frame;
use crate::keys::KeyError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use synod_model::ProcessId;
use thiserror::Error;

/// The longest payload, in bytes: a frame's, without the sequence number.
pub const PAYLOAD_LENGTH_MAX: usize = frame::PAYLOAD_LENGTH_MAX - 64;

/// All links of one node, both directions. Dropped, they are stopped.
pub trait Links: Send {
    /// Sends `payload` to a peer, as the links promise. Never waits for the peer. It leaves with the next
    /// [`Links::flush`] at the latest.
    fn send(&self, to: ProcessId, payload: &[u8]) -> Result<(), LinkError>;

    /// All that was sent leaves: called when the node has sent what it had to send for now. Until then links may gather
    /// payloads, to spare system calls.
    fn flush(&self) {}

    /// Lets the peers know of this incarnation, though there be nothing to send: what an earlier one sent is fenced then.
    fn greet(&self) {}

    /// A turn of the node begins: what waited for its room may be delivered now.
    fn poll(&self) {}

    /// Whether a peer that lives is behind: the node takes no requests of clients until it has caught up.
    fn is_congested(&self) -> bool {
        false
    }

    /// Cuts the link to a peer: what is sent waits, or is lost, as the links promise. What is on the wire already may
    /// still arrive.
    fn cut(&self, to: ProcessId) -> Result<(), LinkError>;

    /// Heals the link to a peer. How many payloads waited.
    fn heal(&self, to: ProcessId) -> Result<usize, LinkError>;

    /// How the link to each peer stands.
    fn status(&self) -> BTreeMap<ProcessId, LinkStatus>;

    /// What came from those who are no peers, and was dropped.
    fn strangers(&self) -> Dropped {
        Dropped::default()
    }
}

/// Starts the links that `settings` choose. Clients are always met on `listener`.
pub fn start(
    settings: &LinkSettings,
    listener: TcpListener,
    options: LinkOptions,
    inbox: Arc<dyn Inbox>,
) -> Result<Box<dyn Links>, LinkError> {
    match (settings.transport, settings.security) {
        (Transport::Tcp, Security::None | Security::Tls) => {
            Ok(Box::new(tcp::TcpLinks::start(settings, listener, options, inbox)?))
        }
        (Transport::Udp, Security::None | Security::Mac) => {
            Ok(Box::new(udp::UdpLinks::start(settings, listener, options, inbox)?))
        }
        (transport, security) => Err(LinkError::NotBuilt { transport, security }),
    }
}

/// What can go wrong with links as a whole. (A connection that breaks is no error: it is dialled again.)
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LinkError {
    /// Another program listens there.
    #[error("{address} is in use by another program")]
    PortInUse {
        /// The address.
        address: SocketAddr,
    },
    /// The operating system does not let us listen there.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// A thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] io::Error),
    /// Sockets cannot be waited for.
    #[error("cannot wait for sockets: {0}")]
    Sockets(#[source] io::Error),
    /// A message goes to a process that is no peer.
    #[error("there is no {0} to send to")]
    NoSuchPeer(ProcessId),
    /// The keys cannot be used.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// Secure links need keys.
    #[error("secure links need a directory with the keys of this process")]
    NoKeys,
    /// There are no such links.
    #[error("there are no links over {transport:?} with security {security:?}")]
    NotBuilt {
        /// The transport asked for.
        transport: Transport,
        /// The security asked for.
        security: Security,
    },
    /// There is no key for the link to a peer.
    #[error("there is no key for the link to {0}")]
    NoKey(ProcessId),
    /// An incarnation joins that is no later one.
    #[error("incarnation {incarnation} of {process} is over: {latest} has been seen")]
    Fenced {
        /// The process.
        process: ProcessId,
        /// The incarnation.
        incarnation: u64,
        /// The latest one that was seen.
        latest: u64,
    },
    /// A message is longer than the links carry.
    #[error("a message of {length} bytes is longer than the {PAYLOAD_LENGTH_MAX} that the links carry")]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
}

impl LinkError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::PortInUse { .. } => "choose another port, or stop what listens there (`ss -ltnp` shows it)",
            Self::Listen { .. } => "choose an address of this machine and a port above 1023",
            Self::Thread(_) => "the limit on threads or memory is reached (`ulimit -u`)",
            Self::Sockets(_) => "the limit on open files is reached (`ulimit -n`)",
            Self::NoSuchPeer(_) => {
                "the algorithm sends outside of its group, or the list of peers is incomplete"
            }
            Self::Keys(e) => e.hint(),
            Self::NoKeys => "make them with `synod keys`",
            Self::NotBuilt { .. } => "tcp goes with none or tls, udp with none or mac",
            Self::NoKey(_) => "make keys for as many processes as there are with `synod keys`",
            Self::Fenced { .. } => {
                "run one node for each process, and never from a copy of a data directory or without the old one"
            }
            Self::TooLong { .. } => "send smaller pieces",
        }
    }
}

/// Takes a port.
pub fn listen(address: SocketAddr) -> Result<TcpListener, LinkError> {
    TcpListener::bind(address).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => LinkError::PortInUse { address },
        _ => LinkError::Listen { address, source },
    })
}

/// Who this end is, and where the others are.
#[derive(Clone, Debug)]
pub struct LinkOptions {
    /// The cluster: nodes of another one are refused.
    pub cluster: u64,
    /// This process.
    pub me: ProcessId,
    /// Its durable incarnation number.
    pub incarnation: u64,
    /// The other processes.
    pub peers: BTreeMap<ProcessId, Place>,
    /// What makes better links of datagrams, where the algorithm asks for better ones.
    pub stack: Option<udp::stack::Build>,
}

/// Takes what the links deliver, and the clients that connect. Called from the links' threads, or from the one that waits for the
/// sockets.
pub trait Inbox: Send + Sync + 'static {
    /// The sockets for which the inbox's owner waits itself: then links over streams leave theirs to it, and deliver from its thread.
    /// Without, they have a thread for them.
    fn sockets(&self) -> Option<Arc<Sockets>> {
        None
    }

    /// A payload from `from` is delivered. It may wait until the node has room: what arrives for it meanwhile waits with
    /// the sender.
    fn deliver(&self, from: ProcessId, payload: &[u8]) -> Result<(), Rejected>;

    /// Payloads that came together are delivered. What is not taken goes to `rejected`.
    fn deliver_all(
        &self,
        from: ProcessId,
        payloads: &mut dyn Iterator<Item = &[u8]>,
        rejected: &mut dyn FnMut(&Rejected),
    ) {
        for payload in payloads {
            let _ = self.deliver(from, payload).inspect_err(&mut *rejected);
        }
    }

    /// As [`Inbox::deliver`], and never waits: a thread that serves many links calls it. Whether the payload is taken, or there is no room for it now.
    fn offer(&self, from: ProcessId, payload: &[u8]) -> Result<bool, Rejected>;

    /// A peer listens to another node that runs as this process, and not to this one: `why` tells.
    fn impostor(&self, why: &str) {
        let _ = why;
    }

    /// Another node that runs as this process has been refused by a peer: `why` tells.
    fn challenged(&self, why: &str) {
        let _ = why;
    }

    /// Someone who is no node has connected. The call may last as long as the connection.
    fn client(&self, stream: TcpStream);
}

/// A payload that is not taken: it is counted and dropped, and the link goes on.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Rejected {
    /// No message of the algorithm.
    #[error("it is no message of this algorithm: {0}")]
    Malformed(String),
    /// A signature in it is not that of its signer.
    #[error("{0}")]
    Forged(String),
}

/// What arrived and was dropped, by why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// No frame, or no value of the expected type.
    pub malformed: u64,
    /// Longer than allowed.
    pub oversized: u64,
    /// Without the right authentication code, certificate or signature.
    pub forged: u64,
    /// Genuine, and seen before.
    pub replayed: u64,
    /// Of another cluster, for another process, or of an incarnation that is over.
    pub foreign: u64,
    /// Connections beyond the limit.
    #[serde(default)]
    pub surplus: u64,
}

/// How the link to a peer stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkStatus {
    /// Whether it is cut.
    pub cut: bool,
    /// Whether a connection is up.
    pub connected: bool,
    /// How many payloads are not acknowledged.
    pub unacknowledged: usize,
    /// How many were lost with old incarnations of the peer.
    pub lost: u64,
    /// How many connections there have been.
    pub connections: u64,
    /// Why the last one ended, or did not begin.
    pub trouble: Option<String>,
    /// About how many bytes are not acknowledged.
    #[serde(default)]
    pub queued_bytes: usize,
    /// How many payloads were dropped because a bound of the links was reached: by TCP and memory links, while the peer was
    /// there, as far as they know (what is dropped otherwise is `lost`); over datagrams, whether it was there or not.
    /// Where it had not crashed, that is outside of the model.
    #[serde(default)]
    pub outside_model: u64,
    /// How many sessions were closed because a bound was reached.
    #[serde(default)]
    pub sessions_closed: u64,
    /// What arrived from the peer and was dropped.
    #[serde(default)]
    pub dropped: Dropped,
}
