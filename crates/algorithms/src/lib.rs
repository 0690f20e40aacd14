//! Distributed algorithms: one file each, in folders by abstraction.
//!
//! Each file is a page of the textbook: its head says where the algorithm comes from, what it assumes, what it promises
//! and what it costs; above each handler stands the event of the pseudo-code. What is no process and several pages or a published number
//! need (`quorums`, `congestion`, `links::retransmission_timeout`, `machines`) has its source at its head. An algorithm names no ground: the same
//! process is simulated, checked and run.
//!
//! Most have a *broken twin*: the same page with one line changed, chosen by a `defect` among the parameters. A twin
//! shows what that line is for, and that the property it breaks can be refuted at all.

pub mod broadcast;
pub mod congestion;
pub mod consensus;
pub mod coordination;
pub mod detectors;
pub mod gossip;
pub mod links;
pub mod machines;
pub mod quorums;
pub mod registers;
pub mod variant;
