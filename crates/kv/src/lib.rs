//! A key-value store to replicate: its state machine, and the protocol in which clients ask it.
//!
//! [`Store`] is a [`StateMachine`](synod_model::interface::StateMachine): it knows no clock, and executes a log of [`Command`]s to
//! the same bytes everywhere. [`act`] has what can be asked of it. See docs/kv.md.

pub mod act;
mod bytes;
mod conversation;
pub mod etcd;
mod glob;
pub mod node;
mod number;
pub mod request;
pub mod resp;
pub mod server;
mod speaker;
mod store;

pub use act::{Act, Command, Failure, Query, Read, Reply, Status, Write};
pub use bytes::Bytes;
pub use glob::matches;
pub use number::decimal;
pub use store::{Entry, Store};

/// The longest key, in bytes.
pub const KEY_LENGTH_MAX: usize = 16 << 10;
/// The longest value, in bytes.
pub const VALUE_LENGTH_MAX: usize = 1 << 20;
