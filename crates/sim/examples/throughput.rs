//! How many messages a second the simulator delivers, on one core and without a trace; what a world of many costs.
//!
//! `cargo run --release -p synod-sim --example throughput [trivial|layers|paxos|steady|gossip|pending]`

use std::convert::identity;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use synod_algorithms::consensus::{PaxosParameters, PaxosSequence};
use synod_algorithms::detectors::OmegaOracle;
use synod_kernel::{Budget, Environment, Setting};
use synod_model::interface::ProposeAt;
use synod_model::prelude::*;
use synod_properties::{Monitor, Unjudged};
use synod_sim::{FaultPlan, Options, Outcome, run};

fn after(me: ProcessId, n: usize) -> ProcessId {
    ProcessId(if me.0 + 1 == n as u32 { 0 } else { me.0 + 1 })
}

/// Passes every token on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Ring {
    passed: u64,
}

impl Process for Ring {
    type Model = (CrashStop, Perfect, Asynchronous);
    /// How many tokens each process starts with.
    type Parameters = u64;
    type Indication = Never;
    type Message = u64;

    fn on_init(tokens: &u64, ctx: &mut impl Context<Self>) -> Self {
        let next = after(ctx.me(), ctx.n());
        (0..*tokens).for_each(|token| ctx.send(next, token));
        Self { passed: 0 }
    }

    fn on_message(&mut self, _: ProcessId, token: u64, ctx: &mut impl Context<Self>) {
        self.passed += 1;
        ctx.send(after(ctx.me(), ctx.n()), token + 1);
    }

    no_requests!();
    no_timers!();
    no_storage!();
}

/// The lowest of three layers: sends what it is asked to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Bottom;

impl Process for Bottom {
    type Model = (CrashStop, Perfect, Asynchronous);
    type Parameters = ();
    type Request = (ProcessId, u64);
    type Indication = (ProcessId, u64);
    type Message = u64;

    fn on_init((): &(), _: &mut impl Context<Self>) -> Self {
        Self
    }

    fn on_request(&mut self, (to, token): (ProcessId, u64), ctx: &mut impl Context<Self>) {
        ctx.send(to, token);
    }

    fn on_message(&mut self, from: ProcessId, token: u64, ctx: &mut impl Context<Self>) {
        ctx.indicate((from, token));
    }

    no_timers!();
    no_storage!();
}

/// A layer over another: counts what passes through.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Layer<L> {
    lower: L,
    down: u64,
    up: u64,
}

/// What a layer adds to the message of the one below.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Framed<M>(M);

trait Carries:
    Process<
        Model = (CrashStop, Perfect, Asynchronous),
        Parameters = (),
        Request = (ProcessId, u64),
        Indication = (ProcessId, u64),
        Timer = Never,
        Stable = NoStorage,
    >
{
}
impl Carries for Bottom {}
impl<L: Carries> Carries for Layer<L> {}

embed! { [L: Carries] Layer<L> { L: message Framed; } }

impl<L: Carries> Process for Layer<L> {
    type Model = (CrashStop, Perfect, Asynchronous);
    type Parameters = ();
    type Request = (ProcessId, u64);
    type Indication = (ProcessId, u64);
    type Message = Framed<L::Message>;

    fn on_init((): &(), ctx: &mut impl Context<Self>) -> Self {
        let (lower, said) = ctx.start(|ctx| L::on_init(&(), ctx));
        said.expect_none("nothing was sent");
        Self { lower, down: 0, up: 0 }
    }

    fn on_request(&mut self, request: (ProcessId, u64), ctx: &mut impl Context<Self>) {
        self.down += 1;
        let said = ctx.embed(&mut self.lower, |lower, ctx| lower.on_request(request, ctx));
        said.expect_none("a layer indicates what arrives alone");
    }

    fn on_message(&mut self, from: ProcessId, Framed(m): Framed<L::Message>, ctx: &mut impl Context<Self>) {
        for indication in ctx.embed(&mut self.lower, |lower, ctx| lower.on_message(from, m, ctx)) {
            self.up += 1;
            ctx.indicate(indication);
        }
    }

    no_timers!();
    no_storage!();
}

type Three = Layer<Layer<Bottom>>;

/// As [`Ring`], over three layers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct LayeredRing {
    layers: Three,
}

embed! { LayeredRing { Three: message Framed; } }

impl Process for LayeredRing {
    type Model = (CrashStop, Perfect, Asynchronous);
    type Parameters = u64;
    type Indication = Never;
    type Message = Framed<<Three as Process>::Message>;

    fn on_init(tokens: &u64, ctx: &mut impl Context<Self>) -> Self {
        let (layers, said) = ctx.start(|ctx| Three::on_init(&(), ctx));
        said.expect_none("nothing was sent");
        let mut this = Self { layers };
        let next = after(ctx.me(), ctx.n());
        (0..*tokens).for_each(|token| this.pass(next, token, ctx));
        this
    }

