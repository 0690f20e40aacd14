//! Link transformers and roles: the effects come out lifted, in order, and none is lost.

use synod_model::interface::{LinkDeliver, LinkSend};
use synod_model::prelude::*;
use synod_model::{Bounds, Draw, Effect, EffectOf, Either, Granted, Layer, Layers, Sink};

/// A sink that prints effects: the plainest ground.
struct Print<P: Process> {
    me: ProcessId,
    group: Group,
    effects: Vec<String>,
    /// What the layer above the links did.
    asked: Vec<String>,
    process: std::marker::PhantomData<P>,
}

impl<P: Process> Sink<P> for Print<P> {
    fn me(&self) -> ProcessId {
        self.me
    }
    fn group(&self) -> Group {
        self.group
    }
    fn emit(&mut self, effect: EffectOf<P>) {
        self.effects.push(match effect {
            Effect::Send { to, message, .. } => format!("send {to} {message:?}"),
            Effect::SetTimer { timer, .. } => format!("set {timer:?}"),
            Effect::Cancel { timer, .. } => format!("cancel {timer:?}"),
            Effect::Store { write, .. } => format!("store {write:?}"),
            Effect::Indicate { indication, .. } => format!("indicate {indication:?}"),
        });
    }
    fn draw(&mut self, draw: Draw) -> u32 {
        draw.bound() - 1
    }
    fn mark(&mut self, _: synod_model::Mark, _: bool) {}
    fn upper(&mut self, does: synod_model::Upper<'_>) {
        self.asked.push(match does {
            synod_model::Upper::Sends { to, message } => {
                format!("send {to} {:?}", message.downcast_ref::<char>().expect("the layer's own type"))
            }
            synod_model::Upper::Stores => "store".to_owned(),
        });
    }
    fn ground_bounds(&self, _: Granted) -> Bounds {
        unreachable!("nothing here is synchronous")
    }
    fn ground_sign(&mut self, _: &str, _: Granted) -> Vec<u8> {
        unreachable!("nothing here signs")
    }
    fn ground_verify(&self, _: ProcessId, _: &str, _: &[u8], _: Granted) -> bool {
        unreachable!("nothing here signs")
    }
}

fn ground<P: Process>(me: u32) -> Print<P> {
    Print {
        me: ProcessId(me),
        group: Group::first(3),
        effects: vec![],
        asked: vec![],
        process: std::marker::PhantomData,
    }
}

fn drive<P: Process>(process: &mut P, run: impl FnOnce(&mut P, &mut Print<P>)) -> Vec<String> {
    let mut sink = ground(0);
    run(process, &mut sink);
    sink.effects
}

/// A link that logs what it sends, delivers what it sends to itself at once, and pulses.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Link;

impl Process for Link {
    type Model = (CrashRecovery, FairLoss, Asynchronous, AnyNumber);
    type Parameters = ();
    type Request = LinkSend<char>;
    type Indication = LinkDeliver<char>;
    type Message = u32;
    type Timer = char;
    type Stable = Whole<char>;
    fn on_init((): &(), ctx: &mut impl Context<Self>) -> Self {
        ctx.set_pulse('p');
        Self
    }
    fn on_request(&mut self, LinkSend { to, message }: LinkSend<char>, ctx: &mut impl Context<Self>) {
        ctx.store(message);
        if to == ctx.me() {
            return ctx.indicate(LinkDeliver { from: to, message });
        }
        ctx.send(to, u32::from(message));
    }
    fn on_message(&mut self, from: ProcessId, code: u32, ctx: &mut impl Context<Self>) {
        if let Some(message) = char::from_u32(code) {
            ctx.indicate(LinkDeliver { from, message });
        }
    }
    fn on_timer(&mut self, _: char, ctx: &mut impl Context<Self>) {
        ctx.cancel('p');
        ctx.indicate(LinkDeliver { from: ProcessId(2), message: 'l' });
    }
    fn on_recovery((): &(), stable: &Whole<char>, ctx: &mut impl Context<Self>) -> Self {
        if let Some(message) = stable.0 {
            ctx.indicate(LinkDeliver { from: ProcessId(1), message });
        }
        Self
    }
}

