//! Coordination: who may use what, when.

pub mod lease;

pub use lease::Lease;
pub use synod_model::interface::{Acquire, LeaseEvent};
