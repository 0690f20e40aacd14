//! Where peers with names are: looked up at the start, and again while nothing is heard from there.

use super::socket::Batched;
use super::{Core, Peer, Shared};
use crate::link::place::Unknown;
use crate::link::stream::locked;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

/// How often a silent peer is looked for.
const PAUSE: Duration = Duration::from_secs(1);
/// How often it is looked whether a look-up has ended.
const PAUSE_PENDING: Duration = Duration::from_millis(20);

/// Looks for silent peers until the links are stopped.
pub(super) fn watch(shared: &Shared) {
    while !shared.stopped.load(Ordering::SeqCst) {
        let is_pending = locked(&shared.core).look_up(&shared.socket);
        thread::park_timeout(if is_pending { PAUSE_PENDING } else { PAUSE });
    }
}

impl Core {
    /// Looks for all peers that are silent, and greets those that are found elsewhere than before. Whether there is a
    /// look-up that has not ended. It waits for none.
    pub(super) fn look_up(&mut self, socket: &Batched) -> bool {
        let silent = |peer: &Peer| peer.address.is_none() || (peer.finder.has_name() && !peer.is_alive());
        let silent: Vec<_> =
            self.wires.peers.iter().filter(|(_, peer)| silent(peer)).map(|(&p, _)| p).collect();
        for &p in &silent {
            let Some(peer) = self.wires.peers.get_mut(&p) else { continue };
            if !peer.find(socket) {
                continue;
            }
            if self.keyed {
                peer.greet();
            } else {
                self.start_stack(p, socket);
            }
        }
        self.wires.flush(socket);
        silent.iter().any(|p| self.wires.peers[p].finder.is_pending())
    }
}

impl Peer {
    /// Asks where the peer is. Whether that is another place than before.
    fn find(&mut self, socket: &Batched) -> bool {
        let found = match self.finder.find(Duration::ZERO) {
            Ok(addresses) => socket.reachable(&addresses),
            Err(why) => {
                if !matches!(why, Unknown::Pending(_)) || self.address.is_none() {
                    self.status.trouble = Some(why.to_string());
                }
                return false;
            }
        };
        if found.is_none() {
            self.status.trouble = Some("none of its addresses is of this socket's kind".to_owned());
        }
        let is_moved = found.is_some() && found != self.address;
        if is_moved {
            (self.address, self.status.trouble) = (found, None);
        }
        is_moved
    }
}
