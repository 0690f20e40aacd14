//! Algorithms in lock-step rounds: the synchronous model as the literature writes it (Lynch 1996, ch. 2).
//!
//! In every round each process sends messages, receives those of the round that were sent to it, and takes one step.
//! A round algorithm hears of no delays, no timers and no single messages: it has a trait of its own. A checker runs it
//! in lock-step, where the only choices are the faults; [`crate::Rounds`] makes it a [`Process`](crate::Process) that
//! counts its rounds by the clock.

use crate::context::{Draw, Granted};
use crate::failure::Signatures;
use crate::identity::{Group, ProcessId};
use crate::mark::Mark;
use crate::oracle::{Grants, LocalCoin};
use crate::process::{State, Value};
use crate::signature::{Signed, Unverified};
use crate::system::{AtLeast, SystemModel};
use crate::timing::KnownBounds;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The number of a round: the first is 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Round(pub u32);

impl Round {
    /// The round after it.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "round {}", self.0)
    }
}

/// What a process received in a round: in ascending order of sender and message, whatever order they arrived in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Inbox<M>(Vec<(ProcessId, M)>);

impl<M: Ord> Inbox<M> {
    /// These messages, each with its sender.
    pub fn new(mut received: Vec<(ProcessId, M)>) -> Self {
        received.sort();
        Self(received)
    }

    /// The first message from `p`, if it sent one.
    pub fn from(&self, p: ProcessId) -> Option<&M> {
        self.iter().find(|(sender, _)| *sender == p).map(|(_, message)| message)
    }
}

impl<M> Inbox<M> {
    /// Every message with its sender.
    pub fn iter(&self) -> impl Iterator<Item = (ProcessId, &M)> {
        self.0.iter().map(|(sender, message)| (*sender, message))
    }

    /// Every message.
    pub fn messages(&self) -> impl Iterator<Item = &M> {
        self.0.iter().map(|(_, message)| message)
    }

    /// How many messages.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<M> IntoIterator for Inbox<M> {
    type Item = (ProcessId, M);
    type IntoIter = std::vec::IntoIter<(ProcessId, M)>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// What a process of a round algorithm does. Only a [`RoundContext`] makes effects.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RoundEffect<M, I> {
    /// Send `message` to `to` in the round that comes next.
    #[non_exhaustive]
    Send {
        /// The receiver.
        to: ProcessId,
        /// The message.
        message: M,
    },
    /// Tell the layer above.
    #[non_exhaustive]
    Indicate {
        /// What is told.
        indication: I,
    },
}

/// The effect type of a round algorithm.
pub type RoundEffectOf<A> = RoundEffect<<A as RoundProcess>::Message, <A as RoundProcess>::Indication>;

/// A distributed algorithm in lock-step rounds, as one of its processes.
///
/// What it sends in a handler goes out in the round that comes next: after `on_init` and `on_request` in round 1, after
/// `on_round(r, ..)` in round r + 1. What it indicates happens before what it sends. A process that crashes in a round
/// reaches an arbitrary subset of those it sends to in it, and does not end the round.
pub trait RoundProcess: State + Sized {
    /// What the algorithm assumes: synchronous timing.
    type Model: SystemModel<Timing: KnownBounds> + AtLeast<Self::Model>;
    /// What all of its processes know from the start.
    type Parameters: Value;
    /// What the layer above asks: the input.
    type Request: Value;
    /// What the layer above is told.
    type Indication: Value;
    /// What its processes tell each other.
    type Message: Value;
    /// Branches of its handlers, by name, that its tests ought to take: see [`RoundContext::reach`].
    const MARKS: &'static [&'static str] = &[];

    /// Upon event ⟨Init⟩.
    fn on_init(parameters: &Self::Parameters, ctx: &mut impl RoundContext<Self>) -> Self;

    /// Upon a request from the layer above, made before the first round or between two rounds.
    fn on_request(&mut self, request: Self::Request, ctx: &mut impl RoundContext<Self>);

    /// At the end of `round`: `inbox` is what was received in it.
    fn on_round(&mut self, round: Round, inbox: Inbox<Self::Message>, ctx: &mut impl RoundContext<Self>);

    /// Whether it has ended: it takes no further step, and what is sent to it is lost.
    fn halted(&self) -> bool;
}

