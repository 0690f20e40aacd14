//! The API of etcd (version 3): its messages, and how they travel.
//!
//! A client says it in HTTP/2 at the address at which others speak RESP: what it says first tells which of the two it is. The protocol
//! is spoken here without sockets and without a runtime of tasks, as RESP is: the node's one thread reads, asks and answers.

pub mod ask;
pub mod error;
pub mod message;
pub mod protobuf;
