//! Judges histories of concurrent operations against a sequential specification.
//!
//! A [`History`] says when clients invoked operations and what came of them; a [`SequentialSpecification`] says what
//! the object does when it is used by one client at a time. [`linearizable`] looks for an order of the operations that
//! explains the history (Herlihy, Wing 1990). [`Online`] judges the same while the history grows.
//!
//! Usable alone: it knows nothing of how the history came about.
//!
//! ```
//! use synod_judge::{Budget, Client, History, Register, RegisterOperation::*, RegisterReturn::*, linearizable};
//!
//! let (alice, bob) = (Client(1), Client(2));
//! let mut history = History::default();
//! history.invoke(alice, Write('x'))?;
//! history.invoke(bob, Read)?;
//! history.returned(bob, Value(Some('x')))?; // the write is still going on: it may have taken effect
//! history.returned(alice, Written)?;
//! history.invoke(bob, Read)?;
//! history.returned(bob, Value(None))?; // but then it stays
//! assert!(linearizable(&Register::default(), &history, Budget::default()).is_violation());
//! # Ok::<(), synod_judge::HistoryError>(())
//! ```

pub mod consistency;
pub mod explanation;
pub mod format;
pub mod gallery;
pub mod generate;
mod history;
mod json_lines;
pub mod judgement;
mod linearizability;
pub mod log;
pub mod model;
pub mod monitor;
mod online;
mod plan;
pub mod reading;
mod search;
mod slots;
pub mod smallest;
pub mod special;
mod specification;
pub mod timeline;
pub mod transactions;
mod value;
mod versions;
mod zones;

pub use history::{Client, Event, History, HistoryError, Operation, Outcome};
pub use json_lines::JsonLinesError;
pub use linearizability::{Budget, Verdict, linearizable};
pub use model::{Register, RegisterOperation, RegisterReturn};
pub use online::{NotLinearizable, Online};
pub use specification::SequentialSpecification;
pub use value::Value;