/// What a ground, or the adapter, implements for round algorithms.
pub trait RoundSink<A: RoundProcess> {
    /// The identity of the process.
    fn me(&self) -> ProcessId;
    /// The processes that the algorithm runs among.
    fn group(&self) -> Group;
    /// Takes the next effect.
    fn emit(&mut self, effect: RoundEffectOf<A>);
    /// The outcome of a draw, below its bound.
    fn draw(&mut self, draw: Draw) -> u32;
    /// Takes note of a mark that the handler comes to.
    fn mark(&mut self, mark: Mark);
    /// The signature of this process under `statement`.
    fn ground_sign(&mut self, statement: &str, granted: Granted) -> Vec<u8>;
    /// Whether `signature` is that of `signer` under `statement`.
    fn ground_verify(&self, signer: ProcessId, statement: &str, signature: &[u8], granted: Granted) -> bool;
}

/// The failure model of a round algorithm.
type FailuresIn<A> = <<A as RoundProcess>::Model as SystemModel>::Failures;
/// The timing model of a round algorithm, with its oracles.
type TimingIn<A> = <<A as RoundProcess>::Model as SystemModel>::Timing;

/// The view of a handler of a round algorithm on its world. Each method exists only where the model grants it.
pub trait RoundContext<A: RoundProcess>: RoundSink<A> + Sized {
    /// The number n of processes that the algorithm runs among.
    fn n(&self) -> usize {
        self.group().count as usize
    }

    /// All of them, itself included, in ascending order.
    fn processes(&self) -> impl DoubleEndedIterator<Item = ProcessId> + ExactSizeIterator + Clone + 'static {
        self.group().members()
    }

    /// All of them but itself.
    fn others(&self) -> impl DoubleEndedIterator<Item = ProcessId> + Clone + 'static {
        let me = self.me();
        self.group().members().filter(move |&p| p != me)
    }

    /// Sends `message` to `to` in the next round; to itself too it arrives at the end of that round.
    fn send(&mut self, to: ProcessId, message: A::Message) {
        self.emit(RoundEffect::Send { to, message });
    }

    /// Sends `message` to all processes, itself included.
    fn broadcast(&mut self, message: &A::Message) {
        for to in self.processes() {
            self.send(to, message.clone());
        }
    }

    /// Sends `message` to all processes but itself.
    fn send_others(&mut self, message: &A::Message) {
        for to in self.others() {
            self.send(to, message.clone());
        }
    }

    /// Tells the layer above.
    fn indicate(&mut self, indication: A::Indication) {
        self.emit(RoundEffect::Indicate { indication });
    }

    /// The handler comes to a branch that [`RoundProcess::MARKS`] lists.
    fn reach(&mut self, mark: &'static str) {
        self.mark(Mark::in_rounds::<A>(mark));
    }

    /// Signs `value`.
    fn sign<T: Value>(&mut self, value: T) -> Signed<T>
    where
        FailuresIn<A>: Signatures,
    {
        let signature = self.ground_sign(&format!("{value:?}"), Granted(()));
        Signed::new(self.me(), value, signature)
    }

    /// The signed value, if the claimed signature is genuine.
    fn verify<T: Value>(&self, claim: Unverified<T>) -> Option<Signed<T>>
    where
        FailuresIn<A>: Signatures,
    {
        let statement = format!("{:?}", claim.value);
        let genuine = self.ground_verify(claim.signer, &statement, &claim.signature, Granted(()));
        genuine.then(|| Signed::new(claim.signer, claim.value, claim.signature))
    }

    /// Flips a fair coin.
    fn coin(&mut self) -> bool
    where
        TimingIn<A>: Grants<LocalCoin>,
    {
        self.draw(Draw::COIN) == 1
    }

    /// Picks one of `bound` alternatives: any of them must be safe. A checker tries all.
    ///
    /// # Panics
    /// If `bound` is 0.
    fn choose(&mut self, bound: u32) -> u32 {
        self.draw(Draw::choice(bound))
    }
}

impl<A: RoundProcess, S: RoundSink<A>> RoundContext<A> for S {}