impl LinkTransformer for Link {
    type Payload = char;
    type Provides = Perfect;
}

/// Greets all; answers what it hears.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Upper {
    heard: Vec<char>,
}

impl Process for Upper {
    type Model = (CrashRecovery, Perfect, PartiallySynchronous, Majority);
    type Parameters = u8;
    type Request = char;
    type Indication = Vec<char>;
    type Message = char;
    type Timer = u8;
    type Stable = Whole<u8>;
    fn on_init(parameters: &u8, ctx: &mut impl Context<Self>) -> Self {
        ctx.set_timer(*parameters, Duration::ZERO);
        Self { heard: vec![] }
    }
    fn on_request(&mut self, greeting: char, ctx: &mut impl Context<Self>) {
        ctx.indicate(vec![greeting]);
        ctx.broadcast(&greeting);
        ctx.store(9);
    }
    fn on_message(&mut self, _: ProcessId, message: char, ctx: &mut impl Context<Self>) {
        self.heard.push(message);
        ctx.indicate(self.heard.clone());
    }
    fn on_timer(&mut self, timer: u8, ctx: &mut impl Context<Self>) {
        ctx.cancel(timer);
    }
    fn on_recovery(_: &u8, stable: &Whole<u8>, ctx: &mut impl Context<Self>) -> Self {
        ctx.send(ProcessId(2), stable.0.map_or('?', char::from));
        Self { heard: vec![] }
    }
}

type Stack = Over<Upper, Link>;

fn stack() -> (Stack, Vec<String>) {
    let mut sink = ground::<Stack>(0);
    let process = Stack::on_init(&Layers { upper: 5, link: () }, &mut sink);
    (process, sink.effects)
}

#[test]
fn what_the_upper_layer_sends_the_link_does_in_its_place_in_the_order() {
    let (mut process, started) = stack();
    assert_eq!(started, ["set Link('p')", "set Upper(5)"]);
    let effects = drive(&mut process, |p, ctx| p.on_request('a', ctx));
    let expected = [
        "indicate ['a']",
        "store Right('a')", // to itself: the link delivers it at once, and it is handled after this handler
        "store Right('a')",
        "send p1 97",
        "store Right('a')",
        "send p2 97",
        "store Left(9)",
        "indicate ['a']",
    ];
    assert_eq!(effects, expected);
}

#[test]
fn what_the_link_delivers_the_upper_layer_handles() {
    let (mut process, _) = stack();
    assert_eq!(drive(&mut process, |p, ctx| p.on_message(ProcessId(1), 98, ctx)), ["indicate ['b']"]);
    assert!(drive(&mut process, |p, ctx| p.on_message(ProcessId(1), u32::MAX, ctx)).is_empty());
    let fired = drive(&mut process, |p, ctx| p.on_timer(Layer::Link('p'), ctx));
    assert_eq!(fired, ["cancel Link('p')", "indicate ['b', 'l']"]);
    assert_eq!(drive(&mut process, |p, ctx| p.on_timer(Layer::Upper(5), ctx)), ["cancel Upper(5)"]);
    assert_eq!(process.upper().heard, ['b', 'l']);
    assert_eq!(process.link(), &Link);
}

/// What the links make of it, and what they store, is not the upper layer's.
#[test]
fn a_ground_is_told_what_the_upper_layer_asks() {
    let (mut process, _) = stack();
    let mut sink = ground::<Stack>(0);
    process.on_request('a', &mut sink);
    assert_eq!(sink.asked, ["send p0 'a'", "send p1 'a'", "send p2 'a'", "store"]);
    let mut sink = ground::<Stack>(0);
    process.on_timer(Layer::Link('p'), &mut sink);
    assert!(sink.asked.is_empty(), "{:?}", sink.asked);
}

