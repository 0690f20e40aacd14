//! A deterministic process flips no coin: FLP speaks of these.

use synod_model::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Gambler;

impl Process for Gambler {
    type Model = (CrashStop, Perfect, Asynchronous);
    type Parameters = ();
    type Indication = bool;
    fn on_init((): &(), ctx: &mut impl Context<Self>) -> Self {
        let heads = ctx.coin();
        ctx.indicate(heads);
        Self
    }
    no_requests!();
    no_messages!();
    no_timers!();
    no_storage!();
}

fn main() {}
