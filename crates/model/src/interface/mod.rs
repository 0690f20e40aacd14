//! The interfaces of the field's abstractions: requests down, indications up.
//!
//! They are part of an abstraction's *specification*: algorithms implement them, properties are stated over them, and
//! neither knows the other.

mod broadcast;
mod consensus;
mod epidemic;
mod failures;
mod leader;
mod lease;
mod links;
mod registers;
mod replicated_log;
mod replication;

pub use broadcast::{Broadcast, BroadcastDeliver};
pub use consensus::{Decide, DecideAt, Propose, ProposeAt};
pub use epidemic::{Learn, Update};
pub use failures::{Crashed, Suspicion};
pub use leader::Trust;
pub use lease::{Acquire, LeaseEvent};
pub use links::{ConfirmedLink, LinkDeliver, LinkSend, LogDeliver};
pub use registers::{RegisterRequest, RegisterReturn};
pub use replicated_log::{Carries, LogEntry, LogIndex, ReplicaEvent, Term, Witness};
pub use replication::{Ask, Members, Outcome, Refusal, Session, Stamp, StateMachine, Submit, Ticket};
