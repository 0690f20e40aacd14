//! An effect that no context made: a store under crash-stop, past the model.

use synod_model::prelude::*;
use synod_model::Effect;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Smuggler;

impl Process for Smuggler {
    type Model = (CrashStop, Perfect, Asynchronous);
    type Parameters = ();
    type Indication = ();
    type Stable = Whole<u8>;
    fn on_init((): &(), ctx: &mut impl Context<Self>) -> Self {
        ctx.emit(Effect::Store { write: 1 });
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
