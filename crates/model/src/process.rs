//! A process: a deterministic state machine without I/O.

use crate::context::Context;
use crate::identity::ProcessId;
use crate::renumbering::Renumbering;
use crate::storage::Stable;
use crate::system::{AtLeast, SystemModel};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::fmt::Debug;
use std::hash::Hash;

/// What the state of an algorithm must be: comparable, hashable, printable; derived, never hand-written.
pub trait State: Clone + Ord + Hash + Debug + Send + Sync + 'static {}
impl<T: Clone + Ord + Hash + Debug + Send + Sync + 'static> State for T {}

/// What crosses a boundary (messages, timers, writes, requests, indications, parameters): state that can also be
/// written to a wire, a disk or a trace.
pub trait Value: State + Serialize + DeserializeOwned {}
impl<T: State + Serialize + DeserializeOwned> Value for T {}

/// A distributed algorithm as one of its processes: events in, effects out.
///
/// A handler runs to its end unless the process crashes in it. It sees nothing but its state, the event and its
/// [`Context`]: the same call gives the same effects, on every ground.
///
/// All handlers are required. What a model has not is absent by an uninhabited type and says so in one line:
/// [`no_timers!`](crate::no_timers), [`no_storage!`](crate::no_storage), [`no_requests!`](crate::no_requests),
/// [`no_messages!`](crate::no_messages).
pub trait Process: State + Sized {
    /// What the algorithm assumes.
    type Model: SystemModel + AtLeast<Self::Model>;
    /// What all of its processes know from the start.
    type Parameters: Value;
    /// What the layer above asks.
    type Request: Value;
    /// What the layer above is told.
    type Indication: Value;
    /// What its processes tell each other.
    type Message: Value;
    /// Its timers: an enum, so that each has a name.
    type Timer: Value;
    /// What it finds again after a crash.
    type Stable: Stable;
    /// Branches of its handlers, by name, that its tests ought to take: see [`Context::reach`].
    const MARKS: &'static [&'static str] = &[];

    /// Its numbers that count relative to each other alone: by default none.
    const RENUMBERING: Option<Renumbering<Self>> = None;

    /// Upon event ⟨Init⟩: the first start.
    fn on_init(parameters: &Self::Parameters, ctx: &mut impl Context<Self>) -> Self;

    /// Upon a request from the layer above.
    fn on_request(&mut self, request: Self::Request, ctx: &mut impl Context<Self>);

    /// Upon delivery of `message` from `from`.
    fn on_message(&mut self, from: ProcessId, message: Self::Message, ctx: &mut impl Context<Self>);

    /// Upon a timer that was set with `set_timer`, `set_pulse` or `consult`.
    fn on_timer(&mut self, timer: Self::Timer, ctx: &mut impl Context<Self>);

    /// Upon event ⟨Recovery⟩: a new start from what the disk kept. There is no `self` to forget to clear.
    fn on_recovery(
        parameters: &Self::Parameters,
        stable: &Self::Stable,
        ctx: &mut impl Context<Self>,
    ) -> Self;
}

/// The failure model of a process.
pub type FailuresOf<P> = <<P as Process>::Model as SystemModel>::Failures;
/// The link model of a process.
pub type LinkOf<P> = <<P as Process>::Model as SystemModel>::Link;
/// The timing model of a process, with its oracles.
pub type TimingOf<P> = <<P as Process>::Model as SystemModel>::Timing;
/// The writes of a process to its stable storage.
pub type WriteOf<P> = <<P as Process>::Stable as Stable>::Write;

/// A type without values: what is absent. `match never {}` handles it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Never {}

/// This process sets no timers.
#[macro_export]
macro_rules! no_timers {
    () => {
        type Timer = $crate::Never;
        fn on_timer(&mut self, timer: $crate::Never, _: &mut impl $crate::Context<Self>) {
            match timer {}
        }
    };
}

/// This process stores nothing. Where it restarts all the same, it starts again by `on_init`: amnesia.
#[macro_export]
macro_rules! no_storage {
    () => {
        type Stable = $crate::NoStorage;
        fn on_recovery(
            parameters: &Self::Parameters,
            _: &$crate::NoStorage,
            ctx: &mut impl $crate::Context<Self>,
        ) -> Self {
            <Self as $crate::Process>::on_init(parameters, ctx)
        }
    };
}

/// The layer above asks nothing of this process.
#[macro_export]
macro_rules! no_requests {
    () => {
        type Request = $crate::Never;
        fn on_request(&mut self, request: $crate::Never, _: &mut impl $crate::Context<Self>) {
            match request {}
        }
    };
}

/// The processes of this algorithm send each other nothing.
#[macro_export]
macro_rules! no_messages {
    () => {
        type Message = $crate::Never;
        fn on_message(
            &mut self,
            _: $crate::ProcessId,
            message: $crate::Never,
            _: &mut impl $crate::Context<Self>,
        ) {
            match message {}
        }
    };
}
