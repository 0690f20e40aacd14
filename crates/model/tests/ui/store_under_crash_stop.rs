//! A process that never returns has nothing to store for.

use synod_model::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Diarist;

impl Process for Diarist {
    type Model = (CrashStop, Perfect, Asynchronous);
    type Parameters = ();
    type Indication = ();
    type Stable = Whole<u8>;
    fn on_init((): &(), ctx: &mut impl Context<Self>) -> Self {
        ctx.store(1);
        Self
    }
    fn on_recovery((): &(), _: &Whole<u8>, _: &mut impl Context<Self>) -> Self {
        Self
    }
    no_requests!();
    no_messages!();
    no_timers!();
}

fn main() {}
