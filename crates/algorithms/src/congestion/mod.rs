//! Congestion control: how much a sender may have under way.

pub mod aimd;
pub mod slow_start;

pub use aimd::Aimd;
pub use slow_start::{CongestionWindow, WindowConstants};