#[test]
fn each_layer_recovers_from_its_half_of_the_disk() {
    let mut disk = <Stack as Process>::Stable::default();
    disk.apply(Either::Left(b'u'));
    disk.apply(Either::Right('k'));
    let mut sink = ground::<Stack>(0);
    Stack::on_recovery(&Layers { upper: 5, link: () }, &disk, &mut sink);
    let expected = ["store Right('u')", &format!("send p2 {}", u32::from('u')), "indicate ['k']"];
    assert_eq!(sink.effects, expected);
}

/// The names of the servers: as many come first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Servers(Vec<char>);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Server;
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Client;

type RoleModel = (CrashRecovery, Perfect, Asynchronous);

impl Process for Server {
    type Model = RoleModel;
    type Parameters = Servers;
    type Request = char;
    type Indication = u32;
    type Message = char;
    type Timer = ();
    type Stable = Whole<char>;
    fn on_init(_: &Servers, ctx: &mut impl Context<Self>) -> Self {
        ctx.set_pulse(());
        Self
    }
    fn on_request(&mut self, _: char, _: &mut impl Context<Self>) {}
    fn on_message(&mut self, from: ProcessId, message: char, ctx: &mut impl Context<Self>) {
        ctx.indicate(0);
        ctx.store(message);
        ctx.send(from, message);
    }
    fn on_timer(&mut self, (): (), ctx: &mut impl Context<Self>) {
        ctx.cancel(());
    }
    fn on_recovery(_: &Servers, stable: &Whole<char>, ctx: &mut impl Context<Self>) -> Self {
        ctx.indicate(stable.0.map_or(0, u32::from));
        Self
    }
}

impl Process for Client {
    type Model = RoleModel;
    type Parameters = Servers;
    type Request = char;
    type Indication = u32;
    type Message = char;
    type Timer = ();
    type Stable = Whole<char>;
    fn on_init(_: &Servers, _: &mut impl Context<Self>) -> Self {
        Self
    }
    fn on_request(&mut self, request: char, ctx: &mut impl Context<Self>) {
        ctx.broadcast(&request);
    }
    fn on_message(&mut self, _: ProcessId, _: char, ctx: &mut impl Context<Self>) {
        ctx.indicate(ctx.n() as u32);
    }
    fn on_timer(&mut self, (): (), _: &mut impl Context<Self>) {}
    fn on_recovery(_: &Servers, _: &Whole<char>, _: &mut impl Context<Self>) -> Self {
        Self
    }
}

fn servers(parameters: &Servers) -> Group {
    Group::first(parameters.0.len() as u32)
}

fn clients(parameters: &Servers) -> Group {
    Group::new(parameters.0.len() as u32, 1)
}

roles! {
    /// A server or a client.
    [] enum World {
        /// Echoes.
        Server(Server): seats servers, among servers;
        /// Asks the servers.
        Client(Client): seats clients, among servers;
    }
}

#[test]
fn roles_are_seated_by_identity_and_run_among_their_group() {
    let mut server = World::on_init(&Servers(vec!['a', 'b']), &mut ground(1));
    assert!(matches!(server, World::Server(..)));
    let effects = drive(&mut server, |p, ctx| p.on_message(ProcessId(2), 'x', ctx));
    assert_eq!(effects, ["indicate 0", "store 'x'", "send p2 'x'"], "effects pass in their order");

    let mut client = World::on_init(&Servers(vec!['a', 'b']), &mut ground(2));
    assert_eq!(drive(&mut client, |p, ctx| p.on_request('q', ctx)), ["send p0 'q'", "send p1 'q'"]);
    assert_eq!(drive(&mut client, |p, ctx| p.on_message(ProcessId(0), 'q', ctx)), ["indicate 2"]);
    assert!(
        matches!(World::on_init(&Servers(vec![]), &mut ground(2)), World::Client(..)),
        "who has no seat: the last role"
    );
}

#[test]
fn a_role_keeps_its_seat_through_a_recovery() {
    let mut sink = ground::<World>(1);
    let mut server = World::on_recovery(&Servers(vec!['a', 'b']), &Whole(Some('x')), &mut sink);
    assert_eq!(sink.effects, ["indicate 120"]);
    assert_eq!(drive(&mut server, |p, ctx| p.on_timer((), ctx)), ["cancel ()"]);
}
