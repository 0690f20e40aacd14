//! A process that stores says what it does when it starts again.

use synod_model::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Forgetful;

impl Process for Forgetful {
    type Model = (CrashRecovery, Perfect, Asynchronous);
    type Parameters = ();
    type Indication = ();
    type Stable = Whole<u8>;
    fn on_init((): &(), ctx: &mut impl Context<Self>) -> Self {
        ctx.store(1);
        Self
    }
    no_requests!();
    no_messages!();
    no_timers!();
}

fn main() {}
