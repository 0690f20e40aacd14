//! The API of etcd (version 3): its messages, and how they travel.
//!
//! A client says it in HTTP/2 at the address at which others speak RESP: what it says first tells which of the two it is. The protocol
//! is spoken here without sockets and without a runtime of tasks, as RESP is: the node's one thread reads, asks and answers.

pub mod ask;
mod call;
pub mod error;
mod http2;
pub mod message;
pub mod protobuf;
mod session;

pub(crate) use call::Node;
pub(crate) use http2::PREFACE;
pub(crate) use session::{Session, changes};