    fn on_message(&mut self, from: ProcessId, Framed(m): Self::Message, ctx: &mut impl Context<Self>) {
        for (_, token) in ctx.embed(&mut self.layers, |layers, ctx| layers.on_message(from, m, ctx)) {
            self.pass(after(ctx.me(), ctx.n()), token + 1, ctx);
        }
    }

    no_requests!();
    no_timers!();
    no_storage!();
}

impl LayeredRing {
    fn pass(&mut self, to: ProcessId, token: u64, ctx: &mut impl Context<Self>) {
        let said = ctx.embed(&mut self.layers, |layers, ctx| layers.on_request((to, token), ctx));
        said.expect_none("a layer indicates what arrives alone");
    }
}

/// Now and then each tells somebody the greatest value that it has heard of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Gossip {
    greatest: u32,
}

impl Process for Gossip {
    type Model = (CrashStop, Perfect, Asynchronous);
    type Parameters = ();
    type Indication = Never;
    type Message = u32;
    type Timer = ();

    fn on_init((): &(), ctx: &mut impl Context<Self>) -> Self {
        ctx.set_pulse(());
        Self { greatest: ctx.me().0 }
    }

    fn on_message(&mut self, _: ProcessId, value: u32, _: &mut impl Context<Self>) {
        self.greatest = self.greatest.max(value);
    }

    fn on_timer(&mut self, (): (), ctx: &mut impl Context<Self>) {
        let to = ctx.choose(ctx.n() as u32);
        ctx.send(ProcessId(to), self.greatest);
        ctx.set_pulse(());
    }

    no_requests!();
    no_storage!();
}

type Decrees = PaxosSequence<u32, OmegaOracle>;

/// A closed loop over the library's Paxos: the process that is asked proposes a decree whenever one was decided, so that as many
/// are under way as it was told to begin with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct SteadyPaxos {
    paxos: Decrees,
    next: u64,
}

/// A message of the Paxos below.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct OfPaxos(<Decrees as Process>::Message);

embed! { SteadyPaxos { Decrees: message OfPaxos, timer identity, write identity; } }

impl Process for SteadyPaxos {
    type Model = <Decrees as Process>::Model;
    type Parameters = PaxosParameters;
    /// How many decrees are under way.
    type Request = u64;
    type Indication = Never;
    type Message = OfPaxos;
    type Timer = <Decrees as Process>::Timer;
    type Stable = <Decrees as Process>::Stable;

    fn on_init(parameters: &PaxosParameters, ctx: &mut impl Context<Self>) -> Self {
        let (paxos, said) = ctx.start(|ctx| Decrees::on_init(parameters, ctx));
        said.expect_none("nothing is decided at the start");
        Self { paxos, next: 0 }
    }

    fn on_recovery(
        parameters: &PaxosParameters,
        stable: &Self::Stable,
        ctx: &mut impl Context<Self>,
    ) -> Self {
        let (paxos, _) = ctx.start(|ctx| Decrees::on_recovery(parameters, stable, ctx));
        Self { paxos, next: 0 }
    }

    fn on_request(&mut self, under_way: u64, ctx: &mut impl Context<Self>) {
        (0..under_way).for_each(|_| self.propose(ctx));
    }

    fn on_message(&mut self, from: ProcessId, OfPaxos(m): OfPaxos, ctx: &mut impl Context<Self>) {
        for _ in ctx.embed(&mut self.paxos, |paxos, ctx| paxos.on_message(from, m, ctx)) {
            // those that were not asked propose nothing
            if self.next > 0 {
                self.propose(ctx);
            }
        }
    }

    fn on_timer(&mut self, timer: Self::Timer, ctx: &mut impl Context<Self>) {
        let said = ctx.embed(&mut self.paxos, |paxos, ctx| paxos.on_timer(timer, ctx));
        said.expect_none("nothing is decided alone");
    }
}

impl SteadyPaxos {
    fn propose(&mut self, ctx: &mut impl Context<Self>) {
        let decree = ProposeAt { instance: self.next, value: self.next as u32 };
        self.next += 1;
        for _ in ctx.embed(&mut self.paxos, |paxos, ctx| paxos.on_request(decree, ctx)) {}
    }
}

fn environment(n: u32) -> Environment {
    let mut environment = Environment::benign(n);
    environment.links.delay_min = Duration::from_millis(1);
    environment.links.delay_max = Duration::from_millis(10);
    environment.oracles.outputs = Budget::Unlimited;
    environment
}

/// A run of so many steps, with how long it took.
fn timed<P: Process>(setting: &Setting<P>, steps_max: u64) -> (Outcome, Duration)
where
    Unjudged: Monitor<P::Request, P::Indication>,
{
    timed_of(setting, 1, steps_max)
}

