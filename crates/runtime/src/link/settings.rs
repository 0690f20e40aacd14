//! Which links a node has, and their bounds.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// What carries the bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// Streams.
    #[default]
    Tcp,
    /// Datagrams.
    Udp,
    /// The memory of one OS process.
    Memory,
}

/// What keeps others from speaking in a process's name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Security {
    /// Nothing.
    #[default]
    None,
    /// Message authentication codes, with a replay window: datagrams.
    Mac,
    /// TLS 1.3 with mutual certificates: streams.
    Tls,
}

/// Which links a node has, and their bounds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct LinkSettings {
    /// What carries the bytes.
    pub transport: Transport,
    /// What keeps others from speaking in a process's name.
    pub security: Security,
    /// The directory with this process's keys, as `synod keys` makes it.
    pub keys: Option<PathBuf>,
    /// How many bytes may wait for a peer that lives before the node takes no requests of clients.
    pub queue_soft: usize,
    /// Over TCP: how long a peer that acknowledges nothing is waited for: then it counts as dead, and what waits for it
    /// holds nobody up. (Over datagrams a peer that says nothing counts as dead by the timeouts of the links themselves, and in
    /// memory by having left.) A node that stops waits so long for acknowledgements, over any links.
    #[serde(with = "synod_kernel::environment::duration")]
    pub patience: Duration,
    /// How many bytes may wait for a peer at all. Beyond, its session is over, and they are dropped.
    pub queue_hard: usize,
    /// How many bytes of messages may wait for the node itself; beyond, they wait with their senders.
    pub inbox: usize,
    /// Over TCP: how long a connection may take, from its first byte on, to say who it is. Then it is hung up.
    #[serde(with = "synod_kernel::environment::duration")]
    pub handshake: Duration,
    /// How many clients may be connected at once.
    pub clients: usize,
}

impl Default for LinkSettings {
    fn default() -> Self {
        Self {
            transport: Transport::Tcp,
            security: Security::None,
            keys: None,
            queue_soft: 4 << 20,
            patience: Duration::from_secs(1),
            queue_hard: 64 << 20,
            inbox: 16 << 20,
            handshake: Duration::from_secs(5),
            clients: 256,
        }
    }
}
