//! Modules compose: three deep, by key, across roles; and the effects come out lifted and in order.

use synod_model::prelude::*;
use synod_model::{Bounds, Draw, Effect, EffectOf, Event, Granted, Mark, Sink};

/// A sink that records effects: the plainest ground.
struct Record<P: Process> {
    me: ProcessId,
    n: u32,
    effects: Vec<EffectOf<P>>,
    marks: Vec<(String, bool)>,
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
    fn draw(&mut self, draw: Draw) -> u32 {
        draw.bound() - 1
    }
    fn mark(&mut self, mark: Mark, reached: bool) {
        self.marks.push((mark.to_string(), reached));
    }
    fn ground_bounds(&self, _: Granted) -> Bounds {
        Bounds { delay: Duration::from_millis(1), step: Duration::ZERO, drift_ppm: 0 }
    }
    fn ground_sign(&mut self, statement: &str, _: Granted) -> Vec<u8> {
        statement.as_bytes().to_vec()
    }
    fn ground_verify(&self, _: ProcessId, statement: &str, signature: &[u8], _: Granted) -> bool {
        statement.as_bytes() == signature
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct BestEffort<V>(std::marker::PhantomData<V>);

impl<V: Value> Process for BestEffort<V> {
    type Model = (CrashStop, Perfect, Asynchronous);
    type Parameters = ();
    type Request = V;
    type Indication = (ProcessId, V);
    type Message = V;
    const MARKS: &'static [&'static str] = &["asked", "delivers"];
    fn on_init((): &(), _: &mut impl Context<Self>) -> Self {
        Self(std::marker::PhantomData)
    }
    fn on_request(&mut self, value: V, ctx: &mut impl Context<Self>) {
        ctx.reach("asked");
        ctx.broadcast(&value);
    }
    fn on_message(&mut self, from: ProcessId, value: V, ctx: &mut impl Context<Self>) {
        ctx.indicate((from, value));
    }
    no_timers!();
    no_storage!();
}

/// Counts what the broadcasts under its keys deliver.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Counter {
    #[expect(clippy::zero_sized_map_values, reason = "which instances there are is all its state")]
    broadcasts: std::collections::BTreeMap<u8, BestEffort<char>>,
    plain: BestEffort<u8>,
    heard: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum CounterMessage {
    Keyed(u8, char),
    Plain(u8),
}

embed! { Counter {
    BestEffort<char> at u8: message CounterMessage::Keyed;
    BestEffort<u8>: message CounterMessage::Plain;
} }

impl Counter {
    fn on_deliver(&mut self, ctx: &mut impl Context<Self>) {
        self.heard += 1;
        ctx.indicate(self.heard);
    }
}

impl Process for Counter {
    type Model = (CrashStop, Perfect, Asynchronous, Majority);
    type Parameters = ();
    type Request = char;
    type Indication = u32;
    type Message = CounterMessage;
    fn on_init((): &(), ctx: &mut impl Context<Self>) -> Self {
        let (plain, said) = ctx.start(|ctx| BestEffort::on_init(&(), ctx));
        said.expect_none("a broadcast starts in silence");
        Self { broadcasts: std::collections::BTreeMap::new(), plain, heard: 0 }
    }
    fn on_request(&mut self, value: char, ctx: &mut impl Context<Self>) {
        let (mut fresh, said) = ctx.start_at(7, |ctx| BestEffort::on_init(&(), ctx));
        said.expect_none("a broadcast starts in silence");
        ctx.embed_at(7, &mut fresh, |b, ctx| b.on_request(value, ctx))
            .expect_none("delivery takes a message");
        self.broadcasts.insert(7, fresh);
        ctx.embed(&mut self.plain, |b, ctx| b.on_request(1, ctx.among(Group::new(1, 1))))
            .expect_none("delivery takes a message");
    }
    fn on_message(&mut self, from: ProcessId, message: CounterMessage, ctx: &mut impl Context<Self>) {
        match message {
            CounterMessage::Keyed(key, m) => {
                let Some(broadcast) = self.broadcasts.get_mut(&key) else { return };
                for _ in ctx.embed_at(key, broadcast, |b, ctx| b.on_message(from, m, ctx)) {
                    self.on_deliver(ctx);
                }
            }
            CounterMessage::Plain(m) => {
                for _ in ctx.embed(&mut self.plain, |b, ctx| b.on_message(from, m, ctx)) {
                    self.on_deliver(ctx);
                }
            }
        }
    }
    no_timers!();
    no_storage!();
}

/// A third layer, generic over what it hosts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Over<M>(M);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Wrapped<M>(M);

embed! { [M: Process<Timer = Never, Stable = NoStorage>] Over<M> {
    M: message Wrapped;
} }

impl<M: Process<Timer = Never, Stable = NoStorage>> Process for Over<M> {
    type Model = M::Model;
    type Parameters = M::Parameters;
    type Request = M::Request;
    type Indication = M::Indication;
    type Message = Wrapped<M::Message>;
    fn on_init(parameters: &M::Parameters, ctx: &mut impl Context<Self>) -> Self {
        let (module, said) = ctx.start(|ctx| M::on_init(parameters, ctx));
        for i in said {
            ctx.indicate(i);
        }
        Self(module)
    }
    fn on_request(&mut self, request: M::Request, ctx: &mut impl Context<Self>) {
        for i in ctx.embed(&mut self.0, |m, ctx| m.on_request(request, ctx)) {
            ctx.indicate(i);
        }
    }
    fn on_message(
        &mut self,
        from: ProcessId,
        Wrapped(message): Wrapped<M::Message>,
        ctx: &mut impl Context<Self>,
    ) {
        for i in ctx.embed(&mut self.0, |m, ctx| m.on_message(from, message, ctx)) {
            ctx.indicate(i);
        }
    }
    no_timers!();
    no_storage!();
}

fn run<P: Process>(
    process: &mut Option<P>,
    parameters: &P::Parameters,
    event: Event<P::Message, P::Timer, P::Request>,
) -> Vec<EffectOf<P>> {
    record(process, parameters, event).effects
}

fn record<P: Process>(
    process: &mut Option<P>,
    parameters: &P::Parameters,
    event: Event<P::Message, P::Timer, P::Request>,
) -> Record<P> {
    let mut sink = Record { me: ProcessId(0), n: 2, effects: vec![], marks: vec![] };
    match (event, process.as_mut()) {
        (Event::Init, _) => *process = Some(P::on_init(parameters, &mut sink)),
        (Event::Request(r), Some(p)) => p.on_request(r, &mut sink),
        (Event::Message(from, m), Some(p)) => p.on_message(from, m, &mut sink),
        (Event::Timer(t), Some(p)) => p.on_timer(t, &mut sink),
        _ => unreachable!(),
    }
    sink
}

#[test]
fn three_layers_lift_their_messages_by_key_and_group() {
    let mut process = None;
    assert!(run::<Over<Counter>>(&mut process, &(), Event::Init).is_empty());
    let sent: Vec<_> = run(&mut process, &(), Event::Request('x'))
        .into_iter()
        .map(|e| match e {
            Effect::Send { to, message, .. } => (to.0, message.0),
            _ => unreachable!(),
        })
        .collect();
    // the keyed broadcast reaches both processes, the one narrowed to a group only its member
    assert_eq!(
        sent,
        [
            (0, CounterMessage::Keyed(7, 'x')),
            (1, CounterMessage::Keyed(7, 'x')),
            (1, CounterMessage::Plain(1))
        ]
    );
}

#[test]
fn an_indication_of_a_module_is_an_event_of_its_host() {
    let mut process = None;
    run::<Over<Counter>>(&mut process, &(), Event::Init);
    run(&mut process, &(), Event::Request('x'));
    let effects =
        run(&mut process, &(), Event::Message(ProcessId(1), Wrapped(CounterMessage::Keyed(7, 'x'))));
    assert!(matches!(effects[..], [Effect::Indicate { indication: 1, .. }]));
    let unknown =
        run(&mut process, &(), Event::Message(ProcessId(1), Wrapped(CounterMessage::Keyed(9, 'x'))));
    assert!(unknown.is_empty(), "a message for no instance is dropped");
}

#[test]
fn the_marks_of_a_module_are_known_once_it_starts_and_told_where_they_are_reached() {
    let mut process = None;
    let marks = |sink: Record<Over<Counter>>| sink.marks;
    let known = |mark: &str| (format!("BestEffort: {mark}"), false);
    let started = marks(record(&mut process, &(), Event::Init));
    assert_eq!(started, [known("asked"), known("delivers")], "three deep, and nothing is reached yet");
    let asked = marks(record(&mut process, &(), Event::Request('x')));
    let reached = ("BestEffort: asked".to_owned(), true);
    assert_eq!(
        asked,
        [known("asked"), known("delivers"), reached.clone(), reached],
        "a second instance starts"
    );
    assert_eq!(Mark::all::<BestEffort<u8>>().count(), 2);
    assert_eq!(Mark::all::<Over<Counter>>().count(), 0, "those of modules are not its own");
}

#[test]
#[cfg(debug_assertions)]
#[should_panic(expected = "is not among the marks of")]
fn a_mark_that_is_not_listed_is_a_mistake() {
    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    struct Unlisted;
    impl Process for Unlisted {
        type Model = (CrashStop, Perfect, Asynchronous);
        type Parameters = ();
        type Indication = Never;
        fn on_init((): &(), ctx: &mut impl Context<Self>) -> Self {
            ctx.reach("somewhere");
            Self
        }
        no_requests!();
        no_messages!();
        no_timers!();
        no_storage!();
    }
    record::<Unlisted>(&mut None, &(), Event::Init);
}
