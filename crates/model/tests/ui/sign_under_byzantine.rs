//! Nothing keeps a Byzantine process from forging, unless the model says so.

use synod_model::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Notary;

impl Process for Notary {
    type Model = (Byzantine, Perfect, Synchronous);
    type Parameters = ();
    type Indication = ();
    fn on_init((): &(), ctx: &mut impl Context<Self>) -> Self {
        let _ = ctx.sign(1_u8);
        Self
    }
    no_requests!();
    no_messages!();
    no_timers!();
    no_storage!();
}

fn main() {}
