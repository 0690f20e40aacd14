//! The real ground: each process of an algorithm is an OS process with sockets, a disk and a clock.
//!
//! What the system model promises is built here from what the machine has: stable storage from a write-ahead
//! log ([`wal`]), perfect links from TCP sessions that survive reconnection ([`session`], [`link`]), the
//! write-ahead order from one `fdatasync` for all that was stored before it.
//!
//! The log and the links know no process: they carry bytes.

pub mod client;
pub mod cluster;
pub mod disk;
pub mod drive;
pub mod execution;
pub mod fault;
pub mod frame;
mod host;
pub mod judge;
pub mod link;
pub mod nemesis;
pub mod node;
pub mod record;
pub mod replay;
pub mod session;
mod timers;
pub mod wal;
