//! Link transformers: a process over a link that another process builds (CGR11 §2.4, the ladder of links).
//!
//! A [`LinkTransformer`] turns the links it assumes into better ones. [`Over<U, L>`](Over) runs `U`, which assumes links
//! that `L` provides, where there are only those that `L` assumes: what `U` sends becomes a request of `L`, what `L`
//! delivers becomes a message to `U`. It is one more lift of effects: no boxing, no buffer.

use crate::context::{Context, Sink, Upper, left_to_the_outer};
use crate::event::{Effect, EffectOf};
use crate::identity::{Group, ProcessId};
use crate::interface::{LinkDeliver, LinkSend};
use crate::link::LinkModel;
use crate::mark::declare;
use crate::module::{Embeds, Indications};
use crate::process::{FailuresOf, LinkOf, Process, TimingOf, Value, WriteOf};
use crate::storage::Either;
use crate::system::{AtLeast, SystemModel};
use serde::{Deserialize, Serialize};

/// A process that is a link: it builds links of the model [`LinkTransformer::Provides`] from those it assumes.
pub trait LinkTransformer:
    Process<
        Request = LinkSend<<Self as LinkTransformer>::Payload>,
        Indication = LinkDeliver<<Self as LinkTransformer>::Payload>,
    >
{
    /// What it carries.
    type Payload: Value;
    /// What its links promise.
    type Provides: LinkModel;
}

/// The process can run over the link `L`: what `L` provides, and the failures and timing that `L` assumes, are covered
/// by the process's own model. Never implemented by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot run over the link `{L}`",
    note = "`{L}` must carry its messages and provide the link model that it assumes, and its own model (failures, \
            timing, bound) must be at least what `{L}` assumes"
)]
pub trait RunsOver<L: LinkTransformer<Payload = Self::Message>>: Process {
    /// The model of the stack: the process's own, on the links that `L` assumes.
    type Stack: SystemModel + AtLeast<<Self as RunsOver<L>>::Stack> + AtLeast<L::Model>;
}

/// The bound of a process's model.
type BoundOf<P> = <<P as Process>::Model as SystemModel>::Bound;
/// `U`'s model on the links that `L` assumes.
type StackOf<U, L> = (FailuresOf<U>, LinkOf<L>, TimingOf<U>, BoundOf<U>);

impl<U: Process, L: LinkTransformer<Payload = U::Message>> RunsOver<L> for U
where
    L::Provides: AtLeast<LinkOf<U>>,
    StackOf<U, L>: AtLeast<StackOf<U, L>> + AtLeast<L::Model>,
{
    type Stack = StackOf<U, L>;
}

/// The process `U` over the link `L`.
///
/// Stacks nest: `Over<Broadcast, Over<EliminateDuplicates, RetransmitForever>>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Over<U, L> {
    upper: U,
    link: L,
}

/// One thing for each layer: the parameters of [`Over`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layers<U, L> {
    /// The upper layer's.
    pub upper: U,
    /// The link's.
    pub link: L,
}

/// A thing of one of the two layers: the timers of [`Over`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Layer<U, L> {
    /// The upper layer's.
    Upper(U),
    /// The link's.
    Link(L),
}

impl<U, L> Over<U, L> {
    /// The upper layer's process.
    pub fn upper(&self) -> &U {
        &self.upper
    }

    /// The link's process.
    pub fn link(&self) -> &L {
        &self.link
    }
}

impl<U: RunsOver<L>, L: LinkTransformer<Payload = U::Message>> Embeds<L> for Over<U, L> {
    type Key = ();
    fn message((): &(), message: L::Message) -> L::Message {
        message
    }
    fn timer((): &(), timer: L::Timer) -> Self::Timer {
        Layer::Link(timer)
    }
    fn write((): &(), write: WriteOf<L>) -> WriteOf<Self> {
        Either::Right(write)
    }
}

impl<U: RunsOver<L>, L: LinkTransformer<Payload = U::Message>> Process for Over<U, L> {
    type Model = U::Stack;
    type Parameters = Layers<U::Parameters, L::Parameters>;
    type Request = U::Request;
    type Indication = U::Indication;
    type Message = L::Message;
    type Timer = Layer<U::Timer, L::Timer>;
    type Stable = (U::Stable, L::Stable);

    fn on_init(parameters: &Self::Parameters, ctx: &mut impl Context<Self>) -> Self {
        let link = ctx.start(|ctx| L::on_init(&parameters.link, ctx));
        Self::start(link, |ctx| U::on_init(&parameters.upper, ctx), ctx)
    }

