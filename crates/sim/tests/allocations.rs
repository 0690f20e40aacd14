//! In its steady state a run allocates nothing: runs of which one is the beginning of the other allocate the same.

use std::time::Duration;
use synod_kernel::{Environment, Setting};
use synod_model::prelude::*;
use synod_properties::Unjudged;
use synod_sim::{FaultPlan, Options, run};

/// Passes tokens on, each with a payload that it moves; now and then after a timeout, over a module of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Passing {
    relay: Relay,
    waits: Option<Token>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Token {
    hops: u64,
    payload: Vec<u8>,
}

/// The module below: it sends what it is asked to, and indicates what arrives.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Relay;

impl Process for Relay {
    type Model = (CrashStop, Perfect, PartiallySynchronous);
    type Parameters = ();
    type Request = (ProcessId, Token);
    type Indication = Token;
    type Message = Token;

    fn on_init((): &(), _: &mut impl Context<Self>) -> Self {
        Self
    }

    fn on_request(&mut self, (to, token): (ProcessId, Token), ctx: &mut impl Context<Self>) {
        ctx.send(to, token);
    }

    fn on_message(&mut self, _: ProcessId, token: Token, ctx: &mut impl Context<Self>) {
        ctx.indicate(token);
    }

    no_timers!();
    no_storage!();
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Relayed(Token);

embed! { Passing { Relay: message Relayed; } }

impl Process for Passing {
    type Model = (CrashStop, Perfect, PartiallySynchronous);
    type Parameters = ();
    type Indication = u64;
    type Message = Relayed;
    type Timer = ();

    fn on_init((): &(), ctx: &mut impl Context<Self>) -> Self {
        let (relay, said) = ctx.start(|ctx| Relay::on_init(&(), ctx));
        said.expect_none("nothing arrived yet");
        let mut this = Self { relay, waits: None };
        (0..10).for_each(|hops| this.pass(Token { hops, payload: vec![7; 100] }, ctx));
        this
    }

    fn on_message(&mut self, from: ProcessId, Relayed(m): Relayed, ctx: &mut impl Context<Self>) {
        for mut token in ctx.embed(&mut self.relay, |relay, ctx| relay.on_message(from, m, ctx)) {
            token.hops += 1;
            ctx.indicate(token.hops);
            if token.hops % 8 == 0 && self.waits.is_none() {
                self.waits = Some(token);
                ctx.set_timer((), Duration::from_millis(3));
            } else {
                self.pass(token, ctx);
            }
        }
    }

    fn on_timer(&mut self, (): (), ctx: &mut impl Context<Self>) {
        if let Some(token) = self.waits.take() {
            self.pass(token, ctx);
        }
    }

    no_requests!();
    no_storage!();
}

impl Passing {
    fn pass(&mut self, token: Token, ctx: &mut impl Context<Self>) {
        let to = ProcessId(ctx.choose(ctx.n() as u32));
        let said = ctx.embed(&mut self.relay, |relay, ctx| relay.on_request((to, token), ctx));
        said.expect_none("it indicates what arrives alone");
    }
}

/// How often a run of so many steps allocates.
fn allocations(n: u32, steps_max: u64) -> u64 {
    let mut environment = Environment::benign(n);
    environment.timing.kind = synod_model::timing::TimingKind::PartiallySynchronous;
    let setting = Setting::<Passing>::new(environment, (), vec![]);
    let options = Options {
        steps_max,
        horizon: Duration::from_secs(1_000_000_000),
        faults: FaultPlan::Script(vec![]),
        ..Options::default()
    };
    let mut steps = 0;
    let counted = allocation_counter::measure(|| steps = run(&setting, &Unjudged, 1, &options).steps);
    assert_eq!(steps, steps_max);
    counted.count_total
}

#[test]
fn a_run_allocates_nothing_in_its_steady_state() {
    for n in [5, 50] {
        assert_eq!(allocations(n, 200_000), allocations(n, 1_000_000), "{n} processes");
    }
}

/// It is the payload that is moved: a run that copied it would show.
#[test]
fn what_allocates_is_counted() {
    let (none, some) = (allocations(5, 5), allocations(5, 1_000));
    assert!(none >= 50, "50 payloads: {none}");
    assert!(some > none, "what is kept grows first: {none}, {some}");
}
