//! Which links a node has, and their bounds.

use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Duration;
use synod_model::ProcessId;
use synod_model::failure::FailureKind;
use synod_model::link::{LinkBase, LinkKind};

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
    /// How long a peer that acknowledges nothing is waited for: then it counts as dead, and what waits for it holds
    /// nobody up.
    #[serde(with = "synod_kernel::environment::duration")]
    pub patience: Duration,
    /// How many bytes may wait for a peer at all. Beyond, its session is over, and they are dropped.
    pub queue_hard: usize,
    /// How many bytes of messages may wait for the node itself; beyond, they wait with their senders.
    pub inbox: usize,
    /// How many clients may be connected at once.
    pub clients: usize,
}

impl LinkSettings {
    /// The links of a node under a model: what carries them and what secures them. `keys` is a cluster's directory of keys
    /// if there is one: where the model grants signatures or authenticated links it is needed.
    pub fn of_model(links: LinkKind, failures: FailureKind, keys: Option<&Path>, process: ProcessId) -> Self {
        let transport = match links.base {
            LinkBase::FairLoss | LinkBase::Stubborn => Transport::Udp,
            LinkBase::Perfect | LinkBase::Logged | LinkBase::Durable => Transport::Tcp,
        };
        let security = match transport {
            _ if !links.authenticated => Security::None,
            Transport::Udp => Security::Mac,
            Transport::Tcp | Transport::Memory => Security::Tls,
        };
        let wanted = Self::wants_keys(links, failures);
        let keys = keys.filter(|_| wanted).map(|keys| keys.join(process.to_string()));
        Self { transport, security, keys, ..Self::default() }
    }

    /// Whether nodes under such a model need keys.
    pub fn wants_keys(links: LinkKind, failures: FailureKind) -> bool {
        links.authenticated || failures == FailureKind::AuthenticatedByzantine
    }
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
            clients: 256,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_says_what_carries_and_what_secures() {
        let settings = |base, authenticated, failures| {
            let links = LinkKind { authenticated, ..LinkKind::plain(base) };
            let of = LinkSettings::of_model(links, failures, Some(Path::new("keys")), ProcessId(2));
            (of.transport, of.security, of.keys.is_some())
        };
        let (stop, signed) = (FailureKind::CrashStop, FailureKind::AuthenticatedByzantine);
        assert_eq!(settings(LinkBase::Perfect, false, stop), (Transport::Tcp, Security::None, false));
        assert_eq!(settings(LinkBase::Perfect, true, stop), (Transport::Tcp, Security::Tls, true));
        assert_eq!(settings(LinkBase::FairLoss, true, stop), (Transport::Udp, Security::Mac, true));
        assert_eq!(settings(LinkBase::Stubborn, false, signed), (Transport::Udp, Security::None, true));
    }
}
