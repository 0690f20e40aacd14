//! One process on its own, driven by hand: what does a handler do?
#![allow(dead_code, unused_imports, unreachable_pub)] // each test crate uses its part

use synod_model::prelude::*;
use synod_model::{Bounds, Draw, Effect, EffectOf, Granted, LinkOf, Sink, WriteOf};

/// An effect, so that tests can write it down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Did<M, T, W, I> {
    Send(u32, M),
    Set(T),
    Cancel(T),
    Store(W),
    Indicate(I),
}
pub use Did::{Indicate, Send, Set, Store};

pub type DidOf<P> =
    Did<<P as Process>::Message, <P as Process>::Timer, WriteOf<P>, <P as Process>::Indication>;

struct Record<P: Process> {
    me: ProcessId,
    n: u32,
    effects: Vec<EffectOf<P>>,
}

impl<P: Process> Sink<P> for Record<P> {
    fn me(&self) -> ProcessId {
        self.me
    }
    fn group(&self) -> Group {
        Group::first(self.n)
    }
    fn emit(&mut self, effect: EffectOf<P>) {
        self.effects.push(effect);
    }
    fn draw(&mut self, _: Draw) -> u32 {
        0
    }
    fn mark(&mut self, _: synod_model::Mark, _: bool) {}
    fn ground_bounds(&self, _: Granted) -> Bounds {
        let ms = std::time::Duration::from_millis;
        Bounds { delay: ms(10), step: ms(1), drift_ppm: 100 }
    }
    fn ground_sign(&mut self, _: &str, _: Granted) -> Vec<u8> {
        unreachable!("no algorithm here signs")
    }
    fn ground_verify(&self, _: ProcessId, _: &str, _: &[u8], _: Granted) -> bool {
        unreachable!("no algorithm here signs")
    }
}

/// A process among `n`, with its disk; every store is durable at once.
pub struct Alone<P: Process> {
    me: ProcessId,
    n: u32,
    parameters: P::Parameters,
    pub process: P,
    pub disk: P::Stable,
}

impl<P: Process> Alone<P> {
    /// Process `me` of `n` after ⟨Init⟩, and what it did.
    pub fn start(me: u32, n: u32, parameters: P::Parameters) -> (Self, Vec<DidOf<P>>) {
        let mut sink = Record { me: ProcessId(me), n, effects: vec![] };
        let process = P::on_init(&parameters, &mut sink);
        let mut this = Self { me: sink.me, n, parameters, process, disk: P::Stable::default() };
        let did = this.take(sink);
        (this, did)
    }

    /// As `start`, where what it did does not matter.
    pub fn new(me: u32, n: u32, parameters: P::Parameters) -> Self {
        Self::start(me, n, parameters).0
    }

    pub fn request(&mut self, request: P::Request) -> Vec<DidOf<P>> {
        self.run(|process, ctx| process.on_request(request, ctx))
    }

    pub fn message(&mut self, from: u32, message: P::Message) -> Vec<DidOf<P>> {
        self.run(|process, ctx| process.on_message(ProcessId(from), message, ctx))
    }

    pub fn timer(&mut self, timer: P::Timer) -> Vec<DidOf<P>> {
        self.run(|process, ctx| process.on_timer(timer, ctx))
    }

    /// It crashes and starts again from its disk.
    pub fn restart(&mut self) -> Vec<DidOf<P>> {
        let mut sink = Record { me: self.me, n: self.n, effects: vec![] };
        self.process = P::on_recovery(&self.parameters, &self.disk, &mut sink);
        self.take(sink)
    }

    fn run(&mut self, run: impl FnOnce(&mut P, &mut Record<P>)) -> Vec<DidOf<P>> {
        let mut sink = Record { me: self.me, n: self.n, effects: vec![] };
        run(&mut self.process, &mut sink);
        self.take(sink)
    }

    fn take(&mut self, sink: Record<P>) -> Vec<DidOf<P>> {
        let mut did = vec![];
        for effect in sink.effects {
            did.push(match effect {
                Effect::Send { to, message, .. } => Did::Send(to.0, message),
                Effect::SetTimer { timer, .. } => Did::Set(timer),
                Effect::Cancel { timer, .. } => Did::Cancel(timer),
                Effect::Store { write, .. } => {
                    self.disk.apply(write.clone());
                    Did::Store(write)
                }
                Effect::Indicate { indication, .. } => Did::Indicate(indication),
            });
        }
        did
    }
}

/// The link model that a process assumes, in words.
pub fn link_of<P: Process>() -> String {
    use synod_model::link::LinkModel;
    LinkOf::<P>::KIND.to_string()
}
