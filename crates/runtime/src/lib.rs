//! The real ground: each process of an algorithm is an OS process with sockets, a disk and a clock.
//!
//! What the system model promises is built here from what the machine has: stable storage from a write-ahead
//! log ([`wal`]), perfect links from TCP sessions that survive reconnection ([`session`], [`link`]), the write-ahead
//! order from one `fdatasync` for all that was stored before it ([`node`]). The log and the links know no process: they
//! carry bytes.
//!
//! A node records its run ([`record`]); a cluster is started, asked and troubled from outside ([`cluster`], [`drive`],
//! [`nemesis`]). Afterwards the records are merged by causality ([`execution`]), judged by the monitors of every other
//! ground ([`judge`]), and run again ([`replay`]): node by node, byte for byte, and as one run of a kernel world.
//!
//! Something else in its OS process may use a node: [`service`].
//!
//! What waits anywhere is bounded: for a peer ([`link::tcp`]), for a client and for the node itself ([`node`]).

mod audience;
pub mod client;
pub mod clock;
pub mod cluster;
mod courtesy;
pub mod coverage;
pub mod digest;
pub mod disk;
pub mod doctor;
mod door;
pub mod drive;
pub mod execution;
pub mod fault;
pub mod frame;
pub mod grain;
mod host;
pub mod judge;
pub mod keys;
pub mod link;
mod mailbox;
pub mod nemesis;
pub mod node;
mod ops;
pub mod oversight;
mod post;
pub mod proxy;
pub mod record;
pub mod replay;
pub mod retrace;
mod run_error;
pub mod service;
pub mod session;
mod signing;
mod timers;
pub mod wal;
mod wire;
