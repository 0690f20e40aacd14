//! The ground's own methods want proof that the model grants them.

use synod_model::prelude::*;
use synod_model::Granted;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Cheat;

impl Process for Cheat {
    type Model = (CrashStop, Perfect, Asynchronous);
    type Parameters = ();
    type Indication = ();
    fn on_init((): &(), ctx: &mut impl Context<Self>) -> Self {
        let _ = ctx.ground_bounds(Granted(()));
        Self
    }
    no_requests!();
    no_messages!();
    no_timers!();
    no_storage!();
}

fn main() {}
