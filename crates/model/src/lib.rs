//! The system model of a distributed algorithm as a type, and the algorithm as a pure state machine.
//!
//! An algorithm is a [`Process`]: events in, effects out, no I/O, no clock, no thread, no random generator
//! but through its [`Context`]. Its [`Process::Model`] says what it *assumes*: how processes fail
//! ([`failure`]), what links promise ([`link`]), what time promises ([`timing`]), and how many may be
//! faulty ([`bound`]). What the model does not grant does not compile.
//!
//! This crate does no I/O, knows no clock, and depends on `serde` alone.

pub mod bound;
pub mod context;
mod datum;
pub mod duration;
pub mod event;
pub mod failure;
pub mod identity;
pub mod interface;
pub mod link;
pub mod mark;
pub mod module;
pub mod oracle;
pub mod process;
pub mod renumbering;
pub mod roles;
pub mod round;
pub mod rounds;
pub mod signature;
pub mod storage;
pub mod system;
pub mod timeout;
pub mod timing;
pub mod transformer;

pub use bound::{AllCorrect, AnyNumber, Majority, OneCorrect, QuarterFaulty, ThirdFaulty};
pub use context::{Context, Draw, DrawKind, Granted, Sink, Upper};
pub use datum::Datum;
pub use event::{Effect, EffectOf, Event, EventOf, When};
pub use failure::{AuthenticatedByzantine, Byzantine, CrashRecovery, CrashStop, Omission, Reliable};
pub use identity::{Group, ProcessId, ProcessSet};
pub use link::{Arbitrary, Authenticated, Durable, FairLoss, Fifo, Logged, Perfect, Stubborn};
pub use mark::Mark;
pub use module::{Embeds, Indications, IndicationsInOrder, Lifted};
pub use oracle::{EventuallyPerfect, LocalCoin, Omega, Output, With};
pub use process::{FailuresOf, LinkOf, Never, Process, State, TimingOf, Value, WriteOf};
pub use renumbering::{Renumber, Renumbering};
pub use round::{Inbox, Round, RoundContext, RoundEffect, RoundEffectOf, RoundProcess, RoundSink};
pub use rounds::{InRound, RoundEnds, Rounds};
pub use signature::{Signed, Unverified};
pub use storage::{Either, NoStorage, Stable, Whole};
pub use system::{AtLeast, SystemModel};
pub use timeout::Timeout;
pub use timing::{Asynchronous, Bounds, PartiallySynchronous, Synchronous};
pub use transformer::{Layer, Layers, LinkTransformer, Over, RunsOver};

/// What an algorithm's file imports: `use synod_model::prelude::*;`.
pub mod prelude {
    pub use crate::{
        AllCorrect, AnyNumber, Asynchronous, AtLeast, AuthenticatedByzantine, Byzantine, Context,
        CrashRecovery, CrashStop, Durable, Embeds, EventuallyPerfect, FairLoss, Fifo, Group, Inbox,
        Indications, LinkTransformer, LocalCoin, Logged, Majority, Never, NoStorage, Omega, Omission,
        OneCorrect, Output, Over, PartiallySynchronous, Perfect, Process, ProcessId, ProcessSet,
        QuarterFaulty, Reliable, Renumber, Renumbering, Round, RoundContext, RoundProcess, Rounds, Stable,
        State, Stubborn, Synchronous, SystemModel, ThirdFaulty, Timeout, TimingOf, Value, Whole, With, embed,
        no_messages, no_requests, no_storage, no_timers, roles,
    };
    pub use serde::{Deserialize, Serialize};
    pub use std::time::Duration;
}
