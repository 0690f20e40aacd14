//! What needs no other node: echoes, and names that nobody else is given.

use crate::wire::Fault;
use crate::workload::{Asked, Caller, Desk, Workload};
use std::collections::VecDeque;
use synod_model::prelude::*;

/// A process that counts what it is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Counting {
    asked: u64,
}

/// Which number comes next?
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Next;

/// This one, and never again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Number(u64);

impl Process for Counting {
    type Model = (CrashStop, FairLoss, Asynchronous, AnyNumber);
    type Parameters = ();
    type Request = Next;
    type Indication = Number;

    fn on_init((): &(), _: &mut impl Context<Self>) -> Self {
        Self::default()
    }

    fn on_request(&mut self, Next: Next, ctx: &mut impl Context<Self>) {
        ctx.indicate(Number(self.asked));
        self.asked += 1;
    }

    no_messages!();
    no_timers!();
    no_storage!();
}

/// `echo`: what is said comes back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Echo;

impl Workload for Echo {
    type Process = Counting;

    fn parameters(&self) {}

    fn ask(&mut self, asked: &Asked<'_>, desk: &mut Desk<Counting>) -> Result<(), Fault> {
        match asked.kind {
            "echo" => {
                let echo = asked.field("echo")?.clone();
                desk.reply(asked.caller.clone(), "echo", [("echo", echo)]);
                Ok(())
            }
            _ => Err(asked.unknown()),
        }
    }

    fn told(&mut self, _: Number, _: &mut Desk<Counting>) {}
}

/// `unique-ids`: a number that this node gives once, with the node's name.
#[derive(Clone, Debug, Default)]
pub(super) struct UniqueIds {
    waiting: VecDeque<(Caller, String)>,
}

impl Workload for UniqueIds {
    type Process = Counting;

    fn parameters(&self) {}

    fn ask(&mut self, asked: &Asked<'_>, desk: &mut Desk<Counting>) -> Result<(), Fault> {
        match asked.kind {
            "generate" => {
                self.waiting.push_back((asked.caller.clone(), asked.node.to_owned()));
                desk.submit(Next);
                Ok(())
            }
            _ => Err(asked.unknown()),
        }
    }

    fn told(&mut self, Number(number): Number, desk: &mut Desk<Counting>) {
        if let Some((caller, node)) = self.waiting.pop_front() {
            desk.reply(caller, "generate", [("id", format!("{node}-{number}").into())]);
        }
    }
}
