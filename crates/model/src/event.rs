//! Events in, effects out, as data.

use crate::identity::ProcessId;
use crate::oracle::Output;
use crate::process::{Process, WriteOf};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What happens to a process.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Event<M, T, R> {
    /// It starts for the first time.
    Init,
    /// The layer above asks something of it.
    Request(R),
    /// A message arrives from a process.
    Message(ProcessId, M),
    /// A timer that it set fires.
    Timer(T),
    /// It starts again from what its disk kept.
    Recover,
}

/// The event type of a process.
pub type EventOf<P> = Event<<P as Process>::Message, <P as Process>::Timer, <P as Process>::Request>;

/// When a timer fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum When {
    /// This long after it was set, by the process's own clock.
    After(Duration),
    /// Untimed: after some finite time. One-shot; its handler sets it again.
    Pulse,
    /// Whenever the oracle gives this output; it stays set.
    Oracle(Output),
}

/// What a process does. Only a [`crate::Context`] makes effects: the variants cannot be built elsewhere, so that
/// no algorithm walks round its model.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Effect<M, T, W, I> {
    /// Send `message` over the link to `to`.
    #[non_exhaustive]
    Send {
        /// The receiver.
        to: ProcessId,
        /// The message.
        message: M,
    },
    /// Set a timer; one equal to it that is set is replaced.
    #[non_exhaustive]
    SetTimer {
        /// The timer.
        timer: T,
        /// When it fires.
        when: When,
    },
    /// Cancel a timer, if it is set.
    #[non_exhaustive]
    Cancel {
        /// The timer.
        timer: T,
    },
    /// Write to stable storage. No effect issued after it is released before it is durable.
    #[non_exhaustive]
    Store {
        /// The write.
        write: W,
    },
    /// Tell the layer above.
    #[non_exhaustive]
    Indicate {
        /// What is told.
        indication: I,
    },
}

/// The effect type of a process.
pub type EffectOf<P> =
    Effect<<P as Process>::Message, <P as Process>::Timer, WriteOf<P>, <P as Process>::Indication>;

impl<M, T, W, I> Effect<M, T, W, I> {
    /// The same effect over other representations of its parts: how engines intern, encode and decode.
    pub fn map<M2, T2, W2, I2>(
        self,
        message: impl FnOnce(M) -> M2,
        timer: impl FnOnce(T) -> T2,
        write: impl FnOnce(W) -> W2,
        indication: impl FnOnce(I) -> I2,
    ) -> Effect<M2, T2, W2, I2> {
        match self {
            Self::Send { to, message: m } => Effect::Send { to, message: message(m) },
            Self::SetTimer { timer: t, when } => Effect::SetTimer { timer: timer(t), when },
            Self::Cancel { timer: t } => Effect::Cancel { timer: timer(t) },
            Self::Store { write: w } => Effect::Store { write: write(w) },
            Self::Indicate { indication: i } => Effect::Indicate { indication: indication(i) },
        }
    }
}
