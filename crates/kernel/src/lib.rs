//! A world of processes, its enabled choices, and the one [`step`] that every ground shares.
//!
//! A [`World`] is indexed by seat. What may happen next is a [`Choice`]; [`World::enabled`] lists them, [`step`] takes
//! one. The simulator draws the choice from a seed, the checker tries every one, the real runtime lets reality choose
//! and records it. Step is generic over how values are represented ([`Rep`]): in place, or interned by a checker.
//!
//! [`Environment`] says what the world may do, with budgets; [`trace`] is the one artefact that every ground writes
//! and [`trace::replay`] reads.

mod budgets;
pub mod choice;
pub mod corruption;
pub mod diagnostic;
pub mod difference;
pub mod draws;
pub mod environment;
mod faults;
pub mod in_place;
pub mod kinds;
pub mod network;
mod partitions;
pub mod renaming;
pub mod seat;
pub mod setting;
pub mod signature;
mod token;
pub mod trace;
pub mod world;

pub use budgets::Budgets;
pub use choice::{Choice, Cut, DiskFault, Fairness, Move};
pub use diagnostic::{Code, Diagnostic};
pub use draws::{Draws, Marks, Random, Script};
pub use environment::{
    Budget, Durability, Environment, Failures, Links, Omits, Oracles, Partition, Probability, Storage,
    Takeover, Timing,
};
pub use in_place::InPlace;
pub use network::{Keeping, Network};
pub use seat::{Released, Seat, SeatId, Status, View};
pub use setting::{Seating, Setting};
pub use world::{Ground, Laws, Observed, Rep, Rest, World, step};