    fn on_recovery(
        parameters: &Self::Parameters,
        stable: &Self::Stable,
        ctx: &mut impl Context<Self>,
    ) -> Self {
        let link = ctx.start(|ctx| L::on_recovery(&parameters.link, &stable.1, ctx));
        Self::start(link, |ctx| U::on_recovery(&parameters.upper, &stable.0, ctx), ctx)
    }

    fn on_request(&mut self, request: U::Request, ctx: &mut impl Context<Self>) {
        self.ride(ctx, |upper, ctx| upper.on_request(request, ctx));
    }

    fn on_message(&mut self, from: ProcessId, message: L::Message, ctx: &mut impl Context<Self>) {
        let delivered = ctx.embed(&mut self.link, |link, ctx| link.on_message(from, message, ctx));
        self.deliver(delivered, ctx);
    }

    fn on_timer(&mut self, timer: Self::Timer, ctx: &mut impl Context<Self>) {
        match timer {
            Layer::Upper(timer) => self.ride(ctx, |upper, ctx| upper.on_timer(timer, ctx)),
            Layer::Link(timer) => {
                let delivered = ctx.embed(&mut self.link, |link, ctx| link.on_timer(timer, ctx));
                self.deliver(delivered, ctx);
            }
        }
    }
}

impl<U: RunsOver<L>, L: LinkTransformer<Payload = U::Message>> Over<U, L> {
    /// Starts the upper layer over a link that has started; then hands it what the link delivered meanwhile.
    fn start<S: Context<Self>>(
        (mut link, early): (L, Indications<L::Indication>),
        run: impl FnOnce(&mut Riding<'_, U, L, S>) -> U,
        ctx: &mut S,
    ) -> Self {
        declare::<Self, U>(ctx);
        let mut riding = Riding::new(&mut link, ctx);
        riding.delivered = early;
        let upper = run(&mut riding);
        let delivered = riding.delivered;
        let mut this = Self { upper, link };
        this.deliver(delivered, ctx);
        this
    }

    /// Hands an event to the upper layer; then, what the link delivered meanwhile.
    fn ride<S: Context<Self>>(&mut self, ctx: &mut S, run: impl FnOnce(&mut U, &mut Riding<'_, U, L, S>)) {
        let mut riding = Riding::new(&mut self.link, ctx);
        run(&mut self.upper, &mut riding);
        let delivered = riding.delivered;
        self.deliver(delivered, ctx);
    }

    // upon event ⟨link, Deliver | from, message⟩
    fn deliver<S: Context<Self>>(&mut self, delivered: Indications<LinkDeliver<U::Message>>, ctx: &mut S) {
        for LinkDeliver { from, message } in delivered {
            self.ride(ctx, |upper, ctx| upper.on_message(from, message, ctx));
        }
    }
}

/// The transformer built from transformers provides what its upper one does.
impl<U, L> LinkTransformer for Over<U, L>
where
    U: RunsOver<L> + LinkTransformer,
    L: LinkTransformer<Payload = U::Message>,
{
    type Payload = U::Payload;
    type Provides = U::Provides;
}

/// The context of the upper layer: the host's, but that sending is a request of the link.
struct Riding<'a, U: RunsOver<L>, L: LinkTransformer<Payload = U::Message>, S> {
    link: &'a mut L,
    outer: &'a mut S,
    delivered: Indications<LinkDeliver<U::Message>>,
}

impl<'a, U: RunsOver<L>, L: LinkTransformer<Payload = U::Message>, S> Riding<'a, U, L, S> {
    fn new(link: &'a mut L, outer: &'a mut S) -> Self {
        Self { link, outer, delivered: Indications::default() }
    }
}

impl<U, L, S> Sink<U> for Riding<'_, U, L, S>
where
    U: RunsOver<L>,
    L: LinkTransformer<Payload = U::Message>,
    S: Context<Over<U, L>>,
{
    #[inline]
    fn group(&self) -> Group {
        self.outer.group()
    }

    #[inline]
    fn emit(&mut self, effect: EffectOf<U>) {
        match effect {
            Effect::Send { to, message } => {
                self.outer.upper(Upper::Sends { to, message: &message });
                let send = LinkSend { to, message };
                let delivered = self.outer.embed(self.link, |link, ctx| link.on_request(send, ctx));
                self.delivered.extend(delivered);
            }
            Effect::SetTimer { timer, when } => {
                self.outer.emit(Effect::SetTimer { timer: Layer::Upper(timer), when });
            }
            Effect::Cancel { timer } => self.outer.emit(Effect::Cancel { timer: Layer::Upper(timer) }),
            Effect::Store { write } => {
                self.outer.upper(Upper::Stores);
                self.outer.emit(Effect::Store { write: Either::Left(write) });
            }
            Effect::Indicate { indication } => self.outer.emit(Effect::Indicate { indication }),
        }
    }

    left_to_the_outer!();
}