fn timed_of<P: Process>(setting: &Setting<P>, seed: u64, steps_max: u64) -> (Outcome, Duration)
where
    Unjudged: Monitor<P::Request, P::Indication>,
{
    let options = Options {
        steps_max,
        horizon: Duration::from_secs(1_000_000_000),
        faults: FaultPlan::Script(vec![]),
        swarm: false,
        ..Options::default()
    };
    let start = clock();
    let outcome = run(setting, &Unjudged, seed, &options);
    (outcome, clock().saturating_sub(start))
}

/// How long this process has had a core, which does not count what others do with it: on Linux; elsewhere the time of day.
fn clock() -> Duration {
    let of_the_core = || {
        let spent = std::fs::read_to_string("/proc/self/schedstat").ok()?;
        spent.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
    };
    of_the_core().unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

#[expect(clippy::print_stdout, reason = "it prints its measurements")]
fn tell<P: Process>(what: &str, setting: &Setting<P>, steps_max: u64)
where
    Unjudged: Monitor<P::Request, P::Indication>,
{
    let (outcome, took) = timed(setting, steps_max);
    let delivered = outcome.delivered as f64 / took.as_secs_f64() / 1e6;
    let each = took.as_nanos() as f64 / outcome.steps as f64;
    println!("{what}: {delivered:.1} M delivered/s, {each:.1} ns/step, {} steps", outcome.steps);
}

/// Most memory that was resident, in bytes: on Linux.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    line.split_whitespace().nth(1)?.parse().ok().map(|kilobytes: u64| kilobytes * 1024)
}

fn trivial() {
    for tokens in [5, 20, 200] {
        let setting = Setting::<Ring>::new(environment(5), tokens, vec![]);
        tell(&format!("trivial, {} in flight", 5 * tokens), &setting, 20_000_000);
    }
}

fn layers() {
    let setting = Setting::<LayeredRing>::new(environment(5), 5, vec![]);
    tell("three layers, 25 in flight", &setting, 20_000_000);
}

#[expect(clippy::print_stdout, reason = "it prints its measurements")]
fn paxos() {
    // one process is asked for all of them at once, or nearly: as many are under way
    for (decrees, runs) in [(100, 1_000), (1_000, 100), (20_000, 5)] {
        let proposals = (0..decrees).map(|instance| ProposeAt { instance, value: instance as u32 });
        let requests = vec![proposals.collect()];
        let setting = Setting::<PaxosSequence<u32, OmegaOracle>>::new(
            environment(5),
            PaxosParameters::default(),
            requests,
        );
        let (mut delivered, mut took) = (0, Duration::ZERO);
        for seed in 0..runs {
            let (outcome, time) = timed_of(&setting, seed, 20_000_000);
            (delivered, took) = (delivered + outcome.delivered, took + time);
        }
        let rate = delivered as f64 / took.as_secs_f64() / 1e6;
        println!("Paxos, {decrees} decrees, {runs} runs: {rate:.1} M delivered/s, {delivered} in all");
    }
}

/// A closed loop, of runs of different lengths: what was decided stays, and little else grows.
fn steady() {
    for (under_way, steps) in [(1, 2_000_000), (20, 2_000_000), (20, 500_000), (100, 2_000_000)] {
        let setting =
            Setting::<SteadyPaxos>::new(environment(5), PaxosParameters::default(), vec![vec![under_way]]);
        tell(&format!("Paxos, {under_way} decrees under way"), &setting, steps);
    }
}

#[expect(clippy::print_stdout, reason = "it prints its measurements")]
fn gossip() {
    let n = 100_000;
    let setting = Setting::<Gossip>::new(environment(n), (), vec![]);
    tell(&format!("gossip, n = {n}"), &setting, 10_000_000);
    if let Some(bytes) = resident() {
        println!(
            "gossip, n = {n}: {} MB resident at most, {} bytes a process",
            bytes >> 20,
            bytes / u64::from(n)
        );
    }
}

#[expect(clippy::print_stdout, reason = "it prints its measurements")]
fn pending() {
    for exponent in 1..=6 {
        let pending = 10_u64.pow(exponent);
        let setting = Setting::<Ring>::new(environment(5), pending / 5, vec![]);
        // what is put in at the start is not a step
        let few = timed(&setting, 10 * pending).1;
        let (outcome, many) = timed(&setting, 10 * pending + 5_000_000);
        let each = many.saturating_sub(few).as_nanos() as f64 / 5e6;
        let per_log = each / (pending as f64).log2();
        let heap = resident().unwrap_or(0) >> 20;
        println!(
            "{pending:8} pending: {each:.1} ns/event, {per_log:.1} by its logarithm, {heap} MB, {:?}",
            outcome.ended
        );
    }
}

fn main() {
    let wanted = std::env::args().nth(1);
    let all: [(&str, fn()); 6] = [
        ("trivial", trivial),
        ("layers", layers),
        ("paxos", paxos),
        ("steady", steady),
        ("gossip", gossip),
        ("pending", pending),
    ];
    all.iter().filter(|(name, _)| wanted.as_deref().is_none_or(|w| w == *name)).for_each(|(_, part)| part());
}
