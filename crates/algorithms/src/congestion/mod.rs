//! Congestion control: how much a sender may have under way.

pub mod aimd;

pub use aimd::Aimd;
