//! A node of a replicated store: Raft over [`Store`] on a real machine, and its [`Server`].

use crate::server::Server;
use crate::store::Store;
use std::time::Duration;
use synod_algorithms::consensus::raft::{Raft, RaftParameters};
use synod_model::ProcessId;
use synod_runtime::link::Place;
use synod_runtime::node::{NodeConfig, RunError, run_node_with};
use synod_runtime::service::{Reception, Stopper};

/// What a node is called in its configuration and its metrics.
pub const NAME: &str = "raft-kv";

/// All that a node needs to know, but for its clients.
pub type Config = NodeConfig<Raft<Store>>;

/// The parameters of a replicated store: messages with as many entries as fit a frame, however long they are; and followers that wait a
/// little longer for their leader than the paper's: a slow disk or a busy machine is no reason to elect another. Whoever compacts its log executes
/// what goes once more, for the disk's image: a few entries at a time, for an entry may be what hundreds of clients asked for at once.
pub fn parameters() -> RaftParameters {
    RaftParameters {
        election: Duration::from_millis(250),
        election_spread: Duration::from_millis(250),
        entries_max: 7,
        compact_after: 100,
        ..RaftParameters::default()
    }
}

/// Runs a node until it is told to stop, or fails; by signals, if `with_signals`. Its clients come to `reception`, and say the token first, if
/// there is one. `started` is handed what stops it.
///
/// # Errors
/// If it cannot start, or go on.
pub fn run(
    config: &Config,
    with_signals: bool,
    reception: Reception,
    token: Option<Vec<u8>>,
    started: impl FnOnce(Stopper),
) -> Result<(), RunError> {
    let own = Place::from(config.listen);
    let all = (0..=config.peers.len() as u32).map(|p| config.peers.get(&ProcessId(p)).unwrap_or(&own));
    let places = all.map(ToString::to_string).collect();
    run_node_with::<Raft<Store>>(config, with_signals, reception, |incarnation, stopper| {
        started(stopper);
        let server = Server::new(config.process, incarnation, token);
        Box::new(server.of_cluster(config.cluster, places))
    })
}
