//! Our side: a process that asks, and one that answers.

use std::time::Duration;
use synod_kernel::{Environment, Setting};
use synod_model::prelude::*;
use synod_properties::Unjudged;
use synod_sim::{FaultPlan, Options, run};

/// The first half of the processes ask, each one of the second half.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Pair {
    /// Who answers, of a process that asks.
    server: Option<ProcessId>,
    answered: u64,
}

/// A datagram.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
enum Datagram {
    Request(u64),
    Reply(u64),
}

impl Process for Pair {
    type Model = (CrashStop, Perfect, Asynchronous);
    type Parameters = ();
    type Indication = Never;
    type Message = Datagram;

    fn on_init((): &(), ctx: &mut impl Context<Self>) -> Self {
        let half = ctx.n() as u32 / 2;
        let server = (ctx.me().0 < half).then(|| ProcessId(ctx.me().0 + half));
        if let Some(server) = server {
            ctx.send(server, Datagram::Request(0));
        }
        Self { server, answered: 0 }
    }

    fn on_message(&mut self, from: ProcessId, datagram: Datagram, ctx: &mut impl Context<Self>) {
        match (datagram, self.server) {
            (Datagram::Request(number), None) => ctx.send(from, Datagram::Reply(number)),
            (Datagram::Reply(number), Some(server)) if number == self.answered => {
                self.answered += 1;
                ctx.send(server, Datagram::Request(self.answered));
            }
            (datagram, _) => panic!("{datagram:?} was not expected"),
        }
    }

    no_requests!();
    no_timers!();
    no_storage!();
}

/// Delivers so many messages among `n` processes, from nothing on.
pub fn deliver(n: u32, messages: u64) -> u64 {
    let mut environment = Environment::benign(n);
    environment.links.delay_min = Duration::from_millis(1);
    environment.links.delay_max = Duration::from_millis(1);
    let setting = Setting::<Pair>::new(environment, (), vec![]);
    let options = Options {
        // a step for each start, and one for each message
        steps_max: messages + u64::from(n),
        horizon: Duration::from_secs(1_000_000_000),
        faults: FaultPlan::Script(vec![]),
        branches: false,
        ..Options::default()
    };
    let outcome = run(&setting, &Unjudged, 1, &options);
    assert!(outcome.violation.is_none(), "{:?}", outcome.violation);
    outcome.delivered
}
