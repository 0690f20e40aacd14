//! A ground that speaks Maelstrom's protocol: JSON lines in, JSON lines out, and a process of ours in between.
//!
//! Maelstrom is Jepsen's workbench: it starts nodes, plays their network and their clients on standard streams, and judges what
//! the clients saw. A [`Node`] is one such node without the streams: a line and the time go in, lines and the time of the next
//! timer come out. So a test drives it in virtual time, and the command line in real time, by the same code.
//!
//! What a workload asks is translated by a thin adapter, its [`Workload`]; all else is the [`Seat`](synod_kernel::Seat) that every ground
//! shares. Storage is in memory: Maelstrom restarts nobody.

mod json;
mod member;
mod node;
mod wire;
mod workload;
pub mod workloads;

pub use node::{Node, Said};
pub use wire::{Code, Fault};
pub use workload::{Asked, Caller, Desk, Workload};
pub use workloads::{Line, Name, Options};
