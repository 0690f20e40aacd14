//! How many messages a second the simulator delivers: token passing among 5 processes, 25 tokens, no trace.
//!
//! `cargo run --release -p synod-sim --example throughput`

use std::time::{Duration, Instant};
use synod_kernel::{Environment, Setting};
use synod_model::prelude::*;
use synod_properties::{Monitor, Obligation, Observation, Property, Violation};
use synod_sim::{FaultPlan, Options, run};

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
        let next = ProcessId((ctx.me().0 + 1) % ctx.n() as u32);
        (0..*tokens).for_each(|token| ctx.send(next, token));
        Self { passed: 0 }
    }

    fn on_message(&mut self, _: ProcessId, token: u64, ctx: &mut impl Context<Self>) {
        self.passed += 1;
        let next = ctx.me().0 + 1;
        ctx.send(ProcessId(if next == ctx.n() as u32 { 0 } else { next }), token + 1);
    }

    no_requests!();
    no_timers!();
    no_storage!();
}

/// Promises nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Nothing;

impl<Q, I> Monitor<Q, I> for Nothing {
    fn properties(&self) -> Vec<Property> {
        Vec::new()
    }
    fn observe(&mut self, _: &Observation<'_, Q, I>) -> Result<(), Violation> {
        Ok(())
    }
    fn owed(&self, _: &mut impl FnMut(Obligation)) {}
    fn reached(&self, _: &mut impl FnMut(&'static str)) {}
}

#[expect(clippy::print_stdout, reason = "it prints its measurement")]
fn main() {
    let deliveries = 20_000_000;
    for tokens in [5, 20, 200] {
        let mut environment = Environment::benign(5);
        environment.links.delay_min = Duration::from_millis(1);
        environment.links.delay_max = Duration::from_millis(10);
        let setting = Setting::<Ring>::new(environment, tokens, vec![]);
        let options = Options {
            steps_max: deliveries,
            horizon: Duration::from_secs(1_000_000_000),
            faults: FaultPlan::Script(vec![]),
            swarm: false,
            ..Options::default()
        };
        let start = Instant::now();
        let outcome = run(&setting, &Nothing, 1, &options);
        let rate = outcome.delivered as f64 / start.elapsed().as_secs_f64() / 1e6;
        println!("{:5} messages in flight: {rate:.1} M delivered/s", 5 * tokens);
    }
}
