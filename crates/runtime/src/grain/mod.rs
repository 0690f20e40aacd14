//! The grain of a process: what of a machine each process of an algorithm gets.
//!
//! In every grain a node is the same code: its log, its record, its loop ([`crate::node`]). What differs is where the
//! loop runs and what its links are made of. So what a run comes to is judged alike, and so it should come out alike.
//!
//! In one OS process a node is killed by letting it fall: what it had not written is lost, and the next incarnation
//! begins with the log. What the operating system had taken of it survives, as with `kill -9`.

mod inside;
mod pin;
mod shared;
mod threads;

use crate::cluster::{Cluster, ClusterError, ClusterOptions, Told, empty};
use crate::drive::Deployment;
use crate::link::Inbox;
use inside::Inside;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use synod_model::Process;

/// What of a machine each process gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grain {
    /// An OS process, with sockets.
    OsProcess,
    /// A thread, on a core of its own where there are enough; links are memory.
    Threads,
    /// Its turn, in one thread for all of them; links are memory.
    Shared,
}

/// What stands between the links and a node: a test can break the links with it.
pub type Around = Arc<dyn Fn(Arc<dyn Inbox>) -> Arc<dyn Inbox> + Send + Sync>;

/// Starts the nodes of an algorithm in a grain; they are run with [`crate::drive::drive`]. `program` is asked for OS
/// processes alone. Records are in `records` of the options' directory.
pub fn start<P: Process>(
    grain: Grain,
    options: ClusterOptions,
    program: impl Fn(&Path) -> Command + Send + 'static,
) -> Result<(Box<dyn Deployment>, Receiver<Told>), ClusterError> {
    match grain {
        Grain::OsProcess => Cluster::start(options, program).map(|(cluster, told)| (cluster.into(), told)),
        Grain::Threads | Grain::Shared => start_around::<P>(grain, &options, None),
    }
}

/// Starts nodes in this OS process: as threads, or all in one if the grain is [`Grain::Shared`].
pub fn start_around<P: Process>(
    grain: Grain,
    options: &ClusterOptions,
    around: Option<Around>,
) -> Result<(Box<dyn Deployment>, Receiver<Told>), ClusterError> {
    empty(&options.directory)?;
    let is_shared = grain == Grain::Shared;
    let (inside, told) = Inside::<P>::start(options, around, |configs, way_in| {
        if is_shared {
            Ok(Box::new(shared::Shared::start(configs, way_in)?))
        } else {
            Ok(Box::new(threads::Threads::new(configs, way_in)))
        }
    })?;
    Ok((Box::new(inside), told))
}
