//! What a handler may do: exactly what its model grants.

use crate::event::{Effect, EffectOf, When};
use crate::failure::{Signatures, StableStorage};
use crate::identity::{Group, ProcessId};
use crate::mark::{Mark, declare};
use crate::module::{Embeds, Indications, Lifted};
use crate::oracle::{Grants, LocalCoin, Oracle, Output};
use crate::process::{FailuresOf, Process, TimingOf, Value, WriteOf};
use crate::signature::{Signed, Unverified};
use crate::timing::{Bounds, KnownBounds, LocalClock};
use std::any::Any;
use std::time::Duration;

/// How an outcome is drawn. Chance is not choice: a checker tries every outcome of both, but a coin's have
/// probabilities, a choice's are the adversary's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DrawKind {
    /// Nondeterminism: the adversary picks.
    Choice,
    /// Chance: each outcome has the same probability.
    Coin,
}

/// A draw of one of `bound` outcomes. Only a [`Context`] makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Draw {
    kind: DrawKind,
    bound: u32,
}

impl Draw {
    /// A fair coin.
    pub(crate) const COIN: Self = Self { kind: DrawKind::Coin, bound: 2 };

    /// A choice among `bound` alternatives.
    ///
    /// # Panics
    /// If `bound` is 0.
    pub(crate) fn choice(bound: u32) -> Self {
        assert!(bound > 0, "a choice needs an alternative");
        Self { kind: DrawKind::Choice, bound }
    }

    /// Chance or choice.
    pub fn kind(self) -> DrawKind {
        self.kind
    }

    /// The number of outcomes, at least 1.
    pub fn bound(self) -> u32 {
        self.bound
    }
}

/// Proof that a capability was granted. Only a [`Context`] makes one, so that no algorithm calls a ground's methods
/// past its model.
#[derive(Clone, Copy, Debug)]
pub struct Granted(pub(crate) ());

/// What the layer above the links of an [`Over`](crate::Over) does.
#[derive(Clone, Copy, Debug)]
pub enum Upper<'a> {
    /// It asks the links to carry a message, to another process or to itself.
    Sends {
        /// To whom.
        to: ProcessId,
        /// The message, of the type that it has there.
        message: &'a dyn Any,
    },
    /// It writes to stable storage.
    Stores,
}

/// What a ground, or a lift, implements: where the effects of a handler go, and what the handler can read.
pub trait Sink<P: Process> {
    /// The identity of the process.
    fn me(&self) -> ProcessId;
    /// The processes that the algorithm runs among.
    fn group(&self) -> Group;
    /// Takes the next effect.
    fn emit(&mut self, effect: EffectOf<P>);
    /// The outcome of a draw, below its bound.
    fn draw(&mut self, draw: Draw) -> u32;
    /// Takes note of a mark: that the handler comes to it, or else that it exists.
    fn mark(&mut self, mark: Mark, reached: bool);
    /// Takes note of what the layer above the links does, where the process is such a layer over links of its own making
    /// ([`Over`](crate::Over)). It is no effect: what the links make of it is. Nobody need heed it, and of a process that is
    /// embedded in another nobody does.
    fn upper(&mut self, does: Upper<'_>) {
        let _ = does;
    }
    /// The known bounds of the synchronous model.
    fn ground_bounds(&self, granted: Granted) -> Bounds;
    /// The signature of this process under `statement`.
    fn ground_sign(&mut self, statement: &str, granted: Granted) -> Vec<u8>;
    /// Whether `signature` is that of `signer` under `statement`.
    fn ground_verify(&self, signer: ProcessId, statement: &str, signature: &[u8], granted: Granted) -> bool;
}

/// Of a [`Sink`] that lifts effects into another one, its field `outer`: all that is read or drawn as it is there.
macro_rules! left_to_the_outer {
    () => {
        #[inline]
        fn me(&self) -> $crate::ProcessId {
            self.outer.me()
        }

        #[inline]
        fn draw(&mut self, draw: $crate::Draw) -> u32 {
            self.outer.draw(draw)
        }

        fn mark(&mut self, mark: $crate::Mark, reached: bool) {
            self.outer.mark(mark, reached);
        }

        fn ground_bounds(&self, granted: $crate::Granted) -> $crate::Bounds {
            self.outer.ground_bounds(granted)
        }

        fn ground_sign(&mut self, statement: &str, granted: $crate::Granted) -> Vec<u8> {
            self.outer.ground_sign(statement, granted)
        }

        fn ground_verify(
            &self,
            signer: $crate::ProcessId,
            statement: &str,
            signature: &[u8],
            granted: $crate::Granted,
        ) -> bool {
            self.outer.ground_verify(signer, statement, signature, granted)
        }
    };
}
pub(crate) use left_to_the_outer;

/// The view of a handler on its world. Each method exists only where the process's model grants it.
pub trait Context<P: Process>: Sink<P> + Sized {
    /// The number n of processes that the algorithm runs among.
    #[inline]
    fn n(&self) -> usize {
        self.group().count as usize
    }

