//! Nodes of every workload under a driver that plays Maelstrom's part in virtual time.

mod checks;
mod driver;
mod local;
mod protocol;
