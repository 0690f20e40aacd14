//! Without signatures there is nothing to verify.

use synod_model::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Clerk;

impl Process for Clerk {
    type Model = (Byzantine, Perfect, Synchronous);
    type Parameters = ();
    type Indication = ();
    type Message = synod_model::Unverified<u8>;
    fn on_init((): &(), _: &mut impl Context<Self>) -> Self {
        Self
    }
    fn on_message(&mut self, _: ProcessId, claim: Self::Message, ctx: &mut impl Context<Self>) {
        let _ = ctx.verify(claim);
    }
    no_requests!();
    no_timers!();
    no_storage!();
}

fn main() {}