    /// All of them, itself included, in ascending order.
    #[inline]
    fn processes(&self) -> impl DoubleEndedIterator<Item = ProcessId> + ExactSizeIterator + Clone + 'static {
        self.group().members()
    }

    /// All of them but itself.
    fn others(&self) -> impl DoubleEndedIterator<Item = ProcessId> + Clone + 'static {
        let me = self.me();
        self.group().members().filter(move |&p| p != me)
    }

    /// Sends `message` to `to`, which may be itself: such a message goes through the network as any other.
    #[inline]
    fn send(&mut self, to: ProcessId, message: P::Message) {
        self.emit(Effect::Send { to, message });
    }

    /// Sends `message` to all processes, itself included.
    fn broadcast(&mut self, message: &P::Message) {
        for to in self.processes() {
            self.send(to, message.clone());
        }
    }

    /// Sends `message` to all processes but itself.
    fn send_others(&mut self, message: &P::Message) {
        for to in self.others() {
            self.send(to, message.clone());
        }
    }

    /// Tells the layer above.
    #[inline]
    fn indicate(&mut self, indication: P::Indication) {
        self.emit(Effect::Indicate { indication });
    }

    /// The handler comes to a branch that [`Process::MARKS`] lists: a check, or a simulation, tells those that no run came
    /// to. It is no effect, and changes nothing.
    fn reach(&mut self, mark: &'static str) {
        self.mark(Mark::of::<P>(mark), true);
    }

    /// Sets a timer to fire `after` this time; one equal to it that is set is replaced.
    #[inline]
    fn set_timer(&mut self, timer: P::Timer, after: Duration)
    where
        TimingOf<P>: LocalClock,
    {
        self.emit(Effect::SetTimer { timer, when: When::After(after) });
    }

    /// Sets a pulse: an untimed one-shot timer that fires after some finite time. Every timing model grants it.
    #[inline]
    fn set_pulse(&mut self, timer: P::Timer) {
        self.emit(Effect::SetTimer { timer, when: When::Pulse });
    }

    /// Cancels a timer, if it is set.
    fn cancel(&mut self, timer: P::Timer) {
        self.emit(Effect::Cancel { timer });
    }

    /// Writes to stable storage. Nothing that this process says afterwards leaves before the write is durable.
    fn store(&mut self, write: WriteOf<P>)
    where
        FailuresOf<P>: StableStorage,
    {
        self.emit(Effect::Store { write });
    }

    /// Signs `value`.
    fn sign<T: Value>(&mut self, value: T) -> Signed<T>
    where
        FailuresOf<P>: Signatures,
    {
        let signature = self.ground_sign(&format!("{value:?}"), Granted(()));
        Signed::new(self.me(), value, signature)
    }

    /// The signed value, if the claimed signature is genuine.
    fn verify<T: Value>(&self, claim: Unverified<T>) -> Option<Signed<T>>
    where
        FailuresOf<P>: Signatures,
    {
        let genuine =
            self.ground_verify(claim.signer, &format!("{:?}", claim.value), &claim.signature, Granted(()));
        genuine.then(|| Signed::new(claim.signer, claim.value, claim.signature))
    }

    /// Flips a fair coin.
    fn coin(&mut self) -> bool
    where
        TimingOf<P>: Grants<LocalCoin>,
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

    /// The known bounds on delays, steps and drift.
    fn bounds(&self) -> Bounds
    where
        TimingOf<P>: KnownBounds,
    {
        self.ground_bounds(Granted(()))
    }

    /// Asks the oracle `O` to fire `timer` whenever it gives `output`; until the process crashes.
    fn consult<O: Oracle>(&mut self, output: Output, timer: P::Timer)
    where
        TimingOf<P>: Grants<O>,
    {
        self.emit(Effect::SetTimer { timer, when: When::Oracle(output) });
    }

    /// Hands an event to an embedded module: `for i in ctx.embed(&mut self.broadcast, |b, ctx| b.on_request(m, ctx))`.
    /// Its effects become this process's at once; its indications come back to be handled here.
    #[inline]
    fn embed<M: Process>(
        &mut self,
        module: &mut M,
        run: impl FnOnce(&mut M, &mut Lifted<'_, P, M, Self>),
    ) -> Indications<M::Indication>
    where
        P: Embeds<M, Key = ()>,
    {
        self.embed_at((), module, run)
    }

    /// As [`Context::embed`], for the instance of the module that has this `key`.
    #[inline]
    fn embed_at<M: Process>(
        &mut self,
        key: <P as Embeds<M>>::Key,
        module: &mut M,
        run: impl FnOnce(&mut M, &mut Lifted<'_, P, M, Self>),
    ) -> Indications<M::Indication>
    where
        P: Embeds<M>,
    {
        let group = self.group();
        let mut lifted = Lifted::new(key, group, self);
        run(module, &mut lifted);
        lifted.into_indications()
    }

    /// Starts an embedded module: `let (broadcast, said) = ctx.start(|ctx| Broadcast::on_init(&(), ctx));`.
    fn start<M: Process>(
        &mut self,
        run: impl FnOnce(&mut Lifted<'_, P, M, Self>) -> M,
    ) -> (M, Indications<M::Indication>)
    where
        P: Embeds<M, Key = ()>,
    {
        self.start_at((), run)
    }

    /// As [`Context::start`], for the instance of the module that has this `key`.
    fn start_at<M: Process>(
        &mut self,
        key: <P as Embeds<M>>::Key,
        run: impl FnOnce(&mut Lifted<'_, P, M, Self>) -> M,
    ) -> (M, Indications<M::Indication>)
    where
        P: Embeds<M>,
    {
        declare::<P, M>(self);
        let group = self.group();
        let mut lifted = Lifted::new(key, group, self);
        let module = run(&mut lifted);
        (module, lifted.into_indications())
    }
}

impl<P: Process, S: Sink<P>> Context<P> for S {}
