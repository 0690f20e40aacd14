//! Nodes of every workload under a driver that plays Maelstrom's part in virtual time.

#![expect(clippy::print_stderr, reason = "what is measured, for who asks by --nocapture")]

mod checks;
mod driver;
mod local;
mod mangled;
mod protocol;
mod recorded;
mod replicated;
mod spread;
